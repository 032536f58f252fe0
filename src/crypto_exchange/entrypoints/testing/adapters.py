"""Adapters: the ports under test, and what the kit gives to whoever builds them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec

from crypto_exchange.adapters.memory import (
    MemoryBegin,
    MemoryClock,
    MemoryIds,
    MemoryMarket,
    MemoryReadModels,
)
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.ports import AssetCache, Begin, Ids, Market, Tally
from crypto_exchange.domain.queries import ReadModels
from crypto_exchange.domain.state import State


class Supports(msgspec.Struct, frozen=True, kw_only=True):
    """What weaker adapters may declare that they cannot do; the checks that need it are left out.

    `row_locks`: a unit of work opened with `lock` cannot lose a race. `concurrency`: several units of
    work may be open at once.
    """

    row_locks: bool = True
    concurrency: bool = True


class Adapters(msgspec.Struct, frozen=True, kw_only=True):
    """The ports over one store that holds nothing yet; what is None is the kit's own, in memory.

    `close` is awaited when the kit has done with them.
    """

    begin: Begin
    queries: ReadModels
    market: Market
    ids: Ids
    cache: AssetCache | None = None
    tally: Tally | None = None
    supports: Supports = Supports()
    close: Callable[[], Awaitable[None]] | None = None


class Sim(msgspec.Struct, frozen=True, kw_only=True):
    """The world that adapters are built for: its time, which stands still until the kit moves it, its
    policy, and the seed of the run.
    """

    seed: int = 0
    clock: MemoryClock = msgspec.field(default_factory=MemoryClock)
    policy: Policy = Policy()


Factory: TypeAlias = Callable[[Sim], Adapters | Awaitable[Adapters]]
"""Gives adapters over a store that holds nothing, every time it is called."""


def memory_adapters(sim: Sim) -> Adapters:
    """The project's own adapters in memory."""
    del sim  # they need nothing of it
    return adapters_over(State())


def adapters_over(state: State) -> Adapters:
    """The same over a state that somebody else can look into."""
    return Adapters(
        begin=MemoryBegin(state),
        queries=MemoryReadModels(state),
        market=MemoryMarket(state),
        ids=MemoryIds(state),
    )
