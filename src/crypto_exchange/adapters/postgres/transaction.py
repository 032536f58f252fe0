"""Transactions that may be left without a word."""

from __future__ import annotations

from contextlib import suppress

import asyncpg

from crypto_exchange.adapters.postgres.failures import translated
from crypto_exchange.adapters.postgres.pool import Connection


class Transaction:
    """A transaction that is rolled back unless it was committed."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._open: asyncpg.transaction.Transaction | None = None

    async def start(self) -> None:
        transaction = self.connection.transaction()
        with translated():
            await transaction.start()
        self._open = transaction

    async def commit(self) -> None:
        transaction, self._open = self._open, None
        if transaction is not None:
            await transaction.commit()

    async def roll_back(self) -> None:
        transaction, self._open = self._open, None
        if transaction is not None:
            # Where this fails the connection is gone, and the transaction with it.
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await transaction.rollback()
