"""Fees that were saved are told against two named ways of doing without aggregation."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from crypto_exchange.domain.money import CENT, DOLLAR
from crypto_exchange.entrypoints.backtest.figures.counterfactual import Lot, fees, restock
from crypto_exchange.entrypoints.backtest.market import FeeSchedule, Market
from tests.unit.backtest.made_run import MadeRun, two_in_a_batch

DAY_US = 86_400_000_000
FEE = FeeSchedule(rate_bps=10, per_order="0.10")


def test_an_order_alone_pays_the_per_order_fee_that_a_batch_shares() -> None:
    run = two_in_a_batch(market=Market(fee=FEE, min_notional="5.00"))

    summary = run.summary

    assert summary.direct_infeasible == 1, "4.00 is below the minimum"
    assert summary.direct_fees_usd == Decimal("0.106")
    share = Decimal("0.0107") * 12_000 / 20_000
    assert summary.fees_saved_vs_direct_usd == Decimal("0.106") - share
    both = Decimal("0.104") + Decimal("0.106")
    assert summary.fees_saved_vs_direct_no_minimum_usd == both - Decimal("0.0107")


def test_a_proportional_fee_is_not_saved_by_aggregation() -> None:
    run = MadeRun(
        market=Market(fee=FeeSchedule(rate_bps=10), min_notional=0, lot_step="0.00000001")
    )
    run.order(0, 400, 8_000, 50_000, batch=0, ended=1)
    run.order(0, 600, 12_000, 50_000, batch=0, ended=1)
    run.batch(0, 1, dollars=50_000, bought=20_000, delivered=20_000, cost=10 * DOLLAR, fee=CENT)

    summary = run.summary

    assert summary.fees_saved_vs_direct_usd == 0
    assert summary.fees_saved_vs_house_inventory_usd == 0
    assert summary.direct_surplus_usd == 0


def test_lots_bring_an_order_alone_more_than_it_wants() -> None:
    run = two_in_a_batch(market=Market(min_notional=0, lot_step="0.00005"))

    summary = run.summary

    assert summary.direct_surplus_usd == Decimal("1.00") + Decimal("1.50")
    assert summary.direct_infeasible == 0


def test_limits_on_quantity_make_an_order_infeasible_alone() -> None:
    run = two_in_a_batch(
        market=Market(min_notional=0, min_quantity="0.00009", max_quantity="0.0001")
    )

    assert run.summary.direct_infeasible == 2


def test_a_fee_in_coin_takes_a_larger_purchase_alone() -> None:
    lot = Lot(step=1_000, coin_ppm=1_000)

    assert lot.gross(10_000) == 11_000
    assert lot.gross(9_990) == 10_000
    assert lot.net(10_000) == 9_990
    assert lot.net(10_001) == 9_990


def test_fees_are_the_rate_or_the_minimum_and_the_fee_per_order() -> None:
    schedule = FeeSchedule(rate_bps=10, minimum="0.05", per_order="0.01")
    costs = np.array([10 * DOLLAR, 100 * DOLLAR, 100 * DOLLAR + 1])

    taken = fees(costs, np.array([0, 1, 2]), schedule)

    assert taken.tolist() == [6 * CENT, 11 * CENT, 11 * CENT + 1]


def test_tiers_hold_by_what_was_bought_in_the_30_days_before() -> None:
    schedule = FeeSchedule(rate_bps=10, tiers=(("100", 8), ("150.00", 5)))
    days = np.array([0, 1, 2, 30, 31]) * DAY_US

    taken = fees(np.full(5, 100 * DOLLAR), days, schedule)

    assert (taken / CENT).tolist() == [10, 8, 5, 5, 5]


def test_what_is_bought_30_days_ago_no_longer_counts() -> None:
    schedule = FeeSchedule(rate_bps=10, tiers=(("100", 8),))

    taken = fees(np.full(2, 100 * DOLLAR), np.array([0, 30]) * DAY_US, schedule)

    assert (taken / CENT).tolist() == [10, 10]


@pytest.mark.parametrize(
    ("values", "places", "units", "peak"),
    [
        ([], [], [], 0),
        ([4], [0], [200], 4),
        ([4, 6, 9, 1, 2], [1, 3, 4], [500, 500, 100], 10),
        ([25, 3], [0, 1], [1_300, 100], 25),
    ],
)
def test_a_stock_is_bought_back_when_the_threshold_was_sold_and_at_the_end(
    values: list[int], places: list[int], units: list[int], peak: int
) -> None:
    found = restock(np.array(values, int), np.array(values, int) * 50, 10, Lot(100, 0))

    assert found.places.tolist() == places
    assert found.units.tolist() == units
    assert found.peak == peak


def test_what_a_lot_brought_too_much_is_sold_before_more_is_bought() -> None:
    found = restock(np.array([10, 10]), np.array([50, 50]), 10, Lot(100, 0))

    assert found.units.tolist() == [100, 0]


def test_what_a_lot_covers_takes_no_further_purchase() -> None:
    run = MadeRun(market=Market(fee=FEE, lot_step="0.0004"))
    for _ in range(2):
        run.order(0, 1_000, 20_000, 50_000, batch=0, ended=1)
    run.batch(0, 1, dollars=50_000, bought=40_000, delivered=40_000, cost=20 * DOLLAR)

    summary = run.summary

    assert summary.house_inventory_purchases == 1
    assert summary.house_inventory_fees_usd == Decimal("0.12")


def test_a_stock_takes_as_many_purchases_as_the_threshold_and_no_waiting() -> None:
    summary = two_in_a_batch(market=Market(fee=FEE)).summary

    assert summary.house_inventory_purchases == 1
    assert summary.house_inventory_fees_usd == Decimal("0.11")
    assert summary.house_inventory_peak_usd == Decimal("10.00")
    assert summary.fees_saved_vs_house_inventory_usd == Decimal("0.11") - Decimal("0.0107")
