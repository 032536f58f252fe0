"""Steps: everything that can happen in the kit's world, as plain values.

A run is a setup and a list of steps, whoever wrote the list: Hypothesis, the seeded simulation, or a
person. Amounts are named by what they aim at, so that a list with steps left out still makes sense.
"""

from __future__ import annotations

import enum
from typing import TypeAlias

import msgspec

from crypto_exchange.adapters.faults import CRASH_POINTS
from crypto_exchange.domain.policy import FeeIn, OnDeadline, Policy, Pricing

PEOPLE = 4
SYMBOLS = ("BTC", "ABAN", "ETH")
PROCESSES = ("api", "worker-a", "worker-b")

COMMAND_CRASHES = tuple(
    name for name in CRASH_POINTS if name.startswith(("wallet.", "order.", "cancel.", "tally."))
)
WORKER_CRASHES = tuple(
    name
    for name in CRASH_POINTS
    if not name.startswith(("register.", "wallet.", "order.", "cancel.", "tally.", "job."))
)


class Aim(enum.StrEnum):
    """What an amount of dollars is measured from; `plus` cents are added."""

    CENTS = "cents"
    BALANCE = "balance"
    """All that the wallet holds."""
    THRESHOLD = "threshold"
    """Where an order is large enough to be bought alone."""
    MISSING = "missing"
    """What waits of the asset lacks so much to the threshold."""
    MINIMUM = "minimum"
    """The exchange's minimum with the reserve."""
    MAXIMUM = "maximum"
    """What the exchange sells at once, at the last price; the threshold if there is no limit."""


class Standing(enum.StrEnum):
    """Where a worker stands still."""

    INTENT = "intent"
    ANSWER = "answer"
    LOOK_UP = "look_up"


