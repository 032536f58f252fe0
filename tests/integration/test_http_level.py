"""The kit's HTTP level: it finds nothing at our own API, and what is wrong with one that is broken."""

import itertools
import os
from decimal import Decimal
from typing import ClassVar

import pytest
from typing_extensions import override

from crypto_exchange.entrypoints.testing.http.report import HttpReport
from crypto_exchange.entrypoints.testing.http.run import run_http
from crypto_exchange.entrypoints.testing.http.suite import HttpSuite
from tests.integration.test_http_process import base_url, listening, process
from tests.running import RunningServer
from tests.shim import Call, Fault, shim

CENT = Decimal("0.01")


pytestmark = pytest.mark.xdist_group("server")


def check(url: str, **options: int) -> HttpReport:
    """A short run; the protocol only where it is asked for."""
    short = {"examples": 1, "steps": 8, "protocol_examples": 0, "people": 8}
    return run_http(url, **{**short, **options})


class TestOurOwnApi(HttpSuite):
    """It keeps every rule, and the run meets every edge."""

    options: ClassVar = {"examples": 1, "steps": 12, "protocol_examples": 3, "people": 8}

    @pytest.fixture(autouse=True)
    def _named(self, server: RunningServer) -> None:
        self.base_url = server.run_file["api_url"]

    @pytest.mark.no_cover  # a shorter run is measured below
    @override
    def test_the_protocol_is_as_described(self, request: pytest.FixtureRequest) -> None:
        super().test_the_protocol_is_as_described(request)


def ignore_keys(call: Call) -> None:
    if len(call.headers.get("idempotency-key", "")) < 256:
        call.headers.pop("idempotency-key", None)
    call.pass_on()


def say_that_nothing_was_repeated(call: Call) -> None:
    call.pass_on()
    call.told.pop("idempotent-replayed", None)


class OneKeyForAll:
    """The first answer to a key is everybody's."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str | None], tuple[int, bytes]] = {}

    def __call__(self, call: Call) -> None:
        place = call.path, call.headers.get("idempotency-key")
        if place[1] is None or not call.is_for("PATCH", "accounts/wallet/"):
            call.pass_on()
        elif place in self.kept:
            call.status, call.answered = self.kept[place]
            call.told = {"content-type": "application/json", "idempotent-replayed": "true"}
        else:
            call.pass_on()
            if call.status == 200:
                self.kept[place] = call.status, call.answered


class Everybodys:
    """Whoever knows an order's number is shown the order."""

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}

    def __call__(self, call: Call) -> None:
        number = call.path.strip("/").rpartition("/")[2]
        if call.method == "GET" and number in self.owners:
            call.headers["authorization"] = self.owners[number]
        call.pass_on()
        if call.is_for("POST", "orders/") and call.status == 201:
            self.owners[str(call.body["id"])] = call.headers["authorization"]


def change_orders(call: Call, **wrong: object) -> None:
    """Change final orders in a list, and alone."""
    call.pass_on()
    if not call.is_for("GET", "orders/") or call.status != 200 or "receipt" in call.path:
        return
    body = call.body
    for order in body if isinstance(body, list) else [body]:
        if order["state"] in {"completed", "cancelled"}:
            order.update(wrong)
    call.body = body


