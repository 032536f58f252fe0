"""All rows of the service as lines of JSON, for backups to read with one's eyes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import msgspec
from sqlalchemy import Table

from crypto_exchange.adapters.postgres.failures import translated
from crypto_exchange.adapters.postgres.pool import Database
from crypto_exchange.adapters.postgres.tables import metadata

_SECRET = frozenset({"password_hash", "recovery", "sealed", "digest"})
_JSON = frozenset({"activity", "body", "details"})


async def dump_rows(database: Database) -> AsyncIterator[bytes]:
    """Yield `{"table": …, "row": {…}}` for every row, from one snapshot, by table and key.

    Integers are JSON numbers in the units of the columns. Password hashes, digests
    of API keys and what second factors are made of are left out.
    """
    async with database.connection() as connection:
        with translated():
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                await connection.execute("SET LOCAL statement_timeout = 0")
                await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                for table in metadata.sorted_tables:
                    async for row in connection.cursor(_select(table), prefetch=1_000):
                        yield _line(table, row)


def _select(table: Table) -> str:
    columns = ", ".join(column.name for column in table.columns if column.name not in _SECRET)
    key = ", ".join(column.name for column in table.primary_key)
    return f"SELECT {columns} FROM {table.name} ORDER BY {key}"  # noqa: S608 - our own names


def _line(table: Table, row: asyncpg.Record) -> bytes:
    fields = dict(row)
    for name in _JSON & fields.keys():
        fields[name] = msgspec.Raw(fields[name].encode())
    return msgspec.json.encode({"table": str(table.name), "row": fields}) + b"\n"
