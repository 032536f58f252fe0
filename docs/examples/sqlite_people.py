"""What officers ask about users, of a SQLite file."""

from __future__ import annotations

from crypto_exchange.domain.account_queries import AccountView, UserView
from crypto_exchange.domain.second_factor import SecondFactor
from crypto_exchange.domain.user import User
from crypto_exchange.domain.views import Cursor
from sqlite_rows import Rows, get_wallet


class SqliteAccountQueries:
    """A part of `SqliteReadModels`."""

    _rows: Rows

    async def list_users(
        self, prefix: str, *, limit: int, after: Cursor | None
    ) -> tuple[UserView, ...]:
        before = 2**62 if after is None else after.id
        beginning = "substr(lower(username), 1, length(?)) = lower(?) AND id < ?"
        where = f"{beginning} ORDER BY id DESC LIMIT ?"
        return tuple(self._rows.fetch(UserView, "users", where, prefix, prefix, before, limit))

    async def list_officers(self) -> tuple[UserView, ...]:
        return tuple(self._rows.fetch(UserView, "users", "body ->> 'role' <> 'user' ORDER BY id"))

    async def get_account(self, user_id: int, *, at_us: int) -> AccountView:
        user = self._rows.get(User, "users", "id = ?", user_id)
        factor = self._rows.find(SecondFactor, "second_factors", "user_id = ?", user_id)
        held = "SELECT coalesce(sum(total), 0) FROM orders WHERE user_id = ? AND state IN "
        lives = "user_id = ? AND ended_at_us = 0 AND expires_at_us > ?"
        came = "body ->> 'event' = 'UserRegistered' AND body ->> 'user_id' = ?"
        registered = self._rows.select(
            f"SELECT body ->> 'at_us' FROM events WHERE {came} ORDER BY id", user_id
        )
        return AccountView(
            id=user.id,
            username=user.username,
            role=user.role,
            status=user.status,
            balance=get_wallet(self._rows, user_id).balance,
            held=self._rows.select(f"{held} ('pending', 'aggregated')", user_id)[0][0],
            second_factor=factor is not None and factor.active,
            sessions=len(
                self._rows.select(f"SELECT 1 FROM sessions WHERE {lives}", user_id, at_us)
            ),
            created_at_us=registered[0][0] if registered else None,
        )
