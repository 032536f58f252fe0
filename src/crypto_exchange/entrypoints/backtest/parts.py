"""Parts: what a backtest is made of, and whether it fits together."""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping, Sequence
from itertools import pairwise

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.entrypoints.backtest.amounts import LAST_US
from crypto_exchange.entrypoints.backtest.engine.venue import THIRD_COIN
from crypto_exchange.entrypoints.backtest.flow import (
    OrderColumns,
    OrderFlow,
    merge,
    require_sound,
)
from crypto_exchange.entrypoints.backtest.market import Market
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from crypto_exchange.entrypoints.backtest.series import PriceSeries

_SYMBOL = re.compile(r"[A-Z0-9]{1,16}")
_TAKEN = frozenset({"USD", THIRD_COIN})
"""Names of the ledger's other currencies."""


def require_prices(prices: PriceSeries | Sequence[PriceSeries]) -> dict[Symbol, PriceSeries]:
    """One series for each asset, none empty.

    Raises:
        TypeError: something else.
        ValueError: none, an empty one, an asset twice, or one that no asset can be called by.
    """
    listed: list[object] = list(prices) if isinstance(prices, list | tuple) else [prices]
    series: dict[Symbol, PriceSeries] = {}
    for each in listed:
        if not isinstance(each, PriceSeries):
            raise TypeError(
                f"prices: expected what prices.read or prices.synthetic gives, was {_told(each)}"
            )
        asset: object = each.asset
        if not isinstance(asset, str) or not _SYMBOL.fullmatch(asset) or asset in _TAKEN:
            raise ValueError(
                f"prices: expected an asset of 1 to 16 letters A-Z and digits, but not USD or {THIRD_COIN}, "
                f"was {each.asset!r}"
            )
        if not len(each):
            raise ValueError(f"prices: expected prices of {each.asset}, was an empty series")
        _require_rising(each)
        if each.asset in series:
            raise ValueError(f"prices: expected one series for each asset, was {each.asset} twice")
        series[each.asset] = each
    if not series:
        raise ValueError("prices: expected at least one series, was none")
    return series


def _require_rising(series: PriceSeries) -> None:
    """Refuse a series that was put together by hand, and is none."""
    if any(later <= at_us for at_us, later in pairwise(series.at_us)):
        raise ValueError(f"prices: expected times of {series.asset} that rise, was not")
    _require_era(f"prices of {series.asset}", series.at_us)
    for name, least in (("prices", 1), ("asks", 0)):
        lowest = min(getattr(series, name), default=least)
        if lowest < least:
            raise ValueError(
                f"prices: expected {name} of {series.asset} from {least}, was {lowest}"
            )
    if not all(len(each) in {0, len(series)} for each in (series.asks, series.volumes)):
        raise ValueError(f"prices: expected columns of {series.asset} of one length, was not")


def require_orders(
    orders: OrderFlow | OrderColumns | Sequence[OrderFlow | OrderColumns],
    prices: Mapping[Symbol, PriceSeries],
) -> OrderColumns:
    """All flows as one, of assets that have prices.

    Raises:
        TypeError: something that places no orders.
        ValueError: what `flow.require_sound` says, or an asset without prices.
    """
    listed = list(orders) if isinstance(orders, list | tuple) else [orders]
    columns = [require_sound(_columns(each, prices)) for each in listed]
    flow = columns[0] if len(columns) == 1 else merge(columns)
    _require_era("orders", flow.at_us)
    for symbol in flow.symbols:
        if symbol not in prices:
            known = ", ".join(prices)
            raise ValueError(f"orders: expected assets that have prices ({known}), was {symbol}")
    return flow


def _require_era(whose: str, at_us: array[int]) -> None:
    """Times that rise, and have a date; 0 is the end of what has not ended."""
    for at in (*at_us[:1], *at_us[-1:]):
        if not 0 < at <= LAST_US:
            raise ValueError(f"{whose}: expected times from 1970 to 9999, was {at} µs since 1970")


def _columns(flow: object, prices: Mapping[Symbol, PriceSeries]) -> OrderColumns:
    """A frame has columns, too, but they can't be asked for orders."""
    ask = getattr(flow, "columns", None)
    placed = ask(prices) if callable(ask) else flow
    if not isinstance(placed, OrderColumns):
        raise TypeError(
            f"orders: expected what orders.Poisson, orders.read … give, was {_told(placed)}"
        )
    return placed


def require_policy(policy: AggregationPolicy | None) -> AggregationPolicy:
    """The policy, or the default one. Raises TypeError: something else."""
    if policy is not None and not isinstance(policy, AggregationPolicy):
        raise TypeError(f"policy: expected an AggregationPolicy, was {_told(policy)}")
    return policy or AggregationPolicy()


def require_markets(
    market: Market | Mapping[Symbol, Market] | None, prices: Mapping[Symbol, PriceSeries]
) -> dict[Symbol, Market]:
    """A market for each asset.

    Raises:
        TypeError: something else.
        ValueError: an asset without one, fees in different currencies, or an impact that nothing is
            known for.
    """
    given = Market() if market is None else market
    markets = dict.fromkeys(prices, given) if isinstance(given, Market) else given
    if not isinstance(markets, Mapping):
        raise TypeError(f"market: expected a Market or one for each asset, was {_told(market)}")
    for symbol, series in prices.items():
        one: object = markets.get(symbol)
        if one is None:
            raise ValueError(f"market: expected one for each asset, was none for {symbol}")
        if not isinstance(one, Market):
            raise TypeError(f"market: expected a Market for {symbol}, was {_told(one)}")
        impact = markets[symbol].impact
        if impact is not None and impact.daily_volume is None and not any(series.volumes):
            raise ValueError(
                f"impact: expected a daily_volume, as the prices of {symbol} have no volumes, was none"
            )
    chosen = {symbol: markets[symbol] for symbol in prices}
    if len({each.fee_in for each in chosen.values()}) > 1:
        raise ValueError("market: expected the same fee_in for all assets, was several")
    return chosen


def _told(value: object) -> str:
    """How it begins; of what takes several lines, as a frame does, only what it is."""
    shown = repr(value)
    return type(value).__name__ if "\n" in shown else f"{shown:.80}"
