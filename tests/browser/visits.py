"""Visits to the pages with Debian's Chromium, and a record of what each asked for and complained of."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.running import RunningServer

PICTURES = Path(__file__).parents[2] / "build" / "pages"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SIZES = {"desktop": (1280, 900), "phone": (375, 812)}
SCHEMES = ("light", "dark")
BOUND_MS = 30_000
FAINT_TEXT = (Path(__file__).parent / "faint_text.js").read_text()


class Visit:
    """One page at one size and scheme, with every request and complaint since it was opened."""

    def __init__(self, browser: Browser, address: str, *, scheme: str, size: str) -> None:
        self.address = address
        self.width, height = SIZES[size]
        phone = size == "phone"
        context = browser.new_context(
            viewport={"width": self.width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            is_mobile=phone,
            has_touch=phone,
        )
        context.set_default_timeout(BOUND_MS)
        self.page: Page = context.new_page()
        self.hosts: set[str] = set()
        self.complaints: list[str] = []
        context.on("request", lambda request: self._note_address(request.url))
        context.on("console", self._note_console)
        context.on("weberror", lambda thrown: self.complaints.append(f"thrown: {thrown.error}"))
        self.page.on("websocket", lambda socket: self._note_address(socket.url))

    def open(self, name: str) -> None:
        """Show `swagger` or `redoc`, until all its operations are there."""
        self.page.goto(f"{self.address}/api/v1/{name}/")
        shown = {"swagger": ".opblock", "redoc": '[data-section-id*="/operation/"]'}[name]
        expect(self.page.locator(f"#{name} {shown}")).to_have_count(self._count_operations())

    def take_picture(self, name: str) -> None:
        self.page.screenshot(path=PICTURES / f"{name}.png")

    def evaluate(self, script: str) -> Any:
        return self.page.evaluate(script)

    def find_faint_text(self) -> list[str]:
        """Texts whose contrast with what is behind them is below 3:1, with the contrast."""
        return [str(text) for text in self.page.evaluate(FAINT_TEXT, 3)]

    def check_record(self) -> None:
        """Nothing came from another host, and nothing was complained of."""
        assert self.hosts == {urlsplit(self.address).netloc}
        assert self.complaints == []

    def _count_operations(self) -> int:
        description = httpx.get(f"{self.address}/api/v1/openapi.json").json()
        return sum(len(operations) for operations in description["paths"].values())

    def _note_address(self, url: str) -> None:
        if url.startswith(("http", "ws")):
            self.hosts.add(urlsplit(url).netloc)

    def _note_console(self, message: ConsoleMessage) -> None:
        """Violations of the content security policy and failed requests are told here, too."""
        if message.type in {"error", "warning", "assert"}:
            self.complaints.append(f"{message.type}: {message.text}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        tried = ", ".join(PROGRAMS)
        pytest.exit(f"expected Debian's chromium, was none of {tried}: apt-get install chromium", 1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, server: RunningServer) -> Iterator[Callable[..., Visit]]:
    """Open a page: `visit("redoc", scheme="dark", size="phone")`."""
    opened: list[Visit] = []

    def open_page(name: str, *, scheme: str = "light", size: str = "desktop") -> Visit:
        address = f"http://127.0.0.1:{server.port}"
        opened.append(Visit(chromium, address, scheme=scheme, size=size))
        opened[-1].open(name)
        return opened[-1]

    yield open_page
    for each in opened:
        each.page.context.close()
