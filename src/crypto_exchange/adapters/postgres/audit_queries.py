"""Queries of the audit log and its chain."""

from __future__ import annotations

import asyncpg

from crypto_exchange.adapters.postgres import audit
from crypto_exchange.adapters.postgres.columns import AUDIT_CHAIN, AUDIT_LOG
from crypto_exchange.adapters.postgres.pool import Connection, Database
from crypto_exchange.adapters.postgres.rows import read, read_entry
from crypto_exchange.domain.audit_chain import MOST_LINKS, Link, LinkedEntry
from crypto_exchange.domain.audit_log import Action, LoggedEntry
from crypto_exchange.domain.ids import UserId

_NEWEST = 2**63 - 1
_ENTRY = ", ".join(f"a.{name}" for name in ("id", *AUDIT_LOG))
_OF_A_USER = "(a.user_id = $3 OR a.actor_id = $3)"
_NOT_CHAINED = "NOT EXISTS (SELECT FROM audit_chain AS c WHERE c.entry_id = a.id)"
_UNCHAINED = f"""
SELECT {_ENTRY} FROM audit_log AS a WHERE a.id > $1 AND {_NOT_CHAINED} ORDER BY a.id LIMIT $2"""  # noqa: S608 - our own names
_COUNT = f"""
SELECT count(*) FROM audit_log AS a
 WHERE {_NOT_CHAINED} AND ($1::bigint IS NULL OR a.at_us <= $1)"""  # noqa: S608 - our own names
_LINK = ", ".join(f"c.{name}" for name in AUDIT_CHAIN)
# Skips links that stand where no others have room, at the end of all numbers: they must not stop them.
_LAST = f"""
SELECT {_LINK} FROM audit_chain AS c
 WHERE c.position < {_NEWEST - MOST_LINKS} AND NOT EXISTS (
       SELECT FROM audit_chain AS n
        WHERE n.position > c.position AND n.position <= c.position + {MOST_LINKS})
 ORDER BY c.position DESC LIMIT 1"""  # noqa: S608 - our own names
# The page is one of links: an entry that is there twice comes twice.
_LINKS = f"""
SELECT {_LINK}, {_ENTRY}
  FROM (SELECT * FROM audit_chain WHERE position > $1 ORDER BY position LIMIT $2) AS c
  LEFT JOIN audit_log AS a ON a.id = c.entry_id ORDER BY c.position"""  # noqa: S608 - our own names


class PostgresAuditQueries:
    """A part of `PostgresReadModels`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_audit(
        self,
        *,
        limit: int,
        after: int | None,
        user_id: UserId | None = None,
        action: Action | None = None,
    ) -> tuple[LoggedEntry, ...]:
        terms, values = ["a.id < $1"], [_NEWEST if after is None else after, limit]
        if user_id is not None:
            terms.append(_OF_A_USER)
        if action is not None:
            terms.append(f"a.action = ${3 + (user_id is not None)}")
        given = [
            *([] if user_id is None else [user_id]),
            *([] if action is None else [action.value]),
        ]
        sql = f"SELECT {_ENTRY} FROM audit_log AS a WHERE {' AND '.join(terms)}"  # noqa: S608 - our own names
        rows = await self._database.fetch(f"{sql} ORDER BY a.id DESC LIMIT $2", *values, *given)
        return tuple(read_entry(row) for row in rows)

    async def list_unchained(self, since: int, *, limit: int) -> tuple[LoggedEntry, ...]:
        rows = await self._patiently(_UNCHAINED, since, limit)
        return tuple(read_entry(row) for row in rows)

    async def count_unchained(self, until_us: int | None = None) -> int:
        count: int = (await self._patiently(_COUNT, until_us))[0][0]
        return count

    async def find_last_link(self) -> Link | None:
        row = await self._database.fetchrow(_LAST)
        return None if row is None else read(Link, row)

    async def list_links(self, after: int, *, limit: int) -> tuple[LinkedEntry, ...]:
        rows = await self._database.fetch(_LINKS, after, limit)
        return tuple(
            LinkedEntry(read(Link, row), None if row["id"] is None else read_entry(row))
            for row in rows
        )

    async def _patiently(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """A read that may walk through a whole table."""

        async def read_all(connection: Connection) -> list[asyncpg.Record]:
            async with audit.patience(connection):
                return await connection.fetch(sql, *args, timeout=audit.PATIENCE_S)

        return await self._database.load(read_all)
