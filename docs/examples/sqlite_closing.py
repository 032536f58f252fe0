"""What is kept of one user in a SQLite file, and what is erased when they close their account."""

from __future__ import annotations

from typing import TypeVar

from crypto_exchange.domain.adjustment import Adjustment
from crypto_exchange.domain.api_key import ApiKey
from crypto_exchange.domain.change import Erasure
from crypto_exchange.domain.kept_queries import place_of
from crypto_exchange.domain.review import Review
from crypto_exchange.domain.user import Session
from sqlite_rows import Rows

Kept = TypeVar("Kept", Session, ApiKey, Adjustment, Review)

# Of each kind: its table, when it began, its name.
KEPT = {
    Session: ("sessions", "created_at_us", "id"),
    ApiKey: ("api_keys", "created_at_us", "id"),
    Adjustment: ("adjustments", "proposed_at_us", "key"),
    Review: ("reviews", "opened_at_us", "id"),
}
ERASED = {
    "sessions": "'$.device', '', '$.address', '', '$.retry', ''",
    "api_keys": "'$.name', '', '$.digest', ''",
}


class SqliteKeptQueries:
    """A part of `SqliteReadModels`."""

    _rows: Rows

    async def list_kept(
        self, kind: type[Kept], user_id: int, *, limit: int, after: Kept | None
    ) -> tuple[Kept, ...]:
        table, began, name = KEPT[kind]
        own = f"body ->> 'user_id' = ? AND ({began}, {name}) > (?, ?)"
        where = f"{own} ORDER BY {began}, {name} LIMIT ?"
        begin = (-1, "") if after is None else place_of(after)
        return tuple(self._rows.fetch(kind, table, where, user_id, *begin, limit))


def erase(rows: Rows, erasure: Erasure | None) -> None:
    """End logins and keys, and keep nothing of them but that; the name goes with the user's row."""
    if erasure is None:
        return
    ended = "'$.ended_at_us', CASE ended_at_us WHEN 0 THEN ? ELSE ended_at_us END"
    for table, nothing in ERASED.items():
        update = f"UPDATE {table} SET body = json_set(body, {ended}, {nothing}) WHERE user_id = ?"
        rows.select(update, max(erasure.at_us, 1), erasure.user.id)
