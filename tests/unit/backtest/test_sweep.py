"""A sweep runs every cell of a grid, wherever and in whatever pieces, with the same results."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from crypto_exchange.entrypoints.backtest.backtest import Backtest
from crypto_exchange.entrypoints.backtest.inputs import orders, prices
from crypto_exchange.entrypoints.backtest.market import Market
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from crypto_exchange.entrypoints.backtest.sweeps.heatmap import draw_heatmap
from crypto_exchange.entrypoints.backtest.sweeps.sweep import Sweep
from tests.unit.backtest.grids import GRID, a_backtest


@pytest.fixture(scope="module")
def backtest() -> Backtest:
    return a_backtest()


@pytest.fixture(scope="module")
def swept(backtest: Backtest) -> Sweep:
    return backtest.sweep(**GRID)


def tried(sweep: Sweep) -> list[tuple[object, ...]]:
    return [tuple(row[name] for name in sweep.grid) for row in sweep.table]


def test_cells_come_in_the_order_of_the_grid(swept: Sweep) -> None:
    assert tried(swept) == [("10.00", "1h"), ("10.00", "3h"), ("20.00", "1h"), ("20.00", "3h")]


def test_a_cell_is_what_a_run_with_its_numbers_is(backtest: Backtest, swept: Sweep) -> None:
    policy = AggregationPolicy(threshold="20.00", max_wait="1h")
    alone = Backtest([*backtest.inputs.prices.values()], backtest.inputs.flow, policy=policy).run()

    [row] = [row for row in swept.table if (row["threshold"], row["max_wait"]) == ("20.00", "1h")]

    assert row["ledger_hash"] == alone.ledger_hash
    assert row["error"] is None
    assert row.items() >= alone.summary.as_dict().items()
    assert len({row["ledger_hash"] for row in swept.table}) > 1


def test_the_market_of_all_assets_is_varied() -> None:
    flow = orders.combine(
        *(orders.Poisson(asset, per_hour=4, amount="5.00") for asset in ("BTC", "ETH"))
    )
    series = [prices.synthetic(asset, interval="1h", price="2000") for asset in ("BTC", "ETH")]
    markets = {"BTC": Market(lot_step="0.001"), "ETH": Market(lot_step="0.01")}

    sweep = Backtest(series, flow, market=markets).sweep(
        latency=["0s", timedelta(minutes=1)], market_spread_bps=[Decimal("7.50")]
    )

    assert tried(sweep) == [("0s", "7.50"), ("1m", "7.50")]
    for cell, _ in sweep.cells:
        steps = {asset: market.lot_step for asset, market in cell.markets.items()}
        assert steps == {"BTC": "0.001", "ETH": "0.01"}
        assert {market.spread_bps for market in cell.markets.values()} == {Decimal("7.50")}


def test_without_a_grid_there_is_one_cell(backtest: Backtest) -> None:
    sweep = backtest.sweep()

    assert [row["ledger_hash"] for row in sweep.table] == [backtest.run().ledger_hash]
    assert "the only cell" in repr(sweep.frontier())


@pytest.mark.parametrize(
    ("grid", "kind", "said"),
    [
        ({"treshold": ["1"]}, ValueError, "expected some of threshold, .*, was 'treshold'"),
        ({"spread_bps": [1]}, ValueError, "policy_spread_bps, .*market_spread_bps"),
        ({"threshold": "10"}, TypeError, "expected a list of values of threshold, was '10'"),
        ({"threshold": 10}, TypeError, "expected a list of values of threshold, was 10"),
        ({"threshold": []}, ValueError, "at least one value of threshold, was an empty list"),
        ({"threshold": ["5", 5]}, ValueError, "each value of threshold once, was 5 twice"),
        ({"threshold": ["10", "10.00"]}, ValueError, "of threshold once, was 10.00 twice"),
        ({"max_wait": ["1h", "60m"]}, ValueError, "each value of max_wait once, was 60m twice"),
        ({"threshold": ["sNaN"]}, ValueError, "threshold: expected plain digits"),
        (
            {"threshold": range(5, 1_005), "max_wait": [f"{hours}h" for hours in range(1, 102)]},
            ValueError,
            "at most 100,000 combinations, was 101,000",
        ),
        ({"threshold": [1.5]}, TypeError, "threshold: expected an exact number"),
        ({"lot_step": ["0"]}, ValueError, "lot_step: expected more than 0, was 0"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused_before_anything_is_run(
    backtest: Backtest, grid: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=f"^grid: .*{said}"):
        backtest.sweep(**grid)


@pytest.mark.parametrize("jobs", [0, 1.5, "2", ["10.00"]])
def test_jobs_are_counted_from_one(backtest: Backtest, jobs: int) -> None:
    said = f"n_jobs: expected a whole number of at least 1, was {jobs!r}"
    with pytest.raises(ValueError, match=re.escape(said)):
        backtest.sweep(jobs)


def test_progress_is_told_cell_by_cell(backtest: Backtest) -> None:
    told: list[tuple[int, int]] = []

    backtest.sweep(progress=lambda done, of: told.append((done, of)), **GRID)

    assert told == [(done, 4) for done in range(5)]


def test_cells_that_are_kept_are_not_run_again(
    backtest: Backtest, swept: Sweep, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.jsonl"
    told: list[Any] = []
    backtest.sweep(resume=kept, threshold=["20.00"], max_wait=["3h", "1h"])

    again = backtest.sweep(resume=kept, progress=lambda done, of: told.append((done, of)), **GRID)

    assert again == swept
    assert told == [(2, 4), (3, 4), (4, 4)]
    assert len(kept.read_bytes().splitlines()) == 4


def test_half_a_line_at_the_end_is_a_cell_that_was_not_finished(
    backtest: Backtest, swept: Sweep, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.jsonl"
    backtest.sweep(resume=kept, **GRID)
    whole = kept.read_bytes()
    told: list[int] = []

    for length in (len(whole) - 1, len(whole) - 100, 1):
        kept.write_bytes(whole[:length])
        again = backtest.sweep(resume=kept, progress=lambda done, _: told.append(done), **GRID)

        assert again == swept
        assert kept.read_bytes() == whole
    assert told == [3, 4, 3, 4, 0, 1, 2, 3, 4]


def test_other_inputs_are_other_cells(backtest: Backtest, tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    told: list[Any] = []
    backtest.sweep(resume=kept, threshold=["10.00"])
    inputs = backtest.inputs
    other = Backtest([*inputs.prices.values()], inputs.flow, seed=1)

    other.sweep(resume=kept, progress=lambda done, _: told.append(done), threshold=["10.00"])

    assert told == [0, 1]


def test_figures_of_another_version_are_found_anew(
    backtest: Backtest, swept: Sweep, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.jsonl"
    backtest.sweep(resume=kept, **GRID)
    kept.write_bytes(kept.read_bytes().replace(b'"wait_p95_s":', b'"wait_p96_s":'))

    assert backtest.sweep(resume=kept, **GRID) == swept


@pytest.mark.parametrize("text", ["[prices]\n", '{"a": 1}\n', "no end of line", '[1]\n{"run_id":'])
def test_a_file_of_something_else_is_left_alone(
    backtest: Backtest, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text(text)

    with pytest.raises(ValueError, match=r"notes\.txt.*: expected .*finished cell"):
        backtest.sweep(resume=file)

    assert file.read_text() == text


def test_the_table_is_a_frame_of_polars_and_of_pandas(swept: Sweep) -> None:
    rows = swept.to_polars().to_dicts()

    assert [row["threshold"] for row in rows] == [row["threshold"] for row in swept.table]
    assert [row["fees_usd"] for row in rows] == [row["fees_usd"] for row in swept.table]
    assert [*swept.to_pandas()["wait_p95_s"]] == [row["wait_p95_s"] for row in swept.table]


def test_a_sweep_is_printed_as_a_table(swept: Sweep) -> None:
    count, heads, *lines = repr(swept).splitlines()

    assert count == "4 cells"
    assert heads.split()[:4] == ["threshold", "max_wait", "wait_p50_s", "wait_p95_s"]
    assert [line.split()[:2] for line in lines] == [[*each] for each in tried(swept)]
    assert swept._repr_html_().count("<tr>") == 5


def test_the_frontier_is_asked_for_by_figures_that_there_are(swept: Sweep) -> None:
    assert len(swept.frontier("wait_max_s", "fees_usd").points) > 0
    with pytest.raises(ValueError, match=r"expected a figure .*, was 'wait_p96_s'"):
        swept.frontier(x="wait_p96_s")


def test_a_map_shows_a_figure_over_two_names(swept: Sweep) -> None:
    figure = swept.heatmap("orders_completed")

    assert isinstance(figure, Figure)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1h", "3h"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["10.00", "20.00"]
    texts = [int(text.get_text().replace(",", "")) for text in axes.texts]
    assert texts == [row["orders_completed"] for row in swept.table]


def test_a_map_shows_the_least_over_the_names_that_it_leaves_out(swept: Sweep) -> None:
    figure = draw_heatmap(swept.table, "orders", "threshold", None)

    assert len(figure.axes[0].texts) == 2


def test_a_map_takes_the_names_that_are_given_first(swept: Sweep) -> None:
    axes = swept.heatmap(x="threshold").axes[0]

    assert (axes.get_xlabel(), axes.get_ylabel()) == ("threshold", "max wait")
    with pytest.raises(ValueError, match=r"expected a name of the grid \(threshold, max_wait\)"):
        swept.heatmap(x="latency")
