"""A store over a real Postgres, for suites and for tests of what only Postgres does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from crypto_exchange.adapters.memory import MemoryClock, memory_context
from crypto_exchange.adapters.postgres import (
    Database,
    PostgresBegin,
    PostgresIds,
    PostgresMarket,
    PostgresReadModels,
    open_database,
)
from crypto_exchange.domain.use_cases.context import Context
from tests.contracts.scene import Scene, Store


@asynccontextmanager
async def opened_database(dsn: str, *, patience_s: int = 5) -> AsyncIterator[Database]:
    """A pool over a migrated database."""
    database = await open_database(dsn, max_size=8, patience_s=patience_s)
    try:
        yield database
    finally:
        await database.close()


def context_over(scene: Scene) -> Context:
    """A service over a scene's store, everything else in memory, its time standing still."""
    store = scene.store
    return msgspec.structs.replace(
        memory_context(policy=scene.policy, clock=MemoryClock(scene.at_us)),
        begin=store.begin,
        ids=store.ids,
        queries=store.queries,
        market=store.market,
    )


def store_over(database: Database) -> Store:
    """The ports over a pool."""
    return Store(
        begin=PostgresBegin(database),
        queries=PostgresReadModels(database),
        market=PostgresMarket(database),
        ids=PostgresIds(database),
    )
