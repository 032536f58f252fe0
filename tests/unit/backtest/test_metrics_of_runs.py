"""What the metrics say of real runs agrees with their ledgers, whatever goes wrong at the exchange."""

from __future__ import annotations

import random
from array import array
from decimal import Decimal

import pytest

from crypto_exchange.domain.money import CENT
from crypto_exchange.entrypoints.backtest.backtest import Backtest
from crypto_exchange.entrypoints.backtest.flow import OrderColumns
from crypto_exchange.entrypoints.backtest.market import Failures, FeeSchedule, Market, SquareRoot
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from crypto_exchange.entrypoints.backtest.result import Result
from crypto_exchange.entrypoints.backtest.series import PriceSeries
from tests.unit.backtest.made_run import series, us

FEE = FeeSchedule(rate_bps=10, per_order="0.10", tiers=(("500", "7.5"),))
FAILURES = Failures(reject=".1", timeout=".1", lost=".1", partial=".1", late_fill=".1")
IMPACT = SquareRoot(daily_volatility_bps=300, daily_volume="1000")
RUNS = [
    (Market(fee=FEE, spread_bps=2, impact=IMPACT, failures=FAILURES), AggregationPolicy()),
    (
        Market(fee_in="coin", failures=FAILURES),
        AggregationPolicy(threshold="25.00", spread_bps=30, on_deadline="top_up", max_wait="20m"),
    ),
    (Market(fee_in="other", failures=FAILURES), AggregationPolicy(max_wait="10m")),
    (Market(fee=FEE, failures=FAILURES), AggregationPolicy(pricing="average")),
]


def prices(asset: str, dollars: int) -> PriceSeries:
    drawn, moves = random.Random(asset), {}
    for minute in range(0, 1_440, 2):
        dollars = dollars * drawn.randrange(995, 1_006) // 1_000
        moves[minute * 60.0] = dollars
    return series(asset, moves)


def flow(count: int) -> OrderColumns:
    drawn = random.Random(1)
    return OrderColumns(
        at_us=array("q", sorted(us(drawn.randrange(1, 80_000)) for _ in range(count))),
        users=array("i", (drawn.randrange(1, 50) for _ in range(count))),
        assets=array("h", (drawn.randrange(2) for _ in range(count))),
        spends=array("q", (drawn.randrange(100, 1_500) * CENT for _ in range(count))),
        amounts=array("q", bytes(8 * count)),
        symbols=("BTC", "ETH"),
    )


@pytest.fixture(scope="module", params=RUNS, ids=["failing", "coin", "third coin", "average"])
def result(request: pytest.FixtureRequest) -> Result:
    market, policy = request.param
    listed = (prices("BTC", 50_000), prices("ETH", 3_000))
    return Backtest(listed, flow(800), policy=policy, market=market).run(progress=False)


def test_nothing_is_bought_twice_and_profit_and_loss_is_explained(result: Result) -> None:
    summary = result.summary

    assert summary.double_buys == 0
    assert summary.house_pnl_gap_usd == 0
    assert summary.late_fills > 0
    assert summary.unknown > 0
    assert summary.attempts_failed > 0


def test_cost_is_what_the_exchange_got_less_what_was_quoted(result: Result) -> None:
    summary = result.summary

    paid = sum(result.ledger.get(f"venue:{currency}", Decimal(0)) for currency in ("USD", "FEE"))
    parts = ("delay", "spread", "impact", "fees", "dust")
    assert summary.paid_to_exchange_usd == paid
    assert summary.cost_usd == paid - summary.quoted_usd
    assert summary.cost_usd == sum(getattr(summary, f"{part}_usd") for part in parts)
    assert summary.cost_rounding_max_usd <= Decimal("0.00000003")
    assert summary.house_bears_usd == -summary.house_pnl_usd


def test_members_are_within_a_unit_and_a_cent_of_their_shares(result: Result) -> None:
    summary = result.summary

    assert summary.pro_rata_error_max_units < 1
    assert summary.charge_error_max_cents < 1


def test_orders_and_money_are_all_accounted_for(result: Result) -> None:
    summary = result.summary

    ended = ("completed", "partial", "failed", "cancelled", "refused", "open")
    assert sum(getattr(summary, f"orders_{state}") for state in ended) == summary.orders == 800
    suspense = sum(v for name, v in result.ledger.items() if name.startswith("suspense:"))
    assert summary.open_usd == suspense
    waits = (summary.waits_by_asset, summary.waits_by_size, summary.waits_by_cause)
    with_coins = sum(units > 0 for units in result.records.orders.filled)
    assert [sum(each.count for each in kind.values()) for kind in waits] == [with_coins] * 3
