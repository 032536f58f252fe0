"""What was paid above the quotes is split into parts that sum up exactly."""

from __future__ import annotations

from array import array
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.entrypoints.backtest.figures.costs import PARTS, split_costs
from crypto_exchange.entrypoints.backtest.figures.vectors import divide, integers, total
from crypto_exchange.entrypoints.backtest.market import Market
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from tests.unit.backtest.made_run import MadeRun, series, two_in_a_batch


def test_a_batch_costs_delay_spread_impact_fee_and_dust() -> None:
    summary = two_in_a_batch().summary

    assert summary.quoted_usd == Decimal("10.00")
    assert summary.delay_usd == Decimal("0.10")
    assert summary.spread_usd == Decimal("0.0105")
    assert summary.impact_usd == 0
    assert summary.fees_usd == Decimal("0.0107")
    assert summary.dust_usd == Decimal("0.505")
    assert summary.cost_usd == Decimal("0.6262")
    assert summary.cost_bps == pytest.approx(626.2)
    assert summary.fee_bps == pytest.approx(10.7)
    assert summary.cost_rounding_max_usd == 0


def test_the_house_bears_it_when_members_pay_their_quotes() -> None:
    summary = two_in_a_batch().summary

    assert summary.users_bear_usd == 0
    assert summary.house_bears_usd == Decimal("0.6262")


def test_users_bear_what_their_charges_are_above_their_quotes() -> None:
    run = MadeRun(policy=AggregationPolicy(pricing="average"))
    run.order(0, 1_100, 20_000, 50_000, batch=0, ended=61, charged=1_012)
    run.batch(
        60,
        61,
        dollars=50_500,
        quantity=20_000,
        bought=20_000,
        delivered=20_000,
        cost=1_010_000_000,
        fee=1_010_000,
        charged=1_012_000_000,
    )

    summary = run.summary

    assert summary.cost_usd == Decimal("0.1101")
    assert summary.users_bear_usd == Decimal("0.12")
    assert summary.house_bears_usd == Decimal("-0.0099")


def test_a_fee_in_coin_is_worth_the_price_and_no_dust() -> None:
    run = MadeRun()
    run.order(0, 1_000, 20_000, 50_000, batch=0, ended=1)
    run.batch(
        0, 1, dollars=50_000, bought=20_100, coin_fee=40, delivered=20_000, cost=1_005_000_000
    )

    summary = run.summary

    assert summary.fees_usd == Decimal("0.02")
    assert summary.dust_usd == Decimal("0.03")
    assert summary.cost_usd == Decimal("0.05")


def test_coins_from_the_inventory_are_negative_dust_at_the_price_of_the_seal() -> None:
    run = MadeRun()
    run.order(0, 100, 2_000, 50_000, batch=0, ended=60)
    run.batch(60, 60, dollars=50_500, used=2_000, delivered=2_000, charged=DOLLAR, sent_us=0)

    summary = run.summary

    assert summary.delay_usd == Decimal("0.01")
    assert summary.dust_usd == Decimal("-1.01")
    assert summary.cost_usd == -1


def test_coins_of_a_late_fill_are_dust_and_what_they_cost_above_the_price_is_spread() -> None:
    run = two_in_a_batch()
    run.late_fill(130, 0, 51_000, quantity=10_000, coin_fee=100, cost=510_500_000, fee=1_000_000)

    summary = run.summary

    assert summary.spread_usd == Decimal("0.0105") + Decimal("0.005")
    assert summary.fees_usd == Decimal("0.0107") + Decimal("0.01") + Decimal("0.051")
    assert summary.dust_usd == Decimal("0.505") + Decimal("5.10") - Decimal("0.051")
    assert summary.cost_usd == Decimal("0.6262") + Decimal("5.105") + Decimal("0.01")
    assert summary.late_fills == 1
    assert summary.late_fills_usd == Decimal("5.115")


def test_only_settled_batches_cost() -> None:
    run = MadeRun()
    run.order(0, 100, 2_000, 50_000, state="failed", reason="deadline", batch=0, ended=60)
    run.batch(60, 61, dollars=50_500, state="refunded")

    summary = run.summary

    assert summary.cost_usd == 0
    assert summary.cost_bps is None
    assert summary.drift_p95_bps is None


