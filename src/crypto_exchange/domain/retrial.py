"""Retrial: decides the next attempt of a batch whose last one ended without a purchase, or waits on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from crypto_exchange.domain.asset import Inventory
from crypto_exchange.domain.batch import Batch, BatchState, BatchTrigger, close, revise
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.events import AnyEvent, BatchReturned, OrdersReturned
from crypto_exchange.domain.intent import (
    Stamp,
    batch_refunded,
    fail_orders,
    find_price,
    find_purchase,
    first_look_us,
    idents,
    intended,
    orders_failed,
    reserve,
    take_along,
    wait_on,
)
from crypto_exchange.domain.ledger import Transfer
from crypto_exchange.domain.order import Order, Reason, release
from crypto_exchange.domain.plan import Plan, Terms
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.views import OpenBatch

Leaving: TypeAlias = Mapping[Reason, Sequence[Order]]
"""Members that leave with a full refund, by why."""


def retry(opened: OpenBatch, *, policy: Policy, stamp: Stamp) -> Change:
    """Make the next attempt of a batch whose last one ended without a purchase.

    Overdue members leave. For the others a new plan with the fresh price: those that fail the guard
    leave in the commit of the intent, a direct order at once, and what it took along waits again with
    everybody else. Without a plan a direct order waits on, small ones alone wait again: by now they may
    fit into two purchases, but not into one; so do those that are too few by now. Without a price the
    batch waits on.
    """
    overdue = [o for o in opened.members if o.must_leave(policy, stamp.at_us)]
    rest = [o for o in opened.members if not o.must_leave(policy, stamp.at_us)]
    leaving = {Reason.DEADLINE: overdue}
    if not rest or any(order.direct for order in overdue):
        return _end(opened, leaving, rest, stamp.at_us)
    price = find_price(opened.asset, policy, stamp)
    if price is None:
        return _wait_on(opened, leaving, policy, stamp.at_us)
    pricing = opened.batch.pricing
    terms = Terms(pricing=pricing, asset=opened.asset, price=price, policy=policy)
    passing = terms.passing_guard(rest)
    large = [order for order in rest if order.direct]
    if large and large[0] not in passing:
        small = [order for order in rest if not order.direct]
        return _end(opened, leaving | {Reason.PRICE_MOVED: large}, small, stamp.at_us)
    members, plan = _plan_again(passing, large, terms, opened.inventory)
    if members and plan.feasible and (large or _still_enough(members, opened, policy)):
        passed = {order.id for order in passing}
        moved = [order for order in rest if order.id not in passed]
        leaving |= {Reason.PRICE_MOVED: moved}
        return _next_intent(opened, plan, terms, members, leaving, stamp)
    if large:
        return _wait_on(opened, leaving, policy, stamp.at_us)
    return _end(opened, leaving, rest, stamp.at_us)


def _still_enough(members: Sequence[Order], opened: OpenBatch, policy: Policy) -> bool:
    """Whether small orders are those that were sealed, or large enough by themselves; otherwise the
    rules of sealing are asked again.
    """
    whole = len(members) == len(opened.members)
    return whole or sum(order.total for order in members) >= policy.threshold


def _plan_again(
    passing: Sequence[Order], large: Sequence[Order], terms: Terms, inventory: Inventory
) -> tuple[Sequence[Order], Plan]:
    if large:
        return take_along(large[0], [o for o in passing if not o.direct], terms, inventory)
    return passing, terms.plan(passing, inventory, direct=False)


def _end(opened: OpenBatch, leaving: Leaving, freed: Sequence[Order], at_us: int) -> Change:
    """End the batch: some members leave, the others wait again."""
    symbol = opened.asset.symbol
    if freed:
        batch = close(opened.batch, BatchTrigger.RETURN)
        told: AnyEvent = BatchReturned(at_us=at_us, batch=batch.key, asset=symbol)
        return _change(opened, batch, leaving, freed, at_us, told)
    return _change(opened, close(opened.batch, BatchTrigger.REFUND), leaving, freed, at_us)


def _wait_on(opened: OpenBatch, leaving: Leaving, policy: Policy, at_us: int) -> Change:
    return _change(opened, wait_on(opened.batch, policy, at_us), leaving, (), at_us)


def _next_intent(
    opened: OpenBatch,
    plan: Plan,
    terms: Terms,
    members: Sequence[Order],
    leaving: Leaving,
    stamp: Stamp,
) -> Change:
    """Bind the plan to the batch's next attempt. Who neither leaves nor is a member waits again."""
    policy, at_us = terms.policy, stamp.at_us
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
    decided = {order.id for orders in (members, *leaving.values()) for order in orders}
    freed = [order for order in opened.members if order.id not in decided]
    told: list[AnyEvent] = [intended(batch, plan, terms, members, stamp)]
    if freed:
        returned = OrdersReturned(at_us=at_us, asset=batch.asset, orders=idents(freed))
        told.append(returned)
    return msgspec.structs.replace(
        _change(opened, batch, leaving, freed, at_us, *told),
        new_purchases=() if purchase is None else (purchase,),
        inventory=Transition(opened.inventory, reserve(opened.inventory, plan)),
    )


def _change(
    opened: OpenBatch,
    batch: Batch,
    leaving: Leaving,
    freed: Sequence[Order],
    at_us: int,
    *told: AnyEvent,
) -> Change:
    """Move the batch, refund who leaves, and let the freed wait again; each departure is told once, by
    its reason: the first one with the refund of the batch, if it has ended so.
    """
    moves: list[Transition[Order]] = []
    transfers: list[Transfer] = []
    events = list(told)
    for reason, orders in leaving.items():
        failed, refunds = fail_orders(orders, reason, at_us)
        moves.extend(failed)
        transfers.extend(refunds)
        if orders and batch.state is BatchState.REFUNDED and not events:
            events.append(batch_refunded(batch, orders, reason, at_us))
        elif orders:
            events.append(orders_failed(batch.asset, orders, reason, at_us))
    moves.extend(Transition(order, release(order)) for order in freed)
    return Change(
        orders=tuple(moves),
        batches=(Transition(opened.batch, batch),),
        transfers=tuple(transfers),
        events=tuple(events),
    )