def round_refunds(call: Call) -> None:
    call.pass_on()
    if call.is_for("GET", "orders/") and call.status == 200 and isinstance(call.body, list):
        call.body = [
            {**row, "refunded": row["refunded"] // 1 + Decimal("0.00")} for row in call.body
        ]


def forget_a_holding(call: Call) -> None:
    call.pass_on()
    if call.is_for("GET", "accounts/holdings/") and call.status == 200:
        call.body = call.body[1:]


def lose_what_is_between_pages(call: Call) -> None:
    call.pass_on()
    if call.is_for("GET", "orders/") and "link" in call.told and len(call.body) > 1:
        call.body = call.body[:-1]


def deposit_twice(call: Call) -> None:
    if call.is_for("PATCH", "accounts/wallet/deposit"):
        call.pass_on()
        call.headers.pop("idempotency-key", None)
    call.pass_on()


def lend_money(call: Call) -> None:
    """What is missing for an order is given to the user."""
    call.pass_on()
    if call.is_for("POST", "orders/") and call.status == 409:
        gift = Call(call.client, "PATCH", "/api/v1/accounts/wallet/deposit", {**call.headers})
        gift.headers.pop("idempotency-key", None)
        gift.sent = b'{"amount": 50}'
        gift.pass_on()
        call.pass_on()


def quote_a_cent_more(call: Call) -> None:
    call.pass_on()
    if call.is_for("POST", "orders/") and call.status == 201:
        call.body = {**call.body, "total_price": call.body["total_price"] + CENT}


def buy_small_orders_alone(call: Call) -> None:
    call.pass_on()
    if call.is_for("POST", "orders/") and call.status == 201:
        call.body = {**call.body, "state": "pending"}


def compute_in_floats(call: Call) -> None:
    call.pass_on()
    if call.is_for("GET", "accounts/wallet/"):
        call.body = {**call.body, "balance": call.body["balance"] + Decimal("1e-13")}


def take_bad_amounts(call: Call) -> None:
    call.sent = call.sent.replace(b"0.001", b"0.01")
    call.pass_on()


def share_unfairly(call: Call) -> None:
    """A receipt that agrees with the order, and not with the rules."""
    call.pass_on()
    if "receipt" in call.path and call.status == 200:
        receipt = call.body
        for fill in receipt["fills"]:
            fill["quantity"] = 0
        call.body = receipt


def refuse_without_a_code(call: Call) -> None:
    call.pass_on()
    if call.status == 422:
        body = call.body
        del body["code"]
        call.body = body


def fail_on_bad_json(call: Call) -> None:
    call.pass_on()
    if call.status == 400:
        call.status, call.answered, call.told = 500, b"oops", {"content-type": "text/plain"}


def show_wallets_to_all(call: Call) -> None:
    call.pass_on()
    if call.status == 401:
        call.status, call.told = 200, {"content-type": "application/json"}
        call.body = {"balance": Decimal("1.00"), "currency": "USD"}


def cancel_what_has_ended(call: Call) -> None:
    call.pass_on()
    if call.path.endswith("/cancel/") and call.status == 409:
        asked = Call(call.client, "GET", call.path.removesuffix("cancel/"), call.headers)
        asked.pass_on()
        call.status, call.answered, call.told = 200, asked.answered, asked.told


BROKEN: list[tuple[Fault, str]] = [
    (ignore_keys, "I7 one effect a command"),
    (say_that_nothing_was_repeated, "I7 one effect a command"),
    (OneKeyForAll(), "I7 one effect a command"),
    (Everybodys(), "X7 own things alone"),
    (round_refunds, "I3 one outcome"),
    (lambda call: change_orders(call, state="failed", reason="unfilled"), "I3 one outcome"),
    (forget_a_holding, "I5 coins delivered"),
    (lose_what_is_between_pages, "X4 complete lists"),
    (deposit_twice, "I1 cash"),
    (lend_money, "I2 nothing negative"),
    (quote_a_cent_more, "Q1 quote"),
    (buy_small_orders_alone, "I8 routing"),
    (compute_in_floats, "X1 exact amounts"),
    (take_bad_amounts, "X6 refused"),
    (share_unfairly, "I5 fair shares"),
    (refuse_without_a_code, "X3 problem details"),
    (fail_on_bad_json, "X2 no server error"),
    (show_wallets_to_all, "X7 own things alone"),
    (cancel_what_has_ended, "I3 one outcome"),
]
"""Every fourth of them is tried, all with CX_FAULTS=all."""


@pytest.mark.parametrize(("fault", "rule"), BROKEN if os.getenv("CX_FAULTS") else BROKEN[::4])
def test_a_broken_deployment_is_found_out(server: RunningServer, fault: Fault, rule: str) -> None:
    with shim(server.run_file["api_url"], fault) as url:
        report = check(url)

    assert [violation.check for violation in report.violations] == [rule], report.text
    assert report.steps


def test_orders_that_never_end_are_found_out() -> None:
    with listening() as listener, process(listener):  # there is no worker
        report = check(base_url(listener), deadline_s=1)

    assert [violation.check for violation in report.violations] == ["I12 every order ends"]


def test_an_answer_that_openapi_does_not_describe_is_found_out(server: RunningServer) -> None:
    def forget_the_currency(call: Call) -> None:
        call.pass_on()
        if call.is_for("GET", "accounts/wallet/") and call.status == 200:
            call.body = {"balance": call.body["balance"]}

    with shim(server.run_file["api_url"], forget_the_currency) as url:
        report = check(url, examples=0, protocol_examples=1)

    [violation] = report.violations
    assert violation.check == "P1 protocol"
    assert "GET /api/v1/accounts/wallet/" in violation.message
    assert "currency" in violation.message


def test_a_deployment_that_limits_and_loses_answers_is_waited_for(server: RunningServer) -> None:
    calls, names = itertools.count(1), itertools.count(1)

    def limit(call: Call) -> None:
        register = call.is_for("POST", "accounts/auth/register/")
        if next(calls) % 50 == 0 or (register and next(names) > 3):
            refuse(call, 429, "rate_limited")
            return
        call.pass_on()
        if call.is_for("GET", "openapi.json"):  # it says nothing of receipts either
            call.body = {"paths": {"/api/v1/orders/": {}}}
        if "idempotency-key" in call.headers and next(calls) % 7 == 0:
            refuse(call, 503, "unavailable")

    with shim(server.run_file["api_url"], limit) as url:
        report = check(url, patience_s=300)

    assert report.violations == (), report.text
    assert report.reach["the same command several times at once"]
    assert report.notes == ("no receipts are described: they were not checked",)


def test_who_knows_no_answer_reports_it() -> None:
    with listening() as listener:
        address = base_url(listener)

    report = check(address, patience_s=1)

    assert [violation.check for violation in report.violations] == ["X0 an answer"]
    assert report.requests == 2


def refuse(call: Call, status: int, code: str) -> None:
    call.status = status
    call.told = {"content-type": "application/problem+json", "retry-after": "0"}
    call.body = {"type": "about:blank", "title": code, "status": status, "code": code}
