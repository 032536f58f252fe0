"""Rows of a SQLite file: JSON documents, whose columns that are compared or looked up follow from them,
and plain tables for what is added up. Amounts are texts there: SQLite's integers end at 63 bits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from crypto_exchange.domain.activity import Activity
from crypto_exchange.domain.change import Transition
from crypto_exchange.domain.errors import (
    Conflict,
    InvariantViolation,
    NotFound,
    Unavailable,
    session_ended,
)
from crypto_exchange.domain.ledger import Transfer
from crypto_exchange.domain.user import User, require_active
from crypto_exchange.domain.wallet import Wallet

Row = TypeVar("Row", bound=msgspec.Struct)

# The columns that name a document, that a transition of it compares, and that are looked up besides.
DOCUMENTS = {
    "users": ("id", "version", "username"),
    "sessions": ("user_id id", "generation ended_at_us", "created_at_us expires_at_us"),
    "second_factors": ("user_id", "version", ""),
    "api_keys": ("user_id id", "ended_at_us", "created_at_us used_at_us"),
    "assets": ("symbol", "version", ""),
    "orders": (
        "id",
        "version",
        "user_id asset state batch reason direct total charged created_at_us",
    ),
    "batches": ("key", "version", "state due_at_us"),
    "purchases": ("batch attempt", "state", "timestamp_ms"),
    "statements": ("batch", "", ""),
    "breaks": ("key", "version", "kind subject opened_at_us closed_at_us"),
    "adjustments": ("key", "version", "state proposed_at_us"),
    "reviews": ("user_id id", "version", "kind order_id amount state opened_at_us"),
    "requests": ("user_id operation key", "", ""),
    "audit_chain": ("position", "", "entry_id"),
}
PLAIN = """
CREATE UNIQUE INDEX usernames ON users (lower(username));
CREATE UNIQUE INDEX open_breaks ON breaks (kind, subject) WHERE closed_at_us IS NULL;
CREATE UNIQUE INDEX open_reviews ON reviews (user_id, kind, amount, coalesce(order_id, 0))
  WHERE state = 'open';
CREATE TABLE wallets (user_id INTEGER PRIMARY KEY, balance TEXT CHECK (balance NOT LIKE '-%'),
  version INTEGER NOT NULL, activity TEXT NOT NULL);
CREATE TABLE holdings (user_id INTEGER, asset TEXT, quantity TEXT CHECK (quantity NOT LIKE '-%'),
  cost TEXT, PRIMARY KEY (user_id, asset));
CREATE TABLE inventory (asset TEXT PRIMARY KEY, quantity TEXT, reserved TEXT, expected TEXT,
  failures INTEGER NOT NULL, retry_at_us INTEGER NOT NULL,
  version INTEGER NOT NULL, CHECK (reserved || expected NOT LIKE '%-%'),
  CHECK (plus(quantity, '-' || reserved) NOT LIKE '-%'));
CREATE TABLE transfers (id INTEGER PRIMARY KEY, kind TEXT, debit TEXT, credit TEXT, currency TEXT,
  amount TEXT CHECK (amount NOT LIKE '-%'), at_us INTEGER, order_id INTEGER);
