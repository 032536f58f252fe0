"""Loads of a unit of work over Postgres: how it asks, and what it asks about accounts."""

from __future__ import annotations

import asyncpg

from crypto_exchange.adapters.postgres.failures import translated
from crypto_exchange.adapters.postgres.pool import Database
from crypto_exchange.adapters.postgres.rows import read, read_api_key, read_second_factor
from crypto_exchange.adapters.postgres.statements import (
    FIND_KEY,
    FIND_SECOND_FACTOR,
    FIND_SESSION,
    FIND_USER_ID,
    GET_ADJUSTMENT,
    GET_USER,
    LIST_KEYS,
    LIST_SESSIONS,
)
from crypto_exchange.adapters.postgres.transaction import Transaction
from crypto_exchange.domain.adjustment import Adjustment
from crypto_exchange.domain.api_key import ApiKey
from crypto_exchange.domain.errors import NotFound
from crypto_exchange.domain.ids import HOUSE, UserId
from crypto_exchange.domain.second_factor import SecondFactor
from crypto_exchange.domain.user import Session, User


class AccountLoads:
    """A part of `PostgresUnitOfWork`."""

    def __init__(self, database: Database, transaction: Transaction | None) -> None:
        self._database = database
        self._transaction = transaction
        self._for_update = "" if transaction is None else " FOR UPDATE"

    async def find_user(self, username: str) -> User | None:
        if not (username.isascii() and username.isprintable()):
            return None  # Nobody can have it, and Postgres could not compare it as Python does.
        row = await self._fetchrow(FIND_USER_ID, username.lower())
        # As many questions for a name that nobody has, so that the time does not tell it.
        row = await self._fetchrow(GET_USER, HOUSE if row is None else row["user_id"])
        return None if row is None else read(User, row)

    async def get_user(self, user_id: UserId) -> User:
        row = await self._fetchrow(GET_USER, user_id)
        if row is None:
            raise NotFound("user", user_id)
        return read(User, row)

    async def get_adjustment(self, key: str) -> Adjustment:
        row = await self._fetchrow(GET_ADJUSTMENT + self._for_update, key)
        if row is None:
            raise NotFound("adjustment", key)
        return read(Adjustment, row)

    async def find_session(self, user_id: UserId, session_id: str) -> Session | None:
        row = await self._fetchrow(FIND_SESSION + self._for_update, user_id, session_id)
        return None if row is None else read(Session, row)

    async def find_second_factor(self, user_id: UserId) -> SecondFactor | None:
        row = await self._fetchrow(FIND_SECOND_FACTOR + self._for_update, user_id)
        return None if row is None else read_second_factor(row)

    async def find_api_key(self, user_id: UserId, key_id: str) -> ApiKey | None:
        row = await self._fetchrow(FIND_KEY + self._for_update, user_id, key_id)
        return None if row is None else read_api_key(row)

    async def list_api_keys(self, user_id: UserId) -> tuple[ApiKey, ...]:
        rows = await self._fetch(LIST_KEYS + self._for_update, user_id)
        return tuple(read_api_key(row) for row in rows)

    async def list_sessions(self, user_id: UserId) -> tuple[Session, ...]:
        rows = await self._fetch(LIST_SESSIONS + self._for_update, user_id)
        return tuple(read(Session, row) for row in rows)

    async def _fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        if self._transaction is None:
            return await self._database.fetchrow(sql, *args)
        with translated():
            return await self._transaction.connection.fetchrow(sql, *args)

    async def _fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        if self._transaction is None:
            return await self._database.fetch(sql, *args)
        with translated():
            return await self._transaction.connection.fetch(sql, *args)
