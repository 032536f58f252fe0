"""Load → decide → commit over Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg
import msgspec

from crypto_exchange.adapters.postgres.closing import GET_BELONGINGS
from crypto_exchange.adapters.postgres.failures import already_there, translated
from crypto_exchange.adapters.postgres.pool import Connection, Database
from crypto_exchange.adapters.postgres.reviews import ReviewLoads
from crypto_exchange.adapters.postgres.rows import read, read_asset, read_wallet
from crypto_exchange.adapters.postgres.statements import (
    CLAIM_ORDERS,
    FIND_BATCH_ASSET,
    FIND_REQUEST,
    GET_ASSET,
    GET_BATCH,
    GET_BOOK,
    GET_BREAK,
    GET_ORDER,
    GET_PURCHASE,
    GET_WALLET,
    GET_WALLET_OF_SESSION,
    LOCK_BATCH,
    LOCK_INVENTORY,
    LOCK_PURCHASES,
)
from crypto_exchange.adapters.postgres.transaction import Transaction
from crypto_exchange.adapters.postgres.writes import is_user_command, write, write_user_command
from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.breaks import Break
from crypto_exchange.domain.change import Change, StoredRequest
from crypto_exchange.domain.errors import (
    InvariantViolation,
    NotFound,
    UnknownAsset,
    session_ended,
)
from crypto_exchange.domain.ids import BatchKey, OrderId, Symbol, UserId
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.domain.user import UserStatus, require_active
from crypto_exchange.domain.views import Belongings, Book, OpenBatch
from crypto_exchange.domain.wallet import Wallet

View = TypeVar("View", bound=msgspec.Struct)


class PostgresBegin:
    """Implements `Begin`. Without a lock no connection is held between load and commit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def __call__(self, *, lock: bool = False) -> AsyncIterator[PostgresUnitOfWork]:
        if not lock:
            work = PostgresUnitOfWork(self._database)
            yield work
            work.require_ended()
            return
        async with self._database.locking_connection() as connection:
            transaction = Transaction(connection)
            await transaction.start()
            try:
                work = PostgresUnitOfWork(self._database, transaction)
                yield work
                work.require_ended()
            finally:
                await transaction.roll_back()


