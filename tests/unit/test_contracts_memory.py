"""The memory adapter keeps every contract."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
import pytest
from typing_extensions import override

from crypto_exchange.adapters.memory import (
    FallbackLimiter,
    InsecureHasher,
    MemoryAssetCache,
    MemoryBegin,
    MemoryClock,
    MemoryExchange,
    MemoryLimiter,
    MemoryTally,
    OpaqueTokens,
    ReadableVault,
    Silence,
)
from crypto_exchange.adapters.system import SystemClock
from crypto_exchange.domain.credentials import PasswordHasher, Tokens, Vault
from crypto_exchange.domain.errors import OutcomeUnknown, Unauthenticated, Unavailable
from crypto_exchange.domain.events import AnyEvent
from crypto_exchange.domain.limits import Grant, Limit
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.ports import AssetCache, Clock, Limiter
from crypto_exchange.domain.purchase import Absent, Filled, Purchase, Rejected, RejectionKind
from crypto_exchange.domain.user import AccessClaims, RefreshClaims, Role, Session
from crypto_exchange.entrypoints.testing.adapters import Adapters, Sim, memory_adapters
from crypto_exchange.entrypoints.testing.contracts import (
    AccountsTests,
    AssetCacheTests,
    AuditTests,
    Books,
    ClockTests,
    IdsTests,
    LimiterTests,
    MarketTests,
    PasswordHasherTests,
    ReadModelsTests,
    ReconciliationTests,
    StoreSuite,
    TallyTests,
    TallyUnderTest,
    TokensTests,
    UnitOfWorkTests,
    VaultTests,
)
from crypto_exchange.entrypoints.testing.memory_books import MemoryBooks
from crypto_exchange.entrypoints.testing.memory_ports import (
    BTC,
    MemoryExchangeSuite,
    MemoryQueueSuite,
)


class _OverMemory(StoreSuite):
    @override
    def make_adapters(self, sim: Sim) -> Adapters:
        return memory_adapters(sim)

    @override
    def list_events(self, adapters: Adapters) -> Sequence[AnyEvent]:
        assert isinstance(adapters.begin, MemoryBegin)
        return adapters.begin._state.events


class TestUnitOfWork(_OverMemory, UnitOfWorkTests):
    pass


class TestReadModels(_OverMemory, ReadModelsTests):
    pass


class TestReconciliation(_OverMemory, ReconciliationTests):
    pass


class TestAudit(_OverMemory, AuditTests):
    @override
    def make_books(self, adapters: Adapters) -> Books:
        assert isinstance(adapters.begin, MemoryBegin)
        return MemoryBooks(adapters.begin._state)


class TestMarket(_OverMemory, MarketTests):
    pass


class TestIds(_OverMemory, IdsTests):
    pass


class TestAccounts(_OverMemory, AccountsTests):
    pass


class TestAssetCache(AssetCacheTests):
    @override
    def make_cache(self) -> AssetCache:
        return MemoryAssetCache()


class TestTally(TallyTests):
    @override
    def make_tally(self, threshold: int) -> TallyUnderTest:
        tally = MemoryTally(threshold)

        async def take_wake_ups() -> set[str]:
            taken = set(tally.wake_ups)
            tally.wake_ups.clear()
            return taken

        return TallyUnderTest(tally, take_wake_ups)


class _OverAMemoryLimiter(LimiterTests):
    clock: MemoryClock

    @override
    async def pass_time(self, duration_us: int) -> None:
        self.clock.advance(duration_us)


class TestLimiter(_OverAMemoryLimiter):
    @override
    def make_limiter(self) -> Limiter:
        self.clock = MemoryClock()
        return MemoryLimiter(self.clock.now_us)


class TestLimiterWithoutTheSharedOne(_OverAMemoryLimiter):
    @override
    def make_limiter(self) -> Limiter:
        self.clock = MemoryClock()
        return FallbackLimiter(GoneLimiter(), MemoryLimiter(self.clock.now_us))


class GoneLimiter:
    async def take(self, key: str, limit: Limit, count: int) -> Grant:
        raise Unavailable("nobody is there")


class TestQueue(MemoryQueueSuite):
    pass


class TestClock(ClockTests):
    @override
    def make_clock(self) -> Clock:
        return MemoryClock(1_767_225_600 * 10**6)


class TestSystemClock(ClockTests):
    @override
    def make_clock(self) -> Clock:
        return SystemClock()


class TestPasswordHasher(PasswordHasherTests):
    @override
    def make_hasher(self) -> PasswordHasher:
        return InsecureHasher()


class TestTokens(TokensTests):
    @override
    def make_tokens(self) -> Tokens:
        return OpaqueTokens()


class TestVault(VaultTests):
    @override
    def make_vault(self) -> Vault:
        return ReadableVault()


class TestExchange(MemoryExchangeSuite):
    pass


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock(10**9)


@pytest.fixture
def exchange(clock: MemoryClock) -> MemoryExchange:
    return MemoryExchange([BTC], Policy(), lambda: clock.now_us() // 1_000)


@pytest.fixture
def purchase(exchange: MemoryExchange) -> Purchase:
    return Purchase(
        batch="0" * 24,
        attempt=1,
        asset="BTC",
        scale=8,
        quantity=20_000,
        timestamp_ms=exchange.now_ms(),
        window_ms=5_000,
    )


async def test_the_memory_exchange_answers_as_its_script_says_and_then_fills(
    exchange: MemoryExchange, purchase: Purchase
) -> None:
    no = Rejected(kind=RejectionKind.FINAL, code="1", message="no")
    exchange.script.extend([no, Filled(fills=()), Silence.BEFORE])

    assert await exchange.submit(purchase) == no
    assert await exchange.submit(purchase) == Filled(fills=())
    with pytest.raises(OutcomeUnknown):
        await exchange.submit(msgspec.structs.replace(purchase, attempt=2))
    assert isinstance(await exchange.submit(purchase), Filled)
    assert isinstance(await exchange.find(msgspec.structs.replace(purchase, attempt=2)), Absent)
    assert len(exchange.received) == 4


async def test_a_memory_exchange_that_is_down_answers_nothing(
    exchange: MemoryExchange, purchase: Purchase
) -> None:
    exchange.down = True

    with pytest.raises(OutcomeUnknown):
        await exchange.submit(purchase)
    for call in (
        exchange.find(purchase),
        exchange.list_prices([]),
        exchange.list_rules({}),
        exchange.list_balances({}),
    ):
        with pytest.raises(Unavailable):
            await call
    assert exchange.received == []


async def test_a_memory_exchange_that_does_not_trade_an_asset_rejects_it(
    exchange: MemoryExchange, purchase: Purchase
) -> None:
    exchange.rules["BTC"] = None

    outcome = await exchange.submit(purchase)

    assert isinstance(outcome, Rejected)
    assert outcome.kind is RejectionKind.VENUE


async def test_the_memory_cache_can_be_lost() -> None:
    cache = MemoryAssetCache()
    await cache.put([BTC])

    cache.clear()

    assert await cache.list_all() is None


def test_the_memory_clock_stands_still_until_it_is_moved(clock: MemoryClock) -> None:
    assert clock.now_us() == clock.now_us()

    clock.advance(7)

    assert clock.now_us() == 10**9 + 7


def test_the_system_clock_tells_microseconds_since_1970() -> None:
    before = time.time_ns()

    now_us = SystemClock().now_us()

    assert before // 1_000 <= now_us <= time.time_ns() // 1_000


def test_opaque_tokens_are_good_for_their_own_use_only() -> None:
    tokens = OpaqueTokens()

    pair = tokens.issue(Role.ADMIN, Session(user_id=3, id="s", generation=2, expires_at_us=1))

    assert tokens.read_access(pair.access) == AccessClaims(3, Role.ADMIN, "s")
    assert tokens.read_refresh(pair.refresh) == RefreshClaims(3, "s", 2)
    with pytest.raises(Unauthenticated):
        tokens.read_access(pair.refresh)
    with pytest.raises(Unauthenticated):
        tokens.read_refresh(pair.access)
