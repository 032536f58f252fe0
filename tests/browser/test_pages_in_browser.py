"""The pages as a browser shows them; `make test-browser` leaves their pictures in build/pages."""

import re
from collections.abc import Callable
from typing import TypeAlias

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.visits import SCHEMES, SIZES, Visit

OpenPage: TypeAlias = Callable[..., Visit]
PAGES = ("swagger", "redoc")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_shown_whole_readable_and_asks_no_other_host(
    visit: OpenPage, page: str, scheme: str, size: str
) -> None:
    shown = visit(page, scheme=scheme, size=size)

    shown.take_picture(f"{page}-{scheme}-{size}")
    assert re.match("crypto_exchange API", shown.page.title())
    assert shown.evaluate("document.documentElement.scrollWidth") <= shown.width
    assert (brightness(shown) < 64) == (scheme == "dark")
    assert shown.find_faint_text() == []
    shown.check_record()


@pytest.mark.parametrize("size", SIZES)
def test_a_call_made_after_logging_in_as_the_seeded_administrator_succeeds(
    visit: OpenPage, size: str
) -> None:
    swagger = visit("swagger", size=size)
    log_in(swagger, "new_password")
    expect(swagger.page.locator("#status")).to_have_text("Logged in as admin")

    wallet = execute(swagger, "get_wallet")

    swagger.take_picture(f"swagger-call-{size}")
    expect(status_of(wallet)).to_have_text(re.compile("^200"))
    expect(wallet.locator(".live-responses-table")).to_contain_text('"balance": 1000,')
    assert swagger.evaluate("document.documentElement.scrollWidth") <= swagger.width
    swagger.check_record()


def test_an_order_is_placed_from_the_page(visit: OpenPage) -> None:
    swagger = visit("swagger", scheme="dark")
    log_in(swagger, "new_password")
    expect(swagger.page.locator("#status")).to_have_text("Logged in as admin")

    order = execute(swagger, "place_order", body='{"crypto": "ABAN", "amount": 1}')

    swagger.take_picture("swagger-order")
    expect(status_of(order)).to_have_text(re.compile("^201"))
    expect(order.locator(".live-responses-table")).to_contain_text('"crypto": "ABAN"')
    assert swagger.find_faint_text() == []
    swagger.check_record()


def test_a_refused_log_in_is_told(visit: OpenPage) -> None:
    swagger = visit("swagger", scheme="dark", size="phone")

    log_in(swagger, "wrong password")

    expect(swagger.page.locator("#status")).to_contain_text("password")
    swagger.take_picture("swagger-refused")
    assert swagger.evaluate("document.documentElement.scrollWidth") <= swagger.width


def log_in(swagger: Visit, password: str) -> None:
    swagger.page.get_by_label("Username").fill("admin")
    swagger.page.get_by_label("Password").fill(password)
    swagger.page.get_by_role("button", name="Log in", exact=True).click()


def execute(swagger: Visit, operation: str, body: str | None = None) -> Locator:
    """Open an operation, send it and return its part of the page."""
    block = swagger.page.locator(f'[id$="-{operation}"]')
    block.locator(".opblock-summary-control").click()
    if body is not None:
        block.locator(".body-param__text").fill(body)
    block.locator("button.execute").click()
    status_of(block).scroll_into_view_if_needed()
    return block


def status_of(block: Locator) -> Locator:
    return block.locator(".live-responses-table tbody .response-col_status")


def brightness(shown: Visit) -> int:
    """The mean of red, green and blue behind the page: of the root element, or else the body."""
    script = """
        [document.documentElement, document.body]
            .map((element) => getComputedStyle(element).backgroundColor)
            .find((color) => color !== "rgba(0, 0, 0, 0)") || "rgb(255, 255, 255)"
    """
    red, green, blue = re.findall(r"\d+", shown.evaluate(script))[:3]
    return (int(red) + int(green) + int(blue)) // 3
