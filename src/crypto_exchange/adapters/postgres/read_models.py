"""Queries. What one asks for is one statement, so it comes from one snapshot."""

from __future__ import annotations

import asyncpg
import msgspec

from crypto_exchange.adapters.postgres import audit
from crypto_exchange.adapters.postgres.account_views import AccountViews
from crypto_exchange.adapters.postgres.audit_queries import PostgresAuditQueries
from crypto_exchange.adapters.postgres.columns import (
    ADJUSTMENTS,
    API_KEYS,
    ASSETS,
    BREAKS,
    ORDERS,
    PURCHASES,
    SESSIONS,
)
from crypto_exchange.adapters.postgres.kept_queries import PostgresKeptQueries
from crypto_exchange.adapters.postgres.reviews import ReviewQueries
from crypto_exchange.adapters.postgres.rows import read, read_api_key, read_asset, read_wallet
from crypto_exchange.adapters.postgres.statements import FIND_WAITING, GET_WALLET
from crypto_exchange.domain.adjustment import Adjustment
from crypto_exchange.domain.api_key import ApiKey
from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.breaks import Break, Difference
from crypto_exchange.domain.errors import NotFound
from crypto_exchange.domain.ids import OrderId, UserId
from crypto_exchange.domain.money import DEFAULT_ASSET_SCALE, USD_SCALE
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.domain.user import Ended, Session
from crypto_exchange.domain.views import (
    Cursor,
    Due,
    HoldingView,
    LedgerBalance,
    Mirror,
    OrderView,
    StatementView,
    TransactionView,
    Waiting,
)
from crypto_exchange.domain.wallet import Wallet

_ENOUGH_BATCHES = 200
_ENOUGH_GIVEN_UP = 200
_ENOUGH_SESSIONS = 1_000
_ENOUGH_ADJUSTMENTS = 200
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
SELECT id, CASE WHEN kind IN ('deposit', 'refund') OR kind = 'adjustment' AND credit LIKE 'user:%'
                THEN amount ELSE -amount END AS amount, order_id, at_us AS created_at_us
  FROM transfers
 WHERE user_id = $1 AND kind IN ('deposit', 'withdrawal', 'purchase', 'refund', 'adjustment')"""
_TRANSACTION = f"{_TRANSACTIONS} AND id = $2"
_TRANSACTIONS_PAGE = f"""{_TRANSACTIONS} AND (at_us, id) < ($2, $3)
 ORDER BY at_us DESC, id DESC LIMIT $4"""
_ASSETS = f"""SELECT {", ".join(ASSETS)} FROM assets ORDER BY symbol COLLATE "C\""""  # noqa: S608 - our own names
_SESSIONS = f"SELECT {', '.join(SESSIONS)} FROM sessions"  # noqa: S608 - our own names
_ENDED_SESSIONS = """
SELECT id, ended_at_us FROM sessions WHERE ended_at_us > 0 AND ended_at_us >= $1
UNION ALL SELECT id, ended_at_us FROM api_keys WHERE ended_at_us > 0 AND ended_at_us >= $1"""
_EXPIRED_SESSIONS = f"{_SESSIONS} WHERE expires_at_us < $1 ORDER BY expires_at_us LIMIT $2"
_DEAD_KEYS = f"""
SELECT {", ".join(API_KEYS)} FROM api_keys
 WHERE ended_at_us > 0 AND ended_at_us < $1 OR expires_at_us < $1 LIMIT $2"""  # noqa: S608 - our own names
_LEDGER = """
SELECT account, currency, CASE WHEN currency = 'USD' THEN $1::integer
            ELSE coalesce((SELECT scale FROM assets WHERE symbol = currency), $2::integer) END AS scale,
       sum(amount) AS balance
  FROM (SELECT debit AS account, currency, -amount AS amount FROM transfers
        UNION ALL SELECT credit, currency, amount FROM transfers) AS moves
 GROUP BY account, currency HAVING sum(amount) <> 0 OR account NOT LIKE 'clearing:%'
 ORDER BY account COLLATE "C\""""
_DUE_BATCHES = """
SELECT key FROM batches WHERE state = 'sealed' AND due_at_us <= $1 ORDER BY due_at_us, key LIMIT $2"""

_STATEMENT = """
SELECT json_build_object('order', to_json(o), 'statement', s.body)
  FROM orders AS o JOIN statements AS s ON s.batch = o.batch AND s.asset = o.asset
 WHERE o.user_id = $1 AND o.id = $2"""
_PURCHASES = f"SELECT {', '.join(PURCHASES)} FROM purchases"  # noqa: S608 - our own names
_QUARANTINED = f"""{_PURCHASES} WHERE state = 'quarantined'
 ORDER BY timestamp_ms, batch COLLATE "C", attempt"""
_GIVEN_UP = f"""{_PURCHASES} WHERE state IN ('rejected', 'not_placed') AND timestamp_ms >= $1
 ORDER BY state = 'rejected', timestamp_ms DESC, batch COLLATE "C", attempt LIMIT $2"""
