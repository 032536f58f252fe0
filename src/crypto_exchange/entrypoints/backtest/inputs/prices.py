"""Prices for a backtest: read from what people have, or made up.

Columns are recognised by their names, whatever their capitals: a time (Datetime, timestamp, time, ts,
date, unix), a price (Close, price, last) or both Ask and Bid, whose middle is the price; an Ask is what
a buyer pays. Volume may be missing. Times are ISO text with or without an offset (the hour that autumn
repeats can't be told from the one before), counts of s, ms, µs or ns since 1970, or datetimes.

Prices are observations: text, whole numbers and Decimals are exact, a float is taken by its shortest
digits; from 12 decimals on (8 for volumes) all are rounded half to even.

What is wrong with the rows is counted in `quality`, whatever `repair` says:

- gap: a row later than the usual distance after the one before;
- backwards: a row before the one above it (a source that falls all along is read from its end);
- duplicate: a time that an earlier row has; off_grid: a time beside the grid of the others;
- null: no time or no price; invalid: a cell that can't be read, or a price that is not above 0 or is
  above 9.2 million dollars, which would not fit 64 bits;
- zero_volume: nothing was traded, so that the price is an old one.

With "raise", any of these but zero_volume refuses the source: a market in which nothing is traded is no
fault of the file. "report" keeps what is usable: rows on the grid by time, the first of each time; holes
stay holes. "drop" leaves out rows without volume, too.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Literal, get_args

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.entrypoints.backtest.amounts import Amount, Duration, duration_us
from crypto_exchange.entrypoints.backtest.inputs.frames import Tabular, open_source
from crypto_exchange.entrypoints.backtest.inputs.observed import price_series
from crypto_exchange.entrypoints.backtest.inputs.price_source import find_columns, read_rows
from crypto_exchange.entrypoints.backtest.inputs.quality import (
    DataQualityError,
    Repair,
    Rows,
    examine,
)
from crypto_exchange.entrypoints.backtest.inputs.synthetic import Kind, Walk
from crypto_exchange.entrypoints.backtest.inputs.timestamps import clock
from crypto_exchange.entrypoints.backtest.series import PriceSeries, Quality

__all__ = ["DataQualityError", "read", "synthetic"]

Stamps = Literal["open", "close"]


def read(
    source: Tabular,
    asset: Symbol,
    *,
    tz: str = "UTC",
    repair: Repair = "raise",
    time: str | None = None,
    price: str | None = None,
    volume: str | None = None,
    volume_unit: Literal["coins", "dollars"] = "coins",
    stamps: Stamps | None = None,
    interval: Duration | None = None,
) -> PriceSeries:
    """Read one asset's prices from a CSV or Parquet file, a pandas or polars frame or an Arrow table.

    A path "package:name/data/file.csv" finds a file in an installed package. `time`, `price` and `volume`
    name columns that are called otherwise than above; times without an offset are of `tz`. Volumes are
    in coins, unless `volume_unit` says "dollars", as in files of Yahoo. A price can be seen at the close
    of its bar: `stamps` says whether times are those of opens (by default, if there is a column Open) or
    of closes; a bar closes when the next one opens, or after `interval` (by default the usual distance).

    Raises:
        DataQualityError: `repair` is "raise" and the rows have faults, which the message states.
        FileNotFoundError, ImportError, TypeError: the source can't be opened; the message says why.
        ValueError: no such column or zone, another kind of file, or no row that can be used.
    """
    _require("repair", repair, get_args(Repair))
    _require("volume_unit", volume_unit, ("coins", "dollars"))
    _require("stamps", stamps, (None, *get_args(Stamps)))
    given_us = None if interval is None else _positive_us(interval)
    table = open_source(source)
    columns = find_columns(table, asset, time=time, price=price, volume=volume)
    rows = read_rows(table, columns, clock(tz), volume_unit)
    kept, quality = _usable(rows, given_us, repair)
    opens = stamps == "open" or (stamps is None and columns.bars)
    return price_series(
        asset,
        _closes(rows, kept, quality.interval_us) if opens else _at(rows.at_us, kept),
        _at(rows.prices, kept),
        asks=_at(rows.asks, kept),
        volumes=_at(rows.volumes, kept),
        interval_us=quality.interval_us,
        quality=quality,
    )


def synthetic(
    asset: Symbol,
    *,
    kind: Kind = "gbm",
    seed: int = 0,
    start: str | date | datetime = "2026-01-01",
    days: int = 1,
    interval: Duration = "1m",
    price: Amount = "50000",
    daily_volatility_bps: Amount = 300,
    daily_volume: Amount = 1_000,
    spread_bps: Amount = 0,
) -> PriceSeries:
    """Make up bars, the same ones wherever the arguments are the same.

    "gbm" is a random walk without drift whose day has about this volatility; "jump" leaps besides, about
    once a week by about three times as much; "flat" stays; "gap" is a walk with holes of 3 to 30 bars.
    The first bar closes one `interval` after `start` (without an offset, of UTC). `price` is where
    the walk starts, in dollars; `daily_volume` in coins; with a `spread_bps` there are asks, half of it
    above the price and rounded up.

    Raises:
        TypeError, ValueError: an amount, a time or a kind that is none.
    """
    walk = Walk(
        kind=kind,
        seed=seed,
        start_us=_start_us(start),
        days=days,
        interval=interval,
        price=price,
        daily_volatility_bps=daily_volatility_bps,
        daily_volume=daily_volume,
        spread_bps=spread_bps,
    )
    return _series(asset, walk)


def _start_us(start: str | date) -> int:
    try:
        return clock("UTC")(start)
    except ValueError as error:
        raise ValueError(f"start: {error}") from None


def _series(asset: Symbol, walk: Walk) -> PriceSeries:
    at_us, prices, asks, volumes = walk.columns()
    rows = Rows(
        source=f"synthetic {walk.kind}, seed {walk.seed}",
        total=len(at_us),
        numbers=array("q", range(1, len(at_us) + 1)),
        at_us=at_us,
        prices=prices,
        asks=asks,
        volumes=volumes,
        findings=(),
    )
    _, quality = examine(rows, interval_us=walk.interval_us, repair="report")
    return price_series(
        asset,
        at_us,
        prices,
        asks=asks,
        volumes=volumes,
        interval_us=walk.interval_us,
        quality=quality,
    )


def _usable(rows: Rows, interval_us: int | None, repair: Repair) -> tuple[list[int], Quality]:
    """As `examine`. Raises ValueError if nothing is left."""
    if not rows.numbers:
        faults = "; ".join(str(each) for each in rows.findings) or "no rows"
        raise ValueError(f"{rows.source}: expected prices, found none: {faults}")
    kept, quality = examine(rows, interval_us=interval_us, repair=repair)
    if not kept:
        raise ValueError(f"expected prices, none can be used of {quality}")
    return kept, quality


def _positive_us(interval: Duration) -> int:
    us = duration_us("interval", interval)
    if us == 0:
        raise ValueError(f"interval: expected more than 0, was {interval}")
    return us


def _require(name: str, value: object, allowed: Sequence[object]) -> None:
    if value not in allowed:
        expected = ", ".join(str(each) for each in allowed if each is not None)
        raise ValueError(f"{name}: expected one of {expected}, was {value!r}")


def _at(column: array[int], places: Sequence[int]) -> array[int]:
    return array("q", [column[place] for place in places] if column else [])


def _closes(rows: Rows, kept: Sequence[int], interval_us: int) -> array[int]:
    """When bars that are stamped with their opens can be seen.

    Raises:
        ValueError: nobody said how long the only bar is.
    """
    if interval_us == 0:
        raise ValueError(f'{rows.source}: expected two bars, or interval="…", was one bar')
    opens = [rows.at_us[place] for place in kept]
    closes = array(
        "q", [b if b - a < 2 * interval_us else a + interval_us for a, b in pairwise(opens)]
    )
    closes.append(opens[-1] + interval_us)
    return closes
