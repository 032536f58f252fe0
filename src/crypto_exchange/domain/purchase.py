"""Purchase: one attempt to buy a batch's coins at the exchange, and what can come of it.

The intent is committed before the call with everything that the call will say. No answer is not a no:
an attempt ends only with a fill, a rejection that is surely one, or a proof that the exchange never
got it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.ids import BatchKey, Symbol, client_order_id
from crypto_exchange.domain.kind import Kind


class PurchaseState(Kind):
    """Where an attempt stands. `unknown`: its sender got no answer, or never reported one."""

    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    FILLED = "filled"
    PARTIALLY_FILLED = "partially_filled"
    REJECTED = "rejected"
    NOT_PLACED = "not_placed"
    QUARANTINED = "quarantined"
    LATE = "late"


class PurchaseTrigger(Kind):
    """What can become of an attempt."""

    LOSE = "lose"
    FILL = "fill"
    FILL_PART = "fill_part"
    REJECT = "reject"
    PROVE_ABSENT = "prove_absent"
    QUARANTINE = "quarantine"
    FILL_LATE = "fill_late"


def _ends(*states: PurchaseState) -> dict[tuple[PurchaseState, PurchaseTrigger], PurchaseState]:
    return {
        (state, trigger): end
        for state in states
        for trigger, end in (
            (PurchaseTrigger.FILL, PurchaseState.FILLED),
            (PurchaseTrigger.FILL_PART, PurchaseState.PARTIALLY_FILLED),
            (PurchaseTrigger.REJECT, PurchaseState.REJECTED),
        )
    }


PURCHASE_TRANSITIONS: dict[tuple[PurchaseState, PurchaseTrigger], PurchaseState] = {
    **_ends(PurchaseState.SUBMITTING, PurchaseState.UNKNOWN, PurchaseState.QUARANTINED),
    (PurchaseState.SUBMITTING, PurchaseTrigger.LOSE): PurchaseState.UNKNOWN,
    (PurchaseState.UNKNOWN, PurchaseTrigger.PROVE_ABSENT): PurchaseState.NOT_PLACED,
    (PurchaseState.UNKNOWN, PurchaseTrigger.QUARANTINE): PurchaseState.QUARANTINED,
    # Out of quarantine only by an operator's word.
    (PurchaseState.QUARANTINED, PurchaseTrigger.PROVE_ABSENT): PurchaseState.NOT_PLACED,
    # An exchange that breaks its promise: the house buys what comes after all.
    (PurchaseState.NOT_PLACED, PurchaseTrigger.FILL_LATE): PurchaseState.LATE,
    (PurchaseState.REJECTED, PurchaseTrigger.FILL_LATE): PurchaseState.LATE,
}
IN_FLIGHT = frozenset({PurchaseState.SUBMITTING, PurchaseState.UNKNOWN, PurchaseState.QUARANTINED})
"""Whether the exchange has the order, or had it, is not known."""
GIVEN_UP = frozenset({PurchaseState.NOT_PLACED, PurchaseState.REJECTED})
"""Ended without a fill: nothing of it should ever come."""


class Purchase(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A market buy of `quantity` (asset's units, `scale` digits), signed with exactly these times.

    `timestamp_ms` is on the exchange's clock; the exchange must not execute it `window_ms` later.
    `code` and `message` are the exchange's own words of a rejection.
    """

    batch: BatchKey
    attempt: int
    asset: Symbol
    scale: int
    quantity: int
    timestamp_ms: int
    window_ms: int
    state: PurchaseState = PurchaseState.SUBMITTING
    code: str | None = None
    message: str | None = None

    @property
    def client_order_id(self) -> str:
        """The name of this attempt at the exchange."""
        return client_order_id(self.batch, self.attempt)

    @property
    def window_end_ms(self) -> int:
        """After this the exchange refuses it (its clock)."""
        return self.timestamp_ms + self.window_ms


class Fill(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One trade: `quantity` in units, `cost` in 10⁻⁸ dollars before fees.

    `fee` is in 10⁻⁸ dollars if `fee_currency` is USD, in the asset's units if it is the asset, and in
    10⁻⁸ of a third coin otherwise.
    """

    trade_id: str
    quantity: int
    cost: int
    fee: int = 0
    fee_currency: str = "USD"


class Filled(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The exchange's final word on an order it accepted; no fills is a fill of 0.

    A trade that is listed twice counts once.
    """

    fills: tuple[Fill, ...]

    def __post_init__(self) -> None:
        if len(self.fills) > 1:
            once = {fill.trade_id: fill for fill in self.fills}
            msgspec.structs.force_setattr(self, "fills", tuple(once.values()))

    @property
    def quantity(self) -> int:
        """What was bought, in the asset's units, before a fee in coin."""
        return sum([fill.quantity for fill in self.fills])


class RejectionKind(Kind):
    """What a definite rejection means for the next attempt."""

    VENUE = "venue"
    """The exchange is out of our funds or halted: not counted, tried again with back-off."""
    RULES = "rules"
    """Our rules are out of date: counted, a few tries with reloaded ones."""
    FINAL = "final"
    """Anything else: no further try."""


class Rejected(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The exchange surely did not and will not execute the order."""

    kind: RejectionKind
    code: str
    message: str


class Absent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Look-ups of order and trades answered, and found nothing of ours at `answered_ms` (its clock)."""

    answered_ms: int


class Working(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The exchange knows the order, and has not finished with it."""


Outcome: TypeAlias = Filled | Rejected
Finding: TypeAlias = Filled | Rejected | Absent | Working


def fees(fills: Iterable[Fill]) -> tuple[tuple[str, int], ...]:
    """What was taken for trades, per currency in the units of a fill's fee, by name."""
    sums: dict[str, int] = {}
    for each in fills:
        sums[each.fee_currency] = sums.get(each.fee_currency, 0) + each.fee
    return tuple(sorted([(currency, fee) for currency, fee in sums.items() if fee]))


def fill(purchase: Purchase, filled: Filled) -> Purchase:
    """End an attempt with what the exchange delivered, wholly or in part."""
    whole = filled.quantity >= purchase.quantity
    return move(purchase, PurchaseTrigger.FILL if whole else PurchaseTrigger.FILL_PART)


def lose(purchase: Purchase) -> Purchase:
    """Note that nobody knows what became of an attempt, if that is news."""
    if purchase.state is not PurchaseState.SUBMITTING:
        return purchase
    return move(purchase, PurchaseTrigger.LOSE)


def move(purchase: Purchase, trigger: PurchaseTrigger, **changes: object) -> Purchase:
    """Take an attempt to its next state.

    Raises:
        InvariantViolation: this cannot happen to an attempt in this state.
    """
    state = PURCHASE_TRANSITIONS.get((purchase.state, trigger))
    if state is None:
        raise InvariantViolation(f"a purchase cannot {trigger.value} while {purchase.state.value}")
    return msgspec.structs.replace(purchase, state=state, **changes)
