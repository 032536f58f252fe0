"""Purchase: one attempt to buy a batch's coins at the exchange, and what can come of it.

The intent is committed before the call with everything that the call will say. No answer is not a no:
an attempt ends only with a fill, a rejection that is surely one, or a proof that the exchange never
got it.
"""

from __future__ import annotations

import enum
from typing import TypeAlias

import msgspec

from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.ids import BatchKey, Symbol, client_order_id


class PurchaseState(enum.Enum):
    """Where an attempt stands."""

    SUBMITTING = "submitting"
    FILLED = "filled"
    REJECTED = "rejected"
    NOT_PLACED = "not_placed"


class PurchaseTrigger(enum.Enum):
    """What can become of an attempt."""

    FILL = "fill"
    REJECT = "reject"
    PROVE_ABSENT = "prove_absent"


PURCHASE_TRANSITIONS: dict[tuple[PurchaseState, PurchaseTrigger], PurchaseState] = {
    (PurchaseState.SUBMITTING, PurchaseTrigger.FILL): PurchaseState.FILLED,
    (PurchaseState.SUBMITTING, PurchaseTrigger.REJECT): PurchaseState.REJECTED,
    (PurchaseState.SUBMITTING, PurchaseTrigger.PROVE_ABSENT): PurchaseState.NOT_PLACED,
}


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
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


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One trade: `quantity` in units, `cost` in 10⁻⁸ dollars before fees.

    `fee` is in 10⁻⁸ dollars if `fee_currency` is USD, in the asset's units if it is the asset, and in
    10⁻⁸ of a third coin otherwise.
    """

    trade_id: str
    quantity: int
    cost: int
    fee: int = 0
    fee_currency: str = "USD"


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """The exchange's final word on an order it accepted; no fills is a fill of 0."""

    fills: tuple[Fill, ...]


class RejectionKind(enum.Enum):
    """What a definite rejection means for the next attempt."""

    VENUE = "venue"
    """The exchange is out of our funds or halted: not counted, tried again with back-off."""
    RULES = "rules"
    """Our rules are out of date: counted, a few tries with reloaded ones."""
    FINAL = "final"
    """Anything else: no further try."""


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """The exchange surely did not and will not execute the order."""

    kind: RejectionKind
    code: str
    message: str


class Absent(msgspec.Struct, frozen=True, kw_only=True):
    """Look-ups of order and trades answered, and found nothing of ours at `answered_ms` (its clock)."""

    answered_ms: int


class Working(msgspec.Struct, frozen=True, kw_only=True):
    """The exchange knows the order, and has not finished with it."""


Outcome: TypeAlias = Filled | Rejected
Finding: TypeAlias = Filled | Rejected | Absent | Working


def finish(purchase: Purchase, trigger: PurchaseTrigger, **changes: object) -> Purchase:
    """End an attempt.

    Raises:
        InvariantViolation: it has ended before.
    """
    state = PURCHASE_TRANSITIONS.get((purchase.state, trigger))
    if state is None:
        raise InvariantViolation(f"a purchase cannot {trigger.value} while {purchase.state.value}")
    return msgspec.structs.replace(purchase, state=state, **changes)
