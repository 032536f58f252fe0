"""Queries. What one asks for is one statement, so it comes from one snapshot."""

from __future__ import annotations

import asyncpg

from crypto_exchange.adapters.postgres.columns import ASSETS, ORDERS
from crypto_exchange.adapters.postgres.pool import Connection, Database
from crypto_exchange.adapters.postgres.rows import read, read_asset
from crypto_exchange.adapters.postgres.statements import FIND_WAITING, GET_WALLET
from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.errors import NotFound
from crypto_exchange.domain.ids import OrderId, UserId
from crypto_exchange.domain.money import DEFAULT_ASSET_SCALE, USD_SCALE
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.views import (
    Cursor,
    Due,
    HoldingView,
    LedgerBalance,
    OrderView,
    TransactionView,
    Waiting,
)
from crypto_exchange.domain.wallet import Wallet

_ENOUGH_BATCHES = 200
_LEDGER_PATIENCE_S = 120
_NEWEST = Cursor(2**63 - 1, 2**63 - 1)

_HOLDINGS = """
SELECT h.asset, a.scale, h.quantity, h.cost, a.price
  FROM holdings AS h JOIN assets AS a ON a.symbol = h.asset
 WHERE h.user_id = $1 AND h.quantity > 0 ORDER BY h.asset COLLATE "C\""""
_ORDERS = f"""
SELECT {", ".join(f"o.{name}" for name in ORDERS)}, a.scale
  FROM orders AS o JOIN assets AS a ON a.symbol = o.asset WHERE o.user_id = $1"""  # noqa: S608 - our own names
_ORDER = f"{_ORDERS} AND o.id = $2"
_ORDERS_PAGE = f"""{_ORDERS} AND (o.created_at_us, o.id) < ($2, $3)
 ORDER BY o.created_at_us DESC, o.id DESC LIMIT $4"""
_TRANSACTIONS = """
SELECT id, CASE WHEN kind IN ('deposit', 'refund') THEN amount ELSE -amount END AS amount, order_id,
       at_us AS created_at_us
  FROM transfers
 WHERE user_id = $1 AND kind IN ('deposit', 'withdrawal', 'purchase', 'refund')"""
_TRANSACTION = f"{_TRANSACTIONS} AND id = $2"
_TRANSACTIONS_PAGE = f"""{_TRANSACTIONS} AND (at_us, id) < ($2, $3)
 ORDER BY at_us DESC, id DESC LIMIT $4"""
_ASSETS = f"""SELECT {", ".join(ASSETS)} FROM assets ORDER BY symbol COLLATE "C\""""  # noqa: S608 - our own names
_LEDGER = """
SELECT account, currency, CASE WHEN currency = 'USD' THEN $1::integer
            ELSE coalesce((SELECT scale FROM assets WHERE symbol = currency), $2::integer) END AS scale,
       sum(amount) AS balance
  FROM (SELECT debit AS account, currency, -amount AS amount FROM transfers
        UNION ALL SELECT credit, currency, amount FROM transfers) AS moves
 GROUP BY account, currency ORDER BY account COLLATE "C\""""
_DUE_BATCHES = """
SELECT key FROM batches WHERE state = 'sealed' AND due_at_us <= $1 ORDER BY due_at_us, key LIMIT $2"""


class PostgresReadModels:
    """Implements `ReadModels`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_wallet(self, user_id: UserId) -> Wallet:
        row = await self._database.fetchrow(GET_WALLET, user_id)
        if row is None:
            raise NotFound("wallet of user", user_id)
        return Wallet(*row)

    async def list_holdings(self, user_id: UserId) -> tuple[HoldingView, ...]:
        rows = await self._database.fetch(_HOLDINGS, user_id)
        return tuple(read(HoldingView, row) for row in rows)

    async def get_order(self, user_id: UserId, order_id: OrderId) -> OrderView:
        row = await self._database.fetchrow(_ORDER, user_id, order_id)
        if row is None:
            raise NotFound("order", order_id)
        return _order_view(row)

    async def list_orders(
        self, user_id: UserId, *, limit: int, after: Cursor | None
    ) -> tuple[OrderView, ...]:
        end = after or _NEWEST
        rows = await self._database.fetch(_ORDERS_PAGE, user_id, end.created_at_us, end.id, limit)
        return tuple(_order_view(row) for row in rows)

    async def get_transaction(self, user_id: UserId, transaction_id: int) -> TransactionView:
        row = await self._database.fetchrow(_TRANSACTION, user_id, transaction_id)
        if row is None:
            raise NotFound("transaction", transaction_id)
        return read(TransactionView, row)

    async def list_transactions(
        self, user_id: UserId, *, limit: int, after: Cursor | None
    ) -> tuple[TransactionView, ...]:
        end = after or _NEWEST
        rows = await self._database.fetch(
            _TRANSACTIONS_PAGE, user_id, end.created_at_us, end.id, limit
        )
        return tuple(read(TransactionView, row) for row in rows)

    async def list_assets(self) -> tuple[Asset, ...]:
        return tuple(read_asset(row) for row in await self._database.fetch(_ASSETS))

    async def list_ledger(self) -> tuple[LedgerBalance, ...]:
        async def patiently(connection: Connection) -> tuple[LedgerBalance, ...]:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                await connection.execute(f"SET LOCAL statement_timeout = '{_LEDGER_PATIENCE_S}s'")
                rows = await connection.fetch(
                    _LEDGER, USD_SCALE, DEFAULT_ASSET_SCALE, timeout=_LEDGER_PATIENCE_S
                )
            return tuple(read(LedgerBalance, row) for row in rows)

        return await self._database.load(patiently)

    async def find_due(self, at_us: int) -> Due:
        waiting = await self._database.fetch(FIND_WAITING)
        batches = await self._database.fetch(_DUE_BATCHES, at_us, _ENOUGH_BATCHES)
        return Due(
            waiting=tuple(read(Waiting, row) for row in waiting),
            batches=tuple(row["key"] for row in batches),
        )


def _order_view(row: asyncpg.Record) -> OrderView:
    return OrderView(order=read(Order, row), scale=row["scale"])
