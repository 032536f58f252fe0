"""Quoting: what placing an order must give."""

from __future__ import annotations

from crypto_exchange.entrypoints.testing.model.arithmetic import (
    CENT,
    LARGEST_COINS,
    LARGEST_DOLLARS,
    quantity_of,
    total_of,
)
from crypto_exchange.entrypoints.testing.model.books import Books
from crypto_exchange.entrypoints.testing.model.market import Asset, House, is_fresh
from crypto_exchange.entrypoints.testing.model.people import is_direct
from crypto_exchange.entrypoints.testing.model.rows import ModelOrder


def quote(
    books: Books,
    symbol: str,
    amount: int | None,
    spend: int | None,
    *,
    at_us: int,
    balance: int,
) -> ModelOrder | str:
    """The order, or the refusal's code (SPEC: quote, errors)."""
    if books.house is None:
        raise ValueError("expected a policy to quote with, was none")
    if symbol not in books.assets:
        return "unknown_asset"
    asset = books.assets[symbol]
    wanted, code = _wanted(amount, spend, asset)
    return (
        code
        or _state_code(books.house, asset, at_us)
        or _order(books.house, asset, wanted, at_us, by_spend=amount is None, balance=balance)
    )


def _wanted(amount: int | None, spend: int | None, asset: Asset) -> tuple[int, str]:
    """The asset's units or dollars that were asked for, or a refusal's code."""
    if (amount is None) == (spend is None):
        return 0, "invalid_field"
    if spend is not None:
        if spend <= 0 or spend % CENT:
            return 0, "invalid_amount"
        return spend, "amount_too_large" if spend > LARGEST_DOLLARS else ""
    assert amount is not None
    if amount <= 0:
        return 0, "invalid_amount"
    if amount > LARGEST_COINS * 10**8:
        return 0, "amount_too_large"
    units, rest = divmod(amount * 10 ** (8 if asset.scale is None else asset.scale), 10**8)
    return units, "invalid_amount" if rest else ""


def _state_code(house: House, asset: Asset, at_us: int) -> str:
    if not asset.active.now:
        return "asset_halted"
    price = asset.prices.now
    return "" if price is not None and is_fresh(price, house, at_us) else "price_stale"


def _order(
    house: House, asset: Asset, wanted: int, at_us: int, *, by_spend: bool, balance: int
) -> ModelOrder | str:
    price, rule, scale = asset.prices.now, asset.rules.now, asset.scale
    if price is None or rule is None or scale is None:
        raise ValueError(f"expected price, rule and scale of {asset.symbol} to quote with")
    pricing = house.pricing_of(asset.symbol)
    spread = house.spread_bps if pricing == "quoted" else 0
    quantity = quantity_of(wanted, price.price, scale, spread) if by_spend else wanted
    total = wanted if by_spend else total_of(wanted, price.price, scale, spread)
    if not quantity or not total:
        return "amount_too_small"
    if rule.max_quantity and quantity > rule.max_quantity:
        return "amount_too_large"
    if total > balance:
        return "insufficient_funds"
    order = ModelOrder(
        user_id=0,
        id=0,
        asset=asset.symbol,
        quantity=quantity,
        unit_price=price.price,
        total=total,
        direct=False,
        pricing=pricing,
        state="aggregated",
        created_at_us=at_us,
    )
    order.direct = is_direct(order, house, scale, rule)
    order.state = "pending" if order.direct else "aggregated"
    return order
