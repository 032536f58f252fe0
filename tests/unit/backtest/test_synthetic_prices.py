"""Made-up prices are the same everywhere, and are what was asked for."""

import statistics
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from crypto_exchange.entrypoints.backtest.amounts import moment
from crypto_exchange.entrypoints.backtest.inputs import prices
from crypto_exchange.entrypoints.backtest.inputs.synthetic import Kind

MINUTE_US = 60_000_000


@pytest.mark.parametrize(
    ("kind", "fingerprint"),
    [
        ("gbm", "98fc913aef9f92a13ea1a7f54a7751d123d852a31cc3f635d94d70ca543e57f6"),
        ("jump", "5672cf977c490ad0cb9c424c6b022fcca7a306882703c6b45ddbb6ef3a951c9e"),
        ("flat", "ccb65c1ee3a1e46d305aa1b3dfa8448f66d59f08213bb81ae361f1f3b18726c8"),
        ("gap", "cb5a5f031610b9f876a629f3bd7c7c3ec4efc4b93840af6ff217573a56c15452"),
    ],
)
def test_the_same_arguments_make_the_same_prices_on_every_machine(
    kind: Kind, fingerprint: str
) -> None:
    series = prices.synthetic("BTC", kind=kind, seed=7, days=2, spread_bps="5.5")

    assert series.fingerprint == fingerprint
    assert series.fingerprint != prices.synthetic("BTC", kind=kind, seed=8, days=2).fingerprint


def test_bars_close_one_after_the_other_from_the_start_on() -> None:
    series = prices.synthetic("BTC", start="2026-03-01", days=1, interval="15m")

    assert len(series) == len(series.volumes) == 96
    assert moment(series.at_us[0]) == datetime(2026, 3, 1, 0, 15, tzinfo=UTC)
    assert moment(series.at_us[-1]) == datetime(2026, 3, 2, tzinfo=UTC)
    assert series.interval_us == 15 * MINUTE_US
    assert series.quality.findings == ()
    assert [*series.asks] == []


def test_longer_prices_begin_with_the_shorter_ones() -> None:
    short, long = (prices.synthetic("BTC", seed=3, days=days) for days in (1, 2))

    assert long.prices[:1440] == short.prices
    assert long.volumes[:1440] == short.volumes


def test_a_walk_has_the_volatility_that_was_asked_for_and_no_drift() -> None:
    series = prices.synthetic("BTC", seed=1, days=30, daily_volatility_bps=400)

    moves = [after / before - 1 for before, after in pairwise(series.prices)]
    assert statistics.pstdev(moves) * 1440**0.5 == pytest.approx(0.04, rel=0.02)
    assert abs(statistics.fmean(moves)) < 4 * 0.04 / 1440**0.5 / len(moves) ** 0.5


@pytest.mark.no_cover  # others make shorter ones
def test_jumps_are_rarer_and_larger_than_any_step_of_a_walk() -> None:
    walk, jumps = (prices.synthetic("BTC", kind=kind, seed=1, days=60) for kind in ("gbm", "jump"))

    largest = [
        max(abs(after / before - 1) for before, after in pairwise(series.prices))
        for series in (walk, jumps)
    ]
    assert largest[0] < 0.03 / 1440**0.5 * 6 < largest[1]


def test_flat_prices_stay_and_asks_are_half_the_spread_above() -> None:
    series = prices.synthetic("BTC", kind="flat", price="100", spread_bps=20)

    assert {*series.prices} == {100 * 10**12}
    assert {*series.asks} == {100_100_000_000_000}


def test_holes_are_found_by_the_same_eyes_as_those_of_files() -> None:
    series = prices.synthetic("BTC", kind="gap", days=1)

    (gap,) = series.quality.findings
    assert gap.kind == "gap"
    assert gap.count >= 3
    assert max(b - a for a, b in pairwise(series.at_us)) == gap.seconds * 1_000_000


def test_volumes_are_a_days_together() -> None:
    series = prices.synthetic("BTC", seed=1, days=10, daily_volume="500")

    assert sum(series.volumes) / 10 / 10**8 == pytest.approx(500, rel=0.01)


def test_prices_never_leave_what_can_be_counted() -> None:
    wild = prices.synthetic(
        "X", price="0.000000000002", daily_volatility_bps=500_000, interval="6h"
    )
    high = prices.synthetic("X", price="9199999", daily_volatility_bps=1_000)

    assert min(wild.prices) >= 1
    assert max(high.prices) == 9_200_000 * 10**12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "up"}, "kind: expected one of gbm, jump, flat, gap, was 'up'"),
        ({"days": 0}, "days: expected a whole number of at least 1, was 0"),
        ({"interval": "2d"}, "interval: expected more than 0 and at most 1d, was 2d"),
        (
            {"days": 10**9},
            "interval: expected at most 100,000,000 prices, would be about 1,440,000,000,000",
        ),
        ({"price": "0"}, "price: expected above 0 and up to 9200000, was 0"),
        ({"start": "someday"}, "start: expected a time, was 'someday'"),
        ({"seed": "7"}, "seed: expected a whole number, was '7'"),
        ({"daily_volume": 10**11}, "daily_volume: expected at most 92233720368.54775807, was"),
        ({"spread_bps": "-1"}, "spread_bps: expected plain digits"),
        ({"spread_bps": 20_000}, "spread_bps: expected less than 20000 basis points, was"),
    ],
)
def test_what_cannot_be_walked_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prices.synthetic("BTC", **arguments)  # type: ignore[arg-type]  # wrong on purpose


def test_amounts_are_never_floats() -> None:
    with pytest.raises(TypeError, match="price: expected an exact number"):
        prices.synthetic("BTC", price=50_000.5)  # type: ignore[arg-type]  # wrong on purpose
