"""What holds in every backtest, whatever the prices, orders, policy and market: on drawn inputs."""

from __future__ import annotations

import random
from array import array
from collections import Counter
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.errors import DomainError
from crypto_exchange.domain.simulation import Simulation
from crypto_exchange.entrypoints.backtest.amounts import duration_us
from crypto_exchange.entrypoints.backtest.backtest import Backtest
from crypto_exchange.entrypoints.backtest.engine.engine import policy_of, run_domain
from crypto_exchange.entrypoints.backtest.flow import OrderColumns
from crypto_exchange.entrypoints.backtest.market import Failures, FeeSchedule, Market, SquareRoot
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from crypto_exchange.entrypoints.backtest.result import Inputs, Records
from crypto_exchange.entrypoints.backtest.rows import BATCH_STATES, ORDER_STATES
from crypto_exchange.entrypoints.backtest.series import PriceSeries, Quality
from tests.unit.backtest.drawn import CENT, MINUTE, SECOND, START

SEEDS = st.integers(0, 10**9)
SYMBOLS = ("BTC", "ETH")


def drawn_inputs(seed: int, *, calm: bool = False) -> Inputs:
    """Two assets with prices at the same moments, and orders on the same grid; `calm` markets fill
    everything at once, at the price.
    """
    draw = random.Random(seed)
    series = [_prices(draw, symbol) for symbol in SYMBOLS]
    fee_in = draw.choice(["quote", "coin", "other"])
    markets = {symbol: _calm(draw) if calm else _rough(draw) for symbol in SYMBOLS}
    flow = _orders(draw, max(each.at_us[-1] for each in series))
    policy = AggregationPolicy(
        threshold=draw.choice(["0.01", "10.00", "60.00"]),
        max_wait=draw.choice(["1us", "10s", "5m", "24h"]),
        on_deadline=draw.choice(["refund", "top_up", "wait"]),
        pricing=draw.choice(["quoted", "average"]),
        spread_bps=draw.choice([0, 40]),
        price_tolerance_bps=draw.choice([0, 200]),
        inventory_cap=draw.choice(["0", "1.00", "1000.00"]),
        take_along=draw.random() < 0.7,
    )
    fees = {s: msgspec.structs.replace(market, fee_in=fee_in) for s, market in markets.items()}
    return Backtest(series, flow, policy=policy, market=fees, seed=seed).inputs


def _prices(draw: random.Random, symbol: str) -> PriceSeries:
    size, price = draw.randint(1, 60), draw.choice([1, 100, 60_000]) * 10**12
    at_us, prices = array("q"), array("q")
    for place in range(size):
        at_us.append(START + MINUTE * place)
        prices.append(price)
        price = price * (10**6 + draw.randint(-1, 1) * draw.choice([300, 30_000])) // 10**6
    quality = Quality(source="drawn", rows=size, kept=size, interval_us=MINUTE)
    return PriceSeries(
        asset=symbol,
        at_us=at_us,
        prices=prices,
        asks=array("q"),
        volumes=array("q", [draw.choice([1, 10**9]) for _ in prices]),
        interval_us=MINUTE,
        quality=quality,
        fingerprint=symbol,
    )


