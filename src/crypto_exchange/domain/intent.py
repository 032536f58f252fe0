"""Intent: what a seal writes. A live batch, its purchase, the reservation, and orders that leave."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crypto_exchange.domain.asset import Asset, Inventory, passes_guard
from crypto_exchange.domain.batch import Batch, BatchKind
from crypto_exchange.domain.change import Transition
from crypto_exchange.domain.events import OrdersFailed, PurchaseIntended
from crypto_exchange.domain.ledger import Transfer, refund
from crypto_exchange.domain.order import Order, Reason, fail
from crypto_exchange.domain.plan import Plan, plan_purchase
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.purchase import Purchase


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """The moment of a decision: ours in microseconds, the exchange's clock in milliseconds."""

    at_us: int
    exchange_ms: int


def passing_guard(orders: Sequence[Order], price: int, policy: Policy) -> list[Order]:
    """The orders that may still be bought at a fresh price."""
    return [order for order in orders if passes_guard(order.unit_price, price, policy)]


def plan_members(
    members: Sequence[Order],
    *,
    asset: Asset,
    price: int,
    inventory: Inventory,
    policy: Policy,
    kind: BatchKind,
) -> Plan:
    """Plan one purchase for several orders."""
    return plan_purchase(
        sum(order.quantity for order in members),
        asset=asset,
        price=price,
        inventory=inventory,
        policy=policy,
        direct=kind is BatchKind.DIRECT,
    )


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
        timestamp_ms=stamp.exchange_ms,
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
    batch: Batch, plan: Plan, price: int, members: Sequence[Order], policy: Policy, stamp: Stamp
) -> PurchaseIntended:
    """Tell of an intent."""
    return PurchaseIntended(
        at_us=stamp.at_us,
        batch=batch.key,
        attempt=batch.attempt,
        asset=batch.asset,
        price=price,
        quantity=plan.buy,
        used=plan.used,
        timestamp_ms=stamp.exchange_ms,
        window_ms=policy.window_ms,
        orders=idents(members),
    )


def idents(orders: Sequence[Order]) -> tuple[tuple[int, int], ...]:
    """(user id, order id) of each."""
    return tuple((order.user_id, order.id) for order in orders)


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
