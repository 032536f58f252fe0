"""Whether members of a batch were treated alike, and whether anybody would have been better off alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from crypto_exchange.domain.batch import BatchState
from crypto_exchange.domain.money import CENT, PPM
from crypto_exchange.domain.order import Reason
from crypto_exchange.entrypoints.backtest.amounts import units
from crypto_exchange.entrypoints.backtest.figures.counterfactual import Alone
from crypto_exchange.entrypoints.backtest.figures.deliveries import Deliveries
from crypto_exchange.entrypoints.backtest.figures.vectors import (
    Floats,
    Integers,
    divide,
    integers,
    sums_by,
)
from crypto_exchange.entrypoints.backtest.market import Market
from crypto_exchange.entrypoints.backtest.result import Inputs, Records
from crypto_exchange.entrypoints.backtest.rows import BATCH_STATES
from crypto_exchange.entrypoints.backtest.series import PriceSeries

_SETTLED = BATCH_STATES.index(BatchState.SETTLED.value)


def fairness_figures(
    inputs: Inputs, records: Records, deliveries: Deliveries, alone: Alone
) -> dict[str, Any]:
    """The figures of the summary about fairness."""
    members = _members(records)
    if inputs.policy.pricing == "average":
        coins, cents = _average_errors(records, members)
    else:
        coins, cents = _quoted_errors(records, members)
    dearer = alone.feasible & (deliveries.charged > _charges_alone(inputs, deliveries, alone))
    return {
        "pro_rata_error_max_units": coins,
        "charge_error_max_cents": cents,
        "paid_more_than_alone_pct": float(dearer.mean()) * 100 if len(dearer) else None,
    }


def _members(records: Records) -> Integers:
    """The rows of the orders among which coins were shared, those that got none included."""
    orders = records.orders
    got_none = [row for row, name in enumerate(orders.reasons) if name == Reason.UNFILLED.value]
    shared = (integers(orders.filled) > 0) | np.isin(integers(orders.reason), got_none)
    rows = np.flatnonzero(shared & (integers(orders.batch) >= 0))
    states = integers(records.batches.state)[integers(orders.batch)[rows]]
    members: Integers = rows[states == _SETTLED]
    return members


def _quoted_errors(records: Records, members: Integers) -> tuple[float, float]:
    """Coins are shared by quantity if they are too few, small members before the large one; everyone
    pays that part of their own total.
    """
    orders = records.orders
    quantity, filled = integers(orders.quantity)[members], integers(orders.filled)[members]
    total, charged = integers(orders.total)[members], integers(orders.charged)[members]
    groups = integers(orders.batch)[members] * 2 + integers(orders.direct)[members]
    short = np.isin(groups, groups[filled != quantity])
    coins = _largest_error(filled[short], quantity[short], groups[short])
    whole = filled == quantity
    errors = abs(charged - total)[whole].max(initial=0) / CENT
    part = ~whole
    parts = _errors(charged[part], total[part], filled[part], quantity[part]) / CENT
    return coins, float(max(errors, parts.max(initial=0)))


def _average_errors(records: Records, members: Integers) -> tuple[float, float]:
    """Coins and charges are both shared by what was debited."""
    orders = records.orders
    batch, total = integers(orders.batch)[members], integers(orders.total)[members]
    filled, charged = integers(orders.filled)[members], integers(orders.charged)[members]
    paying = filled > 0
    cents = _largest_error(charged[paying] // CENT, total[paying], batch[paying])
    return _largest_error(filled, total, batch), cents


def _largest_error(parts: Integers, weights: Integers, groups: Integers) -> float:
    """How far a part is from its exact share of its group's sum, at most."""
    names, places = np.unique(groups, return_inverse=True)
    sums = sums_by(places, parts, len(names))[places]
    whole = sums_by(places, weights, len(names))[places]
    return float(_errors(parts, sums, weights, whole).max(initial=0))


def _errors(parts: Integers, sums: Integers, weights: Integers, whole: Integers) -> Floats:
    """How far each part is from `sum × weight ÷ whole`."""
    share, rest = divide(sums, weights, whole)
    errors: Floats = abs(parts - share - rest / whole)
    return errors


def _charges_alone(inputs: Inputs, deliveries: Deliveries, alone: Alone) -> Integers:
    """What each order would have paid the exchange for its coins alone: its quoted value, half the
    spread and the fee, rounded up to the cent.
    """
    charges = deliveries.values + alone.fee
    for place, (symbol, series) in enumerate(inputs.prices.items()):
        of_asset = deliveries.asset == place
        above = _half_spread(series, inputs.markets[symbol], deliveries.at_us[of_asset])
        charges[of_asset] += np.ceil(deliveries.values[of_asset] * above).astype(np.int64)
    return -(-charges // CENT) * CENT


def _half_spread(series: PriceSeries, market: Market, at_us: Integers) -> Floats:
    """How far a buyer pays above the price, as a share of it."""
    if not series.asks:
        return np.full(len(at_us), units("spread_bps", market.spread_bps, 2) / (2 * PPM))
    places = np.maximum(np.searchsorted(integers(series.at_us), at_us, side="right") - 1, 0)
    asks: Floats = integers(series.asks)[places] / integers(series.prices)[places]
    return asks - 1
