"""A report as a browser shows it; `make test-browser` leaves its pictures in build/pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from crypto_exchange.backtest import AggregationPolicy, Backtest, Market
from crypto_exchange.backtest import orders as flows
from crypto_exchange.backtest import prices as sources
from tests.browser.visits import FAINT_TEXT, PICTURES, SCHEMES, SIZES

SMALLEST_PX = 9
TEXT_SIZES = """
    [...document.querySelectorAll("svg text")].map((text) => {
        const drawn = text.getScreenCTM();
        return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(drawn.a, drawn.b);
    })
"""


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    backtest = Backtest(
        sources.synthetic("BTC", kind="jump", seed=3, days=30, interval="5m"),
        flows.Poisson(
            asset="BTC", per_hour=10, amount=flows.lognormal("1.00", "40.00"), users=20, seed=1
        ),
        policy=AggregationPolicy(threshold="25.00", max_wait="1h", spread_bps=5),
        market=Market(spread_bps=2),
    )
    swept = backtest.sweep(threshold=["20.00", "40.00"], max_wait=["10m", "1h"])
    folder = tmp_path_factory.mktemp("report")
    return backtest.run().report(folder / "report.html", sweep=swept)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_report_is_shown_whole_readable_and_asks_for_nothing(
    chromium: Browser, report: Path, scheme: str, size: str
) -> None:
    width, height = SIZES[size]
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        is_mobile=size == "phone",
        offline=True,
    )
    page, asked, complaints = context.new_page(), [], []
    context.on("request", lambda request: asked.append(request.url))
    context.on("console", lambda said: complaints.append(said.text))
    context.on("weberror", lambda thrown: complaints.append(str(thrown.error)))

    page.goto(report.as_uri())

    page.screenshot(path=PICTURES / f"report-{scheme}-{size}.png", full_page=True)
    assert asked == [report.as_uri()]
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(FAINT_TEXT, 4.5) == []
    assert min(page.evaluate(TEXT_SIZES)) >= SMALLEST_PX
    assert (sum(background(page)) < 3 * 64) == (scheme == "dark")
    context.close()


def background(page: Page) -> list[int]:
    """Red, green and blue behind the page."""
    script = "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number)"
    return [int(part) for part in page.evaluate(script)]
