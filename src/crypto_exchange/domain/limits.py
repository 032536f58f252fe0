"""Rate limits: so many calls in a window of time, which starts with the first of them."""

from __future__ import annotations

from collections.abc import MutableMapping
from itertools import islice
from typing import NamedTuple, Protocol, TypeVar

import msgspec

EXACT_UP_TO = 100
"""Limits of so many calls are counted call by call, larger ones in blocks."""

_BLOCKS = 20

Key = TypeVar("Key")


class Limit(msgspec.Struct, frozen=True):
    """At most `quota` calls in `window_us` microseconds, both at least 1. Each key has its own."""

    name: str
    quota: int
    window_us: int

    @property
    def block(self) -> int:
        """How many calls to take at once: 1, or the twentieth part of a large quota."""
        return 1 if self.quota <= EXACT_UP_TO else self.quota // _BLOCKS


class Grant(NamedTuple):
    """How many calls were granted, how many are left in the window, and in how long it ends."""

    granted: int
    left: int
    reset_us: int


class Window(NamedTuple):
    """What was taken in a window that has not ended before `ends_us`."""

    used: int
    ends_us: int


class _Ending(Protocol):
    @property
    def ends_us(self) -> int: ...


Ending = TypeVar("Ending", bound=_Ending)


def take(window: Window | None, limit: Limit, count: int, now_us: int) -> tuple[Window, Grant]:
    """Take as many of `count` calls as are left; None is a key without a window.

    A window that has ended makes room for the next one. What is refused is not counted, and nothing
    makes a window longer.
    """
    if window is None or window.ends_us <= now_us:
        window = Window(0, now_us + limit.window_us)
    granted = min(count, limit.quota - window.used)
    taken = Window(window.used + granted, window.ends_us)
    return taken, Grant(granted, limit.quota - taken.used, window.ends_us - now_us)


def make_room(kept: MutableMapping[Key, Ending], now_us: int, most: int) -> None:
    """Before one more is kept: if `most` are, drop those that have ended, and the oldest half.

    Addresses are for attackers to choose, and must not fill the memory.
    """
    if len(kept) < most:
        return
    for key in [key for key, each in kept.items() if each.ends_us <= now_us]:
        del kept[key]
    for key in list(islice(kept, max(0, len(kept) - most // 2))):
        del kept[key]
