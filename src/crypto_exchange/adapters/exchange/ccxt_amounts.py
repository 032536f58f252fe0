"""Amounts as ccxt hands them over: texts, exactly as the exchange sent them or as ccxt computed them
with decimal strings. A float is refused: it may have lost digits.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from crypto_exchange.adapters.exchange.binance_amounts import FINE_SCALE, fine, unit
from crypto_exchange.domain.money import ceil_div


def exact(amount: object) -> int:
    """An amount as a count of 10⁻³⁰; negative ones are allowed.

    Raises:
        ValueError: not a text or whole number, no number, or finer than 10⁻³⁰.
    """
    if isinstance(amount, bool) or not isinstance(amount, str | int):
        raise ValueError(f"expected an amount as text, was {amount!r}")  # noqa: TRY004 - bad answer
    try:
        plain = format(Decimal(amount), "f")
    except (InvalidOperation, ValueError):
        raise ValueError(f"expected an amount, was {str(amount)[:40]!r}") from None
    return -fine(plain[1:]) if plain.startswith("-") else fine(plain)


def rounded_up(amount: object, scale: int) -> int:
    """An amount as a count of 10⁻ˢᶜᵃˡᵉ; what is finer is rounded up. Raises ValueError."""
    return ceil_div(exact(amount), unit(scale))


def rounded_down(amount: object, scale: int) -> int:
    """An amount as a count of 10⁻ˢᶜᵃˡᵉ; what is finer is dropped. Raises ValueError."""
    return exact(amount) // unit(scale)


def whole_units(amount: object, scale: int) -> int:
    """A quantity as a count of 10⁻ˢᶜᵃˡᵉ. Raises ValueError, also if it is finer."""
    units, rest = divmod(exact(amount), unit(scale))
    if rest or units < 0:
        raise ValueError(f"expected a quantity with at most {scale} decimals, was {amount!r}")
    return units


__all__ = ["FINE_SCALE", "exact", "rounded_down", "rounded_up", "unit", "whole_units"]
