"""All ports over one state, wired."""

from __future__ import annotations

from collections.abc import Sequence

from crypto_exchange.adapters.memory.accelerators import MemoryAssetCache, MemoryTally
from crypto_exchange.adapters.memory.access import InsecureHasher, OpaqueTokens, ReadableVault
from crypto_exchange.adapters.memory.exchange import MemoryExchange
from crypto_exchange.adapters.memory.limiter import MemoryLimiter
from crypto_exchange.adapters.memory.read_models import MemoryReadModels
from crypto_exchange.adapters.memory.sources import MemoryClock, MemoryIds
from crypto_exchange.adapters.memory.unit_of_work import MemoryBegin, MemoryMarket
from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.ports import Clock
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases.context import Context


def memory_context(
    *,
    policy: Policy | None = None,
    assets: Sequence[Asset] = (),
    clock: Clock | None = None,
    state: State | None = None,
) -> Context:
    """A whole service in memory, with a clock that stands still unless one is given.

    Its passwords and tokens protect nothing. The exchange starts with the assets' prices and rules.
    """
    policy, clock = policy or Policy(), clock or MemoryClock()
    state = state or State(tuple(assets))
    listed = tuple(state.assets.values())
    return Context(
        policy=policy,
        begin=MemoryBegin(state),
        clock=clock,
        ids=MemoryIds(state),
        queries=MemoryReadModels(state),
        market=MemoryMarket(state),
        cache=MemoryAssetCache(),
        tally=MemoryTally(policy.threshold),
        limiter=MemoryLimiter(clock.now_us),
        exchange=MemoryExchange(listed, policy, lambda: clock.now_us() // 1_000),
        passwords=InsecureHasher(),
        tokens=OpaqueTokens(),
        vault=ReadableVault(),
    )
