"""Prices are read exactly from whatever people have, and can be seen when their bar is closed."""

import gzip
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas
import polars
import pytest

from crypto_exchange.entrypoints.backtest.amounts import moment
from crypto_exchange.entrypoints.backtest.inputs import prices
from crypto_exchange.entrypoints.backtest.inputs.observed import price_series
from crypto_exchange.entrypoints.backtest.series import PriceSeries, Quality

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BARS = """\
Datetime,Open,High,Low,Close,Adj Close,Volume
2026-01-01 12:00:00+00:00,1,1,1,100.10,9,2
2026-01-01 12:15:00+00:00,1,1,1,100.123456789012,9,0.5
2026-01-01 12:30:00+00:00,1,1,1,99,9,1
"""
CLOSES = [100_100_000_000_000, 100_123_456_789_012, 99_000_000_000_000]


def at(*minutes: int) -> list[datetime]:
    return [NOON + timedelta(minutes=each) for each in minutes]


def seen(series: PriceSeries) -> list[datetime]:
    return [moment(us) for us in series.at_us]


def test_a_bar_is_seen_at_its_close_and_its_digits_are_kept(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text(BARS)

    series = prices.read(tmp_path / "bars.csv", "BTC")

    assert seen(series) == at(15, 30, 45)
    assert [*series.prices] == CLOSES
    assert [*series.volumes] == [200_000_000, 50_000_000, 100_000_000]
    assert [*series.asks] == []
    assert series.interval_us == 15 * 60 * 1_000_000
    assert repr(series) == (
        "PriceSeries(BTC: 3 prices, 2026-01-01 12:15:00+00:00 to 2026-01-01 12:45:00+00:00)"
    )


def test_every_kind_of_table_gives_the_same_series(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text(f"\ufefftaken from a chart\n\n{BARS}\n")
    with gzip.open(tmp_path / "bars.csv.gz", "wt") as file:
        file.write(BARS)
    frame = polars.DataFrame(
        {
            "DATE": at(0, 15, 30),
            "Open": [1, 1, 1],
            "Close": [Decimal("100.10"), Decimal("100.123456789012"), Decimal(99)],
            "volume": [2.0, 0.5, 1.0],
        }
    )
    frame.write_parquet(tmp_path / "bars.parquet")
    indexed = pandas.DataFrame(
        {"Open": 1, "Close": ["100.10", "100.123456789012", "99"], "Volume": [2, 0.5, 1]},
        index=pandas.DatetimeIndex(at(0, 15, 30)),
    )
    zoned = frame.with_columns(polars.col("DATE").dt.convert_time_zone("America/New_York"))
    sources = (
        *(tmp_path / name for name in ("bars.csv", "bars.csv.gz", "bars.parquet")),
        *(frame, frame.to_arrow(), zoned, indexed, indexed.rename_axis("when").reset_index()),
    )

    read = [
        prices.read(
            source, "BTC", time="when" if "when" in getattr(source, "columns", ()) else None
        )
        for source in sources
    ]

    assert {each.fingerprint for each in read} == {prices.read(frame, "BTC").fingerprint}
    assert [*read[0].prices] == CLOSES


def test_times_without_a_zone_are_of_the_zone_that_is_given() -> None:
    zoned = polars.DataFrame({"time": [NOON.replace(month=7), NOON.replace(month=7, hour=13)]})
    naive = zoned.select(polars.col("time").dt.replace_time_zone(None))
    text = naive.select(polars.col("time").dt.to_string("%Y-%m-%d %H:%M"))
    both = [frame.with_columns(price=polars.Series([1, 2])) for frame in (naive, text)]

    summer = [seen(prices.read(each, "BTC", tz="Europe/London"))[0] for each in both]
    utc = [seen(prices.read(each, "BTC"))[0] for each in both]

    assert summer == [datetime(2026, 7, 1, 11, tzinfo=UTC)] * 2
    assert utc == [datetime(2026, 7, 1, 12, tzinfo=UTC)] * 2


def test_a_price_alone_is_seen_at_its_time_unless_it_is_said_to_be_of_an_open() -> None:
    frame = polars.DataFrame({"ts": at(0, 15, 30), "last": ["1", "2", "3"]})

    closes = prices.read(frame, "BTC")
    opens = prices.read(frame, "BTC", stamps="open")

    assert seen(closes) == at(0, 15, 30)
    assert seen(opens) == at(15, 30, 45)
    assert [*closes.volumes] == []


def test_a_bar_before_a_hole_is_seen_after_its_own_length() -> None:
    frame = polars.DataFrame({"ts": at(0, 15, 30, 75, 90), "open": 1, "close": 1})

    series = prices.read(frame, "BTC", repair="report")

    assert seen(series) == at(15, 30, 45, 90, 105)


def test_a_bar_that_ends_early_is_seen_when_the_next_one_opens() -> None:
    days = [datetime(2026, 3, day, tzinfo=UTC) for day in (27, 28, 29)]
    days += [datetime(2026, 3, day, 23, tzinfo=UTC) for day in (29, 30, 31)]
    frame = polars.DataFrame({"date": days, "open": 1, "close": 1})

    series = prices.read(frame, "BTC")

    assert seen(series) == [*days[1:], days[-1] + timedelta(days=1)]


def test_a_source_that_is_newest_first_is_read_from_its_end() -> None:
    frame = polars.DataFrame({"ts": at(30, 15, 0), "price": ["3", "2", "1"]})

    series = prices.read(frame, "BTC")

    assert seen(series) == at(0, 15, 30)
    assert [price // 10**12 for price in series.prices] == [1, 2, 3]
    assert series.quality.findings == ()


def test_quotes_have_the_middle_as_price_and_an_ask_for_buyers() -> None:
    quotes = polars.DataFrame(
        {
            "ts": at(0, 1, 2),
            "bid": ["99.00", "1", "1.000000000001"],
            "ask": ["101.00", "1.000000000001", "1.000000000002"],
        }
    )

    series = prices.read(quotes, "BTC")

    assert [*series.prices] == [100 * 10**12, 10**12, 10**12 + 2]
    assert [*series.asks] == [101 * 10**12, 10**12 + 1, 10**12 + 2]


def test_floats_are_taken_by_their_shortest_digits_and_rounded_half_to_even() -> None:
    wide = polars.DataFrame({"ts": at(0, 1, 2), "price": [1.0000000000015, 1.0000000000005, 1e-12]})
    narrow = wide.with_columns(polars.Series("price", [0.1, 0.2, 43548.773], dtype=polars.Float32))

    assert [*prices.read(wide, "BTC").prices] == [10**12 + 2, 10**12, 1]
    assert [*prices.read(narrow, "BTC").prices] == [10**11, 2 * 10**11, 43_548_773 * 10**9]


def test_volumes_in_dollars_become_coins_at_the_rows_price() -> None:
    frame = polars.DataFrame({"ts": at(0, 1), "price": ["50000", "3"], "vol": [1_000_000, 1]})

    series = prices.read(frame, "BTC", volume_unit="dollars")

    assert [*series.volumes] == [20 * 10**8, 33_333_333]


def test_columns_with_other_names_are_named() -> None:
    frame = polars.DataFrame({"when": at(0, 1), "mid": ["1", "2"], "n": [3, 4]})

    series = prices.read(frame, "BTC", time="when", price="mid", volume="n")

    assert [*series.volumes] == [3 * 10**8, 4 * 10**8]


@pytest.mark.parametrize(
    ("header", "options", "message"),
    [
        ("day,price", {}, "a column with the time .Datetime, .*there are: day, price"),
        ("date,value", {}, "a column with the price .Close, .*there are: date, value"),
        ("date,ask", {}, "a column with the price .*there are: date, ask"),
        ("date,price", {"time": "when"}, "expected a column 'when', there are: date, price"),
        ("date,price", {"tz": "Mars"}, "tz: expected the name of a zone .*, was 'Mars'"),
        ("date,price", {"repair": "no"}, "repair: expected one of raise, report, drop, was 'no'"),
        ("date,price", {"stamps": "mid"}, "stamps: expected one of open, close, was 'mid'"),
        (
            "date,price",
            {"volume_unit": "€"},
            "volume_unit: expected one of coins, dollars, was '€'",
        ),
        ("date,price", {"interval": "0s"}, "interval: expected more than 0, was 0s"),
        ("date,price", {"stamps": "open"}, 'expected two bars, or interval="…", was one bar'),
    ],
)
def test_what_is_missing_or_unknown_is_said_with_what_there_is(
    tmp_path: Path, header: str, options: dict[str, str], message: str
) -> None:
    (tmp_path / "prices.csv").write_text(f"{header}\n2026-01-01,1\n")

    with pytest.raises(ValueError, match=message):
        prices.read(tmp_path / "prices.csv", "BTC", **options)  # type: ignore[arg-type]  # wrong on purpose


def test_rows_that_are_too_long_or_missing_are_named(tmp_path: Path) -> None:
    (tmp_path / "long.csv").write_text("date,price\n2026-01-01,1\n2026-01-02,1,2\n")
    (tmp_path / "none.csv").write_text("date,price\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "semicolons.csv").write_text("date;price\n2026-01-01;1\n")
    (tmp_path / "bad.csv").write_text("date,price\n2026-01-01,0\n2026-01-02,\n")

    for name, message in {
        "long": "long.csv: row 2: expected 2 columns, was 3",
        "none": "none.csv: expected prices, found none: no rows",
        "empty": "empty.csv: expected a header.* separated by commas, was empty",
        "semicolons": "semicolons.csv: expected a header.* separated by commas, was date;price",
        "bad": "expected prices, found none: 1 row without .*; 1 row that can't be used, .* row 1",
    }.items():
        with pytest.raises(ValueError, match=message):
            prices.read(tmp_path / f"{name}.csv", "BTC", repair="report")


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("latin.csv", b"date,price\n2026-01-01,1\xb2\n", "CSV in UTF-8, was"),
        ("quote.csv", b'date,price\n2026-01-01,"' + bytes(200_000), "CSV in UTF-8, was"),
        ("plain.csv.gz", b"date,price\n", "CSV in UTF-8, compressed with gzip, was"),
        (
            "half.csv.gz",
            gzip.compress(b"date,price\n" * 99, mtime=0)[:20],
            "CSV in UTF-8, compressed with",
        ),
        ("text.parquet", b"date,price\n", "a Parquet file, was none"),
    ],
)
def test_a_file_of_another_kind_than_its_name_says_is_told(
    tmp_path: Path, name: str, content: bytes, kind: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ValueError, match=f"^{name}: expected {kind}"):
        prices.read(tmp_path / name, "BTC", repair="report")


def test_sources_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "book.xlsx").write_text("")

    with pytest.raises(ValueError, match=r"book.xlsx: expected a file .csv, .csv.gz or .parquet"):
        prices.read(tmp_path / "book.xlsx", "BTC")
    with pytest.raises(FileNotFoundError, match=r"expected a file, was 'nowhere\.csv'"):
        prices.read("nowhere.csv", "BTC")
    with pytest.raises(FileNotFoundError, match="expected the package 'nopackage' to be installed"):
        prices.read("package:nopackage/x.csv", "BTC")
    with pytest.raises(
        FileNotFoundError, match=r"expected a file 'x\.csv' in the package 'pytest'"
    ):
        prices.read("package:pytest/x.csv", "BTC")
    with pytest.raises(
        TypeError, match="expected a path, or a pandas, polars or Arrow table, was int"
    ):
        prices.read(7, "BTC")


def test_parquet_is_read_without_polars_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = polars.DataFrame({"ts": at(0, 1), "price": [Decimal("1.5"), Decimal("2.5")]})
    frame.write_parquet(tmp_path / "prices.parquet")
    monkeypatch.setitem(sys.modules, "polars", None)

    series = prices.read(tmp_path / "prices.parquet", "BTC")

    assert [*series.prices] == [15 * 10**11, 25 * 10**11]


@pytest.mark.parametrize(
    ("times", "observed", "volumes", "message"),
    [
        ([], [], [], "expected prices in columns of equal length, were 0, 0, 0, 0"),
        ([1, 2], [1], [], "expected prices in columns of equal length, were 2, 1, 0, 0"),
        ([1, 2], [1, 2], [1], "expected prices in columns of equal length, were 2, 2, 0, 1"),
        ([2, 2], [1, 2], [], "BTC: expected times that rise"),
        ([1, 2], [1, 9_200_001 * 10**12], [], "BTC: expected prices above 0 and up to 9,200,000"),
        ([1, 2], [1, 0], [], "BTC: expected prices above 0 and up to 9,200,000 dollars"),
    ],
)
def test_columns_that_are_no_series_are_refused(
    times: list[int], observed: list[int], volumes: list[int], message: str
) -> None:
    quality = Quality(source="a test", rows=0, kept=0, interval_us=1)

    with pytest.raises(ValueError, match=message):
        price_series("BTC", times, observed, volumes=volumes, interval_us=1, quality=quality)


def test_csv_needs_no_other_library_and_frames_say_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bars.csv").write_text(BARS)
    for library in ("narwhals", "numpy", "pandas", "polars", "pyarrow"):
        monkeypatch.setitem(sys.modules, library, None)

    assert len(prices.read(tmp_path / "bars.csv", "BTC")) == 3
    with pytest.raises(
        ImportError, match=r"narwhals to be installed, .*'crypto-exchange\[backtest\]'"
    ):
        prices.read(object(), "BTC")
    (tmp_path / "bars.pq").write_text("")
    with pytest.raises(ImportError, match="polars to be installed, was not: pip install"):
        prices.read(tmp_path / "bars.pq", "BTC")
