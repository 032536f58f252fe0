"""Where the price of a coin comes from: fixed, a seeded walk, or candles."""

import hashlib
from decimal import Decimal
from typing import Protocol

import msgspec

from crypto_exchange.entrypoints.exchange.amounts import ONE, units
from crypto_exchange.entrypoints.exchange.candles import Candles

CENT = ONE // 100

_PPM = 10**6
_OCTAVES = 10
_FINEST_PPM = 50
WALK_BOUND_PPM = _FINEST_PPM * ((1 << _OCTAVES) - 1)
"""A walk stays within this many millionths (about 5 %) of its base."""


class PriceSource(Protocol):
    """Prices in units of 10⁻⁸ quote per coin, all multiples of `tick`.

    The origin is recorded when it is first met, so that a restart goes on where the last run was.
    """

    @property
    def tick(self) -> int:
        """What all prices are a multiple of."""
        ...

    @property
    def origin(self) -> str:
        """The name of the moment from which `price_at` counts."""
        ...

    def price_at(self, elapsed_ms: int) -> int:
        """The price so many milliseconds after the origin."""
        ...


class FixedPrice(msgspec.Struct, frozen=True):
    """A price that never moves."""

    price: int
    origin: str = "account"

    @property
    def tick(self) -> int:
        """The finest step that the prices need, at most a cent."""
        return finest_tick((self.price,))

    def price_at(self, elapsed_ms: int) -> int:  # noqa: ARG002 - the time makes no difference
        """The price so many milliseconds after the origin."""
        return self.price


class Walk(msgspec.Struct, frozen=True):
    """A bounded random walk with one step a second, a function of seed, symbol and step alone.

    It is the sum of ten layers of linear interpolation between random points, the layer with
    points 4ᵏ seconds apart having amplitude 2ᵏ: like a random walk, what it moves by grows with
    the square root of the time. Any step is computed directly, without those before it.
    """

    seed: int
    symbol: str
    base: int
    origin: str = "account"

    @property
    def tick(self) -> int:
        """The finest step that the prices need, at most a cent."""
        return CENT

    def price_at(self, elapsed_ms: int) -> int:
        """The price so many milliseconds after the origin."""
        step = max(0, elapsed_ms) // 1000
        moved = sum(self._layer(octave, step) for octave in range(_OCTAVES))
        price = self.base + self.base * moved // (_PPM * _PPM)
        return max(CENT, price // CENT * CENT)

    def _layer(self, octave: int, step: int) -> int:
        """Deviation in 10⁻¹², between ∓ amplitude."""
        period = 1 << 2 * octave
        point, offset = divmod(step, period)
        left, right = self._noise(octave, point), self._noise(octave, point + 1)
        return (left * (period - offset) + right * offset) // period * (_FINEST_PPM << octave)

    def _noise(self, octave: int, point: int) -> int:
        """From minus 10⁶ to 10⁶."""
        seed = f"{self.seed}:{self.symbol}:{octave}:{point}".encode()
        drawn = int.from_bytes(hashlib.blake2b(seed, digest_size=8).digest())
        return drawn % (2 * _PPM + 1) - _PPM


class Replay(msgspec.Struct, frozen=True):
    """Candles at `speed` (numerator, denominator) times real time."""

    candles: Candles
    speed: tuple[int, int]

    @property
    def tick(self) -> int:
        """The finest step that the prices need, at most a cent."""
        return finest_tick(self.candles.closes)

    @property
    def origin(self) -> str:
        """One for each content and speed, so that another file starts at its first row."""
        numerator, denominator = self.speed
        return f"candles {self.candles.digest} at {numerator}/{denominator}"

    def price_at(self, elapsed_ms: int) -> int:
        """The price so many milliseconds after the origin."""
        numerator, denominator = self.speed
        return self.candles.close_at(elapsed_ms * numerator // denominator)


def replay(candles: Candles, speed: Decimal) -> Replay:
    """`ValueError` unless `speed` is a positive number."""
    if not speed.is_finite() or speed <= 0:
        raise ValueError(f"The speed of candles must be a positive number, it is {speed}.")
    return Replay(candles, speed.as_integer_ratio())


def fixed_price(symbol: str, price: Decimal) -> FixedPrice:
    """`ValueError` unless `price` is positive with at most 8 decimals."""
    return FixedPrice(units(price, f"The price of {symbol}"))


def finest_tick(prices: tuple[int, ...]) -> int:
    """The largest power of ten of at most 0.01 that divides all prices."""
    tick = CENT
    while any(price % tick for price in prices):
        tick //= 10
    return tick
