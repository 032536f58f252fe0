"""From ccxt's description of a market to a market rule in an asset's units."""

from __future__ import annotations

from collections.abc import Mapping
from math import lcm
from typing import Any

from crypto_exchange.adapters.exchange.ccxt_amounts import FINE_SCALE, exact, rounded_up, unit
from crypto_exchange.domain.asset import MarketRule
from crypto_exchange.domain.money import USD_SCALE, ceil_div, pow10

_DECIMAL_PLACES = 2
"""ccxt's `precisionMode` where a precision is a number of decimals; else it is the step itself."""

_PPM_SCALE = 6


def market_rule(
    market: Mapping[str, Any], *, precision_mode: int, scale: int, fee_ppm: int
) -> MarketRule | None:
    """What the exchange accepts of a market order, in units of the scale; never more than it does.

    None if it does not trade now, its step is not known or finer than our unit, or nothing fits.

    Raises:
        ValueError: an amount is no number, or a float.
    """
    step = _step((market.get("precision") or {}).get("amount"), precision_mode, scale)
    if step is None or market.get("active") is False or not market.get("spot", True):
        return None
    limits = market.get("limits") or {}
    sizes = [limits.get(name) or {} for name in ("amount", "market")]
    lowest = max((exact(low) for size in sizes if (low := size.get("min"))), default=0)
    highest = min((h for size in sizes if (h := exact(size.get("max") or 0)) > 0), default=None)
    least_cost = (limits.get("cost") or {}).get("min")
    rule = MarketRule(
        lot_step=step // unit(scale),
        min_notional=rounded_up(least_cost or 0, USD_SCALE),
        min_quantity=ceil_div(lowest, step) * step // unit(scale),
        max_quantity=0 if highest is None else highest // step * step // unit(scale),
        fee_ppm=fee_ppm,
    )
    nothing_fits = highest is not None and rule.max_quantity < max(rule.min_quantity, 1)
    return None if nothing_fits else rule


def fee_ppm(rate: object) -> int:
    """A rate, as 0.001, in parts per million, rounded up.

    ccxt's own tables hold some as floats, whose shortest form is what was typed there.

    Raises:
        ValueError: no number.
    """
    return max(rounded_up(str(rate) if isinstance(rate, float) else rate, _PPM_SCALE), 0)


def _step(precision: object, mode: int, scale: int) -> int | None:
    """The step in 10⁻³⁰, a multiple of our unit."""
    if precision is None:
        return None
    if mode == _DECIMAL_PLACES:
        decimals = exact(precision) // unit(0)
        step = pow10(FINE_SCALE - decimals) if 0 <= decimals <= FINE_SCALE else 0
        return lcm(step, unit(scale)) if step else None
    step = exact(precision)
    return step if step > 0 and step % unit(scale) == 0 else None
