"""Amounts on the wire: read from the literal text of a number, written as exact JSON numbers.

They are written as raw bytes because a `Decimal` as small as 10⁻⁸ prints itself with an exponent.
"""

from __future__ import annotations

import json
import re

from msgspec import Raw

from crypto_exchange.domain.errors import AmountTooLarge, InvalidAmount, InvalidField
from crypto_exchange.domain.money import (
    CENT,
    DEFAULT_ASSET_SCALE,
    LARGEST_DOLLARS,
    PRICE_SCALE,
    USD_SCALE,
    format_units,
    parse_units,
    pow10,
    require_dollars,
)
from crypto_exchange.domain.placement import LARGEST_QUANTITY

_PLAIN = re.compile(r"0*([0-9]*)(?:\.([0-9]+))?", re.ASCII)
_MOST_DIGITS = 20
"""A longer whole part is above every maximum, and not worth computing with."""


def read_dollars(field: str, raw: Raw) -> int:
    """Dollars in 10⁻⁸: a positive number of whole cents, at most 10,000,000.00, with at most 8
    decimals (more than two of them zeros).

    Raises:
        InvalidField: neither a JSON number nor a string.
        InvalidAmount: not plain digits with at most one dot, zero, or a fraction of a cent.
        AmountTooLarge: above the maximum.
    """
    expected = "a positive number of whole cents in plain digits"
    whole, fraction, was = _split(field, raw, expected)
    if fraction[2:].strip("0") or len(fraction) > USD_SCALE:
        raise InvalidAmount(field, expected, was)
    if len(whole) > _MOST_DIGITS:
        raise AmountTooLarge(field, write_dollars(LARGEST_DOLLARS), f"{whole[:40]}…")
    return require_dollars(field, parse_units(f"{whole}.{fraction}", USD_SCALE))


def read_quantity(field: str, raw: Raw) -> int:
    """Coins in 10⁻⁸: positive, at most 8 decimals and 10⁹ coins. Raises as `read_dollars`."""
    expected = f"a positive number in plain digits with at most {DEFAULT_ASSET_SCALE} decimals"
    whole, fraction, was = _split(field, raw, expected)
    if len(fraction) > DEFAULT_ASSET_SCALE:
        raise InvalidAmount(field, expected, was)
    if len(whole) > _MOST_DIGITS:
        raise AmountTooLarge(field, str(LARGEST_QUANTITY), was)
    amount = parse_units(f"{whole}.{fraction}", DEFAULT_ASSET_SCALE)
    if amount == 0:
        raise InvalidAmount(field, expected, was)
    if amount > LARGEST_QUANTITY * pow10(DEFAULT_ASSET_SCALE):
        raise AmountTooLarge(field, str(LARGEST_QUANTITY), was)
    return amount


def dollars(usd: int) -> Raw:
    """10⁻⁸ dollars with at least 2 decimals: `12.00`."""
    return Raw(write_dollars(usd).encode())


def cents_below(usd: int) -> Raw:
    """10⁻⁸ dollars, rounded down to the cent."""
    return dollars(usd // CENT * CENT)


def price(price_units: int) -> Raw:
    """10⁻¹² dollars a coin with 2 to 12 decimals."""
    return Raw(format_units(price_units, PRICE_SCALE, 2).encode())


def quantity(units: int, scale: int) -> Raw:
    """An asset's units as coins, without trailing zeros: `3`, `0.00015841`."""
    return Raw(format_units(units, scale, 0).encode())


def write_dollars(usd: int) -> str:
    """10⁻⁸ dollars as text with at least 2 decimals."""
    return format_units(usd, USD_SCALE, 2)


def _split(field: str, raw: Raw, expected: str) -> tuple[str, str, str]:
    """The digits before (without leading zeros) and after the dot, each at least `0`, and the text
    as it was sent, as far as an error quotes it.
    """
    text = _literal(field, bytes(raw))
    match = _PLAIN.fullmatch(text)
    if match is None or not text[:1].isdigit():
        raise InvalidAmount(field, expected, repr(text[:40]))
    return match[1] or "0", match[2] or "0", text[:40]


def _literal(field: str, text: bytes) -> str:
    """A JSON number as it was written, or what a JSON string says."""
    if text[:1] == b'"':
        return str(json.loads(text))
    if text[:1] in b"-0123456789":
        return text.decode()
    raise InvalidField(field, "a number, or a string of digits", text[:40].decode(errors="replace"))
