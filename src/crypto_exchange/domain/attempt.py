"""Attempt: decides what follows an attempt at the exchange that ended without a fill.

A definite rejection or a proven absence ends the attempt and frees its reservation. What comes next
depends on whose fault it was (SPEC §2 "Next attempt").
"""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.asset import Inventory
from crypto_exchange.domain.batch import BatchTrigger, close, revise
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.events import (
    AnyEvent,
    BatchReturned,
    PurchaseLost,
    PurchaseNotPlaced,
    PurchaseRejected,
)
from crypto_exchange.domain.intent import batch_refunded, fail_orders, live_purchase, wait_on
from crypto_exchange.domain.order import Reason, release
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.purchase import (
    Absent,
    Purchase,
    PurchaseState,
    PurchaseTrigger,
    Rejected,
    RejectionKind,
    lose,
    move,
)
from crypto_exchange.domain.views import OpenBatch


def reject(opened: OpenBatch, rejected: Rejected, *, policy: Policy, at_us: int) -> Change:
    """End an attempt that the exchange surely refused.

    If the exchange was at fault, the members wait again, with back-off for the asset. If our rules
    were out of date, the batch is tried again, a few times. Otherwise everybody is refunded.
    """
    ended = move(
        live_purchase(opened),
        PurchaseTrigger.REJECT,
        code=rejected.code,
        message=rejected.message[:500],
    )
    told = PurchaseRejected(
        at_us=at_us,
        batch=opened.batch.key,
        attempt=ended.attempt,
        asset=ended.asset,
        code=rejected.code,
        message=rejected.message[:500],
        kind=rejected.kind.value,
    )
    counted = opened.batch.counted + 1
    if rejected.kind is RejectionKind.VENUE:
        change = _return_members(opened, policy, at_us)
    elif rejected.kind is RejectionKind.RULES and counted < policy.max_counted_attempts:
        change = _try_again(opened, counted, policy, at_us)
    else:
        change = _refund_members(opened, at_us)
    return _with_ended(change, opened, ended, told)


def give_up_absent(opened: OpenBatch, absent: Absent, *, policy: Policy, at_us: int) -> Change:
    """End an attempt that provably never reached the exchange; it is tried again, uncounted."""
    ended = move(lose(live_purchase(opened)), PurchaseTrigger.PROVE_ABSENT)
    told = PurchaseNotPlaced(
        at_us=at_us,
        batch=opened.batch.key,
        attempt=ended.attempt,
        asset=ended.asset,
        answered_ms=absent.answered_ms,
    )
    change = _try_again(opened, opened.batch.counted, policy, at_us)
    return _with_ended(change, opened, ended, told)


def proves_absence(opened: OpenBatch, absent: Absent, reach_ms: int, policy: Policy) -> bool:
    """Whether an empty answer came late enough, after the window's end + 30 s on its clock, and not so
    late that the exchange may have forgotten the order.
    """
    purchase = live_purchase(opened)
    earliest_ms = purchase.window_end_ms + policy.absence_margin_ms
    return earliest_ms < absent.answered_ms <= purchase.timestamp_ms + reach_ms


def postpone(opened: OpenBatch, *, policy: Policy, at_us: int) -> Change:
    """Look again later, at most 10 s: the outcome is still unknown, or no plan can be made now."""
    moves, told = _lost(opened, at_us)
    batch = wait_on(opened.batch, policy, at_us)
    return Change(batches=(Transition(opened.batch, batch),), purchases=moves, events=told)


def note_lost(opened: OpenBatch, *, at_us: int) -> Change | None:
    """Note that the sender of an attempt got no answer, if that is news; its batch comes due as it
    would have.
    """
    moves, told = _lost(opened, at_us)
    return Change(purchases=moves, events=told) if moves else None


def _with_ended(change: Change, opened: OpenBatch, ended: Purchase, told: AnyEvent) -> Change:
    before = live_purchase(opened)
    return msgspec.structs.replace(
        change, purchases=(Transition(before, ended),), events=(told, *change.events)
    )


def _freed(opened: OpenBatch, **changes: int) -> Transition[Inventory]:
    """The inventory without the ended attempt's reservation."""
    before, batch = opened.inventory, opened.batch
    after = msgspec.structs.replace(
        before,
        reserved=before.reserved - batch.used,
        expected=before.expected - batch.surplus,
        version=before.version + 1,
        **changes,
    )
    return Transition(before, after)


def _return_members(opened: OpenBatch, policy: Policy, at_us: int) -> Change:
    failures, retry_at_us = opened.inventory.failures, opened.inventory.retry_at_us
    if retry_at_us <= at_us:  # else another batch has just met with the same, and counted it
        failures += 1
        retry_at_us = at_us + policy.backoff_us(failures)
    return Change(
        orders=tuple(Transition(order, release(order)) for order in opened.members),
        batches=(Transition(opened.batch, close(opened.batch, BatchTrigger.RETURN)),),
        inventory=_freed(opened, failures=failures, retry_at_us=retry_at_us),
        events=(BatchReturned(at_us=at_us, batch=opened.batch.key, asset=opened.asset.symbol),),
    )


def _try_again(opened: OpenBatch, counted: int, policy: Policy, at_us: int) -> Change:
    batch = revise(
        opened.batch,
        live=False,
        used=0,
        surplus=0,
        counted=counted,
        checks=0,
        due_at_us=at_us + policy.backoff_us(opened.batch.attempt),
    )
    return Change(batches=(Transition(opened.batch, batch),), inventory=_freed(opened))


def _refund_members(opened: OpenBatch, at_us: int) -> Change:
    moves, transfers = fail_orders(opened.members, Reason.EXCHANGE_REJECTED, at_us)
    return Change(
        orders=moves,
        batches=(Transition(opened.batch, close(opened.batch, BatchTrigger.REFUND)),),
        inventory=_freed(opened),
        transfers=transfers,
        events=(batch_refunded(opened.batch, opened.members, Reason.EXCHANGE_REJECTED, at_us),),
    )


def _lost(
    opened: OpenBatch, at_us: int
) -> tuple[tuple[Transition[Purchase], ...], tuple[AnyEvent, ...]]:
    """An attempt that its sender did not report on, if that is news."""
    before = opened.purchase
    if before is None or not opened.batch.live or before.state is not PurchaseState.SUBMITTING:
        return (), ()
    told = PurchaseLost(at_us=at_us, batch=before.batch, attempt=before.attempt, asset=before.asset)
    return (Transition(before, lose(before)),), (told,)
