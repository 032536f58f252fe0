"""Amounts as the API writes them, in plain integers: cents, units of a coin, 10⁻¹² dollars a coin.

Arithmetic is on integers and fractions; each division says how it rounds.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from crypto_exchange.entrypoints.testing.http.breaches import expect

CENT_DIGITS = 2
PRICE_DIGITS = 12
COIN_DIGITS = 8
"""Digits of a coin's smallest unit, where nothing else is said."""

_EXACT = "X1 exact amounts"


def count(number: object, digits: int, what: str) -> int:
    """A JSON number as a count of 10⁻ᵈⁱᵍⁱᵗˢ.

    Raises:
        Broken: it is no number, or finer than that.
    """
    is_number = isinstance(number, int | Decimal) and not isinstance(number, bool)
    expect(_EXACT, is_number, f"{what}: a JSON number", repr(number))
    counted = Fraction(str(number)) * _power(digits)
    expect(_EXACT, counted.denominator == 1, f"{what}: at most {digits} decimals", str(number))
    return counted.numerator


def write(counted: int, digits: int) -> str:
    """A count of 10⁻ᵈⁱᵍⁱᵗˢ as plain digits, all of them: `12.00`."""
    sign, counted = ("-", -counted) if counted < 0 else ("", counted)
    whole, rest = divmod(counted, 10**digits)
    return f"{sign}{whole}.{rest:0{digits}}" if digits else f"{sign}{whole}"


def dollars(cents: int) -> str:
    """Cents as dollars: `12.00`."""
    return write(cents, CENT_DIGITS)


def total_of(units: int, price: int, spread_bps: int, digits: int) -> int:
    """What a quantity is quoted at, in cents, rounded up."""
    exact = Fraction(units * price * (10_000 + spread_bps), 10_000 * _power(digits + PRICE_DIGITS))
    return ceil(exact * 100)


def quantity_of(cents: int, price: int, spread_bps: int, digits: int) -> int:
    """How many units a sum of dollars is quoted to buy, rounded down."""
    each = Fraction(price * (10_000 + spread_bps), 10_000 * _power(PRICE_DIGITS))
    return floor(Fraction(cents * _power(digits), 100) / each)


def value_of(units: int, price: int, digits: int) -> int:
    """What a quantity is worth, in cents, rounded down."""
    return units * price * 100 // _power(digits + PRICE_DIGITS)


def _power(digits: int) -> int:
    power: int = 10**digits
    return power
