"""Observed numbers, and what makes a series of them."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from struct import pack

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.money import PRICE_SCALE, parse_units, pow10
from crypto_exchange.entrypoints.backtest.inputs.frames import Value
from crypto_exchange.entrypoints.backtest.series import PriceSeries, Quality

LARGEST_PRICE = 9_200_000 * 10**PRICE_SCALE
"""The highest price of a coin (10⁻¹² dollars) that fits 64 bits."""
LARGEST_VOLUME = 2**63 - 1


def observation(value: Value, scale: int) -> int:
    """An observed number as a count of 10⁻ˢᶜᵃˡᵉ; digits beyond are rounded half to even.

    Text, whole numbers and Decimals are taken as they are, a float by its shortest digits.

    Raises:
        ValueError: not a number, or negative.
    """
    try:
        return parse_units(value if isinstance(value, str) else repr(value), scale)
    except ValueError:
        pass
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError(f"expected a number, was {value!r}")  # noqa: TRY004 - a fault of the cell
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except ArithmeticError:
        raise ValueError(f"expected a number, was {value!r}") from None
    if not number.is_finite() or number < 0 or number.adjusted() > 40:
        raise ValueError(f"expected a number of at least 0, was {value!r}")
    return round(Fraction(number) * pow10(scale))


def price_series(
    asset: Symbol,
    at_us: Iterable[int],
    prices: Iterable[int],
    *,
    asks: Iterable[int] = (),
    volumes: Iterable[int] = (),
    interval_us: int,
    quality: Quality,
) -> PriceSeries:
    """Columns of whole numbers as a series, with its fingerprint.

    Raises:
        ValueError: no price at all, times that do not rise, columns that are not equally long, or a
            price that is not above 0 or too high for 64 bits.
    """
    columns = [array("q", column) for column in (at_us, prices, asks, volumes)]
    times = columns[0]
    if not times or {len(column) for column in columns} - {0, len(times)} or not columns[1]:
        lengths = ", ".join(str(len(column)) for column in columns)
        raise ValueError(f"{asset}: expected prices in columns of equal length, were {lengths}")
    if any(a >= b for a, b in pairwise(times)):
        raise ValueError(f"{asset}: expected times that rise")
    if not 0 < min(columns[1]) <= max(columns[1]) <= LARGEST_PRICE:
        raise ValueError(f"{asset}: expected prices above 0 and up to 9,200,000 dollars")
    return PriceSeries(
        asset=asset,
        at_us=times,
        prices=columns[1],
        asks=columns[2],
        volumes=columns[3],
        interval_us=interval_us,
        quality=quality,
        fingerprint=_fingerprint(asset, interval_us, columns),
    )


def _fingerprint(asset: Symbol, interval_us: int, columns: list[array[int]]) -> str:
    """The same on every machine: numbers are hashed with their lowest byte first."""
    digest = hashlib.sha256(f"{asset} {interval_us}".encode())
    for column in columns:
        digest.update(f" {len(column)} ".encode())
        digest.update(pack(f"<{len(column)}q", *column))
    return digest.hexdigest()
