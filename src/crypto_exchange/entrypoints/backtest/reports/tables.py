"""Tables: what a run wrote, row by row, with the units that people use."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from html import escape
from importlib.util import find_spec
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from crypto_exchange.domain.money import PRICE_SCALE, USD_SCALE
from crypto_exchange.entrypoints.backtest.amounts import duration_us
from crypto_exchange.entrypoints.backtest.reports.table_columns import (
    Amounts,
    Cell,
    Column,
    Flags,
    Labels,
    Numbers,
    Seconds,
    Times,
    extra,
)
from crypto_exchange.entrypoints.backtest.result import Inputs, Records
from crypto_exchange.entrypoints.backtest.rows import BATCH_CAUSES, BATCH_STATES, ORDER_STATES
from crypto_exchange.entrypoints.override import override

if TYPE_CHECKING:
    import polars

FILL_KINDS = ("fill", "late")
"""A batch's purchase, or one of an attempt that had been given up: the house's."""

_SHOWN = 10
_REFUSED = ORDER_STATES.index("refused")


class Table:
    """Rows of exact values: iterate over them as dicts, or take them as a frame.

    Amounts are Decimals in rows and in frames. Times are in UTC, to the microsecond.
    """

    def __init__(self, name: str, columns: Sequence[Column], size: int) -> None:
        self.name, self._columns, self._size = name, columns, size

    @property
    def columns(self) -> dict[str, str]:
        """Each column's unit by its name, "" for those that have none."""
        return {column.name: column.unit for column in self._columns}

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, row: int) -> dict[str, Cell]:
        """One row, from the end if negative. Raises IndexError."""
        if not -self._size <= row < self._size:
            raise IndexError(f"{self.name}: expected a row below {self._size:,}, was {row:,}")
        return {column.name: column.cell(row % self._size) for column in self._columns}

    def __iter__(self) -> Iterator[dict[str, Cell]]:
        return (self[row] for row in range(self._size))

    def to_polars(self) -> polars.DataFrame:
        """As a polars frame: Decimals, Datetimes in UTC, Enums; seconds are floats."""
        frame: polars.DataFrame = extra("polars").DataFrame(
            [column.series() for column in self._columns]
        )
        return frame

    def to_arrow(self) -> Any:
        """As an Arrow table, of the types that `to_polars` has."""
        extra("pyarrow")
        return self.to_polars().to_arrow()

    def to_pandas(self) -> Any:
        """As a pandas frame: of Arrow's types if pyarrow is installed, or else of Python's."""
        pandas = extra("pandas")
        if find_spec("pyarrow") is None:
            return pandas.DataFrame(list(self), columns=list(self.columns))
        return self.to_polars().to_pandas(use_pyarrow_extension_array=True)

    @override
    def __repr__(self) -> str:
        lines = [list(self.columns), *self._shown()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        rows = ("  ".join(map(str.rjust, line, widths)) for line in lines)
        return "\n".join((f"{self.name}: {self._size:,} rows", *rows, *self._rest()))

    def _repr_html_(self) -> str:
        head = "".join(
            f"<th>{escape(name)}{f'<br><small>{escape(unit)}</small>' if unit else ''}</th>"
            for name, unit in self.columns.items()
        )
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>"
            for line in self._shown()
        )
        return (
            f"<table><caption>{escape(self.name)}: {self._size:,} rows</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{''.join(self._rest())}"
        )

    def _shown(self) -> list[list[str]]:
        return [[_text(cell) for cell in row.values()] for row in islice(self, _SHOWN)]

    def _rest(self) -> list[str]:
        return [f"… and {self._size - _SHOWN:,} more"] if self._size > _SHOWN else []


def table(name: str, inputs: Inputs, records: Records) -> Table:
    """The table of "orders", "batches" or "fills".

    Raises:
        ValueError: there is no such table.
    """
    if name not in _TABLES:
        raise ValueError(f"table: expected one of {', '.join(_TABLES)}, was {name!r}")
    columns = _TABLES[name](inputs, records)
    return Table(name, columns, len(columns[0].numbers))


