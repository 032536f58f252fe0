"""Orders that people have in a file or a frame."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.money import DEFAULT_ASSET_SCALE
from crypto_exchange.entrypoints.backtest.amounts import Amount, moment, units
from crypto_exchange.entrypoints.backtest.flow import OrderColumns
from crypto_exchange.entrypoints.backtest.inputs.combination import Flow, series_of
from crypto_exchange.entrypoints.backtest.inputs.frames import (
    Source,
    Tabular,
    Value,
    is_empty,
    open_source,
    pick,
    require,
)
from crypto_exchange.entrypoints.backtest.inputs.order_amounts import cents
from crypto_exchange.entrypoints.backtest.inputs.timestamps import clock
from crypto_exchange.entrypoints.backtest.series import PriceSeries
from crypto_exchange.entrypoints.override import override

TIME = ("ts", "time", "timestamp", "Datetime", "date", "placed_at", "created_at")
USER = ("user", "user_id")
ASSET = ("asset", "symbol", "coin")
USD = ("usd", "spend", "total_usd")
AMOUNT = ("amount", "quantity")
KEY = ("key", "idempotency_key")

T = TypeVar("T")

_LARGEST = 2**63 - 1


class Recorded(Flow, frozen=True, kw_only=True):
    """Orders that were read; `repeats` of them had a user and key that came before, and count once."""

    source: str
    orders: OrderColumns
    repeats: int

    def columns(self, prices: Mapping[Symbol, PriceSeries]) -> OrderColumns:
        """All of them, those before the first price or after the last one too.

        Raises:
            ValueError: an asset without prices, or no order at all while they last.
        """
        series = [series_of(prices, symbol, self.source) for symbol in self.orders.symbols]
        first, last = min(each.at_us[0] for each in series), max(each.at_us[-1] for each in series)
        if self.orders.at_us[-1] < first or self.orders.at_us[0] > last:
            raise ValueError(
                f"{self.source}: expected orders between {moment(first)} and {moment(last)}, were "
                f"from {moment(self.orders.at_us[0])} to {moment(self.orders.at_us[-1])}"
            )
        return self.orders

    @override
    def __repr__(self) -> str:
        users = len(self.orders.names)
        repeats = f", {self.repeats:,} repeats left out" if self.repeats else ""
        return f"Recorded({self.source}: {len(self.orders):,} orders of {users:,} users{repeats})"


def read(source: Tabular, *, tz: str = "UTC", asset: Symbol | None = None) -> Recorded:
    """Read orders from a CSV or Parquet file, a pandas or polars frame or an Arrow table.

    Columns: `user`; `asset` (or one for all rows as an argument); `usd`, what is spent, in whole cents,
    or `amount`, the coins wanted (if both columns are there, one of them is empty in each row); `ts`,
    read as the times of prices are; and, if there is one, `key`: the same key of the same user again is
    a repetition of the first request and counts once. Rows may be in any order; at the same time they
    keep theirs.

    Raises:
        FileNotFoundError: no such file or package.
        ImportError: a frame or Parquet needs `pip install 'crypto-exchange[backtest]'`.
        TypeError: an amount is a float; the message names its row and column.
        ValueError: no such column, no rows, or a cell that says something else, with row and column.
    """
    columns = _Columns(open_source(source), asset)
    at_us = columns.read("time", clock(tz))
    spends, amounts = columns.one_of("usd", "amount")
    people, keys = columns.read("user", _name), columns.read("key", _key)
    assets = columns.read("asset", _name) or [str(asset)] * len(at_us)
    order = sorted(range(len(at_us)), key=at_us.__getitem__)
    kept = _without_repeats(order, people, keys) if keys else order
    users, symbols = _numbered(people, kept), _numbered(assets, kept)
    orders = OrderColumns(
        at_us=array("q", [at_us[row] for row in kept]),
        users=array("i", [users[people[row]] + 1 for row in kept]),
        assets=array("h", [symbols[assets[row]] for row in kept]),
        spends=array("q", [spends[row] for row in kept]),
        amounts=array("q", [amounts[row] for row in kept]),
        symbols=tuple(symbols),
        names=tuple(users),
    )
    return Recorded(source=columns.source, orders=orders, repeats=len(order) - len(kept))


class _Columns:
    """The columns of a source, and what reads them cell by cell."""

    def __init__(self, source: Source, asset: Symbol | None) -> None:
        """Raises ValueError if a column is missing, or every row."""
        names = {
            "time": require(source, "time", TIME, None),
            "user": require(source, "user", USER, None),
            "asset": None if asset else require(source, "asset", ASSET, None),
            "usd": pick(source, USD, None),
            "amount": pick(source, AMOUNT, None),
            "key": pick(source, KEY, None),
        }
        if names["usd"] is None and names["amount"] is None:
            require(source, "dollars or coins", (*USD, *AMOUNT), None)
        self.source = source.name
        self._names = {role: name for role, name in names.items() if name is not None}
        cells = source.take(tuple(self._names.values()))
        self._cells = dict(zip(self._names, cells, strict=True))
        self._size = len(cells[0])
        if not self._size:
            raise ValueError(f"{source.name}: expected orders, found none")

    def read(self, role: str, read: Callable[[Value], T]) -> list[T]:
        """A column's cells; none if there is no such column.

        Raises TypeError or ValueError: a cell is none of these; the message names its row and column.
        """
        done: list[T] = []
        try:
            for value in self._cells.get(role, ()):
                done.append(read(value))  # noqa: PERF401 - its length says where it stopped
        except (TypeError, ValueError) as error:
            where = f"{self.source}: row {len(done) + 1:,}, column {self._names[role]}"
            raise (TypeError if isinstance(error, TypeError) else ValueError)(
                f"{where}: {error}"
            ) from None
        return done

    def one_of(self, *roles: str) -> list[list[int]]:
        """Columns of amounts of which each row has exactly one; 0 is written for none."""
        readers = {"usd": _dollars, "amount": _coins}
        columns = [self.read(role, readers[role]()) or [0] * self._size for role in roles]
        for row, found in enumerate(zip(*columns, strict=True), 1):
            if sum(map(bool, found)) != 1:
                names = " or ".join(self._names[role] for role in roles if role in self._names)
                was = "several" if any(found) else "none"
                raise ValueError(f"{self.source}: row {row:,}: expected one {names}, was {was}")
        return columns


def _name(value: Value) -> str:
    if is_empty(value) or isinstance(value, float | bool):
        raise ValueError(f"expected a name or a number, was {value!r}")
    return str(value).strip()


def _key(value: Value) -> str:
    return "" if is_empty(value) else _name(value)


def _dollars() -> Callable[[Value], int]:
    return _exact(cents)


def _coins() -> Callable[[Value], int]:
    def coins(name: str, amount: Amount) -> int:
        count = units(name, amount, DEFAULT_ASSET_SCALE)
        if not 0 < count <= _LARGEST:
            raise ValueError(f"{name}: expected above 0 and up to 92e9 coins, was {amount}")
        return count

    return _exact(coins)


def _exact(read: Callable[[str, Amount], int]) -> Callable[[Value], int]:
    """What reads an amount, 0 where there is none; the same text is read only once."""
    known: dict[str, int] = {}

    def amount(value: Value) -> int:
        if isinstance(value, str):
            if value not in known:
                known[value] = 0 if is_empty(value) else read("amount", value.strip())
            return known[value]
        return 0 if is_empty(value) else read("amount", value)  # type: ignore[arg-type]  # checks it

    return amount


def _without_repeats(order: Sequence[int], people: Sequence[str], keys: Sequence[str]) -> list[int]:
    """The first of each user's requests by the same key."""
    kept: list[int] = []
    seen: set[tuple[str, str]] = set()
    for row in order:
        request = (people[row], keys[row])
        if not keys[row] or request not in seen:
            kept.append(row)
            seen.add(request)
    return kept


def _numbered(names: Sequence[str], rows: Sequence[int]) -> dict[str, int]:
    """Each name's place in the order in which the rows mention them first."""
    mentioned = dict.fromkeys(names[row] for row in rows)
    return {name: place for place, name in enumerate(mentioned)}
