"""Exact amounts: units, scales and every rounding of the domain.

USD is an integer count of 10⁻⁸ dollars, a quantity an integer count of its asset's smallest unit
(10⁻ˢᶜᵃˡᵉ coins), a price an integer count of 10⁻¹² dollars per whole coin. Products are Python
integers, so nothing overflows and nothing is rounded but where a name here says so.
"""

from __future__ import annotations

import re
from functools import cache

from crypto_exchange.domain.errors import AmountTooLarge, InvalidAmount

USD_SCALE = 8
PRICE_SCALE = 12
DEFAULT_ASSET_SCALE = 8
CENT = 10**6
DOLLAR = 10**USD_SCALE
LARGEST_DOLLARS = 10_000_000 * DOLLAR
"""The most dollars that one call may move."""
BPS = 10_000
"""Basis points in one."""
PPM = 1_000_000
"""Parts per million in one."""

_PLAIN = re.compile(r"[0-9]+(?:\.([0-9]+))?", re.ASCII)


@cache
def pow10(exponent: int) -> int:
    """10 to a power ≥ 0."""
    return int(10**exponent)


def parse_units(text: str, scale: int) -> int:
    """Read a plain decimal ("12.50") as a count of 10⁻ˢᶜᵃˡᵉ.

    Raises:
        ValueError: not plain digits with at most one dot, or finer than the scale.
    """
    match = _PLAIN.fullmatch(text)
    if match is None:
        raise ValueError(f"expected plain digits with at most one dot, was {text[:40]!r}")
    whole, _, fraction = text.partition(".")
    if len(fraction.rstrip("0")) > scale:
        raise ValueError(f"expected at most {scale} decimals, was {text[:40]!r}")
    return int(whole) * pow10(scale) + int(fraction[:scale].ljust(scale, "0") or "0")


def format_units(units: int, scale: int, decimals: int | None = None) -> str:
    """Write a count of 10⁻ˢᶜᵃˡᵉ as a plain decimal, exactly.

    With `decimals`, trailing zeros are dropped down to that many; without, all are kept.
    """
    sign, digits = ("-" if units < 0 else ""), str(abs(units)).rjust(scale + 1, "0")
    whole, fraction = digits[: len(digits) - scale], digits[len(digits) - scale :]
    if decimals is not None:
        fraction = fraction.rstrip("0").ljust(decimals, "0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def ceil_div(dividend: int, divisor: int) -> int:
    """Divide, rounding up. The divisor is positive."""
    return -(-dividend // divisor)


def total_for(quantity: int, price: int, scale: int, spread_bps: int) -> int:
    """What a quantity costs: `ceil to the cent(quantity × price × (1 + spread))`, 10⁻⁸ dollars."""
    per_cent = pow10(scale + PRICE_SCALE - 2) * BPS
    return ceil_div(quantity * price * (BPS + spread_bps), per_cent) * CENT


def quantity_for(spend: int, price: int, scale: int, spread_bps: int) -> int:
    """What a sum buys: `floor(spend ÷ (price × (1 + spread)))`, in the asset's units."""
    numerator = spend * pow10(scale + PRICE_SCALE - USD_SCALE) * BPS
    return numerator // (price * (BPS + spread_bps))


def value_of(quantity: int, price: int, scale: int) -> int:
    """What a quantity is worth at a price, rounded down to 10⁻⁸ dollars."""
    return quantity * price // pow10(scale + PRICE_SCALE - USD_SCALE)


def quantity_worth(usd: int, price: int, scale: int) -> int:
    """The smallest quantity worth at least so much at a price."""
    return ceil_div(usd * pow10(scale + PRICE_SCALE - USD_SCALE), price)


def require_dollars(field: str, amount: int) -> int:
    """Refuse dollars (10⁻⁸) that are not a positive number of whole cents, or too many.

    Raises:
        InvalidAmount: zero, negative or a fraction of a cent.
        AmountTooLarge: above 10,000,000.00.
    """
    if amount <= 0 or amount % CENT:
        was = format_units(amount, USD_SCALE, 2)
        raise InvalidAmount(field, "a positive number of whole cents", was)
    if amount > LARGEST_DOLLARS:
        largest = format_units(LARGEST_DOLLARS, USD_SCALE, 2)
        raise AmountTooLarge(field, largest, format_units(amount, USD_SCALE, 2))
    return amount
