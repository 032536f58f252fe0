"""Intent: what a seal writes. A live batch, its purchase, the reservation, and orders that leave."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crypto_exchange.domain.asset import Asset, Inventory, find_buyable_price
from crypto_exchange.domain.batch import Batch, revise
from crypto_exchange.domain.change import Transition
from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.events import BatchRefunded, OrdersFailed, PurchaseIntended
from crypto_exchange.domain.ledger import Transfer, refund
from crypto_exchange.domain.order import Order, Reason, fail
from crypto_exchange.domain.plan import Plan, Terms
from crypto_exchange.domain.policy import SECOND_US, Policy, Pricing
from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.domain.views import OpenBatch


class Stamp(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The moment of a decision: ours in microseconds, the exchange's clock in milliseconds.

    While the exchange's clock is not known (None), nothing can be signed.
    """

    at_us: int
    exchange_ms: int | None

    @property
    def signed_ms(self) -> int:
        """When what is decided now is signed. Raises InvariantViolation if nothing can be."""
        if self.exchange_ms is None:
            raise InvariantViolation("nothing can be signed before the exchange's clock was read")
        return self.exchange_ms


def find_price(asset: Asset, policy: Policy, stamp: Stamp) -> int | None:
    """The fresh price of an asset that can be bought now, or None: then nothing is sealed or sent."""
    return None if stamp.exchange_ms is None else find_buyable_price(asset, policy, stamp.at_us)


def take_along(
    order: Order, waiting: Sequence[Order], terms: Terms, inventory: Inventory
) -> tuple[list[Order], Plan]:
    """A large order that may be bought, with the waiting ones that it takes along, and their plan.

    SPEC §2 "Taking along": oldest first, at most the limit less one, of those that pass the guard each
    that keeps the plan feasible; only with pricing `quoted`.
    """
    members, plan = [order], terms.plan([order], inventory, direct=True)
    if not (plan.feasible and terms.policy.take_along and terms.pricing is Pricing.QUOTED):
        return members, plan
    quantity, total = order.quantity, order.total
    for small in terms.passing_guard(waiting):
        if len(members) >= terms.policy.batch_limit:
            break
        wider = terms.plan_sum(
            quantity + small.quantity, total + small.total, inventory, direct=True
        )
        if wider.feasible:
            members.append(small)
            plan, quantity, total = wider, quantity + small.quantity, total + small.total
    return members, plan


def first_look_us(plan: Plan, policy: Policy, stamp: Stamp) -> int:
    """When somebody should ask after a batch: its sender reports within the window, so after that.

    With nothing to buy it can be settled at once.
    """
    return stamp.at_us + (policy.window_ms * 1_000 if plan.buy else 0)


def find_purchase(
    batch: Batch, asset: Asset, plan: Plan, policy: Policy, stamp: Stamp
) -> Purchase | None:
    """What will be sent, fixed before it is; None if nothing has to be bought."""
    if plan.buy == 0:
        return None
    return Purchase(
        batch=batch.key,
        attempt=batch.attempt,
        asset=asset.symbol,
        scale=asset.scale,
        quantity=plan.buy,
        timestamp_ms=stamp.signed_ms,
        window_ms=policy.window_ms,
    )


def reserve(inventory: Inventory, plan: Plan) -> Inventory:
    """Promise the plan's coins, and expect its surplus; one version on."""
    return msgspec.structs.replace(
        inventory,
        reserved=inventory.reserved + plan.used,
        expected=inventory.expected + plan.surplus,
        version=inventory.version + 1,
    )


def intended(
    batch: Batch, plan: Plan, terms: Terms, members: Sequence[Order], stamp: Stamp
) -> PurchaseIntended:
    """Tell of an intent, and of what it was planned with."""
    return PurchaseIntended(
        at_us=stamp.at_us,
        batch=batch.key,
        attempt=batch.attempt,
        asset=batch.asset,
        price=terms.price,
        quantity=plan.buy,
        used=plan.used,
        timestamp_ms=stamp.signed_ms,
        window_ms=terms.policy.window_ms,
        orders=idents(members),
        rule=msgspec.structs.asdict(terms.asset.rule),
    )


def idents(orders: Sequence[Order]) -> tuple[tuple[int, int], ...]:
    """(user id, order id) of each."""
    return tuple([(order.user_id, order.id) for order in orders])


def fail_orders(
    orders: Sequence[Order], reason: Reason, at_us: int
) -> tuple[tuple[Transition[Order], ...], tuple[Transfer, ...]]:
    """End orders with a full refund."""
    moves = tuple(Transition(order, fail(order, reason)) for order in orders)
    transfers = tuple(refund(o.user_id, o.id, o.total, at_us=at_us) for o in orders)
    return moves, transfers


def orders_failed(symbol: str, orders: Sequence[Order], reason: Reason, at_us: int) -> OrdersFailed:
    """Tell of orders that left without a purchase."""
    return OrdersFailed(at_us=at_us, asset=symbol, reason=reason.value, orders=idents(orders))


def batch_refunded(
    batch: Batch, orders: Sequence[Order], reason: Reason, at_us: int
) -> BatchRefunded:
    """Tell of a batch that ended with all of its orders refunded."""
    return BatchRefunded(
        at_us=at_us,
        batch=batch.key,
        asset=batch.asset,
        reason=reason.value,
        orders=idents(orders),
    )


def wait_on(batch: Batch, policy: Policy, at_us: int) -> Batch:
    """Look at it again after a back-off of at most 10 s."""
    checks = batch.checks + 1
    due_at_us = at_us + min(policy.backoff_us(checks), 10 * SECOND_US)
    return revise(batch, checks=checks, due_at_us=due_at_us)


def live_purchase(opened: OpenBatch) -> Purchase:
    """The attempt whose outcome a batch waits for.

    Raises:
        InvariantViolation: there is none.
    """
    if opened.purchase is None or not opened.batch.live:
        raise InvariantViolation(f"batch {opened.batch.key} has no live purchase to end")
    return opened.purchase
