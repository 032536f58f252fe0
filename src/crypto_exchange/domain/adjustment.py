"""Adjustment: a payment between the house and one user's wallet that two administrators answer for."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.kind import Kind
from crypto_exchange.domain.policy import SECOND_US

LIFETIME_US = 7 * 24 * 3600 * SECOND_US
"""How long a proposal waits to be decided."""


class AdjustmentState(Kind):
    """What became of a proposal. It expires by itself: that state is never stored."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal. `amount` is in 10⁻⁸ dollars, whole cents, and negative if the user pays the house."""

    key: str
    user_id: UserId
    amount: int
    reason: str
    proposed_by: UserId
    proposed_at_us: int
    state: AdjustmentState = AdjustmentState.PROPOSED
    decided_by: UserId | None = None
    decided_at_us: int | None = None
    version: int = 0

    def as_of(self, at_us: int) -> Adjustment:
        """The same as it is at a time: a proposal may have expired."""
        gone = at_us > self.proposed_at_us + LIFETIME_US
        if self.state is AdjustmentState.PROPOSED and gone:
            return msgspec.structs.replace(self, state=AdjustmentState.EXPIRED)
        return self
