"""Quoting: which orders are taken, and for how much, all at once; what `domain.placement` says of each.

Imports numpy at once.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import msgspec
import numpy as np

from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.errors import AmountTooLarge, AmountTooSmall, DomainError, PriceStale
from crypto_exchange.domain.money import (
    BPS,
    CENT,
    LARGEST_DOLLARS,
    PRICE_SCALE,
    USD_SCALE,
    pow10,
    quantity_for,
)
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.placement import PlaceOrder, place_order
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.wallet import Wallet
from crypto_exchange.entrypoints.backtest.fast.planner import Planner
from crypto_exchange.entrypoints.backtest.fast.sealer import NotSupported, Taken
from crypto_exchange.entrypoints.backtest.figures.vectors import Flags, Integers, integers
from crypto_exchange.entrypoints.backtest.flow import OrderColumns
from crypto_exchange.entrypoints.backtest.series import PriceSeries

CODES = ("", PriceStale.code, AmountTooSmall.code, AmountTooLarge.code, "invalid_amount")
_STALE, _SMALL, _LARGE = 1, 2, 3
_RICH = Wallet(0, 10**40)


class Quotes(NamedTuple):
    """Orders as they were quoted, one a place; of a refused one all 0 but `refusal`, a place in CODES."""

    quantity: Integers
    unit_price: Integers
    total: Integers
    direct: Flags
    refusal: Integers

    @staticmethod
    def empty(size: int) -> Quotes:
        """Room for so many."""
        quantity, unit_price, total, refusal = (np.zeros(size, np.int64) for _ in range(4))
        return Quotes(quantity, unit_price, total, np.zeros(size, np.bool_), refusal)

    def put(self, rows: Integers | slice, part: Quotes) -> None:
        """Write those of one asset to their places."""
        for column, values in zip(self, part, strict=True):
            column[rows] = values


def quote(
    flow: OrderColumns,
    rows: Integers | slice,
    series: PriceSeries,
    *,
    asset: Asset,
    policy: Policy,
    planner: Planner,
) -> Quotes:
    """The orders of one asset, without looking at anybody's money."""
    at_us, spends = integers(flow.at_us)[rows], integers(flow.spends)[rows]
    price_us = integers(series.at_us)
    price_row = np.searchsorted(price_us, at_us, side="right") - 1
    unit_price = integers(series.prices)[price_row]
    stale = (price_row < 0) | (at_us - price_us[price_row] > policy.price_max_age_us)
    odd = (spends <= 0) | (spends % CENT != 0) | (spends > LARGEST_DOLLARS)
    quantity = _quantities(spends, unit_price, asset.scale, policy.spread_bps, ~(odd | stale))
    refusal = np.where(stale, _STALE, np.where(quantity == 0, _SMALL, 0))
    taken = refusal == 0
    quotes = Quotes(
        quantity * taken, unit_price * taken, spends * taken, np.zeros(len(spends), bool), refusal
    )
    for place in np.flatnonzero(taken & (spends >= policy.threshold) & ~odd).tolist():
        plan = planner.plan(int(quantity[place]), int(unit_price[place]), 0, 0, direct=True)
        quotes.direct[place] = plan is not None
    numbers = np.arange(len(flow))[rows]
    for place in np.flatnonzero(odd).tolist():
        row, seen = int(numbers[place]), int(price_row[place])
        known = asset if seen < 0 else _priced(asset, series, seen)
        _quote_one(quotes, place, _command(flow, row, asset), known, policy, flow.at_us[row])
    return quotes


def refuse_deposits(quotes: Quotes, users: Integers) -> None:
    """Refuse what nobody may bring in at once.

    Raises:
        NotSupported: whether that is so depends on what the user gets back.
    """
    for row in np.flatnonzero((quotes.total > LARGEST_DOLLARS) & (quotes.refusal == 0)).tolist():
        before = (users[:row] == users[row]) & (quotes.refusal[:row] == 0)
        if int(quotes.total[row]) - sum(quotes.total[:row][before].tolist()) <= LARGEST_DOLLARS:
            raise NotSupported(
                f"engine fast: expected orders of at most 10,000,000.00 USD, was order {row + 1}"
            )
        for column in quotes[:4]:
            column[row] = 0
        quotes.refusal[row] = _LARGE


