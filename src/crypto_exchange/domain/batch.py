"""Aggregation Batch: the members of one purchase, and its state machine.

A batch exists from the moment it is sealed. It may need several attempts at the exchange, one after
the other; it ends when its members are settled, sent back to wait, or all refunded.
"""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.ids import BatchKey, Symbol
from crypto_exchange.domain.kind import Kind
from crypto_exchange.domain.policy import Pricing

NEVER_US = 2**62
"""When something comes due that nobody waits for."""


class BatchKind(Kind):
    """One large order, which may take small ones along, or many small ones."""

    DIRECT = "direct"
    AGGREGATED = "aggregated"


class BatchState(Kind):
    """Where a batch stands."""

    SEALED = "sealed"
    SETTLED = "settled"
    RETURNED = "returned"
    REFUNDED = "refunded"


class BatchTrigger(Kind):
    """What can happen to a batch."""

    SETTLE = "settle"
    RETURN = "return"
    REFUND = "refund"


BATCH_TRANSITIONS: dict[tuple[BatchState, BatchTrigger], BatchState] = {
    (BatchState.SEALED, BatchTrigger.SETTLE): BatchState.SETTLED,
    (BatchState.SEALED, BatchTrigger.RETURN): BatchState.RETURNED,
    (BatchState.SEALED, BatchTrigger.REFUND): BatchState.REFUNDED,
}


class Batch(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """All members have the same `pricing`. `attempt` numbers the newest plan, `live` says that it has
    no outcome yet.

    `used` coins of the inventory are reserved for it, and it is expected to leave `surplus` more;
    both are 0 when it is not live. `counted` rejections used up tries. Nothing needs to look at the
    batch before `due_at_us`; it was looked at in vain `checks` times in a row.
    """

    key: BatchKey
    asset: Symbol
    kind: BatchKind
    pricing: Pricing = Pricing.QUOTED
    state: BatchState = BatchState.SEALED
    attempt: int = 1
    live: bool = True
    used: int = 0
    surplus: int = 0
    counted: int = 0
    checks: int = 0
    due_at_us: int
    created_at_us: int
    version: int = 0


def close(batch: Batch, trigger: BatchTrigger) -> Batch:
    """End a batch.

    Raises:
        InvariantViolation: it has ended before.
    """
    state = BATCH_TRANSITIONS.get((batch.state, trigger))
    if state is None:
        raise InvariantViolation(f"a batch cannot {trigger.value} while {batch.state.value}")
    return msgspec.structs.replace(
        batch, state=state, live=False, used=0, surplus=0, version=batch.version + 1
    )


def revise(batch: Batch, **changes: object) -> Batch:
    """The same batch with some fields changed, one version on."""
    return msgspec.structs.replace(batch, version=batch.version + 1, **changes)
