"""Reviews over Postgres: what a unit of work loads of them, and the queue."""

from __future__ import annotations

from crypto_exchange.adapters.postgres.account_loads import AccountLoads
from crypto_exchange.adapters.postgres.columns import REVIEWS
from crypto_exchange.adapters.postgres.pool import Database
from crypto_exchange.adapters.postgres.rows import read
from crypto_exchange.domain.errors import NotFound
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.review import Review
from crypto_exchange.domain.views import Cursor

_ENOUGH_OF_ONE_USER = 100
_REVIEWS = f"SELECT {', '.join(REVIEWS)} FROM reviews"  # noqa: S608 - our own names
_GET_REVIEW = f"{_REVIEWS} WHERE user_id = $1 AND id = $2"
_LIST_OF_USER = f"""{_REVIEWS}
 WHERE user_id = $1 AND (state = 'open' OR state = 'released' AND kind = 'withdrawal')
 ORDER BY opened_at_us DESC, id COLLATE "C" DESC LIMIT $2"""
_LIST_OPEN = f"""{_REVIEWS} WHERE state = 'open' AND (opened_at_us, user_id) > ($2, $3)
 ORDER BY opened_at_us, user_id, id COLLATE "C" LIMIT $1"""


class ReviewLoads(AccountLoads):
    """A part of `PostgresUnitOfWork`."""

    async def get_review(self, user_id: UserId, review_id: str) -> Review:
        row = await self._fetchrow(_GET_REVIEW + self._for_update, user_id, review_id)
        if row is None:
            raise NotFound("review", review_id)
        return read(Review, row)

    async def list_live_reviews(self, user_id: UserId) -> tuple[Review, ...]:
        rows = await self._fetch(_LIST_OF_USER, user_id, _ENOUGH_OF_ONE_USER)
        return tuple(read(Review, row) for row in rows)


class ReviewQueries:
    """A part of `PostgresReadModels`."""

    _database: Database

    async def list_reviews(self, *, limit: int, after: Cursor | None = None) -> tuple[Review, ...]:
        end = after or Cursor(-1, 0)
        rows = await self._database.fetch(_LIST_OPEN, limit, end.created_at_us, end.id)
        return tuple(read(Review, row) for row in rows)
