"""The contract of `Clock`: subclass it and override `make_clock`."""

from __future__ import annotations

from collections.abc import Awaitable
from itertools import accumulate

from crypto_exchange.domain.policy import CLOCK_LEEWAY_US, SECOND_US
from crypto_exchange.domain.ports import Clock
from crypto_exchange.entrypoints.testing.contracts.checks import Suite, given

_YEAR_2001_US = 10**9 * SECOND_US
_YEAR_2286_US = 10**10 * SECOND_US


class ClockTests(Suite):
    """Microseconds since 1970, as integers, which do not run back further than clocks may differ."""

    def make_clock(self) -> Clock | Awaitable[Clock]:
        """Give a clock that tells a time of this century."""
        raise NotImplementedError

    async def test_time_is_an_integer(self) -> None:
        clock = await given(self.make_clock())

        assert type(clock.now_us()) is int

    async def test_time_is_in_microseconds_since_1970(self) -> None:
        clock = await given(self.make_clock())

        assert _YEAR_2001_US < clock.now_us() < _YEAR_2286_US

    async def test_time_does_not_run_back_further_than_clocks_may_differ(self) -> None:
        clock = await given(self.make_clock())

        told = [clock.now_us() for _ in range(1_000)]

        latest = accumulate(told, max)
        assert all(high - now <= CLOCK_LEEWAY_US for high, now in zip(latest, told, strict=True))
