"""The venue's one account: balances, orders and trades, durable in its record.

Amounts are integers in units of 10⁻⁸, times are milliseconds since 1970.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from crypto_exchange.entrypoints.exchange.amounts import LARGEST
from crypto_exchange.entrypoints.exchange.failures import InsufficientBalanceError
from crypto_exchange.entrypoints.exchange.fills import Fill, Side
from crypto_exchange.entrypoints.exchange.record import open_record

_SPAN = {
    "from_id": " AND id >= :from_id",
    "order_id": " AND order_id = :order_id",
    "start": " AND time >= :start",
    "end": " AND time <= :end",
}


class Order(msgspec.Struct, frozen=True):
    """An order that ended: filled, or expired with less than `quantity` executed.

    `quote_wanted` is the quote amount that it named, else 0.
    """

    id: int
    symbol: str
    client_id: str
    side: Side
    quantity: int
    quote_wanted: int
    cost: int
    time: int
    executed: int

    @property
    def status(self) -> str:
        """As the protocol calls it."""
        return "FILLED" if self.executed == self.quantity else "EXPIRED"


class Trade(msgspec.Struct, frozen=True):
    """A trade that filled an order or a part of it; lists have it `listed` times."""

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
    listed: int


class LateOrder(msgspec.Struct, frozen=True):
    """An accepted order that is executed at `due`; one of the two amounts is given."""

    id: int
    due: int
    symbol: str
    client_id: str
    side: Side
    quantity: int | None
    quote_wanted: int | None


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
        self._database = open_record(path)

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
        fills: Sequence[Fill],
        *,
        quantity: int,
        client_id: str,
        quote_wanted: int,
        now_ms: int,
        listed: int = 1,
    ) -> tuple[Order, list[Trade]]:
        """Write order, trades and balances; to be called within `writing`.

        Raises `InsufficientBalanceError` before anything is written.
        """
        self._move(fills)
        values = (symbol, client_id, side, quantity, quote_wanted)
        result = (sum(f.cost for f in fills), now_ms, sum(f.quantity for f in fills))
        order_id = self._insert(
            "INSERT INTO orders (symbol, client_id, side, quantity, quote_wanted, cost, time,"
            " executed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            values + result,
        )
        order = Order(order_id, *values, *result)
        return order, [self._trade(order, fill, listed) for fill in fills]

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

    def postpone(self, late: LateOrder) -> None:
        """Keep an order that is to be executed later; its id is given here."""
        self._insert(
            "INSERT INTO late_orders (due, symbol, client_id, side, quantity, quote_wanted)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            msgspec.structs.astuple(late)[1:],
        )

    def due_orders(self, now_ms: int) -> list[LateOrder]:
        """Postponed orders that are due, in the order in which they are to be executed."""
        rows = self._database.execute(
            "SELECT * FROM late_orders WHERE due <= ? ORDER BY due, id", (now_ms,)
        )
        return [LateOrder(*row) for row in rows]

    def forget_late(self, late: LateOrder) -> None:
        """It is executed, or never will be; to be called within `writing`."""
        self._database.execute("DELETE FROM late_orders WHERE id = ?", (late.id,))

    def _trade(self, order: Order, fill: Fill, listed: int) -> Trade:
        values = (order.id, order.symbol, order.side, fill.price, fill.quantity, fill.cost)
        rest = (fill.commission, fill.commission_asset, order.time, listed)
        trade_id = self._insert(
            "INSERT INTO trades (order_id, symbol, side, price, quantity, cost, commission,"
            " commission_asset, time, listed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values + rest,
        )
        return Trade(trade_id, *values, *rest)

    def _move(self, fills: Sequence[Fill]) -> None:
        held = self.balances()
        changes = Counter[str]()
        for fill in fills:
            changes.update(fill.changes)
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
