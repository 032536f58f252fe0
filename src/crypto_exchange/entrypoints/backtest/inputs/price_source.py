"""Rows of prices as a source has them: which columns are meant, and which rows can be read."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from itertools import pairwise, repeat
from typing import Literal

import msgspec

from crypto_exchange.domain.money import DEFAULT_ASSET_SCALE, PRICE_SCALE, pow10
from crypto_exchange.entrypoints.backtest.inputs.frames import (
    Source,
    Value,
    is_empty,
    pick,
    require,
)
from crypto_exchange.entrypoints.backtest.inputs.observed import (
    LARGEST_PRICE,
    LARGEST_VOLUME,
    observation,
)
from crypto_exchange.entrypoints.backtest.inputs.quality import Rows
from crypto_exchange.entrypoints.backtest.series import Finding

TIME = ("Datetime", "timestamp", "time", "ts", "date", "unix", "Open time", "Close time")
PRICE = ("Close", "price", "last", "Last price")
ASK = ("Ask", "Ask price", "Best ask")
BID = ("Bid", "Bid price", "Best bid")
VOLUME = ("Volume", "vol")


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """The names of the columns that are read: `price`, or both `ask` and `bid`. `bars`: there are opens."""

    time: str
    price: str | None
    ask: str | None
    bid: str | None
    volume: str | None
    bars: bool


def find_columns(
    source: Source, asset: str, *, time: str | None, price: str | None, volume: str | None
) -> Columns:
    """Those that were named, or else those that are recognised.

    Raises:
        ValueError: there is no time or no price; the message names the columns that there are.
    """
    ask, bid = pick(source, ASK, None), pick(source, BID, None)
    last = pick(source, PRICE, price)
    if last is None and (ask is None or bid is None):
        last = require(source, "price", PRICE, price)
    return Columns(
        time=require(source, "time", TIME, time),
        price=last,
        ask=ask,
        bid=bid if last is None else None,
        volume=pick(source, (*VOLUME, f"Volume {asset}"), volume),
        bars=pick(source, ("Open",), None) is not None,
    )


def read_rows(
    source: Source,
    columns: Columns,
    read_time: Callable[[Value], int],
    volume_unit: Literal["coins", "dollars"],
) -> Rows:
    """All rows that can be read; if their times fall from the first to the last, from the last on."""
    faults = {"null": _Fault(), "invalid": _Fault()}
    read = _Reader(columns, read_time, in_dollars=volume_unit == "dollars")
    table = array("q")
    number = 0
    for number, cells in enumerate(_cells(source, columns), start=1):
        try:
            table.extend((number, *read.row(cells)))
        except ValueError as error:
            missing = any(is_empty(cell) for cell in read.needed(cells))
            faults["null" if missing else "invalid"].note(number, str(error))
    numbers, at_us, prices, asks, volumes = (
        _in_time(table[place::5], table[1::5]) for place in range(5)
    )
    return Rows(
        source=source.name,
        total=number,
        numbers=numbers,
        at_us=at_us,
        prices=prices,
        asks=asks if columns.ask else array("q"),
        volumes=volumes if columns.volume else array("q"),
        findings=tuple(fault.finding(kind) for kind, fault in faults.items() if fault.count),
    )


def _cells(source: Source, columns: Columns) -> Iterator[tuple[Value, ...]]:
    """Time, price, ask, bid and volume of each row; None for a column that there is not."""
    names = (columns.time, columns.price, columns.ask, columns.bid, columns.volume)
    taken = iter(source.take([name for name in names if name is not None]))
    return zip(*(repeat(None) if name is None else next(taken) for name in names), strict=False)


def _in_time(column: array[int], at_us: array[int]) -> array[int]:
    falling = len(at_us) > 1 and all(a >= b for a, b in pairwise(at_us)) and at_us[0] > at_us[-1]
    return column[::-1] if falling else column


class _Fault:
    """One reason why rows could not be read."""

    def __init__(self) -> None:
        self.count = self.first_row = 0
        self.example = ""

    def note(self, row: int, example: str) -> None:
        if not self.count:
            self.first_row, self.example = row, example
        self.count += 1

    def finding(self, kind: str) -> Finding:
        return Finding(kind=kind, count=self.count, first_row=self.first_row, example=self.example)


class _Reader:
    """What reads the cells of one row."""

    def __init__(
        self, columns: Columns, read_time: Callable[[Value], int], *, in_dollars: bool
    ) -> None:
        observed = (columns.time, columns.price, columns.ask, columns.bid)
        self._needed = [place for place, name in enumerate(observed) if name is not None]
        self._columns = columns
        self._read_time = read_time
        self._in_dollars = in_dollars

    def needed(self, cells: tuple[Value, ...]) -> Iterator[Value]:
        """The cells without which a row says nothing; a volume is 0 where there is none."""
        return (cells[place] for place in self._needed)

    def row(self, cells: tuple[Value, ...]) -> tuple[int, int, int, int]:
        """Time, price, ask and volume as whole numbers. Raises ValueError for what is none of these."""
        time, price, ask, bid, volume = cells
        columns = self._columns
        asked = _price(columns.ask, ask) if columns.ask else 0
        if columns.price is not None:
            paid = _price(columns.price, price)
        else:
            paid = _middle(_price(columns.bid, bid), asked)
        return self._read_time(time), paid, asked, self._volume(volume, paid)

    def _volume(self, volume: Value, price: int) -> int:
        if volume is None or is_empty(volume):
            return 0
        units = observation(volume, DEFAULT_ASSET_SCALE)
        if self._in_dollars:
            units = units * pow10(PRICE_SCALE) // price
        if units > LARGEST_VOLUME:
            hint = "" if self._in_dollars else ' (if it is in dollars: volume_unit="dollars")'
            raise ValueError(
                f"{self._columns.volume}: expected at most 92e9 coins, was {volume}{hint}"
            )
        return units


def _price(column: str | None, value: Value) -> int:
    units = observation(value, PRICE_SCALE)
    if not 0 < units <= LARGEST_PRICE:
        raise ValueError(f"{column}: expected a price above 0 and up to 9200000, was {value}")
    return units


def _middle(bid: int, ask: int) -> int:
    """Half way between, half a unit to even."""
    if bid > ask:
        raise ValueError("expected a bid that is not above the ask")
    middle, half = divmod(bid + ask, 2)
    return middle + (half & middle & 1)
