"""The house's coins, exposure, profit and loss, and what money the business ties up."""

from __future__ import annotations

from decimal import Decimal

import pytest

from crypto_exchange.domain.money import CENT, DOLLAR
from crypto_exchange.entrypoints.backtest.figures.house import expose, hold
from tests.unit.backtest.made_run import MadeRun, series, two_in_a_batch, us


def test_the_result_is_profit_and_loss_and_the_inventory_at_the_last_price() -> None:
    summary = two_in_a_batch().summary

    assert summary.inventory_coins == {"BTC": Decimal("0.00001")}
    assert summary.inventory_usd == Decimal("0.51")
    assert summary.house_pnl_usd == Decimal("-0.6262")
    assert summary.house_result_usd == Decimal("-0.1162")
    assert summary.house_result_bps == pytest.approx(-116.2)
    assert summary.house_pnl_gap_usd == 0


def test_markup_is_what_users_paid_above_their_quotes() -> None:
    run = two_in_a_batch()
    run.batches.charged[0] += 3 * CENT
    run.ledger["house:pnl:USD"] += 3 * CENT

    summary = run.summary

    assert summary.markup_usd == Decimal("0.03")
    assert summary.house_pnl_gap_usd == 0


def test_a_fee_in_a_third_coin_is_a_loss_though_it_has_an_account_of_its_own() -> None:
    run = two_in_a_batch()
    run.ledger["house:pnl:USD"] += 1_070_000
    run.ledger["house:fees:FEE"] = -1_070_000

    summary = run.summary

    assert summary.house_pnl_usd == Decimal("-0.6262")
    assert summary.house_pnl_gap_usd == 0


def test_profit_and_loss_that_batches_do_not_explain_is_told() -> None:
    run = two_in_a_batch()
    run.ledger["house:pnl:USD"] -= DOLLAR

    assert run.summary.house_pnl_gap_usd == -1


def test_a_late_fill_is_paid_by_the_house_and_its_coins_are_inventory() -> None:
    run = two_in_a_batch()
    run.late_fill(
        130, 0, 51_000, quantity=30_000, coin_fee=1_000, cost=1_530_000_000, fee=DOLLAR // 100
    )
    run.ledger["house:pnl:USD"] -= 1_531_000_000
    run.ledger["house:inventory:BTC"] += 29_000

    summary = run.summary

    assert summary.house_pnl_gap_usd == 0
    assert summary.inventory_usd == Decimal("15.30")
    assert summary.exposure_peak_usd == Decimal("15.30")
    assert summary.paid_to_exchange_usd == Decimal("10.6262") + Decimal("15.31")
    assert summary.house_bears_usd == -summary.house_pnl_usd


def test_exposure_is_what_is_under_way_and_then_the_inventory() -> None:
    run = two_in_a_batch()

    exposed = expose(run.inputs, run.records)

    assert exposed.at_us.tolist() == [us(60), us(61)]
    assert exposed.dollars.tolist() == pytest.approx([10, 0.505])
    assert exposed.peak == Decimal("10.00")
    assert exposed.usd_hours == pytest.approx((10 * 1 + 0.505 * 3_539) / 3_600)


def test_a_batch_that_buys_nothing_is_not_under_way() -> None:
    run = MadeRun()
    run.order(0, 100, 2_000, 50_000, batch=0, ended=60)
    run.batch(60, 60, dollars=50_500, delivered=2_000, quoted=DOLLAR, sent_us=0)

    assert run.summary.exposure_peak_usd == 0


def test_inventories_of_all_assets_add_up() -> None:
    run = MadeRun(series("BTC", {0: 50_000}), series("DOGE", {0: 2}))
    run.batch(0, 1, dollars=50_000, bought=1_000, cost=1)
    run.batch(0, 2, dollars=2, asset=1, bought=10**8, cost=1)

    exposed = expose(run.inputs, run.records)

    assert exposed.dollars.tolist() == pytest.approx([0, 0.5, 2.5])


def test_users_money_is_held_until_their_orders_end() -> None:
    run = two_in_a_batch()

    held = hold(run.records)

    assert [(at - us(0)) / 10**6 for at in held.at_us.tolist()] == [0, 10, 61, 70]
    assert held.dollars.tolist() == pytest.approx([4, 10, 0, 5.05])
    summary = run.summary
    assert summary.users_money_peak_usd == Decimal("10.00")
    assert summary.users_money_usd_hours == pytest.approx((4 * 10 + 10 * 51 + 5.05 * 3_530) / 3_600)
    assert summary.deposited_usd == Decimal("20.00")


def test_the_exchange_must_be_prefunded_with_the_most_of_any_24_hours() -> None:
    run = MadeRun(ended=200_000)
    for hours, paid in ((0, 5), (12, 3), (24, 4), (30, 2)):
        run.batch(hours * 3600, hours * 3600, dollars=50_000, cost=(paid - 1) * DOLLAR, fee=DOLLAR)

    summary = run.summary

    assert summary.paid_to_exchange_usd == Decimal("14.00")
    assert summary.prefund_24h_usd == Decimal("9.00"), "12 h to 30 h; 0 h and 24 h are a day apart"


def test_calls_are_attempts_and_peak_within_any_minute() -> None:
    run = MadeRun(ended=7_200)
    for sealed, attempts in ((50, 1), (70, 3), (109, 1), (110, 1), (4_000, 2)):
        run.batch(sealed, sealed + 1, dollars=50_000, attempts=attempts, bought=1)
    run.batch(80, 80, dollars=50_000, attempts=1, sent_us=0)

    summary = run.summary

    assert summary.calls == 8
    assert summary.calls_per_hour == 4
    assert summary.calls_per_minute_peak == 5
    assert summary.hours == 2
