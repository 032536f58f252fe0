"""Rate limits, counted in this process."""

from __future__ import annotations

from collections.abc import Callable

from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.domain.limits import Grant, Limit, Window, make_room, take
from crypto_exchange.domain.ports import Limiter

MOST_WINDOWS = 100_000
"""More are not kept: then those that were used longest ago are forgotten."""


class MemoryLimiter:
    """A `Limiter` of one process, by a clock in microseconds that nobody sets."""

    def __init__(self, now_us: Callable[[], int], *, most: int = MOST_WINDOWS) -> None:
        self._now_us = now_us
        self._most = most
        self._windows: dict[tuple[Limit, str], Window] = {}

    async def take(self, key: str, limit: Limit, count: int) -> Grant:
        now_us, place = self._now_us(), (limit, key)
        window = self._windows.pop(place, None)
        make_room(self._windows, now_us, self._most)
        self._windows[place], grant = take(window, limit, count, now_us)
        return grant


class FallbackLimiter:
    """A `Limiter` that is never unavailable: without the shared one, each process counts by itself.

    It counts along while the shared one answers, so that an outage gives nobody a fresh start here.
    """

    def __init__(self, shared: Limiter, own: MemoryLimiter) -> None:
        self._shared = shared
        self._own = own

    async def take(self, key: str, limit: Limit, count: int) -> Grant:
        try:
            grant = await self._shared.take(key, limit, count)
        except Unavailable:
            return await self._own.take(key, limit, count)
        if grant.granted:
            await self._own.take(key, limit, grant.granted)
        return grant
