"""From a symbol's filters to a market rule in an asset's units.

Meaning of the filters: github.com/binance/binance-spot-api-docs, filters.md; 0 switches a part off.
"""

from __future__ import annotations

from math import lcm

from crypto_exchange.adapters.exchange.binance_amounts import fine, round_up, unit
from crypto_exchange.adapters.exchange.binance_wire import Filter, Market, Rates
from crypto_exchange.domain.asset import MarketRule
from crypto_exchange.domain.money import USD_SCALE, ceil_div

_PPM_SCALE = 6


def market_rule(market: Market, *, scale: int, fee_ppm: int) -> MarketRule | None:
    """What the exchange accepts, in units of the scale; never more than it does.

    None if it does not take market orders for the symbol now, or its step is finer than our unit.
    LOT_SIZE and MARKET_LOT_SIZE both apply: the step is the least common multiple, the minimum is
    rounded up to it and the maximum down.

    Raises:
        ValueError: an amount is no plain decimal.
    """
    sizes = [f for f in market.filters if f.filter_type in {"LOT_SIZE", "MARKET_LOT_SIZE"}]
    step = _step(sizes, market.base_asset_precision, scale)
    if step is None or not _trades(market):
        return None
    lowest = max((fine(size.min_qty) for size in sizes), default=0)
    highest = min((most for size in sizes if (most := fine(size.max_qty))), default=None)
    rule = MarketRule(
        lot_step=step // unit(scale),
        min_notional=max((_min_notional(each) for each in market.filters), default=0),
        min_quantity=ceil_div(lowest, step) * step // unit(scale),
        max_quantity=0 if highest is None else highest // step * step // unit(scale),
        fee_ppm=fee_ppm,
    )
    nothing_fits = highest is not None and rule.max_quantity < max(rule.min_quantity, 1)
    return None if nothing_fits else rule


def taker_fee_ppm(rates: Rates) -> int:
    """What a market buy is charged, in parts per million, rounded up. Raises ValueError."""
    return round_up(rates.taker, _PPM_SCALE) + round_up(rates.buyer, _PPM_SCALE)


def _trades(market: Market) -> bool:
    takes_orders = market.is_spot_trading_allowed and "MARKET" in market.order_types
    return takes_orders and market.status == "TRADING"


def _step(sizes: list[Filter], precision: int, scale: int) -> int | None:
    """The step in 10⁻³⁰, a multiple of our unit and of the decimals that a quantity may have."""
    steps = [step for size in sizes if (step := fine(size.step_size))]
    if any(step % unit(scale) for step in steps):
        return None
    return lcm(unit(scale), unit(precision), *steps)


def _min_notional(each: Filter) -> int:
    """The minimum of a market order in 10⁻⁸ dollars, rounded up; 0 if the filter sets none."""
    applies = (each.filter_type == "NOTIONAL" and each.apply_min_to_market) or (
        each.filter_type == "MIN_NOTIONAL" and each.apply_to_market
    )
    return round_up(each.min_notional, USD_SCALE) if applies else 0
