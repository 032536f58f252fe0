"""The engine's ledger and its orders' ends, against the naive broker's, on drawn inputs."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from crypto_exchange.entrypoints.backtest.backtest import Backtest
from crypto_exchange.entrypoints.backtest.flow import OrderColumns
from crypto_exchange.entrypoints.backtest.market import Market
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from crypto_exchange.entrypoints.backtest.result import Result
from crypto_exchange.entrypoints.backtest.rows import ORDER_STATES
from crypto_exchange.entrypoints.backtest.series import PriceSeries
from tests.unit.backtest.drawn import MINUTE, drawn
from tests.unit.backtest.naive import Broker


def naive(
    series: PriceSeries, flow: OrderColumns, policy: AggregationPolicy, market: Market
) -> Broker:
    wait = {"30m": 30, "6h": 360, "24h": 1_440}[str(policy.max_wait)] * MINUTE
    latency = {"0s": 0, "250ms": 250_000, "3s": 3_000_000}[str(market.latency)]
    broker = Broker(
        lot=Fraction(str(market.lot_step)),
        min_notional=Fraction(str(market.min_notional)),
        fee_rate=Fraction(str(market.fee.rate_bps)) / 10_000,
        fee_per_order=Fraction(str(market.fee.per_order)),
        half_spread=Fraction(str(market.spread_bps)) / 20_000,
        latency=latency,
        threshold=Fraction(str(policy.threshold)),
        max_wait=wait,
        cap=Fraction(str(policy.inventory_cap)),
        tolerance=Fraction(policy.price_tolerance_bps, 10_000),
        house_spread=Fraction(policy.spread_bps, 10_000),
        max_age=max(2 * series.interval_us, 180_000_000),
    )
    prices = [
        (at, Fraction(price, 10**12)) for at, price in zip(series.at_us, series.prices, strict=True)
    ]
    orders = zip(flow.at_us, flow.users, flow.spends, strict=True)
    broker.run(prices, [(at, user, Fraction(spend, 10**8)) for at, user, spend in orders])
    return broker


def states(result: Result) -> list[str]:
    rows = result.records.orders
    told = {"pending": "pending", "aggregated": "open", "refused": "refused"}
    return [
        rows.reasons[reason]
        if ORDER_STATES[state] == "refused"
        else told.get(ORDER_STATES[state], ORDER_STATES[state])
        for state, reason in zip(rows.state, rows.reason, strict=True)
    ]


@pytest.mark.no_cover  # others run the same engine over less
@pytest.mark.parametrize("seed", range(12))
def test_the_ledger_is_the_one_that_the_naive_broker_has(seed: int) -> None:
    inputs = drawn(seed)

    result = Backtest(*inputs[:2], policy=inputs[2], market=inputs[3]).run()
    broker = naive(*inputs)

    expected = {
        account: balance
        for account, balance in broker.ledger.items()
        if not account.startswith("clearing")
    }
    found = {account: Fraction(balance) for account, balance in result.ledger.items()}
    assert {a: b for a, b in found.items() if b} == {a: b for a, b in expected.items() if b}
    assert not any(broker.ledger[account] for account in ("clearing:USD", "clearing:BTC"))
    assert states(result) == [
        "pending" if o.state == "open" and o.direct else o.state for o in broker.orders
    ]
    assert sum(result.ledger.values(), Decimal(0)).is_finite()
