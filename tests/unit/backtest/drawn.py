"""Inputs of backtests drawn from a seed: what the engines are compared on."""

from __future__ import annotations

import random
from array import array

from crypto_exchange.entrypoints.backtest.backtest import Backtest
from crypto_exchange.entrypoints.backtest.flow import OrderColumns
from crypto_exchange.entrypoints.backtest.market import FeeSchedule, Market
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from crypto_exchange.entrypoints.backtest.result import Inputs
from crypto_exchange.entrypoints.backtest.series import PriceSeries, Quality

CENT = 10**6
SECOND = 1_000_000
MINUTE = 60 * SECOND
START = 1_700_000_000_000_000


def drawn(seed: int) -> tuple[PriceSeries, OrderColumns, AggregationPolicy, Market]:
    draw = random.Random(seed)
    step = draw.choice([1, 5, 15]) * MINUTE
    price, at, times, values = draw.randint(20, 60_000) * 10**12, START, array("q"), array("q")
    for _ in range(300):
        times.append(at)
        values.append(price)
        at += step * draw.choice([1] * 30 + [10])
        price = price * (10**6 + draw.randint(-1, 1) * draw.choice([300, 3_000, 15_000])) // 10**6
    size = draw.choice([60, 400])
    placed = sorted(draw.randrange(times[0] - step, times[-1]) for _ in range(size))
    largest = draw.choice([999, 1_500, 4_000])
    series = PriceSeries(
        asset="BTC",
        at_us=times,
        prices=values,
        asks=array("q"),
        volumes=array("q"),
        interval_us=step,
        quality=Quality(source="drawn", rows=300, kept=300, interval_us=step),
        fingerprint=str(seed),
    )
    flow = OrderColumns(
        at_us=array("q", placed),
        users=array("i", [draw.randint(1, 8) for _ in placed]),
        assets=array("h", [0] * size),
        spends=array("q", [draw.randint(100, largest) * CENT for _ in placed]),
        amounts=array("q", [0] * size),
        symbols=("BTC",),
    )
    policy = AggregationPolicy(
        threshold=draw.choice(["10.00", "25.00", "60.00"]),
        max_wait=draw.choice(["30m", "6h", "24h"]),
        spread_bps=draw.choice([0, 40]),
        inventory_cap=draw.choice(["0", "1.00", "10.00"]),
        price_tolerance_bps=draw.choice([50, 200]),
    )
    market = Market(
        fee=FeeSchedule(
            rate_bps=draw.choice(["0", "7.5", "10"]), per_order=draw.choice(["0", "0.10"])
        ),
        min_notional=draw.choice(["1.00", "5.00", "10.00"]),
        lot_step=draw.choice(["0.00000001", "0.00001", "0.001"]),
        spread_bps=draw.choice([0, 5]),
        latency=draw.choice(["0s", "250ms", "3s"]),
    )
    return series, flow, policy, market


def varied(seed: int) -> Inputs:
    """One to three assets, everything that the fast engine knows, and many things at the same moment."""
    draw = random.Random(f"varied {seed}")
    symbols = ("BTC", "ETH", "DOGE")[: draw.choice([1, 1, 2, 3])]
    step = draw.choice([1, 5, 15]) * MINUTE
    grid = draw.choice([1, SECOND, 10 * SECOND, step])
    series = [_walk(draw, symbol, step) for symbol in symbols]
    markets = {symbol: _market(draw) for symbol in symbols}
    flow = _flow(draw, symbols, grid, START - step, max(each.at_us[-1] for each in series))
    return Backtest(series, flow, policy=_policy(draw), market=markets).inputs


def _walk(draw: random.Random, symbol: str, step: int) -> PriceSeries:
    price = draw.choice([draw.randint(10**9, 10**12), draw.randint(1, 90_000) * 10**12])
    jump = draw.choice([0, 300, 20_000, 100_000])
    size, at, times, values = draw.randint(1, 200), START, array("q"), array("q")
    for _ in range(size):
        times.append(at)
        values.append(price)
        at += step * draw.choice([1] * 30 + [10])
        price = max(price * (10**6 + draw.randint(-1, 1) * jump) // 10**6, 1)
    asks = [draw.choice([0, value + value // 500]) for value in values]
    return PriceSeries(
        asset=symbol,
        at_us=times,
        prices=values,
        asks=array("q", asks if draw.random() < 0.2 else []),
        volumes=array("q"),
        interval_us=step,
        quality=Quality(source="drawn", rows=size, kept=size, interval_us=step),
        fingerprint=symbol,
    )


def _flow(
    draw: random.Random, symbols: tuple[str, ...], grid: int, start: int, end: int
) -> OrderColumns:
    size = draw.choice([0, 1, 30, 100, 300])
    users = draw.choice([1, 5, 200])
    most = draw.choice([999, 1_500, 4_000, 30_000])
    at_us = sorted(draw.randrange(start, end) // grid * grid for _ in range(size))
    odd = [0, CENT + 1, 1, 10_000_000 * 100 * CENT, 10_000_001 * 100 * CENT]
    rarely = draw.choice([0, 0.1])
    spends = [
        draw.choice(odd) if draw.random() < rarely else draw.randint(1, most) * CENT for _ in at_us
    ]
    amounts = [0 if spend else draw.choice([1, 10**5, 10**8, 10**18]) for spend in spends]
    return OrderColumns(
        at_us=array("q", at_us),
        users=array("i", [draw.randint(1, users) for _ in at_us]),
        assets=array("h", [draw.randrange(len(symbols)) for _ in at_us]),
        spends=array("q", spends),
        amounts=array("q", amounts),
        symbols=tuple(draw.sample(symbols, len(symbols))),
    )


def _policy(draw: random.Random) -> AggregationPolicy:
    return AggregationPolicy(
        threshold=draw.choice(["0.01", "5.00", "10.00", "25.00", "60.00", "1000.00"]),
        max_wait=draw.choice(["1us", "10s", "5m", "30m", "6h", "24h"]),
        on_deadline=draw.choice(["refund", "top_up", "wait"]),
        spread_bps=draw.choice([0, 7, 40]),
        inventory_cap=draw.choice(["0", "0.10", "1.00", "10.00", "1000.00"]),
        price_tolerance_bps=draw.choice([0, 50, 200]),
        price_max_age=draw.choice([None, None, "0s", "2m", "30m", "20d"]),
        take_along=draw.random() < 0.7,
        minimum_reserve_bps=draw.choice([10_000, 10_500]),
    )


def _market(draw: random.Random) -> Market:
    return Market(
        fee=FeeSchedule(
            rate_bps=draw.choice(["0", "7.5", "10"]),
            per_order=draw.choice(["0", "0.10"]),
            minimum=draw.choice(["0", "0.05"]),
        ),
        min_notional=draw.choice(["0", "1.00", "5.00", "10.00"]),
        min_quantity=draw.choice(["0", "0.001", "1"]),
        scale=draw.choice([8, 8, 3, 12]),
        lot_step=draw.choice(["0.001", "0.01", "1"]),
        spread_bps=draw.choice([0, 5]),
        latency=draw.choice(["0s", "250ms", "10s", "30m"]),
    )