class Silent(enum.StrEnum):
    """What the exchange does not tell."""

    ALL = "all"
    RULES = "rules"
    CLOCK = "clock"


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """The policy of a run, in words and numbers that can be pasted. Times in seconds.

    `asset_pricing` has symbols with a pricing of their own; `reach` is for how long the exchange
    remembers purchases. `threshold` is in cents, `inventory_cap` in dollars; `counted` is how often
    the exchange's rules may refuse a purchase.
    """

    pricing: str = "quoted"
    asset_pricing: tuple[tuple[str, str], ...] = ()
    spread_bps: int = 0
    fee_in: str = "quote"
    on_deadline: str = "refund"
    take_along: bool = True
    inventory_cap: int = 10
    max_wait: int = 24 * 3600
    quarantine: int = 24 * 3600
    reach: int = 90 * 24 * 3600
    threshold: int = 1_000
    tolerance_bps: int = 200
    batch_limit: int = 500
    group_limit: int = 20
    counted: int = 3
    window: int = 5

    def policy(self) -> Policy:
        """The same as the domain's policy."""
        return Policy(
            pricing=Pricing(self.pricing),
            asset_pricing=tuple((symbol, Pricing(how)) for symbol, how in self.asset_pricing),
            spread_bps=self.spread_bps,
            fee_in=FeeIn(self.fee_in),
            on_deadline=OnDeadline(self.on_deadline),
            take_along=self.take_along,
            inventory_cap=self.inventory_cap * 10**8,
            max_wait_us=self.max_wait * 10**6,
            quarantine_us=self.quarantine * 10**6,
            threshold=self.threshold * 10**6,
            price_tolerance_bps=self.tolerance_bps,
            batch_limit=self.batch_limit,
            group_limit=self.group_limit,
            max_counted_attempts=self.counted,
            window_ms=self.window * 1_000,
        )


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happens. Numbers that choose something count round what there is."""


class Deposit(Step, frozen=True, kw_only=True, tag=True):
    """Dollars come in. With `key`, the command carries that idempotency key."""

    person: int
    cents: int
    key: int | None = None
    crash: str | None = None


class Withdraw(Step, frozen=True, kw_only=True, tag=True):
    """Dollars go out."""

    person: int
    aim: str = "cents"
    plus: int = 0
    key: int | None = None
    crash: str | None = None


class Buy(Step, frozen=True, kw_only=True, tag=True):
    """An order: for dollars, or for about as many coins as they buy (`units` more)."""

    person: int
    asset: int = 0
    aim: str = "cents"
    plus: int = 0
    units: int | None = None
    key: int | None = None
    crash: str | None = None


class Cancel(Step, frozen=True, kw_only=True, tag=True):
    """The owner takes one of the newest orders back."""

    order: int
    crash: str | None = None


class Repeat(Step, frozen=True, kw_only=True, tag=True):
    """A client sends an earlier command with a key again, or another one with the same key."""

    command: int
    changed: bool = False


class Pass(Step, frozen=True, kw_only=True, tag=True):
    """Time passes; prices are as old as it took, unless they are `fresh` afterwards."""

    seconds: int
    fresh: bool = True


class Price(Step, frozen=True, kw_only=True, tag=True):
    """The price at the exchange moves by parts per million; everybody sees it at once."""

    asset: int
    ppm: int


class Rule(Step, frozen=True, kw_only=True, tag=True):
    """The exchange changes its rules: lot step (0: a lot is one unit), minimum and maximum times so
    much, or it stops trading.

    Everybody learns of it only if `told`; otherwise by a rejection.
    """

    asset: int
    lots: int = 1
    minimum_ppm: int = 1_000_000
    maximum_ppm: int = 1_000_000
    trading: bool = True
    told: bool = True


class Halt(Step, frozen=True, kw_only=True, tag=True):
    """An operator halts an asset, or resumes it."""

    asset: int
    halted: bool = True


class Work(Step, frozen=True, kw_only=True, tag=True):
    """A round of a worker over what is due: `rounds` of them, by `workers` at once.

    `lost` jobs are forgotten, `twice` does every job again.
    """

    workers: int = 1
    rounds: int = 1
    lost: bool = False
    twice: bool = False
    crash: str | None = None


class Freeze(Step, frozen=True, kw_only=True, tag=True):
    """A worker stands still: after it has committed its intents, after the exchange has answered them,
    or after it has answered what became of the newest purchase under way (`after`).
    """

    asset: int
    after: str = Standing.INTENT


class Wake(Step, frozen=True, kw_only=True, tag=True):
    """A worker that stood still goes on as if nothing had been."""

    frozen: int = 0


class Answer(Step, frozen=True, kw_only=True, tag=True):
    """What the exchange does with its next purchase: a kind of `venue.StepKind` by name."""

    kind: str
    fraction_ppm: int = 500_000
    trades: int = 1
    rejection: str | None = None
    delay_ms: int = 0


class Down(Step, frozen=True, kw_only=True, tag=True):
    """The exchange answers nobody, or again; or it keeps its rules or its clock to itself (`what`)."""

    down: bool = True
    what: str = Silent.ALL


class Late(Step, frozen=True, kw_only=True, tag=True):
    """The exchange executes what had been given up, and somebody looks."""

    attempt: int = 0
    fraction_ppm: int = 1_000_000


class Speak(Step, frozen=True, kw_only=True, tag=True):
    """An operator says what became of everything in quarantine, after a slip, and resumes all assets."""


class Clock(Step, frozen=True, kw_only=True, tag=True):
    """A process's clock is off by so much."""

    process: int
    offset_ms: int


class Flush(Step, frozen=True, kw_only=True, tag=True):
    """Everything in the cache is lost."""


class Restart(Step, frozen=True, kw_only=True, tag=True):
    """The broker is started again: it lists its assets, and looks for capital at the exchange."""


class Refuse(Step, frozen=True, kw_only=True, tag=True):
    """The store's next commit is a lost race, or is written and not answered (`written`)."""

    written: bool = False


class Together(Step, frozen=True, kw_only=True, tag=True):
    """Steps that happen at the same time."""

    steps: tuple[AnyStep, ...]


AnyStep: TypeAlias = (
    Deposit
    | Withdraw
    | Buy
    | Cancel
    | Repeat
    | Pass
    | Price
    | Rule
    | Halt
    | Work
    | Freeze
    | Wake
    | Answer
    | Down
    | Late
    | Speak
    | Clock
    | Flush
    | Restart
    | Refuse
    | Together
)
