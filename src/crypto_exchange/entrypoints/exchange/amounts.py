"""Exact amounts: integers that count 10⁻⁸ of a coin, of the quote currency, or of 1 (a rate)."""

from decimal import Decimal

DECIMALS = 8
ONE = 100_000_000
LARGEST = 10**18
"""Balances and quantities stay below this, so that they fit into SQLite's 64 bits."""


def units(value: Decimal, what: str) -> int:
    """Units in `value`, exactly; `ValueError` names `what` unless it is positive and fits."""
    if not value.is_finite() or value <= 0:
        raise ValueError(f"{what} must be a positive number, it is {value}.")
    scaled = value.scaleb(DECIMALS)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{what} may have at most {DECIMALS} decimals, it is {value}.")
    if scaled >= LARGEST:
        raise ValueError(f"{what} must be below {LARGEST // ONE}, it is {value}.")
    return int(scaled)


def render(amount: int) -> str:
    """The amount with exactly eight decimals, as the protocol writes it."""
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(amount), ONE)
    return f"{sign}{whole}.{rest:08d}"


def ceil_div(dividend: int, divisor: int) -> int:
    """Quotient rounded up; the divisor is positive."""
    return -(-dividend // divisor)
