"""How much people spend on an order: always the same, evenly distributed, or many small and few large."""

from __future__ import annotations

from functools import cache
from math import exp, log
from statistics import NormalDist
from typing import Literal

import msgspec

from crypto_exchange.domain.money import CENT, DOLLAR, LARGEST_DOLLARS
from crypto_exchange.entrypoints.backtest.amounts import Amount, dollars
from crypto_exchange.entrypoints.backtest.inputs.draws import STEPS, distances, looked_up

_MIDDLE = 0.95
"""How much of a log-normal distribution lies between `low` and `high`."""


class Amounts(msgspec.Struct, frozen=True, kw_only=True):
    """Dollars from `low` to `high`, whole cents: "fixed" (they are equal), "uniform" or "lognormal"."""

    shape: Literal["fixed", "uniform", "lognormal"] = "lognormal"
    low: Amount
    high: Amount

    def __post_init__(self) -> None:
        """Raises TypeError or ValueError for what nobody can spend."""
        low, high = cents("low", self.low), cents("high", self.high)
        if low > high or (self.shape == "fixed" and low < high):
            relation = "equal to" if self.shape == "fixed" else "at least"
            raise ValueError(f"high: expected {relation} low ({self.low}), was {self.high}")
        if self.shape not in {"fixed", "uniform", "lognormal"}:
            raise ValueError(
                f"shape: expected one of fixed, uniform, lognormal, was {self.shape!r}"
            )

    def table(self) -> tuple[int, ...]:
        """STEPS equally likely amounts in 10⁻⁸ dollars, rising."""
        low, high = cents("low", self.low), cents("high", self.high)
        if self.shape == "lognormal":
            return _lognormal(low, high)
        count = (high - low) // CENT + 1
        return tuple(low + step * count // STEPS * CENT for step in range(STEPS))


def fixed(amount: Amount) -> Amounts:
    """Every order is of the same amount."""
    return Amounts(shape="fixed", low=amount, high=amount)


def uniform(low: Amount, high: Amount) -> Amounts:
    """Every amount of whole cents from low to high is as likely as the others."""
    return Amounts(shape="uniform", low=low, high=high)


def lognormal(low: Amount, high: Amount) -> Amounts:
    """Many small and few large ones: a log-normal distribution that has 95 % of its draws between low
    and high, without the rest. Half of them are below √(low × high).
    """
    return Amounts(shape="lognormal", low=low, high=high)


def cents(name: str, amount: Amount) -> int:
    """Dollars that can be spent, as a count of 10⁻⁸.

    Raises:
        TypeError: a float, or nothing that is a number.
        ValueError: not a positive number of whole cents, or above 10,000,000.00.
    """
    count = dollars(name, amount)
    if count <= 0 or count % CENT:
        raise ValueError(f"{name}: expected a positive number of whole cents, was {amount}")
    if count > LARGEST_DOLLARS:
        raise ValueError(f"{name}: expected at most 10000000.00, was {amount}")
    return count


@cache
def change(purchase: Amounts, least: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """STEPS equally likely ways in which change adds up to `least` (10⁻⁸ dollars): how long it takes in
    TICKS of the mean time between two purchases, and what it comes to. Long ways are drawn less often
    and repeated.
    """
    parts = looked_up([-spent % DOLLAR for spent in purchase.table()], "change", "parts")
    apart = distances("change", "distances")
    drawn = max(STEPS >> (least // (8 * DOLLAR)).bit_length(), 1 << 10)
    waits, sums = [], []
    for _ in range(drawn):
        wait = total = 0
        while total < least:
            wait += next(apart)
            total += next(parts)
        waits.append(wait)
        sums.append(total)
    return tuple(waits) * (STEPS // drawn), tuple(sums) * (STEPS // drawn)


@cache
def _lognormal(low: int, high: int) -> tuple[int, ...]:
    normal = NormalDist()
    middle = (log(low) + log(high)) / 2
    width = (log(high) - log(low)) / 2 / normal.inv_cdf((1 + _MIDDLE) / 2)
    shares = ((1 - _MIDDLE) / 2 + _MIDDLE * (step + 0.5) / STEPS for step in range(STEPS))
    return tuple(
        min(high, max(low, round(exp(middle + width * normal.inv_cdf(share)) / CENT) * CENT))
        for share in shares
    )
