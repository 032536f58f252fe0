"""Waiting lasts from placing an order to having its coins; open orders are listed."""

from __future__ import annotations

from decimal import Decimal

from crypto_exchange.entrypoints.backtest.figures.summary import OpenOrder, Waits
from crypto_exchange.entrypoints.backtest.figures.waiting import list_open_orders
from tests.unit.backtest.made_run import MadeRun, series, two_in_a_batch


def test_waits_are_nearest_ranks_in_seconds() -> None:
    run = MadeRun()
    run.batch(0, 1, dollars=50_000)
    for wait in range(1, 101):
        run.order(0, 100, 2_000, 50_000, batch=0, ended=wait)

    summary = run.summary

    assert summary.wait_p50_s == 50
    assert summary.wait_p90_s == 90
    assert summary.wait_p95_s == 95
    assert summary.wait_p99_s == 99
    assert summary.wait_max_s == 100


def test_fractions_of_a_second_count() -> None:
    run = MadeRun()
    run.batch(0, 1, dollars=50_000)
    run.order(0, 100, 2_000, 50_000, batch=0, ended=0.25)

    assert run.summary.wait_max_s == 0.25


def test_waits_are_told_by_asset_size_and_cause() -> None:
    run = MadeRun(series("BTC", {0: 50_000}), series("DOGE", {0: 2}))
    run.batch(0, 1, dollars=50_000, cause="direct")
    run.batch(0, 1, dollars=2, asset=1, cause="deadline")
    run.order(0, 99, 2_000, 50_000, batch=0, ended=1)
    run.order(0, 100, 2_000, 50_000, batch=0, ended=2)
    run.order(0, 10_000, 2_000, 2, asset=1, batch=1, ended=3)

    summary = run.summary

    assert summary.waits_by_asset["BTC"] == Waits(2, 1, 2, 2, 2, 2)
    assert summary.waits_by_asset["DOGE"] == Waits(1, 3, 3, 3, 3, 3)
    assert {name: waits.count for name, waits in summary.waits_by_size.items()} == {
        "0-1 USD": 1,
        "1-5 USD": 1,
        "5-10 USD": 0,
        "10-100 USD": 0,
        "100+ USD": 1,
    }
    assert {name: waits.max_s for name, waits in summary.waits_by_cause.items()} == {
        "direct": 2,
        "threshold": None,
        "deadline": 3,
    }


def test_orders_that_got_nothing_do_not_count_as_waiting() -> None:
    run = MadeRun()
    run.order(0, 100, 2_000, 50_000, state="failed", reason="deadline", ended=1_000)

    summary = run.summary

    assert summary.wait_p50_s is None
    assert summary.orders_failed == 1
    assert summary.failed_by_reason == {"deadline": 1}


def test_open_orders_are_counted_and_listed_oldest_first() -> None:
    run = two_in_a_batch()
    run.order(3_000, 700, 13_000, 51_000, state="pending")

    summary = run.summary

    assert summary.orders == 4
    assert summary.orders_completed == 2
    assert summary.orders_open == 2
    assert summary.open_usd == Decimal("12.05")
    assert summary.open_wait_max_s == 3_530
    assert summary.oldest_open == (
        OpenOrder(order_id=3, asset="BTC", total_usd=Decimal("5.05"), waited_s=3_530),
        OpenOrder(order_id=4, asset="BTC", total_usd=Decimal("7.00"), waited_s=600),
    )
    assert list_open_orders(run.inputs, run.records) == list(summary.oldest_open)


def test_refused_orders_are_counted_by_reason_and_are_not_ordered() -> None:
    run = MadeRun()
    for reason in ("price_stale", "amount_too_small", "price_stale"):
        run.order(0, 100, 0, 0, state="refused", reason=reason, ended=0)

    summary = run.summary

    assert summary.orders_refused == 3
    assert summary.ordered_usd == 0
    assert summary.refused_by_reason == {"price_stale": 2, "amount_too_small": 1}
    assert summary.users_money_peak_usd == 0
