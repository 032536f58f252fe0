"""Exact amounts of the protocol: decimal strings as integers of 10⁻³⁰, and from there to our units."""

from __future__ import annotations

from crypto_exchange.domain.money import ceil_div, parse_units, pow10

FINE_SCALE = 30


def fine(text: str) -> int:
    """Read a decimal string as a count of 10⁻³⁰.

    Raises:
        ValueError: not plain digits with at most one dot, or more than 30 decimals.
    """
    return parse_units(text, FINE_SCALE)


def unit(scale: int) -> int:
    """One unit of 10⁻ˢᶜᵃˡᵉ, in 10⁻³⁰."""
    return pow10(FINE_SCALE - scale)


def round_up(text: str, scale: int) -> int:
    """Read a decimal string as a count of 10⁻ˢᶜᵃˡᵉ; what is finer is rounded up. Raises ValueError."""
    return ceil_div(fine(text), unit(scale))
