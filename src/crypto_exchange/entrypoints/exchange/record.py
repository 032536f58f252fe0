"""The file in which the venue keeps its record: SQLite, its tables and their upgrades."""

import sqlite3
from pathlib import Path

_TABLES = """
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
    time INTEGER NOT NULL,
    executed INTEGER
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
    time INTEGER NOT NULL,
    listed INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX IF NOT EXISTS trades_by_order ON trades (order_id);
CREATE INDEX IF NOT EXISTS trades_by_time ON trades (symbol, time);
CREATE TABLE IF NOT EXISTS late_orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    due INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    client_id TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity INTEGER,
    quote_wanted INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS late_orders_by_time ON late_orders (due);
"""

# Columns that came later, with what older rows have in them.
_LATER_COLUMNS = {
    ("orders", "executed"): (
        "ALTER TABLE orders ADD COLUMN executed INTEGER",
        "UPDATE orders SET executed = quantity",
    ),
    ("trades", "listed"): ("ALTER TABLE trades ADD COLUMN listed INTEGER NOT NULL DEFAULT 1",),
}


def open_record(path: Path) -> sqlite3.Connection:
    """The record at `path`, created or brought up to date; `sqlite3.Error` if that can't be done.

    What is committed has reached the disk (`synchronous=FULL`), so it survives a kill at any
    moment. The connection must be used by one thread at a time.
    """
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.executescript(_TABLES)
    for (table, column), statements in _LATER_COLUMNS.items():
        if column not in _columns(database, table):
            database.executescript("; ".join(("BEGIN IMMEDIATE", *statements, "COMMIT")))
    return database


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
