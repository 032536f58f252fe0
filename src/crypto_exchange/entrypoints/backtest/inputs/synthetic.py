"""Made-up prices: whole numbers from a seeded generator, so that every machine makes the same ones."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from math import isqrt
from random import Random
from typing import Literal, TypeAlias, get_args

import msgspec

from crypto_exchange.domain.money import BPS, DEFAULT_ASSET_SCALE, PRICE_SCALE, ceil_div
from crypto_exchange.entrypoints.backtest.amounts import (
    Amount,
    Duration,
    duration_us,
    require_room,
    sized,
    spread,
    units,
    whole,
)
from crypto_exchange.entrypoints.backtest.inputs.observed import LARGEST_PRICE, LARGEST_VOLUME

Kind: TypeAlias = Literal["gbm", "jump", "flat", "gap"]

_DAY_US = 86_400_000_000
_ONE = 10**12
"""Relative changes are counted in parts of it."""
_SIXTEEN = 1 << 16


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """What `prices.synthetic` was asked for; see there."""

    kind: Kind
    seed: int
    start_us: int
    days: int
    interval: Duration
    price: Amount
    daily_volatility_bps: Amount
    daily_volume: Amount
    spread_bps: Amount

    def __post_init__(self) -> None:
        """Raises ValueError or TypeError for what can't be walked."""
        if self.kind not in get_args(Kind):
            raise ValueError(
                f"kind: expected one of {', '.join(get_args(Kind))}, was {self.kind!r}"
            )
        whole("seed", self.seed)
        if not 0 < self.interval_us <= whole("days", self.days, least=1) * _DAY_US:
            raise ValueError(
                f"interval: expected more than 0 and at most {self.days}d, was {self.interval}"
            )
        require_room("interval", "prices", self.days * _DAY_US // self.interval_us)
        if not 0 < self.first_price <= LARGEST_PRICE:
            raise ValueError(f"price: expected above 0 and up to 9200000, was {self.price}")
        sized("daily_volume", self.daily_volume, DEFAULT_ASSET_SCALE)
        spread("spread_bps", self.spread_bps)

    @property
    def interval_us(self) -> int:
        """From one close to the next."""
        return duration_us("interval", self.interval)

    @property
    def first_price(self) -> int:
        """What the walk starts from, 10⁻¹² dollars."""
        return units("price", self.price, PRICE_SCALE)

    def step(self) -> int:
        """The standard deviation of one step in parts of 10¹²: of a day's by the root of time."""
        daily = units("daily_volatility_bps", self.daily_volatility_bps, 2) * (_ONE // BPS // 100)
        return isqrt(daily * daily * self.interval_us // _DAY_US)

    def columns(self) -> tuple[array[int], array[int], array[int], array[int]]:
        """Times of the closes, prices, asks (empty without a spread) and volumes."""
        count = self.days * _DAY_US // self.interval_us
        missing = set(_holes(self.seed, count)) if self.kind == "gap" else set()
        at_us, prices, volumes = array("q"), array("q"), array("q")
        bars = zip(range(count), _prices(self), _volumes(self), strict=False)
        for bar, price, volume in bars:
            if bar not in missing:
                at_us.append(self.start_us + (bar + 1) * self.interval_us)
                prices.append(price)
                volumes.append(volume)
        return at_us, prices, self._asks(prices), volumes

    def _asks(self, prices: array[int]) -> array[int]:
        half = spread("spread_bps", self.spread_bps)
        scale = 2 * BPS * 100
        asks = (ceil_div(price * (scale + half), scale) for price in prices)
        return array("q", (min(LARGEST_PRICE, ask) for ask in asks) if half else ())


def _prices(walk: Walk) -> Iterator[int]:
    """Each price from the one before: no drift, and no memory."""
    random = Random(f"{walk.kind}/{walk.seed}/prices")
    jumps = Random(f"{walk.kind}/{walk.seed}/jumps")
    step, price = walk.step(), walk.first_price
    daily = units("daily_volatility_bps", walk.daily_volatility_bps, 2) * (_ONE // BPS // 100)
    while True:
        if walk.kind != "flat":
            change = step * _normal(random) // _SIXTEEN
            if walk.kind == "jump" and jumps.random() * 7 * _DAY_US < walk.interval_us:
                change += 3 * daily * _normal(jumps) // _SIXTEEN
            price = max(1, min(LARGEST_PRICE, _nearest(price * (_ONE + change), _ONE)))
        yield price


def _normal(random: Random) -> int:
    """About normal, standard deviation 2¹⁶, never beyond six of these: twelve even numbers' sum."""
    drawn: tuple[int, ...] = struct.unpack("<12H", random.randbytes(24))
    return sum(drawn) - 6 * (_SIXTEEN - 1)


def _volumes(walk: Walk) -> Iterator[int]:
    """Evenly between half and one and a half times the mean, 10⁻⁸ coins, at least 1."""
    random = Random(f"{walk.kind}/{walk.seed}/volumes")
    mean = (
        units("daily_volume", walk.daily_volume, DEFAULT_ASSET_SCALE) * walk.interval_us // _DAY_US
    )
    while True:
        volume = mean * (_SIXTEEN // 2 + random.getrandbits(16)) // _SIXTEEN
        yield max(1, min(LARGEST_VOLUME, volume))


def _holes(seed: int, count: int) -> Iterator[int]:
    """Bars that nobody saw: 3 to 30 in a row, one such hole in 300 bars, never the first or the last."""
    random = Random(f"gap/{seed}/holes")
    for block in range(0, max(1, count - 40), 300):
        start = block + 1 + int(random.random() * 200)
        length = 3 + int(random.random() * 28)
        yield from range(start, min(start + length, count - 1))


def _nearest(dividend: int, divisor: int) -> int:
    """Divide, rounding half to even."""
    quotient, rest = divmod(dividend, divisor)
    return quotient + (2 * rest > divisor or (2 * rest == divisor and quotient & 1))