class PostgresUnitOfWork(ReviewLoads):
    """Implements `UnitOfWork`; with a transaction, what it loads is locked until that ends."""

    def __init__(self, database: Database, transaction: Transaction | None = None) -> None:
        super().__init__(database, transaction)
        self._ended = False

    async def commit(self, change: Change) -> None:
        self._end()
        with translated():
            try:
                await self._write(change)
            except asyncpg.UniqueViolationError as error:
                raise already_there(error, change) from error

    def abandon(self) -> None:
        self._end()

    def require_ended(self) -> None:
        """Refuse to forget a decision.

        Raises:
            InvariantViolation: neither committed nor abandoned.
        """
        if not self._ended:
            raise InvariantViolation("a unit of work was left without commit or abandon")

    async def get_wallet(self, user_id: UserId) -> Wallet:
        row = await self._fetchrow(GET_WALLET + self._for_update, user_id)
        if row is None:
            raise NotFound("wallet of user", user_id)
        return read_wallet(*row)

    async def get_wallet_of_session(self, user_id: UserId, session_id: str) -> Wallet:
        if self._transaction is not None:
            # By itself: what a statement that waits for a lock sees of other rows is from before.
            await self.get_wallet(user_id)
        row = await self._fetchrow(GET_WALLET_OF_SESSION, user_id, session_id)
        if row is None:
            raise NotFound("wallet of user", user_id)
        wallet = dict(row)
        status = UserStatus(wallet.pop("status"))
        if not wallet.pop("lives"):
            raise session_ended()
        require_active(status)
        return read_wallet(**wallet)

    async def find_request(self, user_id: UserId, operation: str, key: str) -> StoredRequest | None:
        row = await self._fetchrow(FIND_REQUEST, user_id, operation, key)
        return None if row is None else StoredRequest(*row)

    async def get_order(self, user_id: UserId, order_id: OrderId) -> Order:
        row = await self._fetchrow(GET_ORDER + self._for_update, user_id, order_id)
        if row is None:
            raise NotFound("order", order_id)
        return read(Order, row)

    async def get_asset(self, symbol: Symbol) -> Asset:
        row = await self._fetchrow(GET_ASSET + self._for_update, symbol)
        if row is None:
            raise UnknownAsset(symbol)
        return read_asset(row)

    async def get_book(self, symbol: Symbol, *, limit: int) -> Book:
        if self._transaction is not None:
            await self._fetchrow(LOCK_INVENTORY, symbol)
        book = await self._find_view(Book, GET_BOOK, symbol, limit)
        if book is None:
            raise UnknownAsset(symbol)
        return book if self._transaction is None else await self._claim(book, self._transaction)

    async def get_batch(self, key: BatchKey) -> OpenBatch:
        if self._transaction is not None:
            await self._lock_batch(key)
        opened = await self._find_view(OpenBatch, GET_BATCH, key)
        if opened is None:
            raise NotFound("batch", key)
        return opened

    async def get_purchase(self, key: BatchKey, attempt: int) -> Purchase:
        if self._transaction is not None:
            await self._lock_batch(key)
        row = await self._fetchrow(GET_PURCHASE, key, attempt)
        if row is None:
            raise NotFound("attempt", f"{key}-{attempt}")
        return read(Purchase, row)

    async def get_belongings(self, user_id: UserId) -> Belongings:
        found = await self._find_view(Belongings, GET_BELONGINGS, user_id)
        if found is None:
            raise InvariantViolation("a question without a table was answered with no row")
        return found

    async def get_break(self, key: str) -> Break:
        row = await self._fetchrow(GET_BREAK + self._for_update, key)
        if row is None:
            raise NotFound("break", key)
        return read(Break, row)

    async def _write(self, change: Change) -> None:
        if self._transaction is not None:
            await _write_any(self._transaction.connection, change)
            await self._transaction.commit()
            return
        async with self._database.connection() as connection:
            if is_user_command(change):
                await _write_any(connection, change)
            else:
                async with connection.transaction():
                    await _write_any(connection, change)

    async def _claim(self, book: Book, transaction: Transaction) -> Book:
        """Only those orders that nobody has changed since they were read, and nobody will: people who
        place and cancel all the time must not keep the others from being sealed.
        """
        orders = sorted((*book.direct, *book.waiting), key=lambda order: (order.user_id, order.id))
        with translated():
            rows = await transaction.connection.fetch(
                CLAIM_ORDERS,
                [order.user_id for order in orders],
                [order.id for order in orders],
                [order.version for order in orders],
            )
        claimed = {row["id"] for row in rows}
        return msgspec.structs.replace(
            book,
            direct=tuple(order for order in book.direct if order.id in claimed),
            waiting=tuple(order for order in book.waiting if order.id in claimed),
        )

    async def _lock_batch(self, key: BatchKey) -> None:
        """First the asset's inventory, as everybody does; then nothing of the batch can move."""
        row = await self._fetchrow(FIND_BATCH_ASSET, key)
        if row is not None:
            await self._fetchrow(LOCK_INVENTORY, row["asset"])
            await self._fetchrow(LOCK_BATCH, key, row["asset"])
            await self._fetchrow(LOCK_PURCHASES, key, row["asset"])

    async def _find_view(self, kind: type[View], sql: str, *args: object) -> View | None:
        """What one statement put together as JSON, in which integers are exact."""
        row = await self._fetchrow(sql, *args)
        return None if row is None else msgspec.json.decode(row[0], type=kind)

    def _end(self) -> None:
        if self._ended:
            raise InvariantViolation("a unit of work can be committed or abandoned only once")
        self._ended = True


async def _write_any(connection: Connection, change: Change) -> None:
    if change.wallet is not None and is_user_command(change):
        await write_user_command(connection, change, change.wallet)
    else:
        await write(connection, change)
