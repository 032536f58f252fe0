"""Postgres and Valkey keep every contract, and the machine and simulated days find nothing in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest
from typing_extensions import override

from crypto_exchange.adapters.postgres import Database, EventLog, PostgresBegin, open_database
from crypto_exchange.adapters.postgres.writes import write
from crypto_exchange.adapters.redis import RedisAssetCache, RedisConnection, RedisTally
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.events import AnyEvent
from crypto_exchange.entrypoints.testing.adapters import Adapters, Sim
from crypto_exchange.entrypoints.testing.contracts import Books
from crypto_exchange.entrypoints.testing.suite import AggregationSuite, KitOptions
from tests.integration.postgres_store import EMPTY, PostgresBooks, store_over
from tests.servers import run_sql


class TestPostgres(AggregationSuite):
    make_database: Callable[[], str]
    emptied: list[str]
    valkey_url: str

    @pytest.fixture(autouse=True)
    def take(
        self, make_database: Callable[[], str], emptied_databases: list[str], valkey_url: str
    ) -> None:
        self.make_database, self.emptied = make_database, emptied_databases
        self.valkey_url = valkey_url
        self.logs: dict[Database, tuple[EventLog, list[AnyEvent]]] = {}

    @pytest.fixture
    def kit_options(self, kit_options: KitOptions) -> KitOptions:
        """Every example has a database of its own; `make harness` is where there are many."""
        return kit_options if kit_options.budget_s else KitOptions(examples=2, hours=1)

    @override
    async def make_adapters(self, sim: Sim) -> Adapters:
        dsn = self.emptied.pop() if self.emptied else self.make_database()
        database = await open_database(dsn, max_size=8, patience_s=5)
        redis = RedisConnection(self.valkey_url, timeout_s=5.0, rest_s=0.05)
        await redis.client.flushall()

        async def close() -> None:
            await redis.close()
            await database.close()
            await asyncio.to_thread(run_sql, dsn, EMPTY)
            self.emptied.append(dsn)

        return msgspec.structs.replace(
            store_over(database),
            cache=RedisAssetCache(redis, memory_s=0.0),
            tally=RedisTally(redis, threshold=sim.policy.threshold),
            close=close,
        )

    @override
    async def list_events(self, adapters: Adapters) -> Sequence[AnyEvent]:
        """As one reader has them who goes on from where they were."""
        database = _database(adapters)
        log, events = self.logs.setdefault(database, (EventLog(database), []))
        events += [logged.event async for logged in log.read()]
        return tuple(events)

    @override
    @asynccontextmanager
    async def held_back(self, adapters: Adapters, change: Change) -> AsyncIterator[None]:
        async with _database(adapters).connection() as connection, connection.transaction():
            await write(connection, change)
            yield

    @override
    def make_books(self, adapters: Adapters) -> Books:
        return PostgresBooks(_database(adapters))


def _database(adapters: Adapters) -> Database:
    assert isinstance(adapters.begin, PostgresBegin)
    return adapters.begin._database
