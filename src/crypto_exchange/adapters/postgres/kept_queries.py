"""Everything of a kind that is kept of one user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import asyncpg

from crypto_exchange.adapters.postgres.columns import ADJUSTMENTS, API_KEYS, REVIEWS, SESSIONS
from crypto_exchange.adapters.postgres.pool import Database
from crypto_exchange.adapters.postgres.rows import read, read_api_key
from crypto_exchange.domain.adjustment import Adjustment
from crypto_exchange.domain.api_key import ApiKey
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.kept_queries import Kept, place_of
from crypto_exchange.domain.review import Review
from crypto_exchange.domain.user import Session


class _Table(NamedTuple):
    sql: str
    read: Callable[[asyncpg.Record], Any]


class PostgresKeptQueries:
    """A part of `PostgresReadModels`."""

    _database: Database

    async def list_kept(
        self, kind: type[Kept], user_id: UserId, *, limit: int, after: Kept | None
    ) -> tuple[Kept, ...]:
        table, begin = _TABLES[kind], (-1, "") if after is None else place_of(after)
        rows = await self._database.fetch(table.sql, user_id, *begin, limit)
        return tuple(table.read(row) for row in rows)


def _page(table: str, columns: dict[str, str], began: str, name: str) -> str:
    order = f'{began}, {name} COLLATE "C"'
    return f"""SELECT {", ".join(columns)} FROM {table}
 WHERE user_id = $1 AND ({order}) > ($2, $3) ORDER BY {order} LIMIT $4"""  # noqa: S608 - our own names


_TABLES: dict[type, _Table] = {
    Session: _Table(
        _page("sessions", SESSIONS, "created_at_us", "id"), lambda row: read(Session, row)
    ),
    ApiKey: _Table(_page("api_keys", API_KEYS, "created_at_us", "id"), read_api_key),
    Adjustment: _Table(
        _page("adjustments", ADJUSTMENTS, "proposed_at_us", "key"),
        lambda row: read(Adjustment, row),
    ),
    Review: _Table(_page("reviews", REVIEWS, "opened_at_us", "id"), lambda row: read(Review, row)),
}
