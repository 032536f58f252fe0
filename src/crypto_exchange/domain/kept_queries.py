"""Kept queries: everything of a kind that is kept of one user, for those who ask what is."""

from __future__ import annotations

from typing import Protocol, TypeVar

from crypto_exchange.domain.adjustment import Adjustment
from crypto_exchange.domain.api_key import ApiKey
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.review import Review
from crypto_exchange.domain.user import Session

Kept = TypeVar("Kept", Session, ApiKey, Adjustment, Review)


class KeptQueries(Protocol):
    """A part of `ReadModels`."""

    async def list_kept(
        self, kind: type[Kept], user_id: UserId, *, limit: int, after: Kept | None
    ) -> tuple[Kept, ...]:
        """A page of a user's rows of a kind, whatever has become of them: by when they began, then by
        name, the oldest first, from behind `after`.
        """


def place_of(row: Session | ApiKey | Adjustment | Review) -> tuple[int, str]:
    """When it began, and its name: where it stands in those lists."""
    match row:
        case Adjustment():
            return row.proposed_at_us, row.key
        case Review():
            return row.opened_at_us, row.id
        case _:
            return row.created_at_us, row.id
