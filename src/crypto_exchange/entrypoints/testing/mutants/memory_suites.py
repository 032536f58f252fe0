"""The contract suites of the kit over the project's own adapters in memory; run by path."""

from __future__ import annotations

import pytest
from typing_extensions import override

from crypto_exchange.adapters.memory import MemoryAssetCache, MemoryTally
from crypto_exchange.domain.ports import AssetCache
from crypto_exchange.entrypoints.testing.adapters import Adapters, Sim, memory_adapters
from crypto_exchange.entrypoints.testing.contracts import TallyUnderTest
from crypto_exchange.entrypoints.testing.suite import AggregationSuite, KitOptions


@pytest.fixture
def kit_options() -> KitOptions:
    """The contracts alone."""
    return KitOptions(level=1)


class TestMemory(AggregationSuite):
    """Everything that a store, a cache and a tally promise."""

    @override
    def make_adapters(self, sim: Sim) -> Adapters:
        """New ones."""
        return memory_adapters(sim)

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
