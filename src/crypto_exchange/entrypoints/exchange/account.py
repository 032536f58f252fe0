"""The venue's record: balances, orders and trades of its one account, durable in SQLite.

Amounts are integers in units of 10⁻⁸, times are milliseconds since 1970. What is committed has
reached the disk (`synchronous=FULL`), so it survives a kill at any moment. The connection must be
used by one thread at a time.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from crypto_exchange.entrypoints.exchange.amounts import LARGEST
from crypto_exchange.entrypoints.exchange.failures import InsufficientBalanceError
from crypto_exchange.entrypoints.exchange.fills import Fill, Side

_SCHEMA = """
CREATE TABLE IF NOT EXISTS origins (
    name TEXT PRIMARY KEY,
    time INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS balances (
    asset TEXT PRIMARY KEY,
    free INTEGER NOT NULL CHECK (free >= 0)
) STRICT;
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    symbol TEXT NOT NULL,
    client_id TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('BUY', 'SELL')),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    quote_wanted INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    time INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS orders_by_client_id ON orders (symbol, client_id);
CREATE INDEX IF NOT EXISTS orders_by_time ON orders (symbol, time);
CREATE TABLE IF NOT EXISTS trades (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    price INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    commission INTEGER NOT NULL,
    commission_asset TEXT NOT NULL,
    time INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS trades_by_order ON trades (order_id);
CREATE INDEX IF NOT EXISTS trades_by_time ON trades (symbol, time);
"""

_SPAN = {
    "from_id": " AND id >= :from_id",
    "order_id": " AND order_id = :order_id",
    "start": " AND time >= :start",
    "end": " AND time <= :end",
}


class Order(msgspec.Struct, frozen=True):
    """A filled order. `quote_wanted` is the quote amount that it named, else 0."""

    id: int
    symbol: str
    client_id: str
    side: Side
    quantity: int
    quote_wanted: int
    cost: int
    time: int


class Trade(msgspec.Struct, frozen=True):
    """The one trade that filled an order."""

    id: int
    order_id: int
    symbol: str
    side: Side
    price: int
    quantity: int
    cost: int
    commission: int
    commission_asset: str
    time: int


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of a symbol to list: from an id on, of one order, of a time (ends included)."""

    from_id: int | None = None
    order_id: int | None = None
    start: int | None = None
    end: int | None = None
    limit: int = 500

    @property
    def newest_first(self) -> bool:
        """Without a beginning the newest rows are listed, with one the first rows after it."""
        return self.from_id is None and self.start is None


class Account:
    """The record at `path`, created if it is not there; `sqlite3.Error` if that can't be done."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=5
        )
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the record; what was committed is kept."""
        self._database.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction, committed on leaving the block and undone by an exception."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def fund_once(self, asset: str, amount: int) -> None:
        """Give the account `amount` of an asset that it has never held."""
        self._database.execute(
            "INSERT INTO balances VALUES (?, ?) ON CONFLICT DO NOTHING", (asset, amount)
        )

    def origin(self, name: str, now_ms: int) -> int:
        """The moment recorded under `name`, recorded now if it is new."""
        self._database.execute(
            "INSERT INTO origins VALUES (?, ?) ON CONFLICT DO NOTHING", (name, now_ms)
        )
        row = self._database.execute("SELECT time FROM origins WHERE name = ?", (name,)).fetchone()
        return int(row[0])

    def balances(self) -> dict[str, int]:
        """What is held of every asset ever held."""
        return dict(self._database.execute("SELECT asset, free FROM balances ORDER BY asset"))

    def last_change(self) -> int:
        """When the newest order was filled, 0 if there is none."""
        row = self._database.execute("SELECT max(time) FROM orders").fetchone()
        return int(row[0] or 0)

    def record(
        self,
        symbol: str,
        side: Side,
        fill: Fill,
        *,
        client_id: str,
        quote_wanted: int,
        now_ms: int,
    ) -> tuple[Order, Trade]:
        """Write order, trade and balances; to be called within `writing`.

        Raises `InsufficientBalanceError` before anything is written.
        """
        self._move(fill.changes)
        order_id = self._insert(
            "INSERT INTO orders (symbol, client_id, side, quantity, quote_wanted, cost, time)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (symbol, client_id, side, fill.quantity, quote_wanted, fill.cost, now_ms),
        )
        order = Order(
            order_id, symbol, client_id, side, fill.quantity, quote_wanted, fill.cost, now_ms
        )
        values = (order_id, symbol, side, fill.price, fill.quantity, fill.cost)
        fee = (fill.commission, fill.commission_asset, now_ms)
        trade_id = self._insert(
            "INSERT INTO trades (order_id, symbol, side, price, quantity, cost, commission,"
            " commission_asset, time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values + fee,
        )
        return order, Trade(trade_id, *values, *fee)

    def find_order(self, symbol: str, order_id: int | None, client_id: str | None) -> Order | None:
        """The newest order that matches all that is given."""
        row = self._database.execute(
            "SELECT * FROM orders WHERE symbol = ? AND (? IS NULL OR id = ?)"
            " AND (? IS NULL OR client_id = ?) ORDER BY id DESC LIMIT 1",
            (symbol, order_id, order_id, client_id, client_id),
        ).fetchone()
        return None if row is None else Order(*row)

    def list_orders(self, symbol: str, span: Span) -> list[Order]:
        """Orders in the span, by ascending id."""
        return [
            Order(*row)
            for row in self._rows("SELECT * FROM orders WHERE symbol = :symbol", symbol, span)
        ]

    def list_trades(self, symbol: str, span: Span) -> list[Trade]:
        """Trades in the span, by ascending id."""
        return [
            Trade(*row)
            for row in self._rows("SELECT * FROM trades WHERE symbol = :symbol", symbol, span)
        ]

    def _move(self, changes: dict[str, int]) -> None:
        held = self.balances()
        for asset, change in changes.items():
            after = held.get(asset, 0) + change
            if not 0 <= after < LARGEST:
                raise InsufficientBalanceError(asset)
            held[asset] = after
        self._database.executemany(
            "INSERT INTO balances VALUES (?, ?)"
            " ON CONFLICT (asset) DO UPDATE SET free = excluded.free",
            [(asset, held[asset]) for asset in changes],
        )

    def _insert(self, statement: str, values: tuple[object, ...]) -> int:
        row_id = self._database.execute(statement, values).lastrowid
        assert row_id is not None
        return row_id

    def _rows(self, statement: str, symbol: str, span: Span) -> list[tuple[Any, ...]]:
        """Rows by ascending id."""
        values = msgspec.structs.asdict(span)
        conditions = [text for name, text in _SPAN.items() if values[name] is not None]
        order = f" ORDER BY id {'DESC' if span.newest_first else 'ASC'} LIMIT :limit"
        text = "".join((statement, *conditions, order))
        return sorted(self._database.execute(text, {"symbol": symbol, **values}))
