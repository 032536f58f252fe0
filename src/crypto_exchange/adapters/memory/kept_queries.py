"""Everything of a kind that is kept of one user, over a `State`."""

from __future__ import annotations

from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.kept_queries import Kept, place_of
from crypto_exchange.domain.state import State


class MemoryKeptQueries:
    """A part of `MemoryReadModels`."""

    _state: State

    async def list_kept(
        self, kind: type[Kept], user_id: UserId, *, limit: int, after: Kept | None
    ) -> tuple[Kept, ...]:
        begin = (-1, "") if after is None else place_of(after)
        own = [each for each in self._rows(kind) if each.user_id == user_id]
        own.sort(key=place_of)
        return tuple(each for each in own if place_of(each) > begin)[:limit]

    def _rows(self, kind: type[Kept]) -> list[Kept]:
        state: State = self._state
        tables = (state.sessions, state.keys, state.adjustments, state.reviews)
        return [row for table in tables for row in table.values() if isinstance(row, kind)]
