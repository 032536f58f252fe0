"""Queries of the audit log and its chain over a `State`."""

from __future__ import annotations

from collections.abc import Iterator

from crypto_exchange.domain.audit_chain import Link, LinkedEntry
from crypto_exchange.domain.audit_log import Action, LoggedEntry
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.state import State


class MemoryAuditQueries:
    """A part of `MemoryReadModels`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def list_audit(
        self,
        *,
        limit: int,
        after: int | None,
        user_id: UserId | None = None,
        action: Action | None = None,
    ) -> tuple[LoggedEntry, ...]:
        found = [
            entry
            for entry in reversed(self._state.audit)
            if (after is None or entry.id < after)
            and (user_id is None or user_id in {entry.user_id, entry.actor_id})
            and (action is None or entry.action is action)
        ]
        return tuple(found[:limit])

    async def list_unchained(self, since: int, *, limit: int) -> tuple[LoggedEntry, ...]:
        return tuple(entry for entry in self._unchained() if entry.id > since)[:limit]

    async def count_unchained(self, until_us: int | None = None) -> int:
        return sum(1 for e in self._unchained() if until_us is None or e.at_us <= until_us)

    async def find_last_link(self) -> Link | None:
        return self._state.links[-1] if self._state.links else None

    async def list_links(self, after: int, *, limit: int) -> tuple[LinkedEntry, ...]:
        entries = {entry.id: entry for entry in self._state.audit}
        links = [link for link in self._state.links if link.position > after][:limit]
        return tuple(LinkedEntry(link, entries.get(link.entry_id)) for link in links)

    def _unchained(self) -> Iterator[LoggedEntry]:
        chained = {link.entry_id for link in self._state.links}
        return (entry for entry in self._state.audit if entry.id not in chained)
