"""Verification: both engines on the same inputs, and everything that they wrote compared."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

from crypto_exchange.entrypoints.backtest.engine.engine import run_domain
from crypto_exchange.entrypoints.backtest.fast.fast import run_fast
from crypto_exchange.entrypoints.backtest.result import Inputs, Records

Column: TypeAlias = "array[int] | list[str]"
_NONE = "none"


class VerificationError(Exception):
    """The engines differ; the message names the first difference."""


class Difference(NamedTuple):
    """Where two runs differ: the table or figure, its column, the row (from 0), and what each has."""

    table: str
    column: str
    row: int
    domain: object
    fast: object


def verify(inputs: Inputs) -> Records:
    """The domain engine's records, once the fast engine has written the same.

    Raises:
        VerificationError: it has not; the first difference is named.
        NotSupported: the fast engine cannot run these inputs.
        ImportError: numpy is not installed.
    """
    fast = run_fast(inputs)
    domain = run_domain(inputs)
    found = find_difference(domain, fast)
    if found is not None:
        where = f"{found.table}.{found.column}" if found.column else found.table
        row = f" row {found.row:,}" if found.row >= 0 else ""
        raise VerificationError(
            f"{where}{row}: expected {found.domain!r} (domain engine), was {found.fast!r} (fast engine)"
        )
    return domain


def find_difference(domain: Records, fast: Records) -> Difference | None:
    """The first difference: of orders, batches and late fills that of the earliest row; then single
    figures and accounts by name. None if there is none.

    What several assets did at the same moment may be numbered in another order.
    """
    tables = zip(("orders", "batches", "late"), _in_order(domain), _in_order(fast), strict=True)
    for name, ours, theirs in tables:
        found = min(
            _column_differences(name, ours, theirs), key=lambda each: each.row, default=None
        )
        if found is not None:
            return found
    for name in ("deposited", "checks", "ended_us"):
        ours, theirs = getattr(domain, name), getattr(fast, name)
        if ours != theirs:
            return Difference(name, "", -1, ours, theirs)
    for name in ("ledger", "scales"):
        ours, theirs = getattr(domain, name), getattr(fast, name)
        for key in sorted({*ours, *theirs}):
            if ours.get(key, _NONE) != theirs.get(key, _NONE):
                return Difference(name, key, -1, ours.get(key, _NONE), theirs.get(key, _NONE))
    return None


def _in_order(records: Records) -> Iterator[Mapping[str, Column]]:
    """The columns of the tables, with batches by moment and asset, and reasons by name."""
    reasons = records.orders.reasons
    orders: dict[str, Column] = vars(records.orders) | {
        "reason": [reasons[place] for place in records.orders.reason],
        "reasons": sorted(reasons),
    }
    batches: dict[str, array[int]] = vars(records.batches)
    moments = list(zip(records.batches.sealed_us, records.batches.asset, strict=True))
    rows = sorted(range(len(moments)), key=moments.__getitem__)
    if rows != list(range(len(rows))):
        numbers = {row: number for number, row in enumerate(rows)} | {-1: -1}
        orders = orders | {"batch": array("i", map(numbers.__getitem__, records.orders.batch))}
        batches = {
            name: array(column.typecode, map(column.__getitem__, rows))
            for name, column in batches.items()
        }
    yield from (orders, batches, vars(records.late))


def _column_differences(
    table: str, domain: Mapping[str, Column], fast: Mapping[str, Column]
) -> Iterator[Difference]:
    """Of each column that differs its first row."""
    for column, ours in domain.items():
        theirs = fast[column]
        if ours != theirs:
            pairs = enumerate(zip(ours, theirs, strict=False))
            length = min(len(ours), len(theirs))
            row = next((row for row, (one, other) in pairs if one != other), length)
            yield Difference(table, column, row, _at(ours, row), _at(theirs, row))


def _at(column: Column, row: int) -> object:
    return column[row] if row < len(column) else _NONE
