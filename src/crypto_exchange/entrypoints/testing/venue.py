"""Venue: an exchange whose answers, silences and delays are scripted, and which keeps its own books.

It shares no arithmetic with the domain, so that what a broker believes of a purchase can be compared
with what really happened. It draws no random numbers and reads no clock but the one it is given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

import msgspec

from crypto_exchange.domain.asset import MarketRule
from crypto_exchange.domain.errors import OutcomeUnknown, Unavailable
from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.policy import FeeIn
from crypto_exchange.domain.purchase import (
    Absent,
    Filled,
    Finding,
    Outcome,
    Purchase,
    Rejected,
    RejectionKind,
    Working,
)
from crypto_exchange.entrypoints.testing.venue_script import (
    DELAYED,
    SILENT,
    Execution,
    Received,
    Step,
    StepKind,
)
from crypto_exchange.entrypoints.testing.venue_trades import (
    FEE_COIN,
    ONE,
    USD,
    Terms,
    balances_after,
    is_in_lots,
    refuse,
    reject,
    trade,
)
from crypto_exchange.entrypoints.testing.violations import Violation

__all__ = ["Execution", "Received", "SimExchange", "Step", "StepKind"]

GRACE_MS = 30_000
"""How long after its window a purchase may be executed that was on its way inside the exchange."""
PLENTY = 10**9 * 10**8
"""What the account holds at first, of dollars and of the coin that fees may be paid in."""


class _Inside(msgspec.Struct, frozen=True):
    """A purchase on its way inside the exchange, and when it gets there."""

    purchase: Purchase
    step: Step
    due_ms: int


class SimExchange:
    """Implements the port `Exchange`: fills purchases whole, unless `script` has a step for the next.

    To be written at any time: `prices` (10⁻¹² dollars a coin), `rules` (None: does not trade),
    `balances` (listed coins in their units, all else in 10⁻⁸), `script`, `down` (nothing answers),
    `clock_unread`, `rules_unread`, `untold` (names that it says nothing of), `clock_offset_ms` (how far
    its clock is ahead of `now_ms`), `reach` (for how many ms orders are remembered). To be read:
    `executed` by client order id, `received` as they came, `violations` (what no client may do).
    """

    def __init__(
        self, now_ms: Callable[[], int], *, fee_in: FeeIn = FeeIn.QUOTE, slippage_ppm: int = 0
    ) -> None:
        """Start with nothing listed and plenty of money; `slippage_ppm` is paid on top of prices."""
        self._our_ms = now_ms
        self._fee_in = fee_in
        self._slippage_ppm = slippage_ppm
        self._scales: dict[Symbol, int] = {}
        self._rules_told: dict[Symbol, set[MarketRule]] = {}
        self._latest_told_ms = now_ms()
        self._sent: set[str] = set()
        self._inside: list[_Inside] = []
        self.prices: dict[Symbol, int] = {}
        self.rules: dict[Symbol, MarketRule | None] = {}
        self.balances: dict[str, int] = {USD: PLENTY, FEE_COIN: PLENTY}
        self.script: deque[Step] = deque()
        self.down = False
        self.clock_unread = self.rules_unread = False
        self.untold: set[str] = set()
        self.clock_offset_ms = 0
        self.reach = 90 * 24 * 3600 * 1_000
        self.executed: dict[str, Execution] = {}
        self.received: list[Received] = []
        self.violations: list[Violation] = []

    def list(self, symbol: Symbol, scale: int, rule: MarketRule, price: int) -> None:
        """Trade an asset from now on; its client knows this rule."""
        self._scales[symbol] = scale
        self.rules[symbol], self.prices[symbol] = rule, price
        self._rules_told[symbol] = {rule}

    def advance(self) -> None:
        """Execute what is on its way inside and whose moment has come; to be called as time moves."""
        now_ms = self._clock_ms()
        due = [each for each in self._inside if each.due_ms <= now_ms]
        self._inside = [each for each in self._inside if each.due_ms > now_ms]
        for each in sorted(due, key=lambda each: each.due_ms):
            self._execute(each.purchase, each.step, each.due_ms)

    def execute_late(self, purchase: Purchase, fraction_ppm: int = ONE) -> Filled | None:
        """Execute now, by a broken promise, what was denied or refused before.

        Returns None, and does nothing, if it was executed, is on its way, or cannot be paid.
        """
        name, step = purchase.client_order_id, Step(kind=StepKind.PART, fraction_ppm=fraction_ppm)
        terms = self._find_terms(purchase)
        if name in self.executed or self._find_inside(purchase) or terms is None:
            return None
        return self._book(purchase, step, terms, self._clock_ms(), late=True)

    async def list_prices(self, symbols: Sequence[Symbol]) -> Mapping[Symbol, int]:
        """The prices now. Raises `Unavailable` while down, as do all look-ups."""
        self._answer()
        return {symbol: self.prices[symbol] for symbol in symbols if symbol in self.prices}

    async def list_rules(self, scales: Mapping[Symbol, int]) -> Mapping[Symbol, MarketRule | None]:
        """The rules now; each that was ever told may be followed for ever."""
        self._answer()
        if self.rules_unread:
            raise Unavailable("the exchange does not tell its rules")
        rules = {symbol: self.rules.get(symbol) for symbol in scales}
        for symbol, rule in rules.items():
            if rule is not None:
                self._rules_told[symbol].add(rule)
        return rules

    async def list_balances(self, scales: Mapping[str, int]) -> Mapping[str, int]:
        """What the account holds, rounded down to units of the scales asked for."""
        self._answer()
        return {
            currency: amount * 10 ** scales.get(currency, 8) // 10 ** self._scales.get(currency, 8)
            for currency, amount in self.balances.items()
        }

    def now_ms(self) -> int:
        """Its clock. Raises `Unavailable` while `clock_unread`."""
        if self.clock_unread:
            raise Unavailable("the exchange's clock has not been read yet")
        self._latest_told_ms = max(self._latest_told_ms, self._clock_ms())
        return self._clock_ms()

    def reach_ms(self) -> int:
        """For how long after its timestamp a purchase is remembered."""
        return self.reach

    async def submit(self, purchase: Purchase) -> Outcome:
        """Send a purchase; nothing is sent while down or after its window.

        A name that comes again is a violation, and does nothing. Raises `OutcomeUnknown`.
        """
        self.advance()
        name, now_ms = purchase.client_order_id, self._clock_ms()
        again = name in self._sent
        self._sent.add(name)
        if again:
            self._accuse("I6 sent once", f"expected {name} once, was sent again")
        if again or self.down or self.clock_unread or now_ms > purchase.window_end_ms:
            raise OutcomeUnknown(f"{name} was not sent")
        step = self.script.popleft() if self.script else Step(kind=StepKind.FILL)
        if step.kind is not StepKind.DEAF:
            self.received.append(Received(purchase, now_ms))
            self._judge(purchase)
        outcome = self._follow(purchase, step, now_ms)
        if outcome is None:
            raise OutcomeUnknown(f"no answer to {name}")
        return outcome

    async def find(self, purchase: Purchase) -> Finding:
        """What was executed under its name, with its content, at a time when it might be."""
        self._answer(purchase.client_order_id)
        self.advance()
        found = self._recall(purchase)
        if found is not None and found.at_ms <= purchase.window_end_ms + GRACE_MS:
            return found.tell()
        inside = self._find_inside(purchase)
        if inside is not None and inside.step.kind is StepKind.SLOW:
            return Working()
        return Absent(answered_ms=self._clock_ms())

    async def find_late(self, purchase: Purchase) -> Filled | None:
        """The same, at whatever time after it was signed."""
        self._answer(purchase.client_order_id)
        self.advance()
        found = self._recall(purchase)
        return None if found is None else found.tell()

    def _clock_ms(self) -> int:
        return self._our_ms() + self.clock_offset_ms

    def _answer(self, name: str = "") -> None:
        if self.down or name in self.untold:
            raise Unavailable("the exchange does not answer")

    def _recall(self, purchase: Purchase) -> Execution | None:
        found = self.executed.get(purchase.client_order_id)
        if found is None or self._clock_ms() > purchase.timestamp_ms + self.reach:
            return None
        ours = _is_same(found.purchase, purchase) and found.at_ms >= purchase.timestamp_ms
        return found if ours else None

    def _find_inside(self, purchase: Purchase) -> _Inside | None:
        return next((each for each in self._inside if _is_same(each.purchase, purchase)), None)

    def _follow(self, purchase: Purchase, step: Step, now_ms: int) -> Outcome | None:
        """Do what the step says; None is silence."""
        if step.kind in SILENT:
            return None
        if step.kind in DELAYED:
            due_ms = min(now_ms + step.delay_ms, purchase.window_end_ms + GRACE_MS)
            self._inside.append(_Inside(purchase, step, due_ms))
            return None
        if step.kind is StepKind.REJECT:
            return reject(step.rejection or RejectionKind.VENUE)
        outcome = self._execute(purchase, step, now_ms)
        return None if step.kind is StepKind.LOST_AFTER else outcome

    def _execute(self, purchase: Purchase, step: Step, at_ms: int) -> Outcome:
        if purchase.asset not in self._scales:
            return Rejected(kind=RejectionKind.VENUE, code="-1121", message="Invalid symbol.")
        if purchase.timestamp_ms > at_ms:
            message = "Timestamp for this request was ahead of the server's time."
            return Rejected(kind=RejectionKind.VENUE, code="-1021", message=message)
        terms = self._find_terms(purchase)
        if terms is None:
            return reject(RejectionKind.VENUE)
        refused = refuse(purchase, terms)
        if refused is not None:
            return refused
        if self._book(purchase, step, terms, at_ms) is None:
            message = "Account has insufficient balance for requested action."
            return Rejected(kind=RejectionKind.VENUE, code="-2010", message=message)
        return self.executed[purchase.client_order_id].tell()

    def _find_terms(self, purchase: Purchase) -> Terms | None:
        rule, price = self.rules.get(purchase.asset), self.prices.get(purchase.asset)
        if rule is None or not price:
            return None
        return Terms(rule=rule, price=price, fee_in=self._fee_in, slippage_ppm=self._slippage_ppm)

    def _book(
        self, purchase: Purchase, step: Step, terms: Terms, at_ms: int, *, late: bool = False
    ) -> Filled | None:
        fills = trade(purchase, step, terms)
        after = balances_after(self.balances, purchase.asset, fills)
        if after is None:
            return None
        self.balances.update(after)
        filled, twice = Filled(fills=fills), step.kind is StepKind.DUPLICATE
        self.executed[purchase.client_order_id] = Execution(
            purchase=purchase, filled=filled, at_ms=at_ms, late=late, twice=twice
        )
        return filled

    def _judge(self, purchase: Purchase) -> None:
        """Note what no client may send."""
        name, symbol = purchase.client_order_id, purchase.asset
        if self._scales.get(symbol) != purchase.scale:
            was = f"was {symbol} with {purchase.scale} digits"
            self._accuse("I6 listed", f"{name}: expected one of {self._scales}, {was}")
        elif not any(is_in_lots(purchase.quantity, rule) for rule in self._rules_told[symbol]):
            expected = f"expected what {self.rules[symbol]} allows"
            self._accuse("I6 in lots", f"{name}: {expected}, was {purchase.quantity} units")
        latest_ms = max(self._latest_told_ms, self._clock_ms())
        if purchase.timestamp_ms > latest_ms:
            was = f"was {purchase.timestamp_ms} ms"
            self._accuse("I6 signed in time", f"{name}: expected at most {latest_ms} ms, {was}")
        self._judge_attempt(purchase)

    def _judge_attempt(self, purchase: Purchase) -> None:
        """A batch is bought once: no attempt may follow one that was, or still can be, executed."""
        for number in range(1, purchase.attempt):
            earlier = msgspec.structs.replace(purchase, attempt=number).client_order_id
            found = self.executed.get(earlier)
            inside = any(each.purchase.client_order_id == earlier for each in self._inside)
            if inside or (found is not None and not found.late):
                name = purchase.client_order_id
                self._accuse("I6 bought once", f"expected nothing after {earlier}, was {name}")

    def _accuse(self, check: str, message: str) -> None:
        self.violations.append(Violation(check, message))


def _is_same(one: Purchase, other: Purchase) -> bool:
    """Name, asset and quantity; not the times, and not what the client makes of it."""
    named = one.client_order_id == other.client_order_id
    return named and (one.asset, one.quantity) == (other.asset, other.quantity)
