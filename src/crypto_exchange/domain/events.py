"""Facts, in the past tense, as a tagged union: what the event log holds, in commit order.

Amounts are in the units of the rows they tell of. Batch events carry all members, but for those that
leave for a reason of their own: the events of one commit tell all of it. Those of accounts are in
`account_events.py`.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from crypto_exchange.domain.account_events import AccountEvent
from crypto_exchange.domain.event import Event
from crypto_exchange.domain.ids import BatchKey, OrderId, Symbol, UserId


class Deposited(Event, frozen=True, kw_only=True, tag=True):
    """Dollars came in from outside."""

    amount: int


class Withdrawn(Event, frozen=True, kw_only=True, tag=True):
    """Dollars went out; `risk` is what the fraud rules said ("": they were not asked)."""

    amount: int
    risk: str = ""


class BalanceAdjusted(Event, frozen=True, kw_only=True, tag=True):
    """Two administrators let the house pay a user (negative: the user pay the house)."""

    key: str
    amount: int
    proposed_by: UserId
    approved_by: UserId


class OrderPlaced(Event, frozen=True, kw_only=True, tag=True):
    """The wallet was debited and the order exists, held for review or not; `risk` as in the order."""

    order_id: OrderId
    asset: Symbol
    quantity: int
    unit_price: int
    total: int
    direct: bool
    state: str
    pricing: str = "quoted"
    risk: str = ""
    held: bool = False


class OrderReleased(Event, frozen=True, kw_only=True, tag=True):
    """An order that was held for review goes on."""

    order_id: OrderId
    asset: Symbol
    state: str


class OrderCancelled(Event, frozen=True, kw_only=True, tag=True):
    """A waiting order was withdrawn by its owner and refunded."""

    order_id: OrderId
    refunded: int


class OrdersFailed(Event, frozen=True, kw_only=True, tag=True):
    """Waiting or held orders left without a purchase, refunded in full."""

    asset: Symbol
    reason: str
    orders: tuple[tuple[UserId, OrderId], ...]


class PurchaseIntended(Event, frozen=True, kw_only=True, tag=True):
    """Members are bound, coins reserved, and what will be sent is fixed (quantity 0: nothing). `rule`
    is the market rule that it was planned with (None: not told).
    """

    batch: BatchKey
    attempt: int
    asset: Symbol
    price: int
    quantity: int
    used: int
    timestamp_ms: int
    window_ms: int
    orders: tuple[tuple[UserId, OrderId], ...]
    rule: dict[str, int] | None = None


class OrdersReturned(Event, frozen=True, kw_only=True, tag=True):
    """Orders wait again that a large one had taken along."""

    asset: Symbol
    orders: tuple[tuple[UserId, OrderId], ...]


class PurchaseLost(Event, frozen=True, kw_only=True, tag=True):
    """The sender of an attempt got no answer, or never told of one."""

    batch: BatchKey
    attempt: int
    asset: Symbol


class PurchaseQuarantined(Event, frozen=True, kw_only=True, tag=True):
    """An outcome has been unknown for too long: the asset is halted until an operator resolves it."""

    batch: BatchKey
    attempt: int
    asset: Symbol


class QuarantineResolved(Event, frozen=True, kw_only=True, tag=True):
    """An operator said what became of an attempt, and why."""

    batch: BatchKey
    attempt: int
    asset: Symbol
    outcome: str
    evidence: str


class LateFillBought(Event, frozen=True, kw_only=True, tag=True):
    """The exchange executed an attempt that had been given up: the house keeps the coins. Fees as in
    `BatchSettled`.
    """

    batch: BatchKey
    attempt: int
    asset: Symbol
    bought: int
    cost: int
    fees: tuple[tuple[str, int], ...] | None = None


class BreakOpened(Event, frozen=True, kw_only=True, tag=True):
    """The books and what they should say differ; see `audit.py`."""

    kind: str
    subject: str
    expected: int
    found: int


class BreakClosed(Event, frozen=True, kw_only=True, tag=True):
    """An operator explained a break."""

    kind: str
    subject: str
    evidence: str


class PurchaseRejected(Event, frozen=True, kw_only=True, tag=True):
    """The exchange said no for sure; `kind` is what that means for the next attempt ("": not told)."""

    batch: BatchKey
    attempt: int
    asset: Symbol
    code: str
    message: str
    kind: str = ""


class PurchaseNotPlaced(Event, frozen=True, kw_only=True, tag=True):
    """It is proven that the exchange never executed the attempt."""

    batch: BatchKey
    attempt: int
    asset: Symbol
    answered_ms: int


class OrderOutcome(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One member's share of a settled batch."""

    user_id: UserId
    order_id: OrderId
    filled: int
    charged: int
    refunded: int


class BatchSettled(Event, frozen=True, kw_only=True, tag=True):
    """Coins were delivered, charges taken, the rest refunded. `fees` are what the exchange took for it,
    per currency in the units of its fills (None: not told).
    """

    batch: BatchKey
    asset: Symbol
    bought: int
    cost: int
    used: int
    outcomes: tuple[OrderOutcome, ...]
    fees: tuple[tuple[str, int], ...] | None = None


class BatchReturned(Event, frozen=True, kw_only=True, tag=True):
    """The members wait again."""

    batch: BatchKey
    asset: Symbol


class BatchRefunded(Event, frozen=True, kw_only=True, tag=True):
    """All members left with a full refund. `orders` are those of one reason; an `OrdersFailed` of the
    same commit tells of each other reason's.
    """

    batch: BatchKey
    asset: Symbol
    reason: str
    orders: tuple[tuple[UserId, OrderId], ...]


class AssetHaltChanged(Event, frozen=True, kw_only=True, tag=True):
    """An operator halted an asset or resumed it."""

    asset: Symbol
    halted: bool


class HouseFunded(Event, frozen=True, kw_only=True, tag=True):
    """A balance was found at, or moved to, the exchange."""

    currency: str
    amount: int


AnyEvent: TypeAlias = (
    AccountEvent
    | Deposited
    | Withdrawn
    | BalanceAdjusted
    | OrderPlaced
    | OrderReleased
    | OrderCancelled
    | OrdersFailed
    | PurchaseIntended
    | OrdersReturned
    | PurchaseLost
    | PurchaseQuarantined
    | QuarantineResolved
    | LateFillBought
    | BreakOpened
    | BreakClosed
    | PurchaseRejected
    | PurchaseNotPlaced
    | BatchSettled
    | BatchReturned
    | BatchRefunded
    | AssetHaltChanged
    | HouseFunded
)
