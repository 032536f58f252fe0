"""Backtesting: a price history and a stream of orders, replayed through the decisions of the service.

    from crypto_exchange.backtest import AggregationPolicy, Backtest, Market, orders, prices

Everything is loaded when it is asked for. The engine needs nothing but this package; tables, figures and
reports need `pip install 'crypto-exchange[backtest]'`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crypto_exchange.entrypoints.backtest.backtest import Backtest
    from crypto_exchange.entrypoints.backtest.configuration import load
    from crypto_exchange.entrypoints.backtest.engine.lookahead import LookaheadError
    from crypto_exchange.entrypoints.backtest.engine.verification import VerificationError
    from crypto_exchange.entrypoints.backtest.fast.sealer import NotSupported
    from crypto_exchange.entrypoints.backtest.figures.spread_cover import SpreadCover
    from crypto_exchange.entrypoints.backtest.figures.summary import Summary
    from crypto_exchange.entrypoints.backtest.flow import OrderColumns, OrderFlow
    from crypto_exchange.entrypoints.backtest.inputs import orders, prices
    from crypto_exchange.entrypoints.backtest.inputs.quality import DataQualityError
    from crypto_exchange.entrypoints.backtest.market import (
        Failures,
        FeeSchedule,
        Market,
        SquareRoot,
    )
    from crypto_exchange.entrypoints.backtest.parity.replay import replay
    from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
    from crypto_exchange.entrypoints.backtest.reports.tables import Table
    from crypto_exchange.entrypoints.backtest.result import Result
    from crypto_exchange.entrypoints.backtest.series import Finding, PriceSeries, Quality
    from crypto_exchange.entrypoints.backtest.sweeps.frontier import Frontier
    from crypto_exchange.entrypoints.backtest.sweeps.sweep import Sweep

__all__ = [
    "AggregationPolicy",
    "Backtest",
    "DataQualityError",
    "Failures",
    "FeeSchedule",
    "Finding",
    "Frontier",
    "LookaheadError",
    "Market",
    "NotSupported",
    "OrderColumns",
    "OrderFlow",
    "PriceSeries",
    "Quality",
    "Result",
    "SpreadCover",
    "SquareRoot",
    "Summary",
    "Sweep",
    "Table",
    "VerificationError",
    "load",
    "orders",
    "prices",
    "replay",
]

_PACKAGE = "crypto_exchange.entrypoints.backtest"
_HOMES = {
    "backtest": "Backtest",
    "configuration": "load",
    "flow": "OrderColumns OrderFlow",
    "sweeps.frontier": "Frontier",
    "engine.lookahead": "LookaheadError",
    "market": "Failures FeeSchedule Market SquareRoot",
    "policy": "AggregationPolicy",
    "inputs.quality": "DataQualityError",
    "parity.replay": "replay",
    "result": "Result",
    "series": "Finding PriceSeries Quality",
    "fast.sealer": "NotSupported",
    "figures.spread_cover": "SpreadCover",
    "figures.summary": "Summary",
    "sweeps.sweep": "Sweep",
    "reports.tables": "Table",
    "engine.verification": "VerificationError",
}


def __getattr__(name: str) -> object:
    """Load what is asked for."""
    if name in {"orders", "prices"}:
        return import_module(f"{_PACKAGE}.inputs.{name}")
    for home, names in _HOMES.items():
        if name in names.split():
            return getattr(import_module(f"{_PACKAGE}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What there is to ask for."""
    return __all__
