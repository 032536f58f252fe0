"""The audit log and its chain in a SQLite file."""

from __future__ import annotations

from typing import Any

import msgspec

from crypto_exchange.domain.audit_chain import Link, LinkedEntry
from crypto_exchange.domain.audit_log import Action, LoggedEntry, Via, known
from sqlite_rows import Rows

UNCHAINED = "id NOT IN (SELECT entry_id FROM audit_chain)"


class SqliteAuditQueries:
    """A part of `SqliteReadModels`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def list_audit(
        self,
        *,
        limit: int,
        after: int | None,
        user_id: int | None = None,
        action: Action | None = None,
    ) -> tuple[LoggedEntry, ...]:
        name = None if action is None else action.value
        where = (
            "(?1 IS NULL OR id < ?1) AND (?2 IS NULL OR ?2 IN (user_id, actor_id)) "
            "AND (?3 IS NULL OR action = ?3) ORDER BY id DESC LIMIT ?4"
        )
        return self._entries(where, after, user_id, name, limit)

    async def list_unchained(self, since: int, *, limit: int) -> tuple[LoggedEntry, ...]:
        return self._entries(f"id > ? AND {UNCHAINED} ORDER BY id LIMIT ?", since, limit)

    async def count_unchained(self, until_us: int | None = None) -> int:
        early = "(?1 IS NULL OR body ->> 'at_us' <= ?1)"
        sql = f"SELECT count(*) FROM audit_log WHERE {UNCHAINED} AND {early}"
        ((count,),) = self._rows.select(sql, until_us)
        return int(count)

    async def find_last_link(self) -> Link | None:
        return self._rows.find(Link, "audit_chain", "true ORDER BY position DESC LIMIT 1")

    async def list_links(self, after: int, *, limit: int) -> tuple[LinkedEntry, ...]:
        where = "position > ? ORDER BY position LIMIT ?"
        links = self._rows.fetch(Link, "audit_chain", where, after, limit)
        found = [self._entries("id = ?", link.entry_id) for link in links]
        return tuple(
            LinkedEntry(link, entries[0] if entries else None)
            for link, entries in zip(links, found, strict=True)
        )

    def _entries(self, where: str, *values: object) -> tuple[LoggedEntry, ...]:
        sql = f"SELECT json_set(body, '$.id', id) FROM audit_log WHERE {where}"
        found = self._rows.select(sql, *values)
        return tuple(read_entry(msgspec.json.decode(body)) for (body,) in found)


def read_entry(body: dict[str, Any]) -> LoggedEntry:
    """An entry, in whose place of a word there may be any text."""
    words = {"via": known(Via, body["via"]), "action": known(Action, body["action"])}
    return LoggedEntry(**{**body, **words})
