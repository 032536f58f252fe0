"""Times are read in every way that files write them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from crypto_exchange.entrypoints.backtest.inputs.frames import Value
from crypto_exchange.entrypoints.backtest.inputs.timestamps import clock

US = 1_640_785_500_000_000


@pytest.mark.parametrize(
    "written",
    [
        "2021-12-29 13:45:00+00:00",
        "2021-12-29T13:45:00Z",
        "2021-12-29 13:45:00 UTC",
        "2021-12-29 14:45:00+01:00",
        " 2021-12-29 13:45 ",
        "20211229T134500",
        "1640785500",
        "1640785500.000",
        "1640785500000",
        "1640785500000000",
        "1640785500000000999",
        1_640_785_500,
        1_640_785_500_000,
        1_640_785_500_000_000,
        1_640_785_500_000_000_999,
        1_640_785_500.0,
        Decimal(1_640_785_500),
        datetime(2021, 12, 29, 13, 45),  # noqa: DTZ001 - as they come
        datetime(2021, 12, 29, 13, 45, tzinfo=UTC),
    ],
)
def test_the_same_moment_is_read_from_text_counts_and_datetimes(written: Value) -> None:
    assert clock("UTC")(written) == US


@pytest.mark.parametrize(
    ("count", "us"),
    [
        (99_999_999_999, 99_999_999_999_000_000),
        (100_000_000_000, 100_000_000_000_000),
        (99_999_999_999_999, 99_999_999_999_999_000),
        (100_000_000_000_000, 100_000_000_000_000),
        (99_999_999_999_999_999, 99_999_999_999_999_999),
        (100_000_000_000_000_000, 100_000_000_000_000),
    ],
)
def test_what_a_count_counts_is_told_by_its_size(count: int, us: int) -> None:
    assert clock("UTC")(count) == clock("UTC")(str(count)) == us


@pytest.mark.parametrize("written", ["2021-12-29", "20211229", 20211229, date(2021, 12, 29)])
def test_a_date_is_its_first_moment_in_the_zone(written: Value) -> None:
    assert clock("UTC")(written) == US - (13 * 60 + 45) * 60 * 1_000_000
    assert clock("Europe/Berlin")(written) == US - (14 * 60 + 45) * 60 * 1_000_000


def test_fractions_are_rounded_down_to_the_microsecond() -> None:
    assert clock("UTC")("1640785500.0000009") == US
    assert clock("UTC")("2021-12-29 13:45:00.000001999Z") == US + 1
    assert clock("UTC")("-0.5") == -500_000


@pytest.mark.parametrize("written", ["soon", "31/12/2021", "inf", None, True, 10**30, float("inf")])
def test_what_is_no_time_is_refused(written: Value) -> None:
    with pytest.raises(ValueError, match="expected a time"):
        clock("UTC")(written)
