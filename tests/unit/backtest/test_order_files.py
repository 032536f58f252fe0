"""Orders are read exactly, each request once, and what can't be read is named by row and column."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pandas
import polars
import pytest

from crypto_exchange.entrypoints.backtest.inputs import orders, prices

DAY = prices.synthetic("BTC", kind="flat", days=1)
PRICES = {"BTC": DAY, "ETH": prices.synthetic("ETH", kind="flat", days=1)}
TEXT = """\
user,asset,usd,ts,key
ann,ETH,5.00,2026-01-01 12:00:02,a
bob,BTC,10,2026-01-01 12:00:01,a
ann,ETH,5.00,2026-01-01 12:00:03,a
ann,BTC,0.01,2026-01-01 12:00:02,
ann,BTC,0.01,2026-01-01 12:00:02,
"""


def test_orders_are_read_by_time_and_a_repeated_key_counts_once(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(TEXT)

    flow = orders.read(tmp_path / "orders.csv")
    columns = flow.columns(PRICES)

    assert repr(flow) == "Recorded(orders.csv: 4 orders of 2 users, 1 repeats left out)"
    assert columns.names == ("bob", "ann")
    assert columns.symbols == ("BTC", "ETH")
    assert [*columns.users] == [1, 2, 2, 2]
    assert [*columns.assets] == [0, 1, 0, 0]
    assert [*columns.spends] == [10 * 10**8, 5 * 10**8, 10**6, 10**6]
    assert [at_us % 10**7 // 10**6 for at_us in columns.at_us] == [1, 2, 2, 2]


def test_every_kind_of_table_gives_the_same_orders(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(TEXT)
    frame = polars.read_csv(tmp_path / "orders.csv", schema_overrides={"usd": polars.String})
    exact = frame.with_columns(
        polars.Series("usd", map(Decimal, frame["usd"]), dtype=polars.Decimal(20, 2))
    )
    exact.write_parquet(tmp_path / "orders.parquet")
    native = pandas.read_csv(tmp_path / "orders.csv", dtype=str)

    sources = (
        tmp_path / "orders.csv",
        tmp_path / "orders.parquet",
        frame,
        exact.to_arrow(),
        native,
    )

    assert len({orders.read(source).orders.fingerprint() for source in sources}) == 1


def test_coins_may_be_asked_for_instead_of_dollars() -> None:
    frame = polars.DataFrame(
        {
            "user_id": [7, 8],
            "amount": ["0.00000001", None],
            "usd": [None, "3.00"],
            "time": [datetime(2026, 1, 1, 12, tzinfo=UTC)] * 2,
        }
    )

    columns = orders.read(frame, asset="BTC").columns(PRICES)

    assert [*columns.amounts] == [1, 0]
    assert [*columns.spends] == [0, 3 * 10**8]
    assert columns.names == ("7", "8")
    assert columns.symbols == ("BTC",)


def test_floats_are_refused_by_row_and_column() -> None:
    frame = pandas.DataFrame({"user": ["a"], "asset": ["BTC"], "usd": [5.1], "ts": ["2026-01-01"]})

    with pytest.raises(
        TypeError, match=r"row 1, column usd: .*expected an exact number .* float 5\.1"
    ):
        orders.read(frame)


@pytest.mark.parametrize(
    ("header", "cells", "message"),
    [
        (
            "user,asset,usd,ts",
            "a,BTC,5.001,2026-01-01",
            "row 2, column usd: .*whole cents, was 5.001",
        ),
        ("user,asset,usd,ts", "a,BTC,0,2026-01-01", "row 2, column usd: .*whole cents, was 0"),
        ("user,asset,usd,ts", "a,BTC,-1,2026-01-01", "row 2, column usd: .*plain digits .*'-1'"),
        ("user,asset,usd,ts", "a,BTC,,2026-01-01", "row 2: expected one usd, was none"),
        ("user,asset,usd,ts", "a,BTC,5.00,soon", "row 2, column ts: expected a time, was 'soon'"),
        ("user,asset,usd,ts", "a,BTC,5.00,", "row 2, column ts: expected a time, was ''"),
        (
            "user,asset,usd,ts",
            ",BTC,5.00,2026-01-01",
            "row 2, column user: expected a name or a num",
        ),
        (
            "user,asset,usd,ts",
            "a,,5.00,2026-01-01",
            "row 2, column asset: expected a name or a num",
        ),
        (
            "user,coin,amount,ts",
            "a,BTC,0.000000001,2026-01-01",
            "row 2, column amount: .*8 decimals",
        ),
        (
            "user,coin,amount,ts",
            "a,BTC,99000000000,2026-01-01",
            "row 2, column amount: .*92e9 coins",
        ),
    ],
)
def test_what_cannot_be_read_is_named_by_row_and_column(
    tmp_path: Path, header: str, cells: str, message: str
) -> None:
    (tmp_path / "orders.csv").write_text(f"{header}\na,BTC,5.00,2026-01-01\n{cells}\n")

    with pytest.raises(ValueError, match=f"^orders.csv: {message}"):
        orders.read(tmp_path / "orders.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "user,asset,ts\n",
            "expected a column with the dollars or coins .*there are: user, asset, ts",
        ),
        ("asset,usd,ts\n", "expected a column with the user .*there are: asset, usd, ts"),
        ("user,usd,ts\n", "expected a column with the asset .*there are: user, usd, ts"),
        ("user,asset,usd\n", "expected a column with the time .*there are: user, asset, usd"),
        ("user,asset,usd,ts\n", "expected orders, found none"),
        ("user,asset,usd,amount,ts\na,B,1,1,0\n", "row 1: expected one usd or amount, was several"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "orders.csv").write_text(text)

    with pytest.raises(ValueError, match=f"^orders.csv: {message}"):
        orders.read(tmp_path / "orders.csv")


def test_orders_that_no_price_is_there_for_are_refused(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(TEXT)
    (tmp_path / "old.csv").write_text("user,asset,usd,ts\na,BTC,1,1999-01-01\n")

    with pytest.raises(ValueError, match=r"orders\.csv: expected prices of ETH, there are: BTC"):
        orders.read(tmp_path / "orders.csv").columns({"BTC": DAY})
    with pytest.raises(
        ValueError, match=r"old\.csv: expected orders between 2026-.*, were\s+from 1999"
    ):
        orders.read(tmp_path / "old.csv").columns(PRICES)


def test_orders_before_and_after_the_prices_are_kept(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(f"{TEXT}eve,BTC,1,1999-01-01,\neve,BTC,1,2099-01-01,\n")

    assert len(orders.read(tmp_path / "orders.csv").columns(PRICES)) == 6


def test_people_of_a_file_are_told_by_name_when_flows_are_merged(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(TEXT)
    made_up = orders.DCA("BTC", amount="1.00", users=2)

    merged = (orders.read(tmp_path / "orders.csv") + made_up).columns(PRICES)

    named = {merged.names[user - 1] for user in merged.users}
    assert merged.names == ("bob", "ann", "1", "2")
    assert named == {"bob", "ann", "1", "2"}
