"""Placement: decides whether an order is taken, what it costs and which way it goes; and cancelling."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.asset import Asset, Inventory, fresh_price, require_active
from crypto_exchange.domain.change import Change, RequestKey, Transition, store_request
from crypto_exchange.domain.errors import (
    AmountTooLarge,
    AmountTooSmall,
    InvalidAmount,
    InvalidField,
    TooLate,
)
from crypto_exchange.domain.events import OrderCancelled, OrderPlaced
from crypto_exchange.domain.ids import OrderId, Symbol, UserId
from crypto_exchange.domain.ledger import (
    Transfer,
    TransferKind,
    refund,
    suspense_account,
    user_account,
)
from crypto_exchange.domain.money import (
    DEFAULT_ASSET_SCALE,
    USD_SCALE,
    format_units,
    pow10,
    quantity_for,
    require_dollars,
    total_for,
)
from crypto_exchange.domain.order import Order, OrderState, cancel
from crypto_exchange.domain.plan import Terms
from crypto_exchange.domain.policy import Policy, Pricing
from crypto_exchange.domain.wallet import Wallet, require_funds

# Looked up for every order, so kept at hand.
_QUOTED, _PENDING, _AGGREGATED = Pricing.QUOTED, OrderState.PENDING, OrderState.AGGREGATED
_PURCHASE = TransferKind.PURCHASE

LARGEST_QUANTITY = 10**9
"""In whole coins."""


class PlaceOrder(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Buy `amount` (10⁻⁸ coins, whatever the asset's scale) or for `spend` (10⁻⁸ dollars): one of them. A
    code of the second factor was last given at `verified_at_us` (0: never).
    """

    user_id: UserId
    asset: Symbol
    amount: int | None = None
    spend: int | None = None
    verified_at_us: int = 0
    request: RequestKey | None = None


def place_order(
    command: PlaceOrder,
    *,
    wallet: Wallet,
    asset: Asset,
    policy: Policy,
    order_id: OrderId,
    at_us: int,
) -> Change:
    """Quote, debit the wallet into suspense, and route: at once, or to wait for others.

    Raises:
        InvalidField, InvalidAmount, AmountTooSmall, AmountTooLarge: the amount breaks a rule.
        AssetHalted, PriceStale: it cannot be quoted now.
        InsufficientFunds: the total is more than the balance.
    """
    wanted = _require_amount(command, asset)
    require_active(asset)
    price = fresh_price(asset, policy, at_us)
    pricing = policy.pricing_of(asset.symbol)
    spread_bps = policy.spread_bps if pricing is _QUOTED else 0  # `average` pays what it costs
    quantity, total = _quote(command, wanted, asset, price, spread_bps)
    require_funds(wallet, total)
    direct = total >= policy.threshold and _feasible_alone(
        quantity, total, Terms(pricing=pricing, asset=asset, price=price, policy=policy)
    )
    order = Order(
        user_id=command.user_id,
        id=order_id,
        asset=asset.symbol,
        quantity=quantity,
        unit_price=price,
        total=total,
        direct=direct,
        pricing=pricing,
        state=_PENDING if direct else _AGGREGATED,
        created_at_us=at_us,
    )
    return Change(
        wallet=wallet,
        new_orders=(order,),
        transfers=(_debit(order),),
        events=(_placed(order),),
        request=store_request(command.user_id, command.request, order_id),
    )


def cancel_order(order: Order, *, wallet: Wallet, at_us: int) -> Change:
    """Take a waiting order out and refund it in full.

    Raises:
        TooLate: it is being bought, or has ended.
    """
    if order.state is not OrderState.AGGREGATED:
        raise TooLate(order.id, order.state.value)
    cancelled = cancel(order)
    event = OrderCancelled(
        at_us=at_us, user_id=order.user_id, order_id=order.id, refunded=order.total
    )
    return Change(
        wallet=wallet,
        orders=(Transition(order, cancelled),),
        transfers=(refund(order.user_id, order.id, order.total, at_us=at_us),),
        events=(event,),
    )


def _require_amount(command: PlaceOrder, asset: Asset) -> int:
    """The amount in the asset's units, or the spend; whichever is given, checked."""
    if command.amount is not None and command.spend is None:
        return _require_quantity(command.amount, asset)
    if command.spend is None or command.amount is not None:
        was = "both" if command.spend is not None else "neither"
        raise InvalidField("amount", "exactly one of amount and spend", was)
    return require_dollars("spend", command.spend)


def _require_quantity(amount: int, asset: Asset) -> int:
    was = format_units(amount, DEFAULT_ASSET_SCALE, 0)
    if amount <= 0:
        raise InvalidAmount("amount", "a positive number", was)
    if amount > LARGEST_QUANTITY * pow10(DEFAULT_ASSET_SCALE):
        raise AmountTooLarge("amount", str(LARGEST_QUANTITY), was)
    quantity, rest = divmod(amount * pow10(asset.scale), pow10(DEFAULT_ASSET_SCALE))
    if rest:
        raise InvalidAmount("amount", f"at most {asset.scale} decimals for {asset.symbol}", was)
    return quantity


def _quote(
    command: PlaceOrder, wanted: int, asset: Asset, price: int, spread_bps: int
) -> tuple[int, int]:
    """Quantity and total (SPEC §2 "Quote"), within what the exchange takes."""
    if command.spend is None:
        quantity, total = wanted, total_for(wanted, price, asset.scale, spread_bps)
    else:
        total, quantity = wanted, quantity_for(wanted, price, asset.scale, spread_bps)
    if quantity == 0 or total == 0:
        smallest = f"{format_units(1, asset.scale)} {asset.symbol}"
        raise AmountTooSmall("spend", smallest, format_units(wanted, USD_SCALE, 2))
    if asset.rule.max_quantity and quantity > asset.rule.max_quantity:
        largest = f"{format_units(asset.rule.max_quantity, asset.scale, 0)} {asset.symbol}"
        field = "amount" if command.spend is None else "spend"
        raise AmountTooLarge(field, largest, format_units(quantity, asset.scale, 0))
    return quantity, total


def _feasible_alone(quantity: int, total: int, terms: Terms) -> bool:
    """Routing asks whether it could be bought with inventory and purchases under way taken as 0."""
    nothing = Inventory(asset=terms.asset.symbol)
    return terms.plan_sum(quantity, total, nothing, direct=True).feasible


def _debit(order: Order) -> Transfer:
    return Transfer(
        kind=_PURCHASE,
        debit=user_account(order.user_id),
        credit=suspense_account(order.user_id),
        amount=order.total,
        at_us=order.created_at_us,
        order_id=order.id,
    )


def _placed(order: Order) -> OrderPlaced:
    return OrderPlaced(
        at_us=order.created_at_us,
        user_id=order.user_id,
        order_id=order.id,
        asset=order.asset,
        quantity=order.quantity,
        unit_price=order.unit_price,
        total=order.total,
        direct=order.direct,
        state=order.state.value,
        pricing=order.pricing.value,
    )
