"""Queries about accounts, for officers. Each statement is about one user, or about the directory."""

from __future__ import annotations

from crypto_exchange.adapters.postgres.pool import Database
from crypto_exchange.adapters.postgres.rows import read
from crypto_exchange.domain.account_queries import AccountView, UserView
from crypto_exchange.domain.errors import NotFound
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.views import Cursor

_LAST = "\x7f"
"""After every character that a username has."""
_USERS = "SELECT id, username, role, status FROM users"
_PAGE = f"{_USERS} WHERE id < $1 ORDER BY id DESC LIMIT $2"
_BY_ID = f"{_USERS} WHERE id = ANY($1::bigint[]) ORDER BY id DESC"
_OFFICERS = f"{_USERS} WHERE role <> 'user' ORDER BY id"
_NAMED = """
SELECT user_id FROM usernames
 WHERE username_key COLLATE "C" >= $1 AND username_key COLLATE "C" < $2 AND user_id < $3
 ORDER BY user_id DESC LIMIT $4"""
_ACCOUNT = """
SELECT u.id, u.username, u.role, u.status, w.balance,
       (SELECT coalesce(sum(total), 0) FROM orders
         WHERE user_id = $1 AND state IN ('pending', 'aggregated')) AS held,
       EXISTS (SELECT FROM second_factors WHERE user_id = $1 AND state = 'active') AS second_factor,
       (SELECT count(*) FROM sessions
         WHERE user_id = $1 AND ended_at_us = 0 AND expires_at_us > $2) AS sessions,
       (SELECT at_us FROM events WHERE user_id = $1 AND event = 'UserRegistered'
         ORDER BY seq LIMIT 1) AS created_at_us
  FROM users AS u JOIN wallets AS w ON w.user_id = u.id
 WHERE u.id = $1"""


class AccountViews:
    """A part of `PostgresReadModels`."""

    _database: Database

    async def list_users(
        self, prefix: str, *, limit: int, after: Cursor | None
    ) -> tuple[UserView, ...]:
        before = 2**63 - 1 if after is None else after.id
        if not prefix:
            rows = await self._database.fetch(_PAGE, before, limit)
            return tuple(read(UserView, row) for row in rows)
        if not (prefix.isascii() and prefix.isprintable()):
            return ()  # Nobody has it, and Postgres could not compare it as Python does.
        first = prefix.lower()
        named = await self._database.fetch(_NAMED, first, first + _LAST, before, limit)
        rows = await self._database.fetch(_BY_ID, [row["user_id"] for row in named])
        return tuple(read(UserView, row) for row in rows)

    async def list_officers(self) -> tuple[UserView, ...]:
        rows = await self._database.fetch(_OFFICERS)
        return tuple(read(UserView, row) for row in rows)

    async def get_account(self, user_id: UserId, *, at_us: int) -> AccountView:
        row = await self._database.fetchrow(_ACCOUNT, user_id, at_us)
        if row is None:
            raise NotFound("user", user_id)
        return read(AccountView, row)
