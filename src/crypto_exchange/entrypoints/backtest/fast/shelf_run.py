"""One asset's run of the fast engine: its batches in columns, with what the exchange took for them.

Imports numpy at once.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.money import PPM, PRICE_SCALE, USD_SCALE, pow10
from crypto_exchange.entrypoints.backtest.amounts import dollars, duration_us, units
from crypto_exchange.entrypoints.backtest.fast.quoting import Quotes
from crypto_exchange.entrypoints.backtest.fast.sealer import (
    ORDER,
    RUSHED_FIELDS,
    SEALED_FIELDS,
    THRESHOLD,
)
from crypto_exchange.entrypoints.backtest.fast.shortcut import Shortcut
from crypto_exchange.entrypoints.backtest.figures.vectors import (
    Flags,
    Integers,
    divide,
    integers,
    sums_by,
)
from crypto_exchange.entrypoints.backtest.market import Market
from crypto_exchange.entrypoints.backtest.rows import BATCH_STATES
from crypto_exchange.entrypoints.backtest.series import PriceSeries

_SEALED, _SETTLED = BATCH_STATES.index("sealed"), BATCH_STATES.index("settled")


class ShelfRun(NamedTuple):
    """What became of one asset's orders. `rows` are those that were accepted; each of the `members`
    (rows) is in the batch of the same place in `batch_of`; `columns` are those of BatchRows, and `done`
    the batches that ended.
    """

    symbol: Symbol
    rows: Integers
    shortcut: Shortcut
    sealed: dict[str, Integers]
    members: Integers
    batch_of: Integers
    columns: dict[str, Integers]
    done: Flags


def finish_shelf(
    shortcut: Shortcut,
    rows: Integers,
    quotes: Quotes,
    *,
    series: PriceSeries,
    market: Market,
    place: int,
    end_us: int,
) -> ShelfRun:
    """Fill all purchases, and put everything into columns."""
    sealed = _sealed(shortcut)
    bought, members = sealed["bought"], sealed["members"]
    answered_us = sealed["at_us"] + duration_us("latency", market.latency) * (bought > 0)
    done = answered_us <= end_us
    ended_us, size = answered_us * done, len(done)
    orders, batch_of = _members(shortcut, sealed["first"], members)
    unit = pow10(market.scale + PRICE_SCALE - USD_SCALE)
    whole, rest = divide(quotes.quantity[rows[orders]], quotes.unit_price[rows[orders]], unit)
    quoted = sums_by(batch_of, whole, size) + (sums_by(batch_of, rest, size) // unit).astype("q")
    columns = {
        "asset": np.full(size, place),
        "cause": sealed["cause"],
        "state": np.where(done, _SETTLED, _SEALED),
        "attempts": np.ones(size, np.int64),
        "members": members,
        "sealed_us": sealed["at_us"],
        "sent_us": sealed["at_us"] * (bought > 0),
        "ended_us": ended_us,
        "seal_price": integers(series.prices)[sealed["price_row"]],
        "quantity": sealed["quantity"],
        "bought": bought * done,
        "used": sealed["used"],
        "delivered": sealed["quantity"] * done,
        "total": sealed["total"],
        "quoted": quoted,
        "charged": sealed["total"] * done,
        **_trades(bought * done, ended_us, series, market, unit),
    }
    return ShelfRun(series.asset, rows, shortcut, sealed, rows[orders], batch_of, columns, done)


def _sealed(shortcut: Shortcut) -> dict[str, Integers]:
    """SEALED_FIELDS of all batches, as they were sealed."""
    taken, others = shortcut.taken, np.ones(shortcut.batches, np.bool_)
    for start, stop in shortcut.rushes:
        others[start:stop] = False
    given = integers(shortcut.rushed).reshape(-1, len(RUSHED_FIELDS)).T
    rushed = dict(zip(RUSHED_FIELDS, given, strict=True))
    first, end = rushed["first"], rushed.pop("end")
    rushed |= {
        "at_us": np.asarray(taken.at_us)[end - 1],
        "after": end - 1,
        "what": np.full(len(end), ORDER),
        "tie": np.zeros(len(end), np.int64),
        "cause": np.full(len(end), THRESHOLD),
        "quantity": _between(taken.sum_quantity, first, end),
        "total": _between(taken.sum_total, first, end),
        "members": end - first,
    }
    listed = integers(shortcut.sealed).reshape(-1, len(SEALED_FIELDS)).T
    sealed = {name: np.zeros(len(others), np.int64) for name in SEALED_FIELDS}
    for name, values in zip(SEALED_FIELDS, listed, strict=True):
        sealed[name][others], sealed[name][~others] = values, rushed[name]
    return sealed


def _between(sums: Sequence[int], first: Integers, end: Integers) -> Integers:
    """What the orders from one place to before another come to; the sums may have more than 64 bits."""
    known = np.asarray(sums, dtype=np.int64 if isinstance(sums, array) else object)
    between: Integers = (known[end] - known[first]).astype(np.int64, copy=False)
    return between


def _members(shortcut: Shortcut, first: Integers, members: Integers) -> tuple[Integers, Integers]:
    """Places of orders that are in a batch, and the batch of each."""
    rows = np.flatnonzero(first >= 0)
    lengths = members[rows]
    starts = first[rows] - (np.cumsum(lengths) - lengths)
    orders = np.arange(int(lengths.sum())) + np.repeat(starts, lengths)
    listed = [order for each in shortcut.listed.values() for order in each]
    others = np.array(list(shortcut.listed), np.int64)
    return (
        np.concatenate([orders, np.array(listed, np.int64)]),
        np.concatenate([np.repeat(rows, lengths), np.repeat(others, members[others])]),
    )


def _trades(
    bought: Integers, at_us: Integers, series: PriceSeries, market: Market, unit: int
) -> dict[str, Integers]:
    """What the exchange asks for so much at these moments (nothing for 0), as `venue.py` says."""
    rows = np.searchsorted(integers(series.at_us), at_us, side="right") - 1
    price = integers(series.prices)[rows] * (bought > 0)
    spread_ppm = units("spread_bps", market.spread_bps, 2)
    ask = _rounded_up(price, 2 * PPM + spread_ppm, 2 * PPM)
    if series.asks:
        given = integers(series.asks)[rows] * (bought > 0)
        ask = np.where(given > 0, given, ask)
    cost = divide(bought, ask, unit)[0]
    rate = _rounded_up(cost, market.fee.rate_ppm, PPM)
    fee = np.maximum(rate, dollars("minimum", market.fee.minimum))
    fixed = dollars("per_order", market.fee.per_order)
    most = int(cost.max(initial=0)) + int(fee.max(initial=0)) + fixed
    if most >= 2**63:
        raise OverflowError(f"a purchase costs up to {most} with its fee")
    return {
        "fill_price": price,
        "cost": cost,
        "fee": (fee + fixed) * (bought > 0),
        "spread": np.where(ask == price, 0, cost - divide(bought, price, unit)[0]),
    }


def _rounded_up(values: Integers, factor: int, divisor: int) -> Integers:
    whole, rest = divide(values, np.full(len(values), factor), divisor)
    return whole + (rest > 0)
