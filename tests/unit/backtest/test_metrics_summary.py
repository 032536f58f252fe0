"""A summary has a unit with every figure, fits a screen, and goes through JSON and into tables."""

from __future__ import annotations

import re
from decimal import Decimal

import msgspec
import pytest

from crypto_exchange.entrypoints.backtest.figures import summary as summary_module
from crypto_exchange.entrypoints.backtest.figures.summary import FIGURES, Summary, summarise
from crypto_exchange.entrypoints.backtest.figures.summary_text import LAYOUT
from tests.package_copy import PACKAGE
from tests.unit.backtest.made_run import MadeRun, two_in_a_batch

UNITS = (
    *("usd", "bps", "s", "pct", "hours", "coins", "units", "cents", "reason"),
    *("hour", "peak"),  # calls per hour, and their peak per minute
)
COUNTS = (
    *("orders", "batches", "calls", "attempts", "checks", "unknown", "late_fills", "double_buys"),
    *("direct_infeasible", "house_inventory_purchases", "oldest_open", "waits_by"),
)


def test_every_figure_has_its_unit_in_its_name_or_is_a_count() -> None:
    unclear = [
        name
        for name in Summary.__struct_fields__
        if name.rpartition("_")[2] not in UNITS and not name.startswith(COUNTS)
    ]

    assert unclear == []


def test_amounts_are_exact() -> None:
    summary = two_in_a_batch().summary

    amounts = [getattr(summary, name) for name in FIGURES if name.endswith("_usd")]

    assert all(isinstance(amount, Decimal) for amount in amounts)


def test_it_is_one_screen_with_a_unit_on_every_line() -> None:
    lines = str(two_in_a_batch().summary).splitlines()

    assert len(lines) <= 40
    assert max(map(len, lines)) <= 120
    unit = re.compile(r"USD|bps| s\b| h\b|orders|fills|calls|batches|purchases|units|%|checks")
    assert [line for line in lines if not unit.search(line)] == []
    assert "above the quotes        626.20 bps = 0.6262 USD of 10.00 USD" in "\n".join(lines)


def test_a_run_without_orders_has_a_summary() -> None:
    run = MadeRun()

    summary = run.summary

    assert summary.orders == 0
    assert summary.wait_p95_s is None
    assert "n/a bps" in str(summary)
    assert "none (orders)" in str(summary)


def test_a_notebook_shows_the_same_as_a_table() -> None:
    summary = two_in_a_batch().summary

    html = summary._repr_html_()

    assert html.startswith("<table>")
    assert html.count("<tr>") == len(str(summary).splitlines()) + len(LAYOUT)
    assert "users&#x27; money held" in html


def test_it_goes_through_json_unchanged() -> None:
    summary = two_in_a_batch().summary

    assert msgspec.json.decode(msgspec.json.encode(summary), type=Summary) == summary


def test_as_a_line_of_a_table_it_is_flat() -> None:
    run = two_in_a_batch()
    run.order(0, 200, 4_000, 50_000, state="failed", reason="deadline", ended=9)
    run.order(0, 200, 0, 0, state="refused", reason="price_stale", ended=0)

    line = run.summary.as_dict()

    assert list(line) == [*FIGURES, "failed_deadline", "refused_price_stale"]
    assert line["failed_deadline"] == line["refused_price_stale"] == 1
    assert line["cost_usd"] == Decimal("0.6262")
    assert all(value is None or isinstance(value, int | float | Decimal) for value in line.values())


def test_every_figure_is_defined_in_the_documentation() -> None:
    text = (PACKAGE.parents[1] / "docs/backtest-metrics.md").read_text()

    assert [name for name in Summary.__struct_fields__ if f"`{name}`" not in text] == []


def test_every_figure_that_is_shown_exists() -> None:
    shown = {
        name for _, lines in LAYOUT for _, text in lines for name in re.findall(r"\{(\w+)", text)
    }

    assert shown <= set(Summary.__struct_fields__)


def test_without_numpy_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(summary_module, "import_module", missing)
    run = two_in_a_batch()

    with pytest.raises(ImportError, match=r"numpy.*pip install 'crypto-exchange\[backtest\]'"):
        summarise(run.inputs, run.records)
