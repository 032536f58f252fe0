"""Tables say exactly what a run wrote, in rows and in frames alike."""

import sys
from array import array
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars
import pytest

from crypto_exchange.entrypoints.backtest.flow import OrderColumns
from crypto_exchange.entrypoints.backtest.inputs import prices
from crypto_exchange.entrypoints.backtest.market import Market
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from crypto_exchange.entrypoints.backtest.reports.table_columns import Seconds
from crypto_exchange.entrypoints.backtest.reports.tables import Table, table
from crypto_exchange.entrypoints.backtest.result import Inputs, Records
from crypto_exchange.entrypoints.backtest.rows import (
    BATCH_STATES,
    ORDER_STATES,
    BatchRows,
    LateRows,
    OrderRows,
)

NOON_US = 1_767_268_800_000_000
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
UNITS = {
    "order_id": "",
    "user": "",
    "asset": "",
    "placed_at": "UTC",
    "state": "",
    "reason": "",
    "direct": "",
    "quantity": "coins",
    "quoted_price": "USD per coin",
    "total_usd": "USD",
    "batch": "",
    "ended_at": "UTC",
    "filled": "coins",
    "charged_usd": "USD",
    "refunded_usd": "USD",
    "wait_s": "s",
}


def test_seconds_of_a_frame_are_the_floats_nearest_to_microseconds() -> None:
    waited = Seconds("wait_s", array("q", [1_858_897_766, -1, 0]))

    assert waited.series().to_list() == [1858.897766, None, 0.0]


def order_rows() -> OrderRows:
    """One that was bought, one that is open, one that failed, and one that was refused."""
    rows = OrderRows(4)
    rows.at_us = array("q", [NOON_US + row for row in range(4)])
    rows.user, rows.asset = array("i", [1, 2, 1, 2]), array("h", [0, 1, 1, 0])
    rows.quantity = array("q", [12_345_678, 5_000_001, 7, 0])
    rows.unit_price = array("q", [81_000 * 10**12 + 1, 3 * 10**12, 3 * 10**12, 0])
    rows.total = array("q", [10**9, 10**8, 2 * 10**8, 3 * 10**8])
    rows.charged = array("q", [9 * 10**8, 0, 0, 0])
    rows.filled[0] = 12_345_678
    rows.direct[0] = 1
    names = ("completed", "aggregated", "failed", "refused")
    rows.state = array("b", [ORDER_STATES.index(name) for name in names])
    rows.reasons += ["unfilled", "insufficient_funds"]
    rows.reason = array("b", [0, 0, 1, 2])
    rows.batch[0] = 0
    rows.ended_us = array("q", [NOON_US + 1_500_000, 0, NOON_US + 2, NOON_US + 3])
    return rows


def batch_rows() -> BatchRows:
    """One that was settled; one that was refunded after a purchase that was found too late."""
    rows = BatchRows()
    rows.extend(2)
    for row, state in enumerate(("settled", "refunded")):
        rows.state[row] = BATCH_STATES.index(state)
        rows.sealed_us[row] = rows.sent_us[row] = rows.ended_us[row] = NOON_US + row
        rows.attempts[row] = rows.members[row] = row + 1
        rows.asset[row] = row
    rows.bought[0], rows.cost[0], rows.fee[0] = 12_350_000, 10**9, 10**6
    rows.fill_price[0] = 81_000 * 10**12
    return rows


def late_rows() -> LateRows:
    rows = LateRows()
    row = {
        "batch": 1,
        "attempt": 2,
        "at_us": NOON_US + 9,
        "price": 3 * 10**12,
        "quantity": 1_000_000,
    }
    for name, number in (row | {"cost": 3 * 10**8, "fee": 0, "coin_fee": 5}).items():
        getattr(rows, name).append(number)
    return rows


def made(
    name: str, *, orders: OrderRows | None = None, names: tuple[str, ...] = ("ann", "bob")
) -> Table:
    series = [prices.synthetic(asset, kind="flat") for asset in ("BTC", "ETH")]
    empty = array("q")
    inputs = Inputs(
        prices={each.asset: each for each in series},
        flow=OrderColumns(
            at_us=empty,
            users=empty,
            assets=empty,
            spends=empty,
            amounts=empty,
            symbols=("ETH", "BTC"),
            names=names,
        ),
        policy=AggregationPolicy(),
        markets={"BTC": Market(latency="2s"), "ETH": Market(scale=6)},
        seed=0,
        engine="domain",
    )
    records = Records(
        orders=order_rows() if orders is None else orders,
        batches=batch_rows(),
        late=late_rows(),
        ledger={},
        scales={},
        deposited=0,
        checks=0,
        ended_us=NOON_US,
    )
    return table(name, inputs, records)


