"""Metrics: the figures of a run, each defined in docs/backtest-metrics.md. Needs numpy."""

from __future__ import annotations

from typing import Any

from crypto_exchange.entrypoints.backtest.figures.capital import capital_figures
from crypto_exchange.entrypoints.backtest.figures.costs import (
    cost_figures,
    opportunity_figures,
    split_costs,
)
from crypto_exchange.entrypoints.backtest.figures.counterfactual import buy_alone, saving_figures
from crypto_exchange.entrypoints.backtest.figures.deliveries import list_deliveries
from crypto_exchange.entrypoints.backtest.figures.failures import failure_figures
from crypto_exchange.entrypoints.backtest.figures.fairness import fairness_figures
from crypto_exchange.entrypoints.backtest.figures.house import house_figures
from crypto_exchange.entrypoints.backtest.figures.waiting import count_states, waiting_figures
from crypto_exchange.entrypoints.backtest.result import Inputs, Records


def list_figures(inputs: Inputs, records: Records) -> dict[str, Any]:
    """Every figure of `Summary` by its name."""
    deliveries = list_deliveries(inputs, records)
    split = split_costs(inputs, records, deliveries)
    alone = buy_alone(inputs, records, deliveries)
    return {
        **count_states(records),
        **waiting_figures(inputs, records, deliveries),
        **cost_figures(records, deliveries, split),
        **opportunity_figures(inputs, records),
        **saving_figures(inputs, records, deliveries, alone, split),
        **house_figures(inputs, records, split),
        **capital_figures(inputs, records),
        **failure_figures(inputs, records),
        **fairness_figures(inputs, records, deliveries, alone),
        "checks": records.checks,
    }