def _orders(inputs: Inputs, records: Records) -> list[Column]:
    rows, names = records.orders, inputs.flow.names

    def refunded() -> array[int]:
        parts = zip(rows.total, rows.charged, rows.ended_us, rows.state, strict=True)
        return array("q", [t - c if e and s != _REFUSED else 0 for t, c, e, s in parts])

    def waited() -> array[int]:
        times = zip(rows.at_us, rows.ended_us, strict=True)
        return array("q", [ended - at if ended else -1 for at, ended in times])

    return [
        Column("order_id", array("q", range(1, len(rows) + 1))),
        Labels("user", rows.user, ("", *names), many=True) if names else Column("user", rows.user),
        _assets(inputs, rows.asset),
        Times("placed_at", rows.at_us),
        Labels("state", rows.state, ORDER_STATES),
        Labels("reason", rows.reason, rows.reasons),
        Flags("direct", rows.direct),
        _coins("quantity", rows.quantity, inputs, rows.asset),
        _price("quoted_price", rows.unit_price),
        _usd("total_usd", rows.total),
        _numbered("batch", rows.batch),
        Times("ended_at", rows.ended_us),
        _coins("filled", rows.filled, inputs, rows.asset),
        _usd("charged_usd", rows.charged),
        _usd("refunded_usd", refunded),
        Seconds("wait_s", waited),
    ]


def _batches(inputs: Inputs, records: Records) -> list[Column]:
    rows = records.batches
    return [
        Column("batch", array("q", range(1, len(rows) + 1))),
        _assets(inputs, rows.asset),
        Labels("cause", rows.cause, BATCH_CAUSES),
        Labels("state", rows.state, BATCH_STATES),
        Times("sealed_at", rows.sealed_us),
        Times("sent_at", rows.sent_us),
        Times("ended_at", rows.ended_us),
        Column("attempts", rows.attempts),
        Column("members", rows.members, "orders"),
        _price("seal_price", rows.seal_price),
        _price("fill_price", rows.fill_price),
        *(_coins(name, getattr(rows, name), inputs, rows.asset) for name in rows.UNITS),
        *(_usd(f"{name}_usd", getattr(rows, name)) for name in rows.DOLLARS),
    ]


def _fills(inputs: Inputs, records: Records) -> list[Column]:
    """Fills of batches in the order of sealing, then late ones."""
    batches, late = records.batches, records.late
    own = [row for row, bought in enumerate(batches.bought) if bought]
    latencies = [duration_us("latency", inputs.markets[s].latency) for s in inputs.prices]

    def both(ours: str, theirs: str = "") -> array[int]:
        first, second = getattr(batches, ours), getattr(late, theirs or ours)
        return array("q", chain((first[row] for row in own), second))

    assets = array("q", [batches.asset[row] for row in (*own, *late.batch)])
    filled_us = (batches.sent_us[row] + latencies[batches.asset[row]] for row in own)
    return [
        Column("batch", array("q", [row + 1 for row in (*own, *late.batch)])),
        Column("attempt", both("attempts", "attempt")),
        Labels("kind", array("q", [0] * len(own) + [1] * len(late)), FILL_KINDS),
        _assets(inputs, assets),
        Times("filled_at", array("q", chain(filled_us, late.at_us))),
        _price("price", both("fill_price", "price")),
        _coins("quantity", both("bought", "quantity"), inputs, assets),
        _coins("coin_fee", both("coin_fee"), inputs, assets),
        _usd("cost_usd", both("cost")),
        _usd("fee_usd", both("fee")),
    ]


_TABLES = {"orders": _orders, "batches": _batches, "fills": _fills}


def _assets(inputs: Inputs, places: array[int]) -> Column:
    return Labels("asset", places, tuple(inputs.prices))


def _coins(name: str, numbers: Numbers, inputs: Inputs, places: array[int]) -> Column:
    scales = [inputs.markets[symbol].scale for symbol in inputs.prices]
    return Amounts(name, numbers, "coins", scales=scales, places=places)


def _usd(name: str, numbers: Numbers) -> Column:
    return Amounts(name, numbers, "USD", scales=(USD_SCALE,))


def _price(name: str, numbers: Numbers) -> Column:
    return Amounts(name, numbers, "USD per coin", scales=(PRICE_SCALE,), missing=0)


def _numbered(name: str, rows: array[int]) -> Column:
    """Batches as people count them, from 1."""
    return Column(name, lambda: array("q", [row + 1 for row in rows]), missing=0)


def _text(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case Decimal():
            return format(cell, "f")
        case datetime():
            return cell.isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "")
        case _:
            return str(cell)
