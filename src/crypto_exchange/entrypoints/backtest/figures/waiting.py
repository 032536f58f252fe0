"""How long people waited: from placing an order to having its coins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.entrypoints.backtest.figures.deliveries import Deliveries
from crypto_exchange.entrypoints.backtest.figures.summary import OpenOrder, Waits
from crypto_exchange.entrypoints.backtest.figures.vectors import (
    Flags,
    Integers,
    dollars,
    integers,
    rank,
    total,
)
from crypto_exchange.entrypoints.backtest.result import Inputs, Records
from crypto_exchange.entrypoints.backtest.rows import BATCH_CAUSES, ORDER_STATES

SIZES_USD = (1, 5, 10, 100)
"""Where one size of orders ends and the next begins."""
OPEN_STATES = (ORDER_STATES.index("pending"), ORDER_STATES.index("aggregated"))
LISTED = 20
"""How many open orders a summary names; `list_open_orders` names all."""

_SECOND_US = 1_000_000


def waiting_figures(inputs: Inputs, records: Records, deliveries: Deliveries) -> dict[str, Any]:
    """The figures of the summary about waiting."""
    waited_us = deliveries.ended_us - deliveries.at_us
    causes = integers(records.batches.cause)[deliveries.batch]
    open_orders = list_open_orders(inputs, records)
    overall = _waits(waited_us)
    return {
        "wait_p50_s": overall.p50_s,
        "wait_p90_s": overall.p90_s,
        "wait_p95_s": overall.p95_s,
        "wait_p99_s": overall.p99_s,
        "wait_max_s": overall.max_s,
        "waits_by_asset": {
            symbol: _waits(waited_us[deliveries.asset == place])
            for place, symbol in enumerate(inputs.prices)
        },
        "waits_by_size": {
            name: _waits(waited_us[of_size]) for name, of_size in _sizes(deliveries.total)
        },
        "waits_by_cause": {
            cause: _waits(waited_us[causes == place]) for place, cause in enumerate(BATCH_CAUSES)
        },
        "open_usd": sum((order.total_usd for order in open_orders), dollars(0)),
        "open_wait_max_s": max((order.waited_s for order in open_orders), default=None),
        "oldest_open": tuple(open_orders[:LISTED]),
    }


def list_open_orders(inputs: Inputs, records: Records) -> list[OpenOrder]:
    """The orders that were open when the prices ended, oldest first."""
    orders, symbols = records.orders, tuple(inputs.prices)
    rows = np.flatnonzero(np.isin(integers(orders.state), OPEN_STATES))
    return [
        OpenOrder(
            order_id=row + 1,
            asset=symbols[orders.asset[row]],
            total_usd=dollars(orders.total[row]),
            waited_s=(records.ended_us - orders.at_us[row]) / _SECOND_US,
        )
        for row in rows.tolist()
    ]


def count_states(records: Records) -> dict[str, Any]:
    """How many orders ended how, and what they were to cost."""
    states = integers(records.orders.state)
    counts = dict(
        zip(ORDER_STATES, np.bincount(states, minlength=len(ORDER_STATES)).tolist(), strict=True)
    )
    taken = states != ORDER_STATES.index("refused")
    return {
        "orders": len(records.orders),
        "orders_completed": counts["completed"],
        "orders_partial": counts["partially_completed"],
        "orders_failed": counts["failed"],
        "orders_cancelled": counts["cancelled"],
        "orders_refused": counts["refused"],
        "orders_open": counts["pending"] + counts["aggregated"],
        "ordered_usd": dollars(total(integers(records.orders.total)[taken])),
    }


def _waits(waited_us: Integers) -> Waits:
    ordered = np.sort(waited_us) / _SECOND_US
    return Waits(len(ordered), *(rank(ordered, percent) for percent in (50, 90, 95, 99, 100)))


def _sizes(totals: Integers) -> Iterator[tuple[str, Flags]]:
    """By what an order was debited: `1-5 USD` has 1.00 but not 5.00."""
    places = np.searchsorted([edge * DOLLAR for edge in SIZES_USD], totals, side="right")
    names = [f"{low}-{high} USD" for low, high in zip((0, *SIZES_USD), SIZES_USD, strict=False)]
    for place, name in enumerate([*names, f"{SIZES_USD[-1]}+ USD"]):
        yield name, places == place
