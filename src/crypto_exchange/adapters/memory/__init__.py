"""Memory: every port over the rows of one `State`, for tests, demonstrations and backtests."""

from crypto_exchange.adapters.memory.accelerators import MemoryAssetCache, MemoryTally
from crypto_exchange.adapters.memory.access import InsecureHasher, OpaqueTokens, ReadableVault
from crypto_exchange.adapters.memory.context import memory_context
from crypto_exchange.adapters.memory.exchange import MemoryExchange, Silence
from crypto_exchange.adapters.memory.limiter import FallbackLimiter, MemoryLimiter
from crypto_exchange.adapters.memory.queue import MemoryBroker, MemoryQueue
from crypto_exchange.adapters.memory.read_models import MemoryReadModels
from crypto_exchange.adapters.memory.signals import MemorySignals
from crypto_exchange.adapters.memory.sources import MemoryClock, MemoryIds
from crypto_exchange.adapters.memory.unit_of_work import (
    MemoryBegin,
    MemoryMarket,
    MemoryUnitOfWork,
)

__all__ = [
    "FallbackLimiter",
    "InsecureHasher",
    "MemoryAssetCache",
    "MemoryBegin",
    "MemoryBroker",
    "MemoryClock",
    "MemoryExchange",
    "MemoryIds",
    "MemoryLimiter",
    "MemoryMarket",
    "MemoryQueue",
    "MemoryReadModels",
    "MemorySignals",
    "MemoryTally",
    "MemoryUnitOfWork",
    "OpaqueTokens",
    "ReadableVault",
    "Silence",
    "memory_context",
]