def taken_of(at_us: Integers, quotes: Quotes, places: Integers, policy: Policy) -> Taken:
    """Those that were accepted, at these places."""
    quantity, total = quotes.quantity[places], quotes.total[places]
    direct = quotes.direct[places]
    sum_total = _sums(np.where(direct, 0, total))
    return Taken(
        at_us=_listed(at_us[places]),
        quantity=_listed(quantity),
        total=_listed(total),
        unit_price=_listed(quotes.unit_price[places]),
        large=_listed(np.flatnonzero(direct)),
        sum_total=sum_total,
        sum_quantity=_sums(np.where(direct, 0, quantity)),
        reach=_reach(at_us[places], sum_total, policy),
    )


def _listed(values: Integers) -> array[int]:
    """The same for plain Python, which reads it a number at a time."""
    return array("q", values.astype(np.int64).tobytes())


def _sums(values: Integers) -> Sequence[int]:
    if float(values.sum(dtype=np.float64)) > 2.0**61:  # twice as much has to fit
        return list(accumulate(values.tolist(), initial=0))
    return _listed(np.cumsum(np.concatenate([[0], values])))


def _reach(at_us: Integers, sums: Sequence[int], policy: Policy) -> array[int]:
    """See `Taken`."""
    size, threshold = len(at_us), min(policy.threshold, sums[-1] + 1)
    if isinstance(sums, array):
        reach = np.searchsorted(integers(sums), integers(sums) + threshold)
    else:
        reach = np.array([bisect_left(sums, each + threshold) for each in sums])
    lengths = reach[:size] - np.arange(size)
    waits_us = at_us[np.minimum(reach[:size], size) - 1] - at_us
    reach[:size][(lengths > policy.batch_limit) | (waits_us >= policy.max_wait_us)] = size + 1
    return _listed(reach)


def _quantities(
    spends: Integers, prices: Integers, scale: int, spread_bps: int, regular: Flags
) -> Integers:
    """`money.quantity_for` of each: floats tell all but those that are next to a whole number."""
    per_dollar = float(pow10(scale + PRICE_SCALE - USD_SCALE) * BPS) / (BPS + spread_bps)
    guess = np.where(regular, spends * per_dollar / prices, 0)
    quantity = np.floor(np.minimum(guess, 2.0**62)).astype(np.int64)
    doubt = np.abs(guess - np.rint(guess)) <= guess * 2.0**-48
    for place in np.flatnonzero(doubt & regular).tolist():
        spend, price = int(spends[place]), int(prices[place])
        quantity[place] = quantity_for(spend, price, scale, spread_bps)
    return quantity


def _command(flow: OrderColumns, row: int, asset: Asset) -> PlaceOrder:
    spend = flow.spends[row]
    return PlaceOrder(
        user_id=flow.users[row],
        asset=asset.symbol,
        amount=None if spend else flow.amounts[row],
        spend=spend or None,
    )


def _priced(asset: Asset, series: PriceSeries, row: int) -> Asset:
    return msgspec.structs.replace(asset, price=series.prices[row], priced_at_us=series.at_us[row])


def _quote_one(
    quotes: Quotes, place: int, command: PlaceOrder, asset: Asset, policy: Policy, at_us: int
) -> None:
    """An order of coins, or one that is wrong: the domain itself says what it is."""
    refusal, order = 0, None
    try:
        change = place_order(
            command, wallet=_RICH, asset=asset, policy=policy, order_id=1, at_us=at_us
        )
        order = change.new_orders[0]
    except DomainError as error:
        refusal = CODES.index(error.code)
    quotes.refusal[place] = refusal
    _write(quotes, place, order)


def _write(quotes: Quotes, place: int, order: Order | None) -> None:
    quotes.quantity[place] = 0 if order is None else order.quantity
    quotes.unit_price[place] = 0 if order is None else order.unit_price
    quotes.total[place] = 0 if order is None else order.total
    quotes.direct[place] = order is not None and order.direct
