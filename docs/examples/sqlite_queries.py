"""Queries over a SQLite file, behind the port `ReadModels`."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.adjustment import Adjustment
from crypto_exchange.domain.api_key import ApiKey
from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.breaks import Break, BreakKind, Difference
from crypto_exchange.domain.errors import NotFound
from crypto_exchange.domain.ledger import user_account
from crypto_exchange.domain.money import DEFAULT_ASSET_SCALE, USD_SCALE
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.domain.review import Review
from crypto_exchange.domain.statement import Statement
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
from sqlite_audit import SqliteAuditQueries
from sqlite_closing import SqliteKeptQueries
from sqlite_people import SqliteAccountQueries
from sqlite_rows import get_wallet

NEWEST = Cursor(2**62, 2**62)
OPEN = "state IN ('pending', 'aggregated')"
LOOSE = f"batch IS NULL AND reason IS NULL AND {OPEN}"
IN_TIME = "ORDER BY timestamp_ms, batch, attempt"

# Rows of kind, subject, currency, expected and found, where the last two differ.
DIFFERENCES = f"""
SELECT kind, subject, currency, total_of(expected), total_of(found) FROM (
  SELECT 'balance' AS kind, account AS subject, currency, balance AS expected, 0 AS found FROM ledger
   WHERE account LIKE 'user:%' OR account LIKE 'house:inventory:%'
  UNION ALL SELECT 'balance', 'user:' || user_id || ':USD', 'USD', 0, balance FROM wallets
  UNION ALL SELECT 'balance', 'user:' || user_id || ':' || asset, asset, 0, quantity FROM holdings
  UNION ALL SELECT 'balance', 'house:inventory:' || asset, asset, 0, quantity FROM inventory
  UNION ALL SELECT 'suspense', account, currency, 0, balance FROM ledger WHERE account LIKE 'suspense:%'
  UNION ALL SELECT 'suspense', 'suspense:' || user_id || ':USD', 'USD', total, 0 FROM orders WHERE {OPEN}
  UNION ALL SELECT 'cost', 'user:' || user_id || ':' || asset, 'USD', 0, cost FROM holdings
  UNION ALL SELECT 'cost', 'user:' || user_id || ':' || asset, 'USD', charged, 0 FROM orders
) GROUP BY kind, subject, currency HAVING total_of(expected) <> total_of(found) ORDER BY kind, subject
"""


class SqliteReadModels(SqliteAccountQueries, SqliteAuditQueries, SqliteKeptQueries):
    """Every query is one SELECT, or a few with nothing in between."""

    async def get_wallet(self, user_id: int) -> Wallet:
        return get_wallet(self._rows, user_id)

    async def list_holdings(self, user_id: int) -> tuple[HoldingView, ...]:
        sql = "SELECT asset, quantity, cost FROM holdings WHERE user_id = ? AND quantity <> '0'"
        assets = self._assets()
        return tuple(
            HoldingView(
                asset=symbol,
                scale=assets[symbol].scale,
                quantity=int(quantity),
                cost=int(cost),
                price=assets[symbol].price,
            )
            for symbol, quantity, cost in self._rows.select(f"{sql} ORDER BY asset", user_id)
        )

    async def get_order(self, user_id: int, order_id: int) -> OrderView:
        order = self._rows.get(Order, "orders", "user_id = ? AND id = ?", user_id, order_id)
        return OrderView(order=order, scale=self._assets()[order.asset].scale)

    async def list_orders(
        self, user_id: int, *, limit: int, after: Cursor | None
    ) -> tuple[OrderView, ...]:
        assets, (at_us, ident) = self._assets(), msgspec.structs.astuple(after or NEWEST)
        page = "user_id = ? AND (created_at_us, id) < (?, ?) ORDER BY created_at_us DESC, id DESC"
        found = self._rows.fetch(Order, "orders", f"{page} LIMIT ?", user_id, at_us, ident, limit)
        return tuple(OrderView(order=order, scale=assets[order.asset].scale) for order in found)

    async def get_transaction(self, user_id: int, transaction_id: int) -> TransactionView:
        for view in self._transactions(user_id, "id = ?", transaction_id):
            return view
        raise NotFound("transaction", transaction_id)

    async def list_transactions(
        self, user_id: int, *, limit: int, after: Cursor | None
    ) -> tuple[TransactionView, ...]:
        page = "(at_us, id) < (?, ?) ORDER BY at_us DESC, id DESC LIMIT ?"
        return self._transactions(user_id, page, *msgspec.structs.astuple(after or NEWEST), limit)

    async def list_assets(self) -> tuple[Asset, ...]:
        return tuple(self._assets().values())

    async def list_ledger(self) -> tuple[LedgerBalance, ...]:
        scales = self._scales()
        return tuple(
            LedgerBalance(
                account, currency, scales.get(currency, DEFAULT_ASSET_SCALE), int(balance)
            )
            for account, currency, balance in self._rows.select(
                "SELECT * FROM ledger WHERE balance <> '0' OR account NOT LIKE 'clearing:%' "
                "ORDER BY account"
            )
        )

    async def find_due(self, at_us: int) -> Due:
        batches = self._rows.select(
            "SELECT key FROM batches WHERE state = 'sealed' AND due_at_us <= ? "
            "ORDER BY due_at_us, key LIMIT 200",
            at_us,
        )
        waiting = self._rows.select(
            "SELECT asset, sum(direct), sum(CASE WHEN direct THEN 0 ELSE total END), "
            f"min(created_at_us) FROM orders WHERE {LOOSE} "
            "GROUP BY asset ORDER BY asset"
        )
        return Due(
            waiting=tuple(
                Waiting(asset=symbol, direct=direct, total=total, oldest_us=oldest_us)
                for symbol, direct, total, oldest_us in waiting
            ),
            batches=tuple(key for (key,) in batches),
        )

    async def get_statement(self, user_id: int, order_id: int) -> StatementView:
        order = self._rows.get(Order, "orders", "user_id = ? AND id = ?", user_id, order_id)
        statement = self._rows.get(Statement, "statements", "batch = ?", order.batch)
        return StatementView(order=order, statement=statement)

    async def list_quarantined(self) -> tuple[Purchase, ...]:
        return self._purchases(f"state = 'quarantined' {IN_TIME}")

    async def list_given_up(self, since_ms: int) -> tuple[Purchase, ...]:
        newest = "ORDER BY state = 'rejected', timestamp_ms DESC, batch, attempt LIMIT 200"
        where = "state IN ('not_placed', 'rejected') AND timestamp_ms >= ?"
        return self._purchases(f"{where} {newest}", since_ms)

    async def list_ended_sessions(self, since_us: int) -> tuple[Ended, ...]:
        where = "ended_at_us > 0 AND ended_at_us >= ?"
        sessions = self._rows.fetch(Ended, "sessions", where, since_us)
        return (*sessions, *self._rows.fetch(Ended, "api_keys", where, since_us))

    async def list_expired_sessions(self, before_us: int) -> tuple[Session, ...]:
        where = "expires_at_us < ? ORDER BY expires_at_us LIMIT 1000"
        return tuple(self._rows.fetch(Session, "sessions", where, before_us))

    async def list_dead_keys(self, before_us: int) -> tuple[ApiKey, ...]:
        where = "ended_at_us > 0 AND ended_at_us < ?1 OR body ->> 'expires_at_us' < ?1 LIMIT 1000"
        return tuple(self._rows.fetch(ApiKey, "api_keys", where, before_us))

    async def list_adjustments(self, since_us: int) -> tuple[Adjustment, ...]:
        waits_first = "true ORDER BY NOT (state = 'proposed' AND proposed_at_us >= ?)"
        where = f"{waits_first}, proposed_at_us DESC, key LIMIT 200"
        return tuple(self._rows.fetch(Adjustment, "adjustments", where, since_us))

    async def list_reviews(self, *, limit: int, after: Cursor | None = None) -> tuple[Review, ...]:
        at_us, ident = msgspec.structs.astuple(after or Cursor(-1, 0))
        page = "state = 'open' AND (opened_at_us, user_id) > (?, ?)"
        oldest = f"{page} ORDER BY opened_at_us, user_id, id LIMIT ?"
        return tuple(self._rows.fetch(Review, "reviews", oldest, at_us, ident, limit))

    async def list_breaks(self) -> tuple[Break, ...]:
        oldest = "closed_at_us IS NULL ORDER BY opened_at_us, key"
        return tuple(self._rows.fetch(Break, "breaks", oldest))

    async def list_differences(self) -> tuple[Difference, ...]:
        scales = self._scales()
        return tuple(
            Difference(
                kind=BreakKind(kind),
                subject=subject,
                expected=int(expected),
                found=int(found),
                scale=scales[currency],
            )
            for kind, subject, currency, expected, found in self._rows.select(DIFFERENCES)
        )

    async def get_mirror(self) -> Mirror:
        venue = "SELECT currency, balance FROM ledger WHERE account LIKE 'venue:%'"
        in_flight = f"state IN ('submitting', 'unknown', 'quarantined') {IN_TIME}"
        prices = {symbol: asset.price for symbol, asset in self._assets().items()}
        return Mirror(
            balances={name: -int(balance) for name, balance in self._rows.select(venue)},
            scales=self._scales(),
            in_flight=self._purchases(in_flight),
            prices={symbol: price for symbol, price in prices.items() if price is not None},
        )

    def _assets(self) -> dict[str, Asset]:
        found = self._rows.fetch(Asset, "assets", "true ORDER BY symbol")
        return {asset.symbol: asset for asset in found}

    def _scales(self) -> dict[str, int]:
        assets = self._assets().values()
        return {asset.symbol: asset.scale for asset in assets} | {"USD": USD_SCALE}

    def _purchases(self, where: str, *values: object) -> tuple[Purchase, ...]:
        return tuple(self._rows.fetch(Purchase, "purchases", where, *values))

    def _transactions(
        self, user_id: int, where: str, *values: object
    ) -> tuple[TransactionView, ...]:
        wallet = user_account(user_id).name
        sql = (
            "SELECT id, CASE WHEN credit = ?1 THEN '' ELSE '-' END || amount, order_id, at_us "
            f"FROM transfers WHERE ?1 IN (debit, credit) AND {where}"
        )
        found = self._rows.select(sql, wallet, *values)
        return tuple(
            TransactionView(id=ident, amount=int(amount), order_id=order_id, created_at_us=at_us)
            for ident, amount, order_id, at_us in found
        )