@given(
    quantities=st.lists(st.integers(1, 10**10), min_size=1, max_size=4),
    prices=st.tuples(st.integers(1, 10**17), st.integers(1, 10**17)),
    left=st.integers(-(10**9), 10**9),
    extra=st.tuples(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9)),
)
def test_the_parts_sum_to_the_shortfall_and_dust_is_the_coins_left_over(
    quantities: list[int], prices: tuple[int, int], left: int, extra: tuple[int, int, int]
) -> None:
    quoted, price = prices
    spread, impact, fee = extra
    quantity = sum(quantities)
    bought = max(quantity + left, 1)
    cost = bought * price // 10**12 + spread + impact
    run = MadeRun()
    for row, each in enumerate(quantities):
        run.order(0, 100, each, 1, batch=0, ended=1)
        run.orders.unit_price[row] = quoted
    run.batch(0, 1, dollars=1, bought=bought, delivered=quantity, cost=cost, fee=fee)
    run.batches.fill_price[0] = price
    run.batches.spread[0], run.batches.impact[0] = spread, impact

    split = split_costs(run.inputs, run.records, run.deliveries)

    assert split.value.tolist() == [quantity * quoted // 10**12]
    assert sum(total(getattr(split, part)) for part in PARTS) == total(split.shortfall)
    assert total(split.shortfall) == cost + fee - total(split.value)
    assert split.delay.tolist() == [quantity * (price - quoted) // 10**12]
    assert split.rounding <= 2


def test_drift_is_the_move_from_quote_to_fill_of_each_order() -> None:
    run = MadeRun()
    for at, quoted, bought_at in ((0, 50_000, 50_500), (0, 50_000, 49_000), (60, 50_500, 50_500)):
        run.order(at, 100, 1_000, quoted, batch=len(run.orders), ended=130)
        run.batch(120, 130, dollars=bought_at, bought=1_000, delivered=1_000)

    summary = run.summary

    assert summary.drift_mean_bps == pytest.approx((100 - 200) / 3)
    assert summary.drift_abs_mean_bps == pytest.approx(100)
    assert summary.drift_p95_bps == pytest.approx(200)


def test_what_was_not_delivered_is_an_opportunity_missed_when_the_price_rose() -> None:
    run = MadeRun()
    run.order(0, 500, 10_000, 50_000, state="failed", reason="price_moved", ended=125)
    run.order(
        60,
        101,
        2_000,
        50_500,
        state="partially_completed",
        batch=0,
        ended=130,
        filled=500,
        charged=26,
    )
    run.order(0, 500, 10_000, 50_000, state="aggregated")
    run.batch(120, 130, dollars=51_000, bought=500, delivered=500)

    summary = run.summary

    assert summary.undelivered_usd == Decimal("5.00") + Decimal("0.7575")
    assert summary.opportunity_usd == Decimal("0.10") + Decimal("0.0075")
    assert summary.opportunity_bps == pytest.approx(0.1075 / 5.7575 * 10_000)
    assert summary.refunded_usd == Decimal("5.00") + Decimal("0.75")


def test_each_asset_counts_in_its_own_units() -> None:
    run = MadeRun(series("BTC", {0: 50_000}), series("DOGE", {0: 2}))
    run.order(0, 400, 2 * 10**8, 2, asset=1, batch=0, ended=1)
    run.batch(0, 1, dollars=2, asset=1, bought=2 * 10**8, delivered=2 * 10**8, cost=4 * DOLLAR)

    summary = run.summary

    assert summary.quoted_usd == Decimal("4.00")
    assert summary.cost_usd == 0


@given(
    left=st.lists(st.integers(-(10**14), 10**14), min_size=1, max_size=5),
    right=st.integers(1, 10**17),
    divisor=st.sampled_from([1, 7, 10**12, 10**18, 10**22]),
)
def test_division_of_products_is_exact(left: list[int], right: int, divisor: int) -> None:
    fits = [n for n in left if abs(n * right // divisor) < 2**62]
    lefts = np.array(fits, dtype=np.int64)
    dtype = np.int64 if divisor < 2**63 else object

    whole, rest = divide(lefts, np.full(len(fits), right), np.full(len(fits), divisor, dtype=dtype))

    assert list(zip(whole.tolist(), rest.tolist(), strict=True)) == [
        divmod(n * right, divisor) for n in fits
    ]


@pytest.mark.parametrize("divisor", [1, 2**60])
def test_a_quotient_of_more_than_64_bits_is_refused(divisor: int) -> None:
    most = np.array([2**62])

    with pytest.raises(OverflowError):
        divide(most, most, divisor)


def test_sums_are_exact_beyond_64_bits() -> None:
    values = [2**62, 2**62 + 1, 2**62 + 3, -5]

    assert total(np.array(values)) == sum(values)


def test_narrow_columns_are_read_as_wide_ones() -> None:
    run = two_in_a_batch()

    assert integers(run.orders.direct).dtype == np.int64
    assert Fraction(total(integers(run.orders.total))) == Fraction(1505, 100) * DOLLAR


def test_figures_are_the_same_for_an_asset_with_18_digits() -> None:
    fine = two_in_a_batch(market=Market(scale=18, latency="1s"))
    for rows, names in ((fine.orders, ("quantity", "filled")), (fine.batches, fine.batches.UNITS)):
        for name in names:
            column = getattr(rows, name)
            column[:] = array("q", (units * 10**10 for units in column))
    fine.ledger["house:inventory:BTC"] *= 10**10
    fine.ledger["venue:BTC"] *= 10**10

    assert fine.summary == two_in_a_batch().summary
