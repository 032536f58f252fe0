"""A report is one file that loads nothing, says everything, and is the same for the same inputs."""

from __future__ import annotations

import math
import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import msgspec
import pytest
from typing_extensions import override

from crypto_exchange.backtest import AggregationPolicy, Backtest, Market, Result, Sweep
from crypto_exchange.backtest import orders as flows
from crypto_exchange.backtest import prices as sources
from crypto_exchange.entrypoints.backtest.market import Failures
from crypto_exchange.entrypoints.backtest.reports import report_page
from crypto_exchange.entrypoints.backtest.result import Result as RunResult
from crypto_exchange.entrypoints.backtest.sweeps.outcomes import Outcome
from tests.unit.backtest.made_run import MadeRun, two_in_a_batch

pytestmark = pytest.mark.xdist_group("report")  # so that runs and pages are made once
MOST_BYTES = 1_000_000


class Page(HTMLParser):
    """What a browser would make of a report."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.used: list[str] = re.findall(r"url\(#([^)]+)\)", text)
        self.addresses: list[str] = []
        self.heads: list[dict[str, str | None]] = []
        self.headings: list[int] = []
        self.feed(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags[tag] += 1
        self.ids += [found["id"] or ""] if "id" in found else []
        for name in ("aria-labelledby", "aria-describedby"):
            self.used += (found.get(name) or "").split()
        self.addresses += [found[name] or "" for name in ("href", "src") if name in found]
        self.heads += [found] if tag == "th" else []
        self.headings += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []


@pytest.fixture(scope="module")
def backtest() -> Backtest:
    return make()


@pytest.fixture(scope="module")
def result(backtest: Backtest) -> Result:
    return backtest.run()


@pytest.fixture(scope="module")
def swept(backtest: Backtest) -> Sweep:
    return backtest.sweep(threshold=["20.00", "40.00"], max_wait=["10m", "1h"])


@pytest.fixture(scope="module")
def text(result: Result, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of a run."""
    return written(result, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def whole(result: Result, swept: Sweep, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of a run and its sweep."""
    return result.report(tmp_path_factory.mktemp("both") / "run.html", sweep=swept).read_text()


def make(per_hour: int = 4, days: int = 22) -> Backtest:
    """All causes, kinds of failures and directions of prices."""
    return Backtest(
        sources.synthetic("BTC", kind="jump", seed=3, days=days, interval="10m"),
        flows.Poisson(
            asset="BTC",
            per_hour=per_hour,
            amount=flows.lognormal("1.00", "40.00"),
            users=20,
            seed=1,
        ),
        policy=AggregationPolicy(threshold="25.00", max_wait="15m", spread_bps=5),
        market=Market(spread_bps=2, failures=Failures(partial="0.05", reject="0.05")),
        seed=5,
    )


def written(
    result: Result | Sweep,
    folder: Path,
    command: str | None = None,
    configuration: str | None = None,
) -> str:
    return result.report(
        folder / "report.html", command=command, configuration=configuration
    ).read_text()


def test_it_loads_nothing_and_runs_nothing(whole: str) -> None:
    page = Page(whole)

    assert page.tags["script"] == page.tags["link"] == page.tags["img"] == page.tags["image"] == 0
    assert [address for address in page.addresses if not address.startswith("#")] == []
    assert "@import" not in whole
    assert "default-src 'none'" in whole
    assert "://" not in whole


def test_every_reference_has_its_place_and_every_place_one_name(whole: str) -> None:
    page = Page(whole)

    assert [name for name, count in Counter(page.ids).items() if count > 1] == []
    assert {name.removeprefix("#") for name in page.addresses} | set(page.used) <= set(page.ids)


def test_it_can_be_read_without_seeing_it(whole: str) -> None:
    page = Page(whole)

    assert page.headings[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(page.headings))
    assert page.headings.count(1) == 1
    assert all(head.get("scope") in {"col", "row"} for head in page.heads)
    assert page.tags["caption"] == page.tags["table"] > 0
    assert page.tags["svg"] == whole.count('<svg role="img"') == whole.count("<desc ")
    assert page.tags["svg"] == 6 + 1 + 3


def test_pictures_have_the_colours_of_the_page(text: str) -> None:
    pictures = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))

    assert set(re.findall(r"#[0-9a-f]{6}\b", pictures)) == set()
    assert "DejaVu" not in pictures
    declared = set(re.findall(r"(--\w+):", text))
    assert set(re.findall(r"var\((--\w+)\)", text)) <= declared


@pytest.mark.parametrize("colors", [report_page.LIGHT, report_page.DARK])
def test_text_and_lines_stand_out(colors: dict[str, str]) -> None:
    for ground in ("page", "panel"):
        for text in ("ink", "muted", "blue", "green"):
            assert contrast(colors[text], colors[ground]) >= 4.5
        for line in ("blue", "orange", "green", "purple"):
            assert contrast(colors[line], colors[ground]) >= 3


@pytest.mark.no_cover  # the first is measured
def test_the_same_inputs_make_the_same_bytes_whatever_is_set_elsewhere(
    text: str, tmp_path: Path
) -> None:
    with mpl.rc_context({"font.size": 30, "axes.grid": False, "svg.fonttype": "path"}):
        second = written(make().run(), tmp_path)

    assert text == second


@pytest.mark.no_cover  # ten times the orders, which the other tests of reports measure
def test_its_size_does_not_follow_the_number_of_orders(result: Result, tmp_path: Path) -> None:
    larger = make(per_hour=40).run()

    sizes = [len(written(each, tmp_path).encode()) for each in (result, larger)]

    assert len(larger.records.orders) > 9 * len(result.records.orders)
    assert sizes[1] < 1.3 * sizes[0] < MOST_BYTES


def test_text_from_elsewhere_stays_text(result: Result, tmp_path: Path) -> None:
    text = written(result, tmp_path, command="a <b>", configuration='x = "<script>&amp;"')

    assert "a &lt;b&gt;" in text
    assert "&lt;script&gt;&amp;amp;" in text


def test_what_makes_it_again_is_there(result: Result, text: str) -> None:
    for name in (result.run_id, result.ledger_hash, result.inputs.flow.fingerprint()):
        assert name in text
    assert result.inputs.prices["BTC"].fingerprint in text
    assert "AggregationPolicy(threshold=&#x27;25.00&#x27;" in text
    assert "seed=5" in text


def test_ends_add_up_to_all_orders(result: Result, text: str) -> None:
    table = text[text.index('id="ends"') : text.index('id="worst"')]
    counts = [
        int(count.replace(",", ""))
        for count in re.findall(
            r'<td class="number">([\d,]+)</td><td class="number">[\d.]+ %', table
        )
    ]

    assert sum(counts[:-1]) == counts[-1] == len(result.orders)
    assert len(counts) > 3


def test_a_trace_has_every_step_of_an_order(tmp_path: Path) -> None:
    text = written(made(two_in_a_batch()), tmp_path)

    worst = text[text.index('id="worst"') : text.index('id="assumptions"')]
    rows = re.findall(r'<th scope="row">.*?</tr>', worst)
    cells = [re.sub(r"<[^>]+>", " ", cell) for cell in rows[0].split("</td>")]
    assert [" ".join(cell.split()) for cell in cells[:-1]] == [
        "2 user 1 0.3757 USD 626.2 bps",
        "51 s",
        "100.0 bps",
        "2020-09-13 12:26:50.000 50,000.00",
        "12:27:40.000 50,500.00, threshold",
        "12:27:40.000",
        "12:27:41.000 50,500.00, 0.00012000 BTC",
    ]
    assert len(rows) == 2


def test_a_run_without_orders_has_a_report(tmp_path: Path) -> None:
    text = written(made(MadeRun()), tmp_path)

    assert "No order was placed." in text
    assert Page(text).tags["svg"] == 0


def test_the_faults_of_prices_are_told(whole: str, tmp_path: Path) -> None:
    source = tmp_path / "prices.csv"
    source.write_text("time,price\n1000,10\n1060,11\n1060,11\n1300,12\n")
    prices = sources.read(source, "BTC", repair="report")

    text = written(
        Backtest(prices, flows.Poisson(asset="BTC", per_hour=60, amount="5.00")).run(), tmp_path
    )

    for finding in prices.quality.findings:
        assert str(finding) in text
    assert "Nothing was found wrong" not in text
    assert "Nothing was found wrong" in whole


def test_a_sweep_has_its_cells_its_frontier_and_its_failures(swept: Sweep, tmp_path: Path) -> None:
    cell, outcome = swept.cells[0]
    broken = msgspec.structs.replace(
        swept,
        cells=((cell, Outcome(run_id=outcome.run_id, error="the <house> fell")), *swept.cells[1:]),
    )

    text = written(broken, tmp_path, command="crypto-exchange sweep run.toml")

    assert "Of 4 combinations tried, 1 failed, " in text
    assert "the &lt;house&gt; fell" in text
    cells = text[text.index('id="cells"') : text.index('id="errors"')]
    assert cells.count('<th scope="row">') == 4
    assert Page(text).tags["svg"] == 4


def test_an_overview_is_a_figure_of_four_pictures(result: Result) -> None:
    figure = result.plot()

    assert [axes.get_title("left") for axes in figure.axes] == [
        "Waiting",
        "The price while waiting",
        "Cost",
        "The house's exposure",
    ]
    assert figure.canvas.manager is None


def contrast(one: str, other: str) -> float:
    """WCAG's ratio."""
    dim, bright = sorted(map(luminance, (one, other)))
    return (bright + 0.05) / (dim + 0.05)


def luminance(color: str) -> float:
    parts = [byte / 255 for byte in bytes.fromhex(color[1:])]
    red, green, blue = (
        p / 12.92 if p <= 0.04045 else math.pow((p + 0.055) / 1.055, 2.4) for p in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def made(run: MadeRun) -> Result:
    return RunResult(run.inputs, run.records)
