"""Pictures show the figures of the summary, neither more nor less."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.patches import StepPatch

from crypto_exchange.backtest import AggregationPolicy, Backtest, Market, Result
from crypto_exchange.backtest import orders as flows
from crypto_exchange.backtest import prices as sources
from crypto_exchange.entrypoints.backtest.market import Failures
from crypto_exchange.entrypoints.backtest.reports.drawing import new_axes, require_drawing
from crypto_exchange.entrypoints.backtest.reports.pictures import (
    Scene,
    list_pictures,
    paint,
    set_scene,
)
from crypto_exchange.entrypoints.backtest.rows import LateRows
from tests.unit.backtest.made_run import MadeRun


@pytest.fixture(scope="module")
def result() -> Result:
    return Backtest(
        sources.synthetic("BTC", kind="jump", seed=3, days=25, interval="10m"),
        flows.Poisson(
            asset="BTC", per_hour=4, amount=flows.lognormal("1.00", "40.00"), users=20, seed=1
        ),
        policy=AggregationPolicy(threshold="25.00", max_wait="2h", on_deadline="top_up"),
        market=Market(spread_bps=2, failures=Failures(late_fill="0.05")),
        seed=5,
    ).run()


@pytest.fixture(scope="module")
def scene(result: Result) -> Scene:
    return set_scene(result.inputs, result.records)


def steps(axes: Axes) -> list[Any]:
    """Values, edges and baseline of each."""
    return [each.get_data() for each in axes.patches if isinstance(each, StepPatch)]


def drawn(name: str, scene: Scene) -> Axes:
    [picture] = [each for each in list_pictures() if each.name == name]
    _, axes = new_axes(4, 3)
    paint(axes, picture, scene)
    return axes


def test_waits_of_each_cause_go_up_to_all_of_its_orders(scene: Scene, result: Result) -> None:
    lines = {str(line.get_label()): line for line in drawn("waits", scene).lines}

    for cause, waits in result.summary.waits_by_cause.items():
        x, y = np.asarray(lines[cause].get_xydata()).T
        assert (y[0], y[-1]) == (0, 100)
        assert x[-1] == waits.max_s
        assert all(np.diff(x) >= 0)


def test_costs_with_late_fills_say_what_dust_they_leave(scene: Scene) -> None:
    [costs] = [each for each in list_pictures() if each.name == "costs"]
    without = msgspec.structs.replace(scene.records, late=LateRows())

    assert "coins of late fills" in costs.tell(scene)
    assert "coins of late fills" not in costs.tell(msgspec.structs.replace(scene, records=without))


def test_bands_of_drift_lie_within_each_other(scene: Scene) -> None:
    axes = drawn("drift", scene)

    outer, inner = (band.get_paths()[0].get_extents() for band in axes.collections)
    assert outer.y0 < inner.y0 < inner.y1 < outer.y1
    assert axes.get_xlim()[0] == 0


def test_bars_of_cost_add_up_to_the_summary(scene: Scene, result: Result) -> None:
    axes = drawn("costs", scene)

    of_all = sum(
        bars.patches[0].get_width() for bars in axes.containers if isinstance(bars, BarContainer)
    )
    assert of_all == pytest.approx(result.summary.cost_bps)
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["all", "direct", "threshold", "deadline"]


def test_every_batch_is_counted_once(scene: Scene, result: Result) -> None:
    counts = [sum(values - baseline) for values, _, baseline in steps(drawn("batches", scene))]

    assert sum(counts) == len(result.batches)
    assert len(counts) == 3


def test_exposure_reaches_its_peak_and_its_mean_lies_between(scene: Scene, result: Result) -> None:
    (most, _, least), (mean, days, _) = steps(drawn("exposure", scene))

    assert most.max() == pytest.approx(float(result.summary.exposure_peak_usd))
    assert all(least <= mean + 1e-9)
    assert all(mean <= most + 1e-9)
    usd_hours = (mean * np.diff(days) * 24).sum()
    assert usd_hours == pytest.approx(result.summary.exposure_usd_hours, rel=1e-6)


def test_the_answer_lies_on_the_curve_of_the_days(scene: Scene) -> None:
    axes = drawn("cover", scene)

    lines = {str(line.get_label()): np.asarray(line.get_xydata()) for line in axes.lines}
    assert scene.cover.spread_bps is not None
    assert lines[f"{scene.cover.spread_bps} bps"].tolist() == [[95, scene.cover.spread_bps]]
    assert len(lines["of the days"]) == len(scene.cover.curve())


@pytest.mark.parametrize("name", [picture.name for picture in list_pictures()])
def test_where_nothing_happened_a_picture_says_so(name: str) -> None:
    run = MadeRun()

    axes = drawn(name, set_scene(run.inputs, run.records))

    assert [text.get_text()[:2] for text in axes.texts] == ["No"]


@pytest.mark.parametrize("missing", ["numpy", "matplotlib.figure"])
def test_what_is_missing_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(ImportError, match=r"pip install 'crypto-exchange\[backtest\]'"):
        require_drawing()