def test_an_order_is_shown_exactly_in_the_units_of_people() -> None:
    bought, waiting, failed, refused = made("orders")

    assert bought == {
        "order_id": 1,
        "user": "ann",
        "asset": "BTC",
        "placed_at": NOON,
        "state": "completed",
        "reason": None,
        "direct": True,
        "quantity": Decimal("0.12345678"),
        "quoted_price": Decimal("81000.000000000001"),
        "total_usd": 10,
        "batch": 1,
        "ended_at": NOON.replace(second=1, microsecond=500_000),
        "filled": Decimal("0.12345678"),
        "charged_usd": 9,
        "refunded_usd": 1,
        "wait_s": Decimal("1.5"),
    }
    open_ended = {name for name, cell in waiting.items() if cell is None}
    assert open_ended == {"reason", "batch", "ended_at", "wait_s"}
    assert (waiting["quantity"], waiting["refunded_usd"]) == (Decimal("5.000001"), 0)
    assert (failed["reason"], failed["refunded_usd"]) == ("unfilled", 2)
    assert (refused["total_usd"], refused["refunded_usd"]) == (3, 0)
    assert refused["quoted_price"] is None


def test_columns_name_their_units() -> None:
    assert made("orders").columns == UNITS


@pytest.mark.parametrize("name", ["orders", "batches", "fills"])
def test_frames_say_the_same_as_rows(name: str) -> None:
    rows = made(name)
    expected: list[dict[str, Any]] = [dict(row) for row in rows]

    frame, arrow, native = rows.to_polars(), rows.to_arrow(), rows.to_pandas()

    for row in expected:
        if row.get("wait_s") is not None:
            row["wait_s"] = float(row["wait_s"])
    assert frame.to_dicts() == expected
    assert polars.from_arrow(arrow).to_dicts() == expected  # type: ignore[union-attr]  # a frame
    assert [*native.columns] == [*rows.columns]
    assert len(native) == len(rows)
    usd = [column for column, unit in rows.columns.items() if unit == "USD"]
    assert usd
    assert {frame.schema[column] for column in usd} == {polars.Decimal(38, 8)}
    assert native[usd[0]].sum() == sum(row[usd[0]] for row in expected)


def test_fills_are_those_of_batches_and_then_late_ones() -> None:
    own, late = made("fills")

    assert own["filled_at"] == NOON.replace(second=2)
    assert (own["kind"], own["batch"], own["quantity"]) == ("fill", 1, Decimal("0.12350000"))
    assert (own["cost_usd"], own["fee_usd"], own["price"]) == (10, Decimal("0.01"), 81_000)
    assert (late["kind"], late["batch"], late["attempt"]) == ("late", 2, 2)
    assert (late["asset"], late["quantity"], late["cost_usd"]) == ("ETH", 1, 3)
    assert late["coin_fee"] == Decimal("0.000005")


def test_without_names_users_are_numbers() -> None:
    assert [row["user"] for row in made("orders", names=())] == [1, 2, 1, 2]


def test_rows_are_found_by_number_from_either_end() -> None:
    rows = made("orders")

    assert len(rows) == 4
    assert rows[-1]["order_id"] == 4
    with pytest.raises(IndexError, match="orders: expected a row below 4, was 4"):
        rows[4]


def test_a_table_without_rows_is_still_a_table() -> None:
    empty = made("orders", orders=OrderRows(0))

    assert [*empty] == []
    assert empty.to_polars().shape == (0, len(UNITS))
    assert repr(empty).startswith("orders: 0 rows\norder_id  user  asset")


def test_people_see_the_first_rows_in_text_and_in_notebooks() -> None:
    few, many = made("orders"), made("orders", orders=OrderRows(12))

    assert "ann    BTC  2026-01-01 12:00:00.000   completed" in repr(few)
    assert repr(many).endswith("\n… and 2 more")
    assert few._repr_html_().count("<tr>") == 5
    assert "<th>total_usd<br><small>USD</small></th>" in few._repr_html_()
    assert "<td>unfilled</td><td>no</td>" in few._repr_html_()


def test_what_a_frame_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("pandas", "polars", "pyarrow"):
        monkeypatch.setitem(sys.modules, library, None)

    assert len([*made("orders")]) == 4
    for method, library in {"polars": "polars", "arrow": "pyarrow", "pandas": "pandas"}.items():
        with pytest.raises(ImportError, match=f"expected {library} to be installed, .*backtest"):
            getattr(made("orders"), f"to_{method}")()


def test_without_arrow_a_pandas_frame_has_the_exact_values_of_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    frame = made("orders").to_pandas()

    assert [*frame.columns] == [*UNITS]
    assert [*frame["total_usd"]] == [10, 1, 2, 3]
    assert isinstance(frame["total_usd"][0], Decimal)


def test_there_are_three_tables() -> None:
    with pytest.raises(ValueError, match="table: expected one of orders, batches, fills, was 'x'"):
        made("x")
