"""Leases: calls that this process may let through without asking the limiter for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias
from weakref import WeakValueDictionary

from crypto_exchange.domain.limits import Grant, Limit, make_room
from crypto_exchange.domain.ports import Limiter

MOST_LEASES = 100_000
"""More are not kept: then those that were begun first are given up, and their calls with them."""

Place: TypeAlias = tuple[str, str]


class _Lease:
    """`unused` calls that may be let through until `ends_us`, and those that others may still take."""

    __slots__ = ("ends_us", "left", "unused")

    def __init__(self, unused: int, left: int, ends_us: int) -> None:
        self.unused, self.left, self.ends_us = unused, left, ends_us


class Leases:
    """Takes calls from a limiter, in blocks where the limit is large, and lets them through one by one.

    A window's last calls may be unused in a block of another process: so many are refused too early,
    and never one let through too many. That a window is used up is remembered until it ends.
    """

    def __init__(
        self, limiter: Limiter, now_us: Callable[[], int], *, most: int = MOST_LEASES
    ) -> None:
        """`now_us` is a clock in microseconds that nobody sets."""
        self._limiter = limiter
        self._now_us = now_us
        self._most = most
        self._kept: dict[Place, _Lease] = {}
        self._asking: WeakValueDictionary[Place, asyncio.Lock] = WeakValueDictionary()

    def spend(self, key: str, limit: Limit) -> Grant | None:
        """Let a call through, or refuse it, as far as that is known here; None if it is not."""
        lease = self._kept.get((limit.name, key))
        if lease is None:
            return None
        reset_us = lease.ends_us - self._now_us()
        if reset_us <= 0:
            return None
        if lease.unused:
            lease.unused -= 1
            return Grant(1, lease.unused + lease.left, reset_us)
        return None if lease.left else Grant(0, 0, reset_us)

    async def take(self, key: str, limit: Limit) -> Grant:
        """Let a call through, or refuse it: of many at once, one asks for the next block."""
        place = limit.name, key
        async with self._asking.setdefault(place, asyncio.Lock()):
            known = self.spend(key, limit)
            if known is not None:
                return known
            asked_us = self._now_us()  # so that the lease ends no later than the window
            told = await self._limiter.take(key, limit, limit.block)
            passed = min(told.granted, 1)
            self._kept.pop(place, None)
            make_room(self._kept, asked_us, self._most)
            self._kept[place] = _Lease(told.granted - passed, told.left, asked_us + told.reset_us)
            return Grant(passed, told.granted - passed + told.left, told.reset_us)
