"""A backtest as a TOML file: prices, orders, a policy, markets, how to run it, and what to sweep."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.entrypoints.backtest.backtest import Backtest
from crypto_exchange.entrypoints.backtest.binding import (
    ConfigurationError,
    call,
    fit,
    hint,
    refuse_unknown,
)
from crypto_exchange.entrypoints.backtest.flow import OrderFlow
from crypto_exchange.entrypoints.backtest.inputs import orders, prices
from crypto_exchange.entrypoints.backtest.market import Market
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from crypto_exchange.entrypoints.backtest.result import Engine
from crypto_exchange.entrypoints.backtest.series import PriceSeries
from crypto_exchange.entrypoints.backtest.sweeps.cells import (
    GRID_NAMES,
    grid_field,
    list_cells,
    read_grid,
)

Table = dict[str, Any]
Read = TypeVar("Read")

_TABLES = ("prices", "orders", "policy", "market", "run", "sweep")
_KINDS: dict[str, Callable[..., OrderFlow]] = {
    "poisson": orders.Poisson,
    "dca": orders.DCA,
    "round_ups": orders.RoundUps,
}


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says: a backtest, and the grid of its sweep, which may be empty. `text` is the file."""

    path: Path
    text: str
    backtest: Backtest
    grid: Mapping[str, tuple[object, ...]]


class _Run(msgspec.Struct, frozen=True, kw_only=True):
    seed: int = 0
    engine: Engine = "domain"


def load(
    path: str | os.PathLike[str], *, seed: int | None = None, engine: Engine | None = None
) -> Configuration:
    """Read a configuration, and the files that it names; `seed` and `engine` stand above its own.

    Raises:
        ConfigurationError: it can't be read, or is wrong; the message names the file and the key.
        ImportError: a file of a kind that needs the extra `backtest`.
    """
    given = {"seed": seed, "engine": engine}
    given = {name: value for name, value in given.items() if value is not None}
    return _parsed(path, lambda text, tables: _read(Path(path), text, tables, given))


def load_candidate(
    path: str | os.PathLike[str], assets: Sequence[Symbol]
) -> tuple[AggregationPolicy, dict[Symbol, Market]]:
    """Read the policy and the markets alone, for prices and orders that come from elsewhere.

    Raises:
        ConfigurationError: as `load`.
    """

    def read(_text: str, tables: Table) -> tuple[AggregationPolicy, dict[Symbol, Market]]:
        refuse_unknown(tables, _TABLES, "")
        policy = call(AggregationPolicy, _table(tables, "policy"), "policy")
        return policy, _markets(_table(tables, "market"), assets)

    return _parsed(path, read)


def _parsed(path: str | os.PathLike[str], read: Callable[[str, Table], Read]) -> Read:
    """What `read` makes of a file's text and its tables; says of all mistakes in which file they are."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        return read(text, tomllib.loads(text, parse_float=Decimal))
    except OSError as error:
        raise ConfigurationError(f"expected a file to read, was {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: expected TOML: {error}") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error.__cause__


def _read(file: Path, text: str, tables: Table, given: Table) -> Configuration:
    refuse_unknown(tables, _TABLES, "")
    run = call(_Run, _table(tables, "run") | given, "run")
    policy = call(AggregationPolicy, _table(tables, "policy"), "policy")
    grid = _grid(_table(tables, "sweep"))
    series = [
        _prices(table, where, file.parent, seed=run.seed + place)
        for place, (where, table) in enumerate(_listed(tables, "prices"))
    ]
    only = {"asset": series[0].asset} if len(series) == 1 else {}
    flows = [
        _orders(table, where, file.parent, seed=run.seed + place, **only)
        for place, (where, table) in enumerate(_listed(tables, "orders"))
    ]
    markets = _markets(_table(tables, "market"), [each.asset for each in series])
    try:
        backtest = Backtest(
            series, flows, policy=policy, market=markets, seed=run.seed, engine=run.engine
        )
        list_cells(backtest.inputs, grid)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(_of_sweep(error)) from error
    return Configuration(path=file, text=text, backtest=backtest, grid=grid)


def _prices(table: Table, where: str, folder: Path, **known: object) -> PriceSeries:
    if "source" in table:
        return call(prices.read, _located(table, folder), where)
    return call(prices.synthetic, table, where, **known)


def _orders(table: Table, where: str, folder: Path, **known: object) -> OrderFlow:
    """What makes orders. A seed that isn't given follows from the run's, an asset from the prices."""
    if "source" in table:
        return call(orders.read, _located(table, folder), where)
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        known_kinds = ", ".join(_KINDS)
        raise ConfigurationError(
            f"{where}.kind: expected one of {known_kinds} (or a source), was {kind!r}"
        )
    rest = {name: value for name, value in table.items() if name != "kind"}
    return call(_KINDS[kind], rest, where, **known)


def _located(table: Table, folder: Path) -> Table:
    """A source that is a path is meant from where the file is."""
    source = table["source"]
    if not isinstance(source, str) or source.startswith("package:"):
        return table
    return table | {"source": str(folder / Path(source).expanduser())}


def _markets(table: Table, assets: Sequence[Symbol]) -> dict[Symbol, Market]:
    """`[market]` holds for all assets, `[market.BTC]` stands above it for one."""
    fields = Market.__struct_fields__
    refuse_unknown(table, (*fields, *assets), "market")
    for_all = {name: value for name, value in table.items() if name in fields}
    common = call(Market, for_all, "market")
    return {
        asset: call(
            Market,
            _table(table, asset, "market."),
            f"market.{asset}",
            **msgspec.structs.asdict(common),
        )
        for asset in assets
    }


def _grid(table: Table) -> dict[str, tuple[object, ...]]:
    refuse_unknown(table, GRID_NAMES, "sweep")
    grid = {}
    for name, values in table.items():
        if not isinstance(values, list):
            raise ConfigurationError(f"sweep.{name}: expected a list of values, was {values!r}")
        wanted = hint(*grid_field(name))
        grid[name] = [fit(value, wanted, f"sweep.{name}[{n}]") for n, value in enumerate(values)]
    try:
        return read_grid(grid)
    except ValueError as error:
        raise ConfigurationError(_of_sweep(error)) from None


def _of_sweep(error: Exception) -> str:
    """What is called a grid in Python is the table `sweep` here."""
    said = str(error)
    return f"sweep{said.removeprefix('grid')}" if said.startswith("grid:") else said


def _table(tables: Table, name: str, before: str = "") -> Table:
    table = tables.get(name, {})
    if not isinstance(table, dict):
        raise ConfigurationError(f"{before}{name}: expected a table, was {table!r}")
    return table


def _listed(tables: Table, name: str) -> list[tuple[str, Table]]:
    """One table, or several in double brackets, and where each is."""
    found = tables.get(name, [])
    listed = found if isinstance(found, list) else [found]
    if not listed:
        raise ConfigurationError(f"{name}: expected a table [{name}], was not there")
    places = [name] if len(listed) == 1 else [f"{name}[{place}]" for place in range(len(listed))]
    for place, table in zip(places, listed, strict=True):
        if not isinstance(table, dict):
            raise ConfigurationError(f"{place}: expected a table, was {table!r}")
    return [*zip(places, listed, strict=True)]
