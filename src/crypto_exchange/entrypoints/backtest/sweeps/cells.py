"""A grid of numbers to try out, as the cells of a sweep: one policy and one set of markets each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from itertools import product
from math import prod

import msgspec

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.entrypoints.backtest.amounts import duration_us, format_duration
from crypto_exchange.entrypoints.backtest.market import Market
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from crypto_exchange.entrypoints.backtest.result import Inputs

_OWNERS: dict[str, type[AggregationPolicy] | type[Market]] = {
    "policy": AggregationPolicy,
    "market": Market,
}
_BOTH = set(AggregationPolicy.__struct_fields__) & set(Market.__struct_fields__)
_FIELDS = {
    f"{prefix}_{field}" if field in _BOTH else field: (owner, field)
    for prefix, owner in _OWNERS.items()
    for field in owner.__struct_fields__
}
MOST_CELLS = 100_000
GRID_NAMES = tuple(_FIELDS)
"""What a grid may vary: what both have is `policy_…` or `market_…`."""


class Cell(msgspec.Struct, frozen=True):
    """A place of the grid: what is tried there, and the policy and markets that follow from it."""

    values: Mapping[str, object]
    policy: AggregationPolicy
    markets: Mapping[Symbol, Market]

    def inputs(self, base: Inputs) -> Inputs:
        """The inputs of the sweep with these numbers."""
        return msgspec.structs.replace(base, policy=self.policy, markets=self.markets)


def grid_field(name: str) -> tuple[type[msgspec.Struct], str]:
    """Whose field a name of the grid is, and what it is called there. Raises ValueError: nobody's."""
    if name not in _FIELDS:
        raise ValueError(f"grid: expected some of {', '.join(GRID_NAMES)}, was {name!r}")
    return _FIELDS[name]


def read_grid(grid: Mapping[str, Iterable[object]]) -> dict[str, tuple[object, ...]]:
    """The grid with its values in tuples.

    Raises:
        TypeError: values that are no list.
        ValueError: a name that is unknown, no value at all, or one twice; too many combinations.
    """
    read = {name: _read_values(name, values) for name, values in grid.items()}
    cells = prod(map(len, read.values()))
    if cells > MOST_CELLS:
        raise ValueError(f"grid: expected at most {MOST_CELLS:,} combinations, was {cells:,}")
    for name, values in read.items():
        _require_different(name, values)
    return read


def list_cells(base: Inputs, grid: Mapping[str, tuple[object, ...]]) -> list[Cell]:
    """Every combination in the order of the grid; the last name changes first.

    Raises TypeError or ValueError for what the policy or the market does not take.
    """
    return [_cell(base, dict(zip(grid, values, strict=True))) for values in product(*grid.values())]


def shown(value: object) -> str | int | None:
    """A value of the grid as a table shows it: numbers and text as they are, the rest in short."""
    match value:
        case None | str() | int():
            return value
        case timedelta():
            return format_duration(duration_us("grid", value))
        case Decimal():
            return format(value, "f")
        case msgspec.Struct():
            return _differences(value) or type(value).__name__
        case _:
            return str(value)


def _read_values(name: str, values: Iterable[object]) -> tuple[object, ...]:
    grid_field(name)
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"grid: expected a list of values of {name}, was {values!r}")
    listed = tuple(values)
    if not listed:
        raise ValueError(f"grid: expected at least one value of {name}, was an empty list")
    return listed


def _require_different(name: str, values: tuple[object, ...]) -> None:
    met = set()
    for value in values:
        meant = _meant(value)
        if meant in met:
            raise ValueError(f"grid: expected each value of {name} once, was {shown(value)} twice")
        met.add(meant)


def _meant(value: object) -> object:
    """What a value says, however it is written: "10" is 10.00, and 60m is an hour."""
    text = str(shown(value))
    with suppress(InvalidOperation):
        if (number := Decimal(text)).is_finite():
            return number
    with suppress(ValueError):
        return "us", duration_us("grid", text)
    return text


def _cell(base: Inputs, values: dict[str, object]) -> Cell:
    changes: dict[type, dict[str, object]] = {AggregationPolicy: {}, Market: {}}
    for name, value in values.items():
        owner, field = grid_field(name)
        changes[owner][field] = value
    try:
        policy = msgspec.structs.replace(base.policy, **changes[AggregationPolicy])
        markets = {
            symbol: msgspec.structs.replace(market, **changes[Market])
            for symbol, market in base.markets.items()
        }
    except (TypeError, ValueError) as error:
        raise type(error)(f"grid: {error}") from None
    return Cell(values, policy, markets)


def _differences(value: msgspec.Struct) -> str:
    """The fields that are not as by default: `rate_bps=10 per_order=0.10`."""
    fields = msgspec.structs.fields(value)
    told = ((field, getattr(value, field.name)) for field in fields)
    return " ".join(f"{field.name}={shown(now)}" for field, now in told if now != field.default)
