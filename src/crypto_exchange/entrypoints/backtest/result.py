"""Result: what a run found. Tables, figures and pictures are made when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from crypto_exchange import __version__
from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.money import format_units
from crypto_exchange.entrypoints.backtest.flow import OrderColumns
from crypto_exchange.entrypoints.backtest.market import Market
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from crypto_exchange.entrypoints.backtest.rows import BatchRows, LateRows, OrderRows
from crypto_exchange.entrypoints.backtest.series import PriceSeries
from crypto_exchange.entrypoints.override import override

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from crypto_exchange.entrypoints.backtest.figures.spread_cover import SpreadCover
    from crypto_exchange.entrypoints.backtest.figures.summary import Summary
    from crypto_exchange.entrypoints.backtest.reports.tables import Table
    from crypto_exchange.entrypoints.backtest.sweeps.sweep import Sweep


Engine: TypeAlias = Literal["domain", "fast"]
"""Which one runs; both give the same records."""


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """All that a run depends on, besides the code. It ends with the last price or order, or at `until_us`
    if that is later.
    """

    prices: Mapping[Symbol, PriceSeries]
    flow: OrderColumns
    policy: AggregationPolicy
    markets: Mapping[Symbol, Market]
    seed: int
    engine: Engine
    until_us: int = 0

    @property
    def end_us(self) -> int:
        """After this moment nothing happens any more."""
        last_us = max(series.at_us[-1] for series in self.prices.values())
        return max(self.until_us, last_us, *self.flow.at_us[-1:])


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine wrote. A batch is filled at most once, so its fill is in its row; `late` are those
    of attempts that had been given up. `ledger` is every account's balance by name, in units of
    `scales[currency]`; `deposited` (10⁻⁸ dollars) what users had to bring in, `checks` how many balances
    were verified.
    """

    orders: OrderRows
    batches: BatchRows
    late: LateRows
    ledger: dict[str, int]
    scales: dict[str, int]
    deposited: int
    checks: int
    ended_us: int


class Result:
    """One run. `records` are its raw columns; everything else is made of them."""

    def __init__(self, inputs: Inputs, records: Records) -> None:
        self.inputs, self.records = inputs, records

    @cached_property
    def run_id(self) -> str:
        """Names the inputs: equal for equal prices, orders, policy, markets, seed and version."""
        return run_id(self.inputs)

    @cached_property
    def ledger_hash(self) -> str:
        """SHA-256 of the lines `account,balance`, sorted, as `crypto-exchange ledger --json` has them."""
        return ledger_hash(self._balances())

    @cached_property
    def ledger(self) -> dict[str, Decimal]:
        """Every account's balance, in dollars or coins, by name: `user:1:USD`, `house:inventory:BTC` …"""
        return {name: Decimal(balance) for name, balance in sorted(self._balances().items())}

    @cached_property
    def summary(self) -> Summary:
        """The figures, with units in their names (docs/backtest-metrics.md)."""
        from crypto_exchange.entrypoints.backtest.figures.summary import summarise

        return summarise(self.inputs, self.records)

    @property
    def orders(self) -> Table:
        """One row an order, whatever became of it."""
        return self._table("orders")

    @property
    def batches(self) -> Table:
        """One row a batch."""
        return self._table("batches")

    @property
    def fills(self) -> Table:
        """One row a fill, late ones included."""
        return self._table("fills")

    def to_polars(self) -> Any:
        """The orders as a polars frame."""
        return self.orders.to_polars()

    def to_pandas(self) -> Any:
        """The orders as a pandas frame."""
        return self.orders.to_pandas()

    def to_arrow(self) -> Any:
        """The orders as an Arrow table."""
        return self.orders.to_arrow()

    def spread_cover(
        self, confidence: float = 0.95, horizon: Literal["day", "run"] = "day"
    ) -> SpreadCover:
        """Which spread covers the house's risk; see `spread_cover.py`."""
        from crypto_exchange.entrypoints.backtest.figures.spread_cover import spread_cover

        return spread_cover(self.inputs, self.records, confidence=confidence, horizon=horizon)

    def plot(self) -> Figure:
        """Waiting, drift, cost and the house's exposure as one matplotlib figure. It isn't shown.

        Raises ImportError without the extra `backtest`.
        """
        from crypto_exchange.entrypoints.backtest.reports.drawing import require_drawing

        require_drawing()
        from crypto_exchange.entrypoints.backtest.reports.pictures import plot_overview

        return plot_overview(self.inputs, self.records)

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        sweep: Sweep | None = None,
        command: str | None = None,
        configuration: str | None = None,
    ) -> Path:
        """Write all of it into one HTML file, which needs no network, and return its path.

        `sweep` is shown in addition; `command` and `configuration` (a TOML file's text) as what makes
        the report again. Equal inputs give equal bytes.

        Raises:
            ImportError: without the extra `backtest`.
            OSError: the file can't be written.
        """
        from crypto_exchange.entrypoints.backtest.reports.drawing import require_drawing

        require_drawing()
        from crypto_exchange.entrypoints.backtest.reports.report import write_report

        return write_report(self, path, sweep=sweep, command=command, configuration=configuration)

    @override
    def __str__(self) -> str:
        return f"{self.summary}\nrun {self.run_id[:12]}, ledger {self.ledger_hash[:12]}"

    @override
    def __repr__(self) -> str:
        try:
            return str(self)
        except ImportError as missing:  # a representation is always there
            return f"Result({len(self.records.orders):,} orders; {missing})"

    def _repr_html_(self) -> str:
        return self.summary._repr_html_()

    def _balances(self) -> dict[str, str]:
        scales = self.records.scales
        return {
            account: format_units(balance, scales[account.rpartition(":")[2]])
            for account, balance in self.records.ledger.items()
        }

    def _table(self, name: str) -> Table:
        from crypto_exchange.entrypoints.backtest.reports import tables

        return tables.table(name, self.inputs, self.records)


def run_id(inputs: Inputs) -> str:
    """SHA-256 of everything that decides the result, the version of the code included; not of the
    engine, which decides nothing.
    """
    parts = (
        __version__,
        repr(inputs.policy),
        *(f"{symbol} {market!r}" for symbol, market in inputs.markets.items()),
        str(inputs.seed),
        *(f"{symbol} {series.fingerprint}" for symbol, series in inputs.prices.items()),
        inputs.flow.fingerprint(),
    )
    return sha256("\n".join(parts).encode()).hexdigest()


def ledger_hash(balances: Mapping[str, str]) -> str:
    """SHA-256 of the lines `account,balance`, sorted."""
    lines = sorted(f"{account},{balance}" for account, balance in balances.items())
    return sha256("\n".join(lines).encode()).hexdigest()
