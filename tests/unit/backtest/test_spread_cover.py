"""Which spread covers the house's risk is told from its days, or it is said why it can't be."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from crypto_exchange.domain.money import CENT, DOLLAR
from crypto_exchange.entrypoints.backtest.figures.spread_cover import (
    HouseDay,
    SpreadCover,
    spread_cover,
)
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from tests.unit.backtest.made_run import MadeRun, series

DAY_S = 86_400


def days_of_losses(*losses: int, policy: AggregationPolicy | None = None) -> MadeRun:
    """A batch of 10.00 dollars a day, on which the house loses so many cents; None has no batch."""
    run = MadeRun(series("BTC", {0: 50_000}), policy=policy, ended=DAY_S * (len(losses) - 0.5))
    for day, loss in enumerate(losses):
        at = day * DAY_S
        run.order(at, 1_000, 20_000, 50_000, batch=day, ended=at + 1)
        run.batch(
            at,
            at + 1,
            dollars=50_000,
            bought=20_000,
            delivered=20_000,
            cost=10 * DOLLAR,
            fee=loss * CENT,
            charged=10 * DOLLAR,
        )
    return run


def cover(run: MadeRun, **options: Any) -> SpreadCover:
    return spread_cover(run.inputs, run.records, **options)


def test_the_spread_covers_the_mean_and_that_share_of_the_days() -> None:
    run = days_of_losses(*range(1, 101))

    found = cover(run)

    assert found.expected_bps == pytest.approx(505)
    assert found.day_bps == pytest.approx(950)
    assert found.spread_bps == 950
    assert found.why_not == ""
    assert "A spread of 950 bps covers the house's risk of a day with 95 % confidence" in str(found)
    assert "threshold of 10.00 USD and a longest wait of 1d" in str(found)


def test_more_confidence_takes_more_spread() -> None:
    run = days_of_losses(*range(1, 101))

    assert cover(run, confidence=0.5).spread_bps == 505, "the mean is more than the median"
    assert cover(run, confidence=0.99).spread_bps == 990


def test_a_run_is_steadier_than_a_day_and_takes_less() -> None:
    run = days_of_losses(*[(place * 37) % 21 for place in range(100)])

    found = cover(run, horizon="run")

    assert found.run_bps is not None
    assert found.day_bps is not None
    assert found.expected_bps is not None
    assert found.expected_bps < found.run_bps < found.day_bps
    assert found.spread_bps == math.ceil(found.run_bps)
    assert found.block_days == 5
    assert len(found.resampled_bps) == 101
    assert list(found.resampled_bps) == sorted(found.resampled_bps)


def test_resampling_is_the_same_each_time_and_another_with_another_seed() -> None:
    run = days_of_losses(*[(place * 37) % 21 for place in range(60)])

    assert cover(run, resamples=50) == cover(run, resamples=50)
    assert cover(run, resamples=50).resampled_bps != cover(run, resamples=50, seed=1).resampled_bps


def test_equal_days_need_the_same_whichever_are_drawn() -> None:
    found = cover(days_of_losses(*[5] * 30))

    assert found.resampled_bps == pytest.approx([50] * 101)
    assert found.spread_bps == 50


def test_a_spread_that_is_charged_already_is_taken_out() -> None:
    run = days_of_losses(*[5] * 30, policy=AggregationPolicy(spread_bps=20))
    for row in range(30):
        run.batches.charged[row] += 2 * CENT

    found = cover(run)

    assert found.expected_bps == pytest.approx(50)
    assert found.charged_bps == 20


def test_cents_that_charges_are_rounded_up_by_are_earned() -> None:
    run = days_of_losses(*[5] * 30)
    for row in range(30):
        run.batches.charged[row] += CENT

    assert cover(run).expected_bps == pytest.approx(40)


def test_a_gain_takes_no_spread() -> None:
    run = days_of_losses(*[5] * 30)
    for row in range(30):
        run.batches.cost[row] = 9 * DOLLAR
        run.batches.fill_price[row] = 45_000 * 10**12

    assert cover(run).spread_bps == 0


def test_coins_left_over_are_no_loss() -> None:
    run = days_of_losses(*[0] * 30)
    for row in range(30):
        run.batches.bought[row] += 2_000
        run.batches.cost[row] += DOLLAR

    assert cover(run).expected_bps == 0


def test_a_late_fill_loses_what_it_cost_above_the_price_on_its_day() -> None:
    run = days_of_losses(*[0] * 30)
    run.late_fill(3 * DAY_S, 2, 50_000, quantity=2_000, cost=DOLLAR + CENT, fee=CENT)

    found = cover(run)

    assert found.days[3] == HouseDay(
        day="2020-09-16",
        quoted_usd=Decimal("10.00"),
        loss_usd=Decimal("0.02"),
        needed_bps=20.0,
    )
    assert found.days[2].loss_usd == 0


def test_days_without_purchases_are_days_too_but_need_no_spread() -> None:
    run = days_of_losses(*[5] * 30)
    run.ended_us += 4 * DAY_S * 10**6

    found = cover(run)

    assert len(found.days) == 30 + 5
    assert found.days[-1].needed_bps is None
    assert found.spread_bps == 50


def test_the_curve_says_which_share_of_the_days_a_spread_covers() -> None:
    found = cover(days_of_losses(*range(20, 0, -1)))

    assert found.curve()[0] == pytest.approx((10, 0.05))
    assert found.curve()[-1] == pytest.approx((200, 1))


@pytest.mark.parametrize(
    ("days", "confidence", "least"), [(19, 0.95, 20), (0, 0.95, 20), (99, 0.99, 100)]
)
def test_too_few_days_are_no_evidence(days: int, confidence: float, least: int) -> None:
    found = cover(days_of_losses(*[5] * days), confidence=confidence)

    assert found.spread_bps is None
    assert found.day_bps is found.run_bps is None
    assert f"it takes at least {least} days with purchases, and there were {days}" in found.why_not
    assert str(found).startswith("No spread can be named")
    assert found.expected_bps == (pytest.approx(50) if days else None)


def test_with_pricing_average_there_is_no_spread() -> None:
    run = days_of_losses(*[5] * 30, policy=AggregationPolicy(pricing="average"))

    found = cover(run)

    assert found.spread_bps is None
    assert "members pay what it cost" in str(found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidence": 95}, "confidence: expected at least 0.5 and less than 1.*was 95"),
        ({"confidence": 0.4}, "confidence: expected at least 0.5"),
        ({"confidence": "0.95"}, "confidence: expected at least 0.5 .*, was '0.95'"),
        ({"horizon": ["day"]}, "horizon: expected day or run, was .'day'"),
        ({"horizon": "week"}, "horizon: expected day or run, was 'week'"),
        ({"resamples": 0}, "resamples: expected at least 1, was 0"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cover(days_of_losses(1), **options)
