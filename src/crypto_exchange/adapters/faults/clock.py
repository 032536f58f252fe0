"""A clock that is wrong, as those of two machines are."""

from __future__ import annotations

import random

from crypto_exchange.domain.ports import Clock


class SkewedClock:
    """A `Clock` that is off by the same amount all its life, drawn from ± `within_us` by `seed`."""

    def __init__(self, clock: Clock, *, within_us: int, seed: int) -> None:
        self._clock = clock
        self.offset_us = random.Random(seed).randint(-within_us, within_us)  # noqa: S311 - repeatable

    def now_us(self) -> int:
        return self._clock.now_us() + self.offset_us
