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
from crypto_exchange.adapters.postgres.tables import metadata
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.testing.adapters import Adapters
from crypto_exchange.entrypoints.testing.contracts import Row, Scene

EMPTY = "; ".join(
    [
        *(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)),
        *(
            f"ALTER SEQUENCE {name}_ids RESTART"
            for name in ("user", "order", "transfer", "event", "audit")
        ),
    ]
)
"""Leaves a migrated database as if it were new."""


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


def store_over(database: Database) -> Adapters:
    """The ports over a pool, which is closed with them."""
    return Adapters(
        begin=PostgresBegin(database),
        queries=PostgresReadModels(database),
        market=PostgresMarket(database),
        ids=PostgresIds(database),
        close=database.close,
    )


class PostgresBooks:
    """Implements `Books`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rows(self, table: str) -> list[Row]:
        keys = ", ".join(_key(table))
        rows = await self._database.fetch(f"SELECT * FROM {table} ORDER BY {keys}")
        return [dict(row) for row in rows]

    async def change(self, table: str, row: Row, column: str, value: object) -> None:
        sql = f"UPDATE {table} SET {column} = $1 WHERE {_found_by(table, 2)}"
        await self._execute(sql, value, *(row[name] for name in _key(table)))

    async def drop(self, table: str, row: Row) -> None:
        sql = f"DELETE FROM {table} WHERE {_found_by(table, 1)}"
        await self._execute(sql, *(row[name] for name in _key(table)))

    async def _execute(self, sql: str, *args: object) -> None:
        """As the owner of the tables: the service itself may not."""
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute("SET LOCAL ROLE NONE")
            await connection.execute(sql, *args)


def _key(table: str) -> list[str]:
    return [column.name for column in metadata.tables[table].primary_key]


def _found_by(table: str, first: int) -> str:
    terms = (f"{name} = ${number}" for number, name in enumerate(_key(table), start=first))
    return " AND ".join(terms)
