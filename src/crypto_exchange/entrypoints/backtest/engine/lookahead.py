"""Look-ahead: shows that nothing before a moment depends on what is only known after it.

Prefix invariance, exactly: with prices and orders cut off just before a new price, everything that had
happened by then must be the same, row by row. Order flows are asked again with the shorter prices, too:
up to the last of them they must place the same orders. (The idea is freqtrade's `lookahead-analysis`; there it is a comparison of signals.)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.entrypoints.backtest.amounts import moment
from crypto_exchange.entrypoints.backtest.flow import OrderColumns
from crypto_exchange.entrypoints.backtest.result import Inputs, Records
from crypto_exchange.entrypoints.backtest.rows import BATCH_STATES, ORDER_STATES
from crypto_exchange.entrypoints.backtest.series import PriceSeries

Run: TypeAlias = Callable[[Inputs], Records]
Orders: TypeAlias = Callable[[Mapping[Symbol, PriceSeries]], OrderColumns]
"""What places the orders while some prices last."""

_PLACED = ("at_us", "user", "asset", "quantity", "unit_price", "total", "direct")
_ENDED = ("state", "reason", "batch", "ended_us", "filled", "charged")
_SEALED = ("asset", "cause", "sealed_us")
_SETTLED = (
    *("state", "attempts", "members", "sent_us", "ended_us", "seal_price", "fill_price"),
    *("quantity", "bought", "used", "delivered", "coin_fee", "total", "quoted", "cost", "fee"),
    *("spread", "impact", "charged"),
)


class LookaheadError(Exception):
    """Something that had happened depends on what came later."""


def check(inputs: Inputs, orders: Orders, run: Run, *, cuts: int) -> None:
    """Run everything, then again with all cut off at up to `cuts` moments just after fills, and as many
    just after orders, evenly over the run, where the next price is another one.

    Raises:
        ValueError: `cuts` below 1, or nothing happened before a price that changed.
        LookaheadError: the first order or batch that differs, with both.
    """
    if type(cuts) is not int or cuts < 1:
        raise ValueError(f"cuts: expected a whole number from 1, was {cuts!r}")
    whole = run(inputs)
    for cut_us in _moments(inputs, whole, cuts):
        prices = {symbol: _cut(series, cut_us) for symbol, series in inputs.prices.items()}
        known_us = max(series.at_us[-1] for series in prices.values())
        _compare_flows(inputs.flow, orders(prices), known_us)
        flow = _cut_orders(inputs.flow, cut_us)
        cut = msgspec.structs.replace(inputs, prices=prices, flow=flow, until_us=cut_us)
        _compare(whole, run(cut), cut_us)


def _moments(inputs: Inputs, whole: Records, cuts: int) -> list[int]:
    """Each 1 µs before a price that is not the one before, and after something has happened."""
    changes = sorted(
        at_us
        for series in inputs.prices.values()
        for row, at_us in enumerate(series.at_us)
        if row and series.prices[row] != series.prices[row - 1]
    )
    first_us = max(series.at_us[0] for series in inputs.prices.values())
    moments: set[int] = set()
    for happened in (whole.batches.ended_us, whole.orders.at_us):
        places = {bisect_right(changes, at_us) for at_us in happened if at_us >= first_us}
        known = sorted(place for place in places if place < len(changes))
        step = max(len(known) // cuts, 1)
        moments |= {changes[place] - 1 for place in known[step - 1 :: step][:cuts]}
    if not moments:
        raise ValueError("check_lookahead: expected orders before prices that change, was none")
    return sorted(moments)


def _cut(series: PriceSeries, cut_us: int) -> PriceSeries:
    size = bisect_right(series.at_us, cut_us)
    columns = {
        name: getattr(series, name)[:size] for name in ("at_us", "prices", "asks", "volumes")
    }
    return msgspec.structs.replace(series, **columns)


def _cut_orders(flow: OrderColumns, cut_us: int) -> OrderColumns:
    size = bisect_right(flow.at_us, cut_us)
    names = ("at_us", "users", "assets", "spends", "amounts")
    return msgspec.structs.replace(flow, **{name: getattr(flow, name)[:size] for name in names})


def _compare_flows(whole: OrderColumns, cut: OrderColumns, cut_us: int) -> None:
    """The same people order the same by then."""
    sizes = [bisect_right(flow.at_us, cut_us) for flow in (whole, cut)]
    for row in range(max(sizes)):
        one, other = (
            _placed(flow, row) if row < size else None
            for flow, size in zip((whole, cut), sizes, strict=True)
        )
        if one != other:
            raise LookaheadError(
                f"order {row + 1} depends on prices after {moment(cut_us)}: "
                f"{_told(one)} with all prices, {_told(other)} without them"
            )


def _placed(flow: OrderColumns, row: int) -> tuple[object, ...]:
    asset = flow.symbols[flow.assets[row]]
    return flow.at_us[row], flow.users[row], asset, flow.spends[row], flow.amounts[row]


def _told(order: tuple[object, ...] | None) -> str:
    return "it is not placed" if order is None else f"it is {order}"


def _compare(whole: Records, cut: Records, cut_us: int) -> None:
    for row in range(len(cut.orders)):
        ended = 0 < whole.orders.ended_us[row] <= cut_us
        if not ended and cut.orders.ended_us[row]:
            _differ("order", row, "ended_us", whole.orders, cut.orders, cut_us)
        for name in (*_PLACED, *(_ENDED if ended else ())):
            if _value(whole.orders, name, row) != _value(cut.orders, name, row):
                _differ("order", row, name, whole.orders, cut.orders, cut_us)
    sealed = bisect_right(whole.batches.sealed_us, cut_us)
    if sealed != len(cut.batches):
        raise LookaheadError(
            f"batches depend on prices after {moment(cut_us)}: {sealed} are sealed with all prices, "
            f"{len(cut.batches)} without them"
        )
    for row in range(sealed):
        ended = 0 < whole.batches.ended_us[row] <= cut_us
        for name in (*_SEALED, *(_SETTLED if ended else ())):
            if getattr(whole.batches, name)[row] != getattr(cut.batches, name)[row]:
                _differ("batch", row, name, whole.batches, cut.batches, cut_us)


def _value(rows: object, name: str, row: int) -> object:
    value = getattr(rows, name)[row]
    return rows.reasons[value] if name == "reason" else value  # type: ignore[attr-defined] # orders have it


def _differ(what: str, row: int, name: str, whole: object, cut: object, cut_us: int) -> None:
    states = ORDER_STATES if what == "order" else BATCH_STATES
    one, other = (_value(rows, name, row) for rows in (whole, cut))
    if name == "state" and isinstance(one, int) and isinstance(other, int):
        one, other = states[one], states[other]
    raise LookaheadError(
        f"{what} {row + 1} depends on prices after {moment(cut_us)}: {name} is {one} with all prices, "
        f"{other} without them"
    )
