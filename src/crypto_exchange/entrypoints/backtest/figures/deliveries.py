"""Deliveries: the orders that got coins, as columns."""

from __future__ import annotations

import msgspec
import numpy as np

from crypto_exchange.entrypoints.backtest.figures.vectors import (
    Integers,
    divide,
    integers,
    unit_values,
)
from crypto_exchange.entrypoints.backtest.result import Inputs, Records


class Deliveries(msgspec.Struct, frozen=True, kw_only=True):
    """One place per order with coins, in the order of placement; columns as in `OrderRows`.

    `values` is filled × price quoted, rounded down to 10⁻⁸ dollars; `rests` is what that leaves, in
    the fractions of it that `unit_values` counts.
    """

    rows: Integers
    asset: Integers
    batch: Integers
    at_us: Integers
    ended_us: Integers
    unit_price: Integers
    total: Integers
    filled: Integers
    charged: Integers
    values: Integers
    rests: Integers


def list_deliveries(inputs: Inputs, records: Records) -> Deliveries:
    """All orders of a run that got coins."""
    orders = records.orders
    rows = np.flatnonzero(integers(orders.filled) > 0)
    asset, filled = integers(orders.asset)[rows], integers(orders.filled)[rows]
    unit_price = integers(orders.unit_price)[rows]
    values, rests = divide(filled, unit_price, unit_values(inputs, records)[asset])
    return Deliveries(
        rows=rows,
        asset=asset,
        batch=integers(orders.batch)[rows],
        at_us=integers(orders.at_us)[rows],
        ended_us=integers(orders.ended_us)[rows],
        unit_price=unit_price,
        total=integers(orders.total)[rows],
        filled=filled,
        charged=integers(orders.charged)[rows],
        values=values,
        rests=rests,
    )
