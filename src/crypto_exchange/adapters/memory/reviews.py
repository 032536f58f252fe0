"""The queue of reviews over a `State`."""

from __future__ import annotations

from crypto_exchange.domain.review import Review, ReviewState
from crypto_exchange.domain.state import State
from crypto_exchange.domain.views import Cursor


class MemoryReviewQueries:
    """A part of `MemoryReadModels`."""

    _state: State

    async def list_reviews(self, *, limit: int, after: Cursor | None = None) -> tuple[Review, ...]:
        end = after or Cursor(-1, 0)
        later = [
            review
            for review in self._state.reviews.values()
            if review.state is ReviewState.OPEN
            and (review.opened_at_us, review.user_id) > (end.created_at_us, end.id)
        ]
        later.sort(key=lambda review: (review.opened_at_us, review.user_id, review.id))
        return tuple(later[:limit])