_BREAKS = f"""SELECT {", ".join(BREAKS)} FROM breaks WHERE closed_at_us IS NULL
 ORDER BY opened_at_us, key COLLATE "C\""""  # noqa: S608 - our own names
_ADJUSTMENTS = f"""SELECT {", ".join(ADJUSTMENTS)} FROM adjustments
 ORDER BY NOT (state = 'proposed' AND proposed_at_us >= $1), proposed_at_us DESC, key COLLATE "C"
 LIMIT $2"""  # noqa: S608 - our own names
# What moves at the venue is the house's, so users' transfers need not be looked at.
_MIRROR = """
SELECT json_build_object(
  'balances', coalesce((
    SELECT json_object_agg(currency, balance)
      FROM (SELECT substr(account, 7) AS currency, -sum(amount) AS balance
              FROM (SELECT debit AS account, -amount AS amount FROM transfers WHERE user_id = 0
                    UNION ALL SELECT credit, amount FROM transfers WHERE user_id = 0) AS moves
             WHERE account LIKE 'venue:%' GROUP BY account) AS b), '{}'),
  'scales', (SELECT json_object_agg(symbol, scale)
               FROM (SELECT symbol, scale FROM assets UNION ALL SELECT 'USD', $1::integer) AS s),
  'in_flight', coalesce((SELECT json_agg(p ORDER BY p.timestamp_ms, p.batch, p.attempt) FROM purchases AS p
                          WHERE p.state IN ('submitting', 'unknown', 'quarantined')), '[]'),
  'prices', coalesce((SELECT json_object_agg(symbol, price) FROM assets WHERE price IS NOT NULL), '{}'))"""


class PostgresReadModels(AccountViews, PostgresAuditQueries, PostgresKeptQueries, ReviewQueries):
    """Implements `ReadModels`."""

    async def get_wallet(self, user_id: UserId) -> Wallet:
        row = await self._database.fetchrow(GET_WALLET, user_id)
        if row is None:
            raise NotFound("wallet of user", user_id)
        return read_wallet(*row)

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
        rows = await self._patiently(_LEDGER, USD_SCALE, DEFAULT_ASSET_SCALE)
        return tuple(read(LedgerBalance, row) for row in rows)

    async def find_due(self, at_us: int) -> Due:
        waiting = await self._database.fetch(FIND_WAITING)
        batches = await self._database.fetch(_DUE_BATCHES, at_us, _ENOUGH_BATCHES)
        return Due(
            waiting=tuple(read(Waiting, row) for row in waiting),
            batches=tuple(row["key"] for row in batches),
        )

    async def get_statement(self, user_id: UserId, order_id: OrderId) -> StatementView:
        text = await self._database.fetchval(_STATEMENT, user_id, order_id)
        if text is None:
            raise NotFound("statement of order", order_id)
        return msgspec.json.decode(text, type=StatementView)

    async def list_quarantined(self) -> tuple[Purchase, ...]:
        return tuple(read(Purchase, row) for row in await self._database.fetch(_QUARANTINED))

    async def list_given_up(self, since_ms: int) -> tuple[Purchase, ...]:
        rows = await self._database.fetch(_GIVEN_UP, since_ms, _ENOUGH_GIVEN_UP)
        return tuple(read(Purchase, row) for row in rows)

    async def list_ended_sessions(self, since_us: int) -> tuple[Ended, ...]:
        rows = await self._database.fetch(_ENDED_SESSIONS, since_us)
        return tuple(read(Ended, row) for row in rows)

    async def list_expired_sessions(self, before_us: int) -> tuple[Session, ...]:
        rows = await self._database.fetch(_EXPIRED_SESSIONS, before_us, _ENOUGH_SESSIONS)
        return tuple(read(Session, row) for row in rows)

    async def list_dead_keys(self, before_us: int) -> tuple[ApiKey, ...]:
        rows = await self._patiently(_DEAD_KEYS, before_us, _ENOUGH_SESSIONS)
        return tuple(read_api_key(row) for row in rows)

    async def list_adjustments(self, since_us: int) -> tuple[Adjustment, ...]:
        rows = await self._database.fetch(_ADJUSTMENTS, since_us, _ENOUGH_ADJUSTMENTS)
        return tuple(read(Adjustment, row) for row in rows)

    async def list_breaks(self) -> tuple[Break, ...]:
        return tuple(read(Break, row) for row in await self._database.fetch(_BREAKS))

    async def list_differences(self) -> tuple[Difference, ...]:
        return await self._database.load(audit.list_differences)

    async def get_mirror(self) -> Mirror:
        text = await self._patiently(_MIRROR, USD_SCALE)
        return msgspec.json.decode(text[0][0], type=Mirror)


def _order_view(row: asyncpg.Record) -> OrderView:
    return OrderView(order=read(Order, row), scale=row["scale"])
