"""Columns of a run as numpy arrays: exact sums and products, ranks, prices that held, times.

Imports numpy at once: whoever works without it imports this inside a function (`summary.py` does).
"""

from __future__ import annotations

from array import array
from decimal import Decimal
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from crypto_exchange.domain.money import PRICE_SCALE, USD_SCALE, pow10
from crypto_exchange.entrypoints.backtest.result import Inputs, Records
from crypto_exchange.entrypoints.backtest.series import PriceSeries

Integers: TypeAlias = NDArray[np.int64]
Exact: TypeAlias = NDArray[np.object_]
"""Python's integers, for what is too large for 64 bits."""
Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

HOUR_US = 3_600_000_000


class Timeline(msgspec.Struct, frozen=True):
    """`dollars` hold from `at_us` (µs since 1970, rising) until the next moment, or the run's end."""

    at_us: Integers
    dollars: Floats
    ended_us: int

    @property
    def peak(self) -> Decimal:
        """The largest, at least 0, to 10⁻⁸ dollars."""
        return dollars(round(float(self.dollars.max(initial=0)) * 10**USD_SCALE))

    @property
    def usd_hours(self) -> float:
        """Dollars times the hours that they were there."""
        lengths = np.diff(self.at_us, append=self.ended_us)
        return float((self.dollars * lengths).sum() / HOUR_US)


def integers(column: array[int]) -> Integers:
    """A column as 64-bit integers."""
    return np.asarray(column).astype(np.int64, copy=False)


def divide(
    left: Integers, right: Integers, divisor: Integers | Exact | int
) -> tuple[Integers, Integers]:
    """`left × right ÷ divisor` rounded down, and what is left of the division; exact.

    Where the product is too large for 64 bits: floats tell the quotient but for a few, and the rest is
    so small that it is right although both of its terms overflow. Raises OverflowError for a quotient
    that has more than 64 bits itself.
    """
    divisor = np.asarray(divisor)
    guess = np.floor(left.astype(np.float64) * right / divisor.astype(np.float64))
    largest = float(abs(guess).max(initial=0))
    if largest >= 2.0**63:
        raise OverflowError(f"a quotient is about {largest:.3g}")
    off_by = largest * 2.0**-50 + 2
    if divisor.dtype != np.object_ and off_by * float(divisor.max(initial=1)) < 2.0**62:
        whole = guess.astype(np.int64)
        rest = left * right - whole * divisor
        return whole + rest // divisor, rest % divisor
    exact = left.astype(object) * right.astype(object)
    return (exact // divisor).astype(np.int64), exact % divisor


def sums_by(groups: Integers, values: Integers, size: int) -> Integers:
    """The sum of the values of each group from 0 to below `size`."""
    sums = np.zeros(size, dtype=values.dtype)
    np.add.at(sums, groups, values)
    return sums


def total(values: Integers) -> int:
    """The exact sum, however large."""
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFF_FFFF).sum())


def dollars(units: int) -> Decimal:
    """10⁻⁸ dollars as dollars."""
    return Decimal(units).scaleb(-USD_SCALE)


def bps(part: int, whole: int) -> float | None:
    """A part of something in basis points; None of nothing."""
    return part / whole * 10_000 if whole else None


def rank(ordered: Integers | Floats, percent: int) -> float | None:
    """Nearest rank: the smallest of the ordered values that `percent` % of them do not exceed."""
    if not len(ordered):
        return None
    return float(ordered[(len(ordered) * percent + 99) // 100 - 1])


def unit_values(inputs: Inputs, records: Records) -> Integers | Exact:
    """Per place of an asset: how many of quantity × price are 10⁻⁸ dollars."""
    exponents = [records.scales[symbol] + PRICE_SCALE - USD_SCALE for symbol in inputs.prices]
    fits = max(exponents, default=0) <= 18
    return np.array([pow10(each) for each in exponents], dtype=np.int64 if fits else object)


def prices_at(series: PriceSeries, at_us: Integers) -> Integers:
    """The last price that could be seen at each moment; before all of them, the first."""
    places = np.searchsorted(integers(series.at_us), at_us, side="right") - 1
    return integers(series.prices)[np.maximum(places, 0)]


def prices_by_asset(inputs: Inputs, assets: Integers, at_us: Integers) -> Integers:
    """The same for rows of several assets."""
    prices = np.zeros(len(at_us), dtype=np.int64)
    for place, series in enumerate(inputs.prices.values()):
        rows = assets == place
        prices[rows] = prices_at(series, at_us[rows])
    return prices


def hours(inputs: Inputs, records: Records) -> float:
    """How long the run took."""
    return (records.ended_us - started_us(inputs, records)) / HOUR_US


def started_us(inputs: Inputs, records: Records) -> int:
    """When the first price came or the first order was placed."""
    starts = [series.at_us[0] for series in inputs.prices.values() if len(series)]
    starts += records.orders.at_us[:1]
    return min(starts, default=records.ended_us)
