"""Memory: every port over the rows of one `State`, for tests, demonstrations and backtests."""

from crypto_exchange.adapters.memory.accelerators import MemoryAssetCache, MemoryTally
from crypto_exchange.adapters.memory.access import InsecureHasher, OpaqueTokens
from crypto_exchange.adapters.memory.context import memory_context
from crypto_exchange.adapters.memory.exchange import MemoryExchange, Silence
from crypto_exchange.adapters.memory.queue import MemoryBroker, MemoryQueue
from crypto_exchange.adapters.memory.read_models import MemoryReadModels
from crypto_exchange.adapters.memory.sources import MemoryClock, MemoryIds
from crypto_exchange.adapters.memory.unit_of_work import (
    MemoryBegin,
    MemoryMarket,
    MemoryUnitOfWork,
)

__all__ = [
    "InsecureHasher",
    "MemoryAssetCache",
    "MemoryBegin",
    "MemoryBroker",
    "MemoryClock",
    "MemoryExchange",
    "MemoryIds",
    "MemoryMarket",
    "MemoryQueue",
    "MemoryReadModels",
    "MemoryTally",
    "MemoryUnitOfWork",
    "OpaqueTokens",
    "Silence",
    "memory_context",
]
