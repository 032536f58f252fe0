"""The cache, the tally and the wake-ups on a real Valkey, also while it fails."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from redis.asyncio import Redis
from typing_extensions import override

from crypto_exchange.adapters.embedded import EmbeddedValkey, free_port
from crypto_exchange.adapters.redis import RedisAssetCache, RedisConnection, RedisTally
from crypto_exchange.adapters.redis.asset_cache import KEY
from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.ports import AssetCache
from crypto_exchange.entrypoints.testing.contracts import (
    AssetCacheTests,
    Suite,
    TallyTests,
    TallyUnderTest,
)

THRESHOLD = 10 * 10**8
RULE = MarketRule(lot_step=1_000, min_notional=5 * 10**8)
BTC = Asset(symbol="BTC", rule=RULE, price=50_000 * 10**12, priced_at_us=1_000, version=3)
ETH = Asset(symbol="ETH", rule=RULE, scale=18, version=1)

Connect = Callable[[str], RedisConnection]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    connections = []

    def make(url: str) -> RedisConnection:
        connections.append(RedisConnection(url, timeout_s=5.0, rest_s=0.05))
        return connections[-1]

    yield make
    for connection in connections:
        await connection.close()


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path, password="only-for-the-tests", durable=False)
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("error", [ConnectionResetError(), RuntimeError("the handler is closed")])
async def test_a_connection_that_is_lost_in_any_way_is_no_answer(
    connect: Connect, valkey_url: str, error: Exception
) -> None:
    async def lost() -> int:
        raise error

    assert await connect(valkey_url).attempt(lost) is None


@contextmanager
def stopped(server: EmbeddedValkey) -> Iterator[None]:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


class _OverValkey(Suite):
    url: str

    @pytest.fixture(autouse=True)
    def take(self, valkey_url: str) -> None:
        self.url = valkey_url

    def connect(self) -> RedisConnection:
        connection = RedisConnection(self.url, timeout_s=5.0, rest_s=0.05)
        self.resources.push_async_callback(connection.close)
        return connection


class TestAssetCache(_OverValkey, AssetCacheTests):
    memory_s = 60.0

    @override
    def make_cache(self) -> AssetCache:
        return RedisAssetCache(self.connect(), memory_s=self.memory_s)

    @override
    async def seconds_left(self, cache: AssetCache) -> float:
        async with Redis.from_url(self.url) as client:
            return float(await client.pttl(KEY)) / 1_000


class TestAssetCacheWithoutMemory(TestAssetCache):
    memory_s = 0.0


class TestTally(_OverValkey, TallyTests):
    @override
    async def wake_up_seconds_left(self, under_test: TallyUnderTest, symbol: str) -> float:
        async with Redis.from_url(self.url) as client:
            return float(await client.pttl(f"cx:{{{symbol}}}:wake")) / 1_000

    @override
    def make_tally(self, threshold: int) -> TallyUnderTest:
        tally = RedisTally(self.connect(), threshold=threshold)

        async def take_wake_ups() -> set[str]:
            return set(await tally.take_wakeups(["BTC", "ETH"]))

        return TallyUnderTest(tally, take_wake_ups)


async def test_what_one_process_puts_another_finds(connect: Connect, valkey_url: str) -> None:
    mine, theirs = (RedisAssetCache(connect(valkey_url)) for _ in range(2))

    await mine.put([ETH, BTC])

    assert await theirs.find("BTC") == BTC
    assert await theirs.find("ABAN") is None
    assert await theirs.list_all() == (BTC, ETH)


async def test_an_older_asset_is_ignored_a_newer_one_kept(
    connect: Connect, valkey_url: str
) -> None:
    old, new = (RedisAssetCache(connect(valkey_url)) for _ in range(2))
    halted = msgspec.structs.replace(BTC, halted=True, version=4)
    repriced = msgspec.structs.replace(halted, price=1, priced_at_us=2_000)

    await new.put([halted])
    await old.put([msgspec.structs.replace(BTC, priced_at_us=9_000)])
    assert await RedisAssetCache(connect(valkey_url)).find("BTC") == halted

    await old.put([repriced])
    await new.put([halted])
    assert await RedisAssetCache(connect(valkey_url)).find("BTC") == repriced


async def test_what_was_read_is_remembered_for_a_moment(connect: Connect, valkey_url: str) -> None:
    await RedisAssetCache(connect(valkey_url)).put([BTC])
    forgetful = RedisAssetCache(connect(valkey_url), memory_s=0.0)
    remembering = RedisAssetCache(connect(valkey_url), memory_s=60.0)
    assert await forgetful.list_all() == await remembering.list_all() == (BTC,)

    async with Redis.from_url(valkey_url) as client:
        await client.flushall()

    assert await forgetful.list_all() is None
    assert await remembering.list_all() == (BTC,)


async def test_many_callers_at_once_read_once(connect: Connect, valkey_url: str) -> None:
    await RedisAssetCache(connect(valkey_url)).put([BTC])
    cache = RedisAssetCache(connect(valkey_url), memory_s=60.0)

    async with Redis.from_url(valkey_url) as client:
        before = (await client.info("commandstats"))["cmdstat_hgetall"]["calls"]
    found = await asyncio.gather(*(cache.find("BTC") for _ in range(50)))
    async with Redis.from_url(valkey_url) as client:
        after = (await client.info("commandstats"))["cmdstat_hgetall"]["calls"]

    assert found == [BTC] * 50
    assert after == before + 1


async def test_a_value_of_another_form_is_a_miss(connect: Connect, valkey_url: str) -> None:
    await RedisAssetCache(connect(valkey_url)).put([BTC])
    async with Redis.from_url(valkey_url) as client:
        await client.hset("cx:{assets}:1", "BTC", "0" * 38 + '{"name":"BTC"}')

    assert await RedisAssetCache(connect(valkey_url)).list_all() is None


async def test_prices_end_by_themselves(connect: Connect, valkey_url: str) -> None:
    await RedisAssetCache(connect(valkey_url)).put([BTC])

    async with Redis.from_url(valkey_url) as client:
        assert 0 < await client.ttl("cx:{assets}:1") <= 60


async def test_a_wake_up_is_taken_once(connect: Connect, valkey_url: str) -> None:
    tallies = [RedisTally(connect(valkey_url), threshold=THRESHOLD) for _ in range(5)]
    await tallies[0].add("BTC", THRESHOLD, direct=False)
    await tallies[1].add("BTC", THRESHOLD, direct=True)

    taken = await asyncio.gather(*(tally.take_wakeups(["BTC"]) for tally in tallies))

    assert sorted(taken) == [[], [], [], [], ["BTC"]]


async def test_parallel_orders_are_all_counted(connect: Connect, valkey_url: str) -> None:
    tallies = [RedisTally(connect(valkey_url), threshold=100) for _ in range(4)]

    await asyncio.gather(*(tallies[n % 4].add("BTC", 1, direct=False) for n in range(99)))
    assert await tallies[0].take_wakeups(["BTC"]) == []
    await tallies[0].add("BTC", 1, direct=False)

    assert await tallies[0].take_wakeups(["BTC"]) == ["BTC"]


async def test_every_key_of_a_command_is_in_one_slot(connect: Connect, valkey_url: str) -> None:
    connection = connect(valkey_url)
    tally = RedisTally(connection, threshold=THRESHOLD)
    await tally.add("BTC", THRESHOLD, direct=False)
    await RedisAssetCache(connection).put([BTC, ETH])

    async with Redis.from_url(valkey_url, decode_responses=True) as client:
        keys = [str(key) for key in await client.keys()]

    tags = {key: key.partition("{")[2].partition("}")[0] for key in keys}
    assert tags == {"cx:{BTC}:waiting": "BTC", "cx:{BTC}:wake": "BTC", "cx:{assets}:1": "assets"}


async def test_scripts_come_back_after_a_flush(connect: Connect, valkey_url: str) -> None:
    tally = RedisTally(connect(valkey_url), threshold=THRESHOLD)
    await tally.add("BTC", THRESHOLD, direct=False)
    async with Redis.from_url(valkey_url) as client:
        await client.flushall()
        await client.script_flush()

    assert await tally.take_wakeups(["BTC"]) == []
    await tally.add("BTC", THRESHOLD, direct=False)
    assert await tally.take_wakeups(["BTC"]) == ["BTC"]


async def use_everything(cache: RedisAssetCache, tally: RedisTally) -> list[object]:
    await cache.put([BTC])
    await tally.add("BTC", THRESHOLD, direct=False)
    await tally.overwrite("BTC", 1)
    return [await cache.find("ETH"), await tally.take_wakeups(["BTC"])]


async def test_without_redis_nothing_fails(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    connection = connect(f"redis://:a-password@127.0.0.1:{free_port()}/0")
    cache = RedisAssetCache(connection, memory_s=0.0)

    with caplog.at_level(logging.INFO):
        tally = RedisTally(connection, threshold=THRESHOLD)
        found = [await use_everything(cache, tally) for _ in range(5)]

    assert found == [[None, []]] * 5
    assert await cache.list_all() is None
    assert [record.getMessage() for record in caplog.records] == [
        "Redis does not answer, going on without it: ConnectionError"
    ]


async def test_without_redis_what_was_put_is_remembered_for_a_moment(connect: Connect) -> None:
    cache = RedisAssetCache(connect(f"redis://127.0.0.1:{free_port()}/0"), memory_s=60.0)

    await cache.put([BTC])

    assert await cache.list_all() == (BTC,)


async def test_a_stopped_redis_is_asked_once_in_a_while_and_used_again_when_it_runs(
    own_valkey: EmbeddedValkey, caplog: pytest.LogCaptureFixture
) -> None:
    connection = RedisConnection(own_valkey.url, timeout_s=0.2, rest_s=0.3)
    cache = RedisAssetCache(connection, memory_s=0.0)
    tally = RedisTally(connection, threshold=THRESHOLD)
    await cache.put([BTC, ETH])

    caplog.set_level(logging.INFO)
    with stopped(own_valkey):
        asked = [await use_everything(cache, tally) for _ in range(20)]
        assert asked == [[None, []]] * 20
    await asyncio.sleep(0.4)
    await cache.find("ETH")
    await tally.add("BTC", THRESHOLD, direct=False)

    assert await cache.find("ETH") == ETH
    assert await tally.take_wakeups(["BTC"]) == ["BTC"]
    assert [record.getMessage() for record in caplog.records] == [
        "Redis does not answer, going on without it: TimeoutError",
        "Redis answers again",
    ]
    await connection.close()


async def test_a_killed_redis_is_used_again_when_it_is_back(own_valkey: EmbeddedValkey) -> None:
    connection = RedisConnection(own_valkey.url, timeout_s=1.0, rest_s=0.0)
    tally = RedisTally(connection, threshold=THRESHOLD)
    await tally.add("BTC", THRESHOLD - 1, direct=False)

    assert own_valkey.pid is not None
    os.kill(own_valkey.pid, signal.SIGKILL)
    await tally.add("BTC", 1, direct=False)
    own_valkey.start()
    await tally.add("BTC", THRESHOLD, direct=False)

    assert await tally.take_wakeups(["BTC"]) == ["BTC"]
    await connection.close()
