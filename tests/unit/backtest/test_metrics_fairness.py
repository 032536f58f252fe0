"""Failures and fairness: shares are exact to the unit, and nothing is bought twice."""

from __future__ import annotations

from decimal import Decimal

import pytest

from crypto_exchange.entrypoints.backtest.market import FeeSchedule, Market
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from tests.unit.backtest.made_run import MadeRun, series, two_in_a_batch


def test_a_run_without_failures_has_none() -> None:
    summary = two_in_a_batch().summary

    assert summary.batches == 1
    assert summary.batches_settled == 1
    assert summary.attempts_failed == 0
    assert summary.double_buys == 0
    assert summary.unknown_p95_s is None
    assert summary.pro_rata_error_max_units == 0
    assert summary.charge_error_max_cents == 0


def test_attempts_before_the_last_failed_and_so_did_those_of_batches_that_were_not_settled() -> (
    None
):
    run = MadeRun()
    run.batch(0, 1, dollars=50_000, attempts=3, bought=1)
    run.batch(0, 1, dollars=50_000, attempts=2, state="refunded")
    run.batch(0, 1, dollars=50_000, attempts=1, state="returned")
    run.batch(0, None, dollars=50_000, attempts=2, state="sealed")

    summary = run.summary

    assert summary.attempts_failed == 2 + 2 + 1 + 1
    assert summary.batches_open == 1


def test_an_answer_later_than_the_latency_was_unknown_until_then() -> None:
    run = MadeRun(market=Market(latency="1s"))
    run.batch(0, 1, dollars=50_000, bought=1)
    run.batch(0, 6, dollars=50_000, bought=1)
    run.batch(0, 9, dollars=50_000, bought=1)
    run.batch(0, 99, dollars=50_000, state="refunded")

    summary = run.summary

    assert summary.unknown == 2
    assert summary.unknown_p95_s == 9
    assert summary.unknown_max_s == 9


def test_an_attempt_that_is_filled_and_filled_late_is_bought_twice() -> None:
    run = two_in_a_batch()
    run.late_fill(130, 0, 51_000, quantity=1_000)
    run.ledger["venue:BTC"] -= 1_000

    assert run.summary.double_buys == 1


def test_a_late_fill_of_an_earlier_attempt_is_not_bought_twice_but_two_of_one_are() -> None:
    run = two_in_a_batch()
    run.batches.attempts[0] = 2
    run.late_fill(130, 0, 51_000, quantity=1_000)
    run.ledger["venue:BTC"] -= 1_000

    assert run.summary.double_buys == 0

    run.late_fill(131, 0, 51_000)

    assert run.summary.double_buys == 1


def test_coins_and_dollars_of_the_exchange_that_no_fill_explains_are_noticed() -> None:
    run = two_in_a_batch()
    run.ledger["venue:BTC"] -= 21_000
    run.ledger["venue:USD"] += 1

    assert run.summary.double_buys == 2


def test_coins_that_a_batch_gave_out_but_no_order_got_are_noticed() -> None:
    run = two_in_a_batch()
    run.batches.delivered[0] += 1

    assert run.summary.double_buys == 1


def test_the_error_of_a_share_is_measured_in_units_against_the_exact_one() -> None:
    run = MadeRun()
    for filled, charged in ((334, 34), (333, 34), (333, 34)):
        run.order(
            *(0, 100, 1_000, 50_000),
            state="partially_completed",
            batch=0,
            ended=1,
            filled=filled,
            charged=charged,
        )
    run.batch(0, 1, dollars=50_000, bought=1_000, delivered=1_000)

    summary = run.summary

    assert summary.pro_rata_error_max_units == pytest.approx(2 / 3)
    assert summary.charge_error_max_cents == pytest.approx(0.7)


def test_a_member_that_got_nothing_counts_and_small_ones_come_before_the_large_one() -> None:
    run = MadeRun()
    run.order(0, 1_200, 24_000, 50_000, batch=0, ended=1, filled=1_000, charged=50, direct=True)
    run.order(0, 100, 2_000, 50_000, batch=0, ended=1)
    run.batch(0, 1, dollars=50_000, bought=3_000, delivered=3_000)
    run.order(0, 100, 3, 50_000, batch=1, ended=1, filled=1, charged=34)
    run.order(0, 100, 3, 50_000, state="failed", reason="unfilled", batch=1, ended=1)
    run.batch(0, 1, dollars=50_000, bought=1, delivered=1)

    summary = run.summary

    assert summary.pro_rata_error_max_units == pytest.approx(0.5)


def test_with_pricing_average_coins_and_charges_follow_what_was_debited() -> None:
    run = MadeRun(policy=AggregationPolicy(pricing="average"))
    run.order(0, 300, 6_000, 50_000, batch=0, ended=1, filled=5_999, charged=299)
    run.order(0, 100, 2_000, 50_000, batch=0, ended=1, filled=2_001, charged=101)
    run.batch(0, 1, dollars=50_000, bought=8_000, delivered=8_000)

    summary = run.summary

    assert summary.pro_rata_error_max_units == pytest.approx(1)
    assert summary.charge_error_max_cents == pytest.approx(1)


def test_who_could_have_bought_alone_for_less_paid_more() -> None:
    free = Market(min_notional="5.00", fee=FeeSchedule(rate_bps=0))
    run = MadeRun(market=free, policy=AggregationPolicy(spread_bps=100))
    run.order(0, 404, 8_000, 50_000, batch=0, ended=1)
    run.order(0, 606, 12_000, 50_000, batch=0, ended=1)
    run.batch(0, 1, dollars=50_000, bought=20_000, delivered=20_000)

    summary = run.summary

    assert summary.paid_more_than_alone_pct == 50, "the smaller one could not be bought alone"


@pytest.mark.parametrize(
    ("market", "asks", "share"),
    [
        (Market(min_notional=0, fee=FeeSchedule(per_order="0.01")), (), 0),
        (Market(min_notional=0, fee=FeeSchedule(rate_bps=10)), (), 0),
        (Market(min_notional=0, fee=FeeSchedule(rate_bps=0), spread_bps=20), (), 0),
        (Market(min_notional=0, fee=FeeSchedule(rate_bps=0)), (50_050,), 0),
        (Market(min_notional=0, fee=FeeSchedule(rate_bps=0)), (), 100),
    ],
)
def test_alone_one_pays_the_fee_and_half_the_spread(
    market: Market, asks: tuple[int, ...], share: float
) -> None:
    run = MadeRun(series("BTC", {0: 50_000}, asks), market=market)
    run.order(0, 1_001, 20_000, 50_000, batch=0, ended=1)
    run.batch(0, 1, dollars=50_000, bought=20_000, delivered=20_000)

    assert run.summary.paid_more_than_alone_pct == share


def test_refunds_are_what_came_back_of_orders_that_failed_or_were_cut_short() -> None:
    run = two_in_a_batch()
    run.order(0, 200, 4_000, 50_000, state="failed", reason="deadline", ended=9)
    run.order(0, 300, 6_000, 50_000, state="cancelled", ended=9)

    summary = run.summary

    assert summary.refunded_usd == Decimal("5.00")
    assert summary.failed_by_reason == {"deadline": 1}
