"""Plan: what would be bought for a set of members, and whether it may be."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crypto_exchange.domain.asset import Asset, Inventory, lowest_quote
from crypto_exchange.domain.money import (
    BPS,
    PPM,
    PRICE_SCALE,
    USD_SCALE,
    ceil_div,
    pow10,
    quantity_worth,
)
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.policy import FeeIn, Policy, Pricing


class Plan(msgspec.Struct, frozen=True, gc=False):
    """`buy` coins at the exchange and take `used` from the inventory; `surplus` will be left over."""

    buy: int
    used: int
    surplus: int
    feasible: bool


class Terms(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What all plans of one look at an asset share: `price` is fresh, and the asset active."""

    pricing: Pricing
    asset: Asset
    price: int
    policy: Policy

    def plan(self, members: Sequence[Order], inventory: Inventory, *, direct: bool) -> Plan:
        """Plan one purchase for several orders."""
        quantity = sum(order.quantity for order in members)
        return self.plan_sum(
            quantity, sum(order.total for order in members), inventory, direct=direct
        )

    def plan_sum(self, quantity: int, total: int, inventory: Inventory, *, direct: bool) -> Plan:
        """Plan one purchase for orders that together are of so much (units, 10⁻⁸ dollars)."""
        asset, price, policy = self.asset, self.price, self.policy
        if self.pricing is Pricing.AVERAGE:
            return plan_average(total, asset=asset, price=price, policy=policy)
        return plan_purchase(
            quantity, asset=asset, price=price, inventory=inventory, policy=policy, direct=direct
        )

    def exceeds_maximum(self, quantity: int, total: int, inventory: Inventory) -> bool:
        """Whether what has to be bought for so much is more than the exchange takes at once."""
        maximum = self.asset.rule.max_quantity
        if not maximum:
            return False
        if self.pricing is Pricing.AVERAGE:
            return self.plan_sum(quantity, total, inventory, direct=False).buy > maximum
        need = quantity - inventory.free
        return need > 0 and _gross(need, self.asset, self.policy) > maximum

    def passing_guard(self, orders: Sequence[Order]) -> list[Order]:
        """The orders that may still be bought at the price; with pricing `average` all of them."""
        if self.pricing is Pricing.AVERAGE:
            return list(orders)
        lowest = lowest_quote(self.price, self.policy)
        return [order for order in orders if order.unit_price >= lowest]


def plan_purchase(
    quantity: int,
    *,
    asset: Asset,
    price: int,
    inventory: Inventory,
    policy: Policy,
    direct: bool,
) -> Plan:
    """Plan for members that need `quantity` units, at a fresh price of an active asset.

    SPEC §2 "Plan": need = quantity − free inventory. Nothing is bought if that is ≤ 0. Otherwise `buy`
    is the smallest lot multiple that, less a fee taken in coin, covers the need and is worth the
    exchange's minimum plus the reserve. Feasible if within the exchange's maximum and what the
    inventory will be, purchases under way included, is within the cap.
    """
    need = quantity - inventory.free
    if need <= 0:
        return Plan(0, quantity, 0, feasible=True)
    used = quantity - need
    buy = max(_gross(need, asset, policy), smallest_purchase(asset, price, policy))
    surplus = net_of_coin_fee(buy, asset, policy) - need
    afterwards = inventory.free - used + inventory.expected + surplus
    limit = _inventory_limit(asset, price, policy, direct=direct)
    fits = not asset.rule.max_quantity or buy <= asset.rule.max_quantity
    return Plan(buy, used, surplus, feasible=fits and afterwards * price <= limit)


def plan_average(total: int, *, asset: Asset, price: int, policy: Policy) -> Plan:
    """Plan for members with pricing `average` whose totals (10⁻⁸ dollars) are a cap together.

    SPEC §2 "pricing average": `floor to lot(total ÷ (price × (1 + tolerance + quote fee rate)))`;
    feasible if worth the exchange's minimum plus the reserve, and within its maximum.
    """
    fee_ppm = asset.rule.fee_ppm if policy.fee_in is FeeIn.QUOTE else 0
    rate_ppm = PPM + policy.price_tolerance_bps * (PPM // BPS) + fee_ppm
    units = total * pow10(asset.scale + PRICE_SCALE - USD_SCALE) * PPM // (price * rate_ppm)
    buy = units // asset.rule.lot_step * asset.rule.lot_step
    fits = not asset.rule.max_quantity or buy <= asset.rule.max_quantity
    return Plan(buy, 0, 0, feasible=fits and buy >= smallest_purchase(asset, price, policy))


def smallest_purchase(asset: Asset, price: int, policy: Policy) -> int:
    """The smallest quantity that the exchange surely accepts, rounded up to a lot."""
    floor = minimum_value(asset, policy)
    return _lots(max(quantity_worth(floor, price, asset.scale), asset.rule.min_quantity, 1), asset)


def minimum_value(asset: Asset, policy: Policy) -> int:
    """The exchange's minimum plus the reserve, 10⁻⁸ dollars, rounded up."""
    return ceil_div(asset.rule.min_notional * policy.minimum_reserve_bps, BPS)


def net_of_coin_fee(quantity: int, asset: Asset, policy: Policy) -> int:
    """What of a purchase arrives: less a fee taken in coin, which is rounded up to the unit."""
    if policy.fee_in is not FeeIn.COIN:
        return quantity
    return quantity - ceil_div(quantity * asset.rule.fee_ppm, PPM)


def _gross(need: int, asset: Asset, policy: Policy) -> int:
    """The smallest lot multiple that brings at least `need` coins after a coin fee."""
    if policy.fee_in is not FeeIn.COIN:
        return _lots(need, asset)
    return _lots(ceil_div(need * PPM, PPM - asset.rule.fee_ppm), asset)


def _lots(quantity: int, asset: Asset) -> int:
    return ceil_div(quantity, asset.rule.lot_step) * asset.rule.lot_step


def _inventory_limit(asset: Asset, price: int, policy: Policy, *, direct: bool) -> int:
    """The cap in quantity × price; a direct order may always leave one smallest purchase."""
    cap = policy.inventory_cap * pow10(asset.scale + PRICE_SCALE - USD_SCALE)
    return max(cap, smallest_purchase(asset, price, policy) * price) if direct else cap
