"""Attempt: decides what follows an attempt at the exchange that ended without a fill.

A definite rejection or a proven absence ends the attempt and frees its reservation. What comes next
depends on whose fault it was (SPEC §2 "Next attempt").
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crypto_exchange.domain.asset import Inventory, find_buyable_price
from crypto_exchange.domain.batch import Batch, BatchKind, BatchTrigger, close, revise
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.events import (
    AnyEvent,
    BatchRefunded,
    BatchReturned,
    PurchaseNotPlaced,
    PurchaseRejected,
)
from crypto_exchange.domain.intent import (
    Stamp,
    fail_orders,
    find_purchase,
    first_look_us,
    idents,
    intended,
    orders_failed,
    passing_guard,
    plan_members,
    reserve,
)
from crypto_exchange.domain.order import Order, Reason, release
from crypto_exchange.domain.plan import Plan
from crypto_exchange.domain.policy import SECOND_US, Policy
from crypto_exchange.domain.purchase import (
    Absent,
    Purchase,
    PurchaseTrigger,
    Rejected,
    RejectionKind,
    finish,
)
from crypto_exchange.domain.views import OpenBatch


def reject(opened: OpenBatch, rejected: Rejected, *, policy: Policy, at_us: int) -> Change:
    """End an attempt that the exchange surely refused.

    If the exchange was at fault, the members wait again, with back-off for the asset. If our rules
    were out of date, the batch is tried again, a few times. Otherwise everybody is refunded.
    """
    ended = finish(
        _live_purchase(opened),
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
    ended = finish(_live_purchase(opened), PurchaseTrigger.PROVE_ABSENT)
    told = PurchaseNotPlaced(
        at_us=at_us,
        batch=opened.batch.key,
        attempt=ended.attempt,
        asset=ended.asset,
        answered_ms=absent.answered_ms,
    )
    change = _try_again(opened, opened.batch.counted, policy, at_us)
    return _with_ended(change, opened, ended, told)


def proves_absence(opened: OpenBatch, absent: Absent, policy: Policy) -> bool:
    """Whether an empty answer came late enough: after the window's end + 30 s on its clock."""
    purchase = _live_purchase(opened)
    return absent.answered_ms > purchase.window_end_ms + policy.absence_margin_ms


def postpone(opened: OpenBatch, *, policy: Policy, at_us: int) -> Change:
    """Look again later, at most 10 s: the outcome is still unknown, or no plan can be made now."""
    return Change(batches=(Transition(opened.batch, _wait_on(opened.batch, policy, at_us)),))


def retry(opened: OpenBatch, *, policy: Policy, stamp: Stamp) -> Change:
    """Make the next attempt of a batch whose last one ended without a purchase.

    Overdue members leave. For the others a new plan with the fresh price: those that fail the guard
    leave in the commit of the intent, a direct order at once. Without a plan the batch waits on.
    """
    overdue = [o for o in opened.members if o.must_leave(policy, stamp.at_us)]
    if overdue:
        return _leave(opened, overdue, Reason.DEADLINE, policy, stamp.at_us)
    price = find_buyable_price(opened.asset, policy, stamp.at_us)
    if price is None:
        return postpone(opened, policy=policy, at_us=stamp.at_us)
    passing = passing_guard(opened.members, price, policy)
    if not passing and opened.batch.kind is BatchKind.DIRECT:
        return _leave(opened, opened.members, Reason.PRICE_MOVED, policy, stamp.at_us)
    plan = plan_members(
        passing,
        asset=opened.asset,
        price=price,
        inventory=opened.inventory,
        policy=policy,
        kind=opened.batch.kind,
    )
    if not passing or not plan.feasible:
        return postpone(opened, policy=policy, at_us=stamp.at_us)
    return _next_intent(opened, plan, price, passing, policy, stamp)


def _live_purchase(opened: OpenBatch) -> Purchase:
    if opened.purchase is None or not opened.batch.live:
        raise InvariantViolation(f"batch {opened.batch.key} has no live purchase to end")
    return opened.purchase


def _with_ended(change: Change, opened: OpenBatch, ended: Purchase, told: AnyEvent) -> Change:
    before = _live_purchase(opened)
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
        events=(_refunded(opened.batch, opened.members, Reason.EXCHANGE_REJECTED, at_us),),
    )


def _leave(
    opened: OpenBatch, leaving: Sequence[Order], reason: Reason, policy: Policy, at_us: int
) -> Change:
    """Let some members leave a batch without a live attempt; the batch ends with its last member."""
    moves, transfers = fail_orders(leaving, reason, at_us)
    if len(leaving) == len(opened.members):
        batch = close(opened.batch, BatchTrigger.REFUND)
        told: AnyEvent = _refunded(batch, leaving, reason, at_us)
    else:
        batch = _wait_on(opened.batch, policy, at_us)
        told = orders_failed(opened.asset.symbol, leaving, reason, at_us)
    return Change(
        orders=moves,
        batches=(Transition(opened.batch, batch),),
        transfers=transfers,
        events=(told,),
    )


def _wait_on(batch: Batch, policy: Policy, at_us: int) -> Batch:
    """Look at it again after a back-off of at most 10 s."""
    checks = batch.checks + 1
    due_at_us = at_us + min(policy.backoff_us(checks), 10 * SECOND_US)
    return revise(batch, checks=checks, due_at_us=due_at_us)


def _refunded(batch: Batch, orders: Sequence[Order], reason: Reason, at_us: int) -> BatchRefunded:
    return BatchRefunded(
        at_us=at_us,
        batch=batch.key,
        asset=batch.asset,
        reason=reason.value,
        orders=idents(orders),
    )


def _next_intent(
    opened: OpenBatch,
    plan: Plan,
    price: int,
    passing: Sequence[Order],
    policy: Policy,
    stamp: Stamp,
) -> Change:
    batch = revise(
        opened.batch,
        attempt=opened.batch.attempt + 1,
        live=True,
        used=plan.used,
        surplus=plan.surplus,
        checks=0,
        due_at_us=first_look_us(plan, policy, stamp),
    )
    purchase = find_purchase(batch, opened.asset, plan, policy, stamp)
    stay = {order.id for order in passing}
    moved = [order for order in opened.members if order.id not in stay]
    moves, transfers = fail_orders(moved, Reason.PRICE_MOVED, stamp.at_us)
    told: list[AnyEvent] = [intended(batch, plan, price, passing, policy, stamp)]
    if moved:
        told.append(orders_failed(opened.asset.symbol, moved, Reason.PRICE_MOVED, stamp.at_us))
    return Change(
        orders=moves,
        batches=(Transition(opened.batch, batch),),
        new_purchases=() if purchase is None else (purchase,),
        inventory=Transition(opened.inventory, reserve(opened.inventory, plan)),
        transfers=transfers,
        events=tuple(told),
    )