def _orders(draw: random.Random, end_us: int) -> OrderColumns:
    size, grid = draw.choice([0, 1, 100]), draw.choice([1, SECOND, MINUTE])
    most = draw.choice([999, 5_000])
    at_us = sorted(draw.randrange(START, end_us + MINUTE) // grid * grid for _ in range(size))
    spends = [draw.choice([0, *[draw.randint(1, most) * CENT] * 9]) for _ in at_us]
    return OrderColumns(
        at_us=array("q", at_us),
        users=array("i", [draw.randint(1, 9) for _ in at_us]),
        assets=array("h", [draw.randrange(2) for _ in at_us]),
        spends=array("q", spends),
        amounts=array("q", [0 if spend else draw.choice([10**5, 10**8]) for spend in spends]),
        symbols=SYMBOLS,
    )


def _calm(draw: random.Random) -> Market:
    return Market(
        fee=FeeSchedule(rate_bps=draw.choice(["0", "7.5"])),
        min_notional=draw.choice(["1.00", "5.00", "100.00"]),
        max_quantity=draw.choice(["0", "500"]),
        scale=draw.choice([3, 8]),
        lot_step=draw.choice(["0.001", "0.01", "1"]),
        latency="0s",
    )


def _rough(draw: random.Random) -> Market:
    share = draw.choice(["0", "0.1", "0.2"])
    return msgspec.structs.replace(
        _calm(draw),
        fee=FeeSchedule(
            rate_bps=10,
            per_order=draw.choice(["0", "3.00"]),
            minimum=draw.choice(["0", "20.00"]),
            tiers=(("100.00", "5"),),
        ),
        spread_bps=draw.choice([0, 100]),
        impact=draw.choice([None, SquareRoot()]),
        latency=draw.choice(["0s", "250ms", "30m"]),
        failures=Failures(reject=share, timeout=share, lost=share, partial=share, late_fill=share),
    )


def ledger_of(inputs: Inputs, records: Records) -> dict[str, int]:
    """The ledger that the columns tell of, but for dollars in wallets."""
    orders, batches, late, found = records.orders, records.batches, records.late, Counter[str]()
    symbols = tuple(inputs.prices)
    for row, state in enumerate(orders.state):
        is_open = ORDER_STATES[state] in {"pending", "aggregated"}
        found[f"suspense:{orders.user[row]}:USD"] += orders.total[row] if is_open else 0
        found[f"user:{orders.user[row]}:{symbols[orders.asset[row]]}"] += orders.filled[row]
    for row, asset in enumerate(batches.asset):
        bought = batches.bought[row] - batches.coin_fee[row]
        found[f"venue:{symbols[asset]}"] -= bought
        found[f"house:inventory:{symbols[asset]}"] += bought - batches.delivered[row]
    for row, batch in enumerate(late.batch):
        bought, symbol = late.quantity[row] - late.coin_fee[row], symbols[batches.asset[batch]]
        found[f"venue:{symbol}"] -= bought
        found[f"house:inventory:{symbol}"] += bought
    is_other = inputs.markets[symbols[0]].fee_in == "other"
    cost, fee = sum(batches.cost) + sum(late.cost), sum(batches.fee) + sum(late.fee)
    found["venue:USD"] = cost + (0 if is_other else fee)
    found["house:pnl:USD"] = sum(batches.charged) - found["venue:USD"]
    found["venue:FEE"], found["house:fees:FEE"] = (fee, -fee) if is_other else (0, 0)
    found["external:USD"] = -records.deposited
    return {account: amount for account, amount in found.items() if amount}


@settings(max_examples=40)
@given(SEEDS)
def test_the_columns_alone_give_the_ledger(seed: int) -> None:
    inputs = drawn_inputs(seed)

    records = run_domain(inputs)

    wallets = {f"user:{user}:USD" for user in inputs.flow.users}
    moved = {a: amount for a, amount in records.ledger.items() if amount and a not in wallets}
    assert moved == ledger_of(inputs, records)
    assert sum(amount for a, amount in records.ledger.items() if a.endswith(":USD")) == 0


@settings(max_examples=40)
@given(SEEDS)
def test_batches_add_up_to_their_orders_and_nothing_is_bought_twice(seed: int) -> None:
    records = run_domain(drawn_inputs(seed))

    orders, batches, late = records.orders, records.batches, records.late
    for row, state in enumerate(batches.state):
        members = [place for place, batch in enumerate(orders.batch) if batch == row]
        assert batches.delivered[row] == sum(orders.filled[place] for place in members)
        assert batches.charged[row] == sum(orders.charged[place] for place in members)
        if BATCH_STATES[state] == "settled":
            got = [p for p in members if orders.reasons[orders.reason[p]] in {"", "unfilled"}]
            assert batches.members[row] == len(got)
            assert batches.quantity[row] == sum(orders.quantity[place] for place in got)
            assert batches.total[row] == sum(orders.total[place] for place in got)
    attempts = list(zip(late.batch, late.attempt, strict=True))
    assert len(set(attempts)) == len(attempts)
    assert not [row for row, n in attempts if batches.bought[row] and batches.attempts[row] == n]


@settings(max_examples=40)
@given(SEEDS)
def test_no_order_waits_longer_than_allowed_outside_of_a_batch(seed: int) -> None:
    inputs = drawn_inputs(seed)
    policy = msgspec.structs.replace(inputs.policy, on_deadline="refund")

    records = run_domain(msgspec.structs.replace(inputs, policy=policy))

    orders, longest_us = records.orders, duration_us("max_wait", policy.max_wait)
    for row, state in enumerate(orders.state):
        last_us = orders.at_us[row] + longest_us
        if orders.batch[row] >= 0:
            assert records.batches.sealed_us[orders.batch[row]] <= last_us
        elif ORDER_STATES[state] in {"pending", "aggregated"}:
            assert records.ended_us < last_us
        else:
            assert orders.ended_us[row] <= last_us


@pytest.mark.no_cover  # others run both over less
@settings(max_examples=40)
@given(SEEDS)
def test_the_ledger_is_the_one_of_the_domains_own_simulation(seed: int) -> None:
    inputs = drawn_inputs(seed, calm=True)

    found = run_domain(inputs).ledger

    expected = simulated(inputs)
    assert _without_deposits(found) == _without_deposits(expected)


def simulated(inputs: Inputs) -> dict[str, int]:
    """The ledger of a simulation that looks at everything at every moment, with rich users."""
    flow, policy = inputs.flow, policy_of(inputs)
    assets = (Asset(symbol=s, rule=m.rule(), scale=m.scale) for s, m in inputs.markets.items())
    simulation = Simulation(tuple(assets), policy=policy)
    for number in range(1, 10):
        user = simulation.register(f"user {number}")
        simulation.deposit(user, 10**7 * 10**8)
    prices = {s: dict(zip(p.at_us, p.prices, strict=True)) for s, p in inputs.prices.items()}
    moments = {at_us for known in prices.values() for at_us in known}
    moments |= {*flow.at_us, *(at_us + policy.max_wait_us for at_us in flow.at_us)}
    row = 0
    for simulation.at_us in sorted(at_us for at_us in moments if at_us <= inputs.end_us):
        for symbol in (s for s, known in prices.items() if simulation.at_us in known):
            simulation.set_price(symbol, prices[symbol][simulation.at_us])
            simulation.run()
        simulation.run()
        while row < len(flow) and flow.at_us[row] == simulation.at_us:
            _place(simulation, flow, row)
            row += 1
    return simulation.ledger()


def _place(simulation: Simulation, flow: OrderColumns, row: int) -> None:
    """Ids break ties, so a row's order has the same one as in the engine."""
    simulation.state._ids = row
    spend, amount = flow.spends[row] or None, flow.amounts[row] or None
    with suppress(DomainError):
        simulation.place(flow.users[row], SYMBOLS[flow.assets[row]], spend=spend, amount=amount)
    simulation.run()


def _without_deposits(ledger: dict[str, int]) -> dict[str, int]:
    brought = {"external:USD", *(f"user:{number}:USD" for number in range(1, 10))}
    return {a: amount for a, amount in ledger.items() if amount and a not in brought}
