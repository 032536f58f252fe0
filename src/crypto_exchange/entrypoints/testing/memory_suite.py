"""Memory suite: the whole kit over the project's own adapters in memory, with a way into their tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from crypto_exchange.adapters.memory import MemoryAssetCache, MemoryTally
from crypto_exchange.domain.events import AnyEvent
from crypto_exchange.domain.ports import AssetCache
from crypto_exchange.domain.state import State
from crypto_exchange.entrypoints.override import override
from crypto_exchange.entrypoints.testing.adapters import Adapters, Sim, adapters_over
from crypto_exchange.entrypoints.testing.contracts import Books, TallyUnderTest
from crypto_exchange.entrypoints.testing.memory_books import MemoryBooks
from crypto_exchange.entrypoints.testing.suite import AggregationSuite


class MemorySuite(AggregationSuite, port="kit"):
    """Everything that a store, its audit, a cache and a tally promise."""

    every_corner: ClassVar[bool] = True
    state: State

    @override
    def make_adapters(self, sim: Sim) -> Adapters:
        """New ones."""
        del sim  # they need nothing of it
        self.state = State()
        return adapters_over(self.state)

    @override
    def list_events(self, adapters: Adapters) -> Sequence[AnyEvent]:
        """The newest ones'."""
        del adapters
        return self.state.events

    @override
    def make_books(self, adapters: Adapters) -> Books:
        """A way into the newest ones' state."""
        del adapters
        return MemoryBooks(self.state)

    @override
    async def make_cache(self) -> AssetCache:
        """A new one."""
        return MemoryAssetCache()

    @override
    async def make_tally(self, threshold: int) -> TallyUnderTest:
        """A new one."""
        tally = MemoryTally(threshold)

        async def take_wake_ups() -> set[str]:
            taken = set(tally.wake_ups)
            tally.wake_ups.clear()
            return taken

        return TallyUnderTest(tally, take_wake_ups)
