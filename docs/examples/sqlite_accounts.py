"""What a unit of work loads of accounts from a SQLite file."""

from __future__ import annotations

from crypto_exchange.domain.adjustment import Adjustment
from crypto_exchange.domain.api_key import ApiKey
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.review import Review
from crypto_exchange.domain.second_factor import SecondFactor
from crypto_exchange.domain.user import Session, User
from crypto_exchange.domain.views import Belongings
from sqlite_closing import erase
from sqlite_queries import SqliteReadModels
from sqlite_rows import Rows


class SqliteAccounts:
    """A part of `SqliteUnitOfWork`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def find_user(self, username: str) -> User | None:
        return self._rows.find(User, "users", "lower(username) = lower(?)", username)

    async def get_user(self, user_id: int) -> User:
        return self._rows.get(User, "users", "id = ?", user_id)

    async def find_session(self, user_id: int, session_id: str) -> Session | None:
        return self._rows.find(Session, "sessions", "user_id = ? AND id = ?", user_id, session_id)

    async def list_sessions(self, user_id: int) -> tuple[Session, ...]:
        where = "user_id = ? AND ended_at_us = 0 ORDER BY created_at_us, id"
        return tuple(self._rows.fetch(Session, "sessions", where, user_id))

    async def find_second_factor(self, user_id: int) -> SecondFactor | None:
        return self._rows.find(SecondFactor, "second_factors", "user_id = ?", user_id)

    async def find_api_key(self, user_id: int, key_id: str) -> ApiKey | None:
        return self._rows.find(ApiKey, "api_keys", "user_id = ? AND id = ?", user_id, key_id)

    async def list_api_keys(self, user_id: int) -> tuple[ApiKey, ...]:
        where = "user_id = ? AND ended_at_us = 0 ORDER BY created_at_us, id"
        return tuple(self._rows.fetch(ApiKey, "api_keys", where, user_id))

    async def get_review(self, user_id: int, review_id: str) -> Review:
        return self._rows.get(Review, "reviews", "user_id = ? AND id = ?", user_id, review_id)

    async def list_live_reviews(self, user_id: int) -> tuple[Review, ...]:
        live = "state = 'open' OR state = 'released' AND kind = 'withdrawal'"
        newest = f"user_id = ? AND ({live}) ORDER BY opened_at_us DESC, id DESC LIMIT 100"
        return tuple(self._rows.fetch(Review, "reviews", newest, user_id))

    async def get_belongings(self, user_id: int) -> Belongings:
        opened = "FROM orders WHERE user_id = ? AND state IN ('pending', 'aggregated')"
        ((orders, held),) = self._rows.select(
            f"SELECT count(*), coalesce(sum(total), 0) {opened}", user_id
        )
        proposed = "body ->> 'user_id' = ? AND state = 'proposed' ORDER BY key"
        return Belongings(
            orders=orders,
            held=held,
            adjustments=tuple(self._rows.fetch(Adjustment, "adjustments", proposed, user_id)),
            coins=await SqliteReadModels(self._rows).list_holdings(user_id),
        )

    async def get_adjustment(self, key: str) -> Adjustment:
        return self._rows.get(Adjustment, "adjustments", "key = ?", key)

    def end_logins(self, change: Change) -> None:
        """What a change does to logins and keys beside their transitions."""
        for s in change.forgotten:
            self._rows.select("DELETE FROM sessions WHERE user_id = ? AND id = ?", s.user_id, s.id)
        for key in change.forgotten_keys:
            where = "user_id = ? AND id = ?"
            self._rows.select(f"DELETE FROM api_keys WHERE {where}", key.user_id, key.id)
        erase(self._rows, change.erased)
        for use in change.key_uses:
            update = "UPDATE api_keys SET body = json_set(body, '$.used_at_us', ?)"
            where = "user_id = ? AND id = ? AND used_at_us < ?"
            self._rows.select(f"{update} WHERE {where}", use.at_us, use.user_id, use.id, use.at_us)
