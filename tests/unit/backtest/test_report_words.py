"""The verdict is one sentence that is true of every run; assumptions name every number that is set."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from crypto_exchange.entrypoints.backtest.figures.spread_cover import SpreadCover
from crypto_exchange.entrypoints.backtest.figures.summary import Summary
from crypto_exchange.entrypoints.backtest.market import Failures, FeeSchedule, Market, SquareRoot
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from crypto_exchange.entrypoints.backtest.reports.lengths import written_s
from crypto_exchange.entrypoints.backtest.reports.report_words import list_assumptions, tell_verdict
from tests.unit.backtest.made_run import MadeRun, series, two_in_a_batch

UNCOVERED = SpreadCover(
    confidence=0.95,
    horizon="day",
    threshold="10.00",
    max_wait="24h",
    charged_bps=5,
    why_not="too few days",
)


def summary(**figures: Any) -> Summary:
    return msgspec.structs.replace(two_in_a_batch().summary, **figures)


def test_the_verdict_says_how_long_how_much_and_for_whom() -> None:
    cover = msgspec.structs.replace(UNCOVERED, spread_bps=36)

    verdict = tell_verdict(summary(direct_infeasible=2), cover)

    assert verdict == (
        "Half of the orders had their coins within 51 s and 95 % within 1.02 min, at 626.2 bps above "
        "their quotes; none of them could have been bought alone (without the exchange's minimum, that "
        "would have cost 0.00 USD less in fees), the house lost 0.12 USD (116.2 bps), and a spread of "
        "36 bps covers the house's risk of a day with 95 % confidence (5 bps were charged)."
    )


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"direct_infeasible": 1}, "alone (1 of them are below the exchange's minimum) would"),
        ({"direct_infeasible": 0}, "; buying each order alone would have cost"),
        ({"house_result_usd": 3}, "the house gained 3.00 USD"),
        ({"fees_saved_vs_direct_no_minimum_usd": 1234}, "cost 1,234.00 USD more in fees"),
        ({"fees_saved_vs_direct_no_minimum_usd": -2}, "cost 2.00 USD less in fees"),
        ({"orders": 0}, "No order was placed."),
        ({"wait_p50_s": None}, "None of 3 orders got coins."),
    ],
)
def test_the_verdict_follows_the_figures(figures: dict[str, Any], said: str) -> None:
    verdict = tell_verdict(summary(**figures), UNCOVERED)

    assert said in verdict


def test_the_verdict_says_why_no_spread_is_named() -> None:
    verdict = tell_verdict(summary(), UNCOVERED)

    assert verdict.endswith("no spread can be named for the house's risk (too few days).")


def test_assumptions_name_what_is_set() -> None:
    market = Market(
        fee=FeeSchedule(rate_bps=7, per_order="0.11", minimum="0.22", tiers=(("500", 6),)),
        min_notional="12.34",
        lot_step="0.003",
        spread_bps=9,
        impact=SquareRoot(y="1.5"),
        latency="321ms",
        failures=Failures(timeout="0.017"),
    )
    policy = AggregationPolicy(
        threshold="45.67", max_wait="7h", spread_bps=8, price_tolerance_bps=123, price_max_age="13m"
    )

    told = " ".join(list_assumptions(two_in_a_batch(policy, market).inputs))

    for number in ("7 bps", "0.11", "0.22", "6 bps from 500", "12.34", "0.003", "9 bps", "1.5"):
        assert number in told
    for number in ("321ms", "0.017", "45.67", "7h", "8 bps", "123", "13m"):
        assert number in told
    assert "Not modelled" in told


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (AggregationPolicy(on_deadline="refund"), "is refunded."),
        (AggregationPolicy(on_deadline="wait"), "goes on waiting"),
        (AggregationPolicy(on_deadline="top_up"), "the house pays what is missing"),
        (AggregationPolicy(pricing="average"), "all members of a batch pay the average"),
    ],
)
def test_assumptions_follow_the_policy(policy: AggregationPolicy, said: str) -> None:
    told = list_assumptions(two_in_a_batch(policy).inputs)

    assert any(said in each for each in told)


def test_assumptions_of_a_sweep_name_what_it_varies() -> None:
    inputs = two_in_a_batch(AggregationPolicy()).inputs

    assert list_assumptions(inputs, ["max_wait", "fee"])[0].startswith(
        "Sweep: each cell has its own max wait, fee;"
    )


def test_assets_with_other_markets_are_told_apart() -> None:
    inputs = MadeRun(series("BTC", {0: 1}), series("ETH", {0: 1}), series("LTC", {0: 1})).inputs
    markets = {**inputs.markets, "ETH": Market(latency="9s")}

    told = list_assumptions(msgspec.structs.replace(inputs, markets=markets))

    assert len([each for each in told if each.startswith("BTC, LTC fills")]) == 1
    assert any(each.startswith("ETH fills: whole, 9s after") for each in told)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (None, "n/a"),
        (0, "0 s"),
        (0.25, "250 ms"),
        (59, "59 s"),
        (90, "1.5 min"),
        (5408, "1.5 h"),
        (90_000, "1.04 d"),
        (1e9, "11,600 d"),
    ],
)
def test_lengths_are_written_as_people_say_them(seconds: float | None, written: str) -> None:
    assert written_s(seconds) == written
