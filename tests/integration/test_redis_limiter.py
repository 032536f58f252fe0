"""Rate limits on a real Valkey: many processes at once, blocks, and what is left while it fails."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis
from typing_extensions import override

from crypto_exchange.adapters.embedded import EmbeddedValkey
from crypto_exchange.adapters.memory import FallbackLimiter, MemoryLimiter
from crypto_exchange.adapters.redis import RedisConnection, RedisLimiter
from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.domain.limits import Grant, Limit
from crypto_exchange.domain.ports import Limiter
from crypto_exchange.entrypoints.http.leases import Leases
from crypto_exchange.entrypoints.testing.contracts import LimiterTests

HOUR_US = 3_600 * 10**6
EXACT = Limit("login", 20, HOUR_US)
LEASED = Limit("user", 1_000, HOUR_US)
PROCESSES = 4

Connect = Callable[[], RedisConnection]


def monotonic_us() -> int:
    return time.monotonic_ns() // 1_000


@pytest.fixture
async def connect(valkey_url: str) -> AsyncIterator[Connect]:
    connections = []

    def make() -> RedisConnection:
        connections.append(RedisConnection(valkey_url, timeout_s=5.0, rest_s=0.05))
        return connections[-1]

    yield make
    for connection in connections:
        await connection.close()


class TestLimiter(LimiterTests):
    url: str

    @pytest.fixture(autouse=True)
    def take(self, valkey_url: str) -> None:
        self.url = valkey_url

    @override
    def make_limiter(self) -> Limiter:
        connection = RedisConnection(self.url, timeout_s=5.0)
        self.resources.push_async_callback(connection.close)
        return RedisLimiter(connection)


async def pass_all(connect: Connect, limit: Limit, calls: int) -> list[Grant]:
    """So many calls at the same time, spread over processes."""
    leases = [Leases(RedisLimiter(connect()), monotonic_us) for _ in range(PROCESSES)]
    return await asyncio.gather(
        *(leases[number % PROCESSES].take("7", limit) for number in range(calls))
    )


async def test_of_80_calls_of_4_processes_at_once_exactly_20_pass(connect: Connect) -> None:
    told = await pass_all(connect, EXACT, 80)

    assert sum(grant.granted for grant in told) == 20


async def test_blocks_let_no_more_through_than_the_limit_and_keep_at_most_one_each(
    connect: Connect,
) -> None:
    told = await pass_all(connect, LEASED, 1_500)

    passed = sum(grant.granted for grant in told)
    assert 1_000 - (PROCESSES - 1) * LEASED.block < passed <= 1_000


async def test_one_process_alone_gets_the_whole_of_a_leased_limit(
    connect: Connect, valkey_url: str
) -> None:
    leases = Leases(RedisLimiter(connect()), monotonic_us)
    async with Redis.from_url(valkey_url) as client:
        await client.config_resetstat()

        told = [await leases.take("7", LEASED) for _ in range(1_005)]
        counted = (await client.info("commandstats"))["cmdstat_evalsha"]["calls"]

    assert [grant.granted for grant in told] == [1] * 1_000 + [0] * 5
    assert counted <= 21


async def test_a_counter_has_one_slot_and_ends_by_itself(connect: Connect, valkey_url: str) -> None:
    await RedisLimiter(connect()).take("2001:db8::/64", EXACT, 1)

    async with Redis.from_url(valkey_url, decode_responses=True) as client:
        [key] = await client.keys()
        left_s = await client.ttl(key)

    assert key == "cx:{login:2001:db8::/64}:20/3600000"
    assert 0 < left_s <= 3_600


async def test_without_redis_each_process_counts_by_itself_and_goes_on_from_what_it_passed(
    tmp_path: Path,
) -> None:
    server = EmbeddedValkey(tmp_path, password="only-for-the-tests", durable=False)
    server.start()
    connection = RedisConnection(server.url, timeout_s=0.2, rest_s=60.0)
    shared = RedisLimiter(connection)
    leases = Leases(FallbackLimiter(shared, MemoryLimiter(monotonic_us)), monotonic_us)
    before = [await leases.take("7", EXACT) for _ in range(5)]

    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        after = [await leases.take("7", EXACT) for _ in range(40)]
        with pytest.raises(Unavailable, match="expected a count of calls, was no answer"):
            await shared.take("7", EXACT, 1)
    finally:
        os.kill(server.pid, signal.SIGCONT)
        await connection.close()
        server.stop()

    assert [grant.granted for grant in before] == [1] * 5
    assert [grant.granted for grant in after] == [1] * 15 + [0] * 25