CREATE TABLE fills (batch TEXT, attempt INTEGER, body TEXT);
CREATE TABLE events (id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE audit_log (id INTEGER PRIMARY KEY, body TEXT, action AS (body ->> 'action'),
  user_id AS (body ->> 'user_id'), actor_id AS (body ->> 'actor_id'));
CREATE UNIQUE INDEX chained_once ON audit_chain (entry_id);
CREATE TABLE ids (last INTEGER NOT NULL);
INSERT INTO ids VALUES (0);
CREATE VIEW ledger AS SELECT account, currency, total_of(amount) AS balance FROM (
  SELECT debit AS account, currency, '-' || amount AS amount FROM transfers
  UNION ALL SELECT credit, currency, amount FROM transfers) GROUP BY account, currency;
"""


class Rows:
    """What the adapters ask of the one connection. Nothing in here waits, so others never see half of
    a transaction.
    """

    def __init__(self, path: Path) -> None:
        """Open a file that is there already, or a new one."""
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.create_function("plus", 2, _plus, deterministic=True)
        self._connection.create_aggregate("total_of", 1, _Total)  # type: ignore[arg-type]  # its stubs want any result to be an int
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")

    def create(self) -> None:
        """Make the tables of a new file."""
        tables = "".join(_table(name, *columns) for name, columns in DOCUMENTS.items())
        self._connection.executescript(f"BEGIN; {tables} {PLAIN} COMMIT;")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing, after any other process."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:
                yield
        except sqlite3.IntegrityError as error:
            raise InvariantViolation(f"expected rows that keep their checks, {error}") from error
        except sqlite3.OperationalError as error:
            raise Unavailable(f"expected the file to take a write, {error}") from error

    def select(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of columns."""
        return self._connection.execute(sql, values).fetchall()

    def fetch(self, row: type[Row], table: str, where: str, *values: object) -> list[Row]:
        """Documents; `where` may order and limit them."""
        found = self.select(f"SELECT body FROM {table} WHERE {where}", *values)
        return [msgspec.json.decode(body, type=row) for (body,) in found]

    def find(self, row: type[Row], table: str, where: str, *values: object) -> Row | None:
        """The one document, or None."""
        return next(iter(self.fetch(row, table, where, *values)), None)

    def get(self, row: type[Row], table: str, where: str, *values: object) -> Row:
        """The one document. Raises `NotFound`, of the last value."""
        found = self.find(row, table, where, *values)
        if found is None:
            raise NotFound(row.__name__.lower(), values[-1])
        return found

    def write(self, sql: str, *values: object) -> None:
        """Change exactly one row.

        Raises:
            Conflict: there is none like that.
        """
        if self._connection.execute(sql, values).rowcount != 1:
            raise Conflict("expected a row as it was loaded, somebody has changed it")

    def insert(self, table: str, row: object, refusal: Exception) -> None:
        """A new document; `refusal` says that it is there already."""
        try:
            self.write(f"INSERT INTO {table} (body) VALUES (?)", encode(row))
        except sqlite3.IntegrityError:
            raise refusal from None

    def move(self, table: str, transition: Transition[Any]) -> None:
        """Replace a document, if what is compared of it is as it was loaded."""
        keys, compared, _ = DOCUMENTS[table]
        columns, before = f"{keys} {compared}".split(), msgspec.to_builtins(transition.before)
        where = " AND ".join(f"{column} = ?" for column in columns)
        values = [before[column] for column in columns]
        self.write(f"UPDATE {table} SET body = ? WHERE {where}", encode(transition.after), *values)


def get_wallet(rows: Rows, user_id: int) -> Wallet:
    """Raises `NotFound`."""
    for found in rows.select("SELECT * FROM wallets WHERE user_id = ?", user_id):
        activity = msgspec.json.decode(found[3], type=Activity)
        return Wallet(user_id, int(found[1]), found[2], activity)
    raise NotFound("wallet of user", user_id)


def get_wallet_of_session(rows: Rows, user_id: int, session_id: str) -> Wallet:
    """Raises `NotFound`; `Unauthenticated` if there is no such session, or key, that lives; and
    `AccountFrozen`.
    """
    wallet, lives = get_wallet(rows, user_id), "user_id = ? AND id = ? AND ended_at_us = 0"
    sql = f"SELECT 1 FROM sessions WHERE {lives} UNION ALL SELECT 1 FROM api_keys WHERE {lives}"
    if not rows.select(sql, user_id, session_id, user_id, session_id):
        raise session_ended()
    require_active(rows.get(User, "users", "id = ?", user_id).status)
    return wallet


def write_transfer(rows: Rows, transfer: Transfer) -> None:
    """One row of the ledger."""
    rows.write(
        "INSERT INTO transfers (kind, debit, credit, currency, amount, at_us, order_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        *(transfer.kind.value, transfer.debit.name, transfer.credit.name, transfer.currency),
        *(str(transfer.amount), transfer.at_us, transfer.order_id),
    )


def encode(row: object) -> str:
    """A document: integers of any size stay exact."""
    return msgspec.json.encode(row).decode()


def _plus(one: str | int, other: str | int) -> str:
    return str(int(one) + int(other))


class _Total:
    """An exact sum of a column."""

    def __init__(self) -> None:
        self._total = 0

    def step(self, amount: str | int) -> None:
        self._total += int(amount)

    def finalize(self) -> str:
        return str(self._total)


def _table(name: str, keys: str, compared: str, others: str) -> str:
    columns = f"{keys} {compared} {others}".split()
    follow = [f"{column} AS (json_extract(body, '$.{column}'))" for column in columns]
    unique = f"UNIQUE ({', '.join(keys.split())})"
    return f"CREATE TABLE {name} ({', '.join(['body TEXT NOT NULL', *follow, unique])});"
