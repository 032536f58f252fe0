"""The adapter against the paper exchange's process, and against servers that misbehave."""

import asyncio
import hashlib
import hmac
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from typing_extensions import override

from crypto_exchange.adapters.exchange import BinanceExchange
from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.errors import OutcomeUnknown, Unavailable
from crypto_exchange.domain.purchase import (
    Absent,
    Fill,
    Filled,
    Purchase,
    Rejected,
    RejectionKind,
    Working,
)
from crypto_exchange.entrypoints.testing.contracts import ExchangePortTests, ExchangeUnderTest
from tests.paper_venue import FIXED, KEY, SECRET, Paper, free_port, serving
from tests.running import UNMEASURED

DOLLAR = 10**8
BTC_PRICE = 50_000 * 10**12
ABAN = Asset(
    symbol="ABAN",
    price=20 * 10**12,
    rule=MarketRule(
        lot_step=10**6,
        min_notional=5 * DOLLAR,
        min_quantity=10**6,
        max_quantity=900_000 * 10**8,
        fee_ppm=1_000,
    ),
)
_BATCHES = (f"{number:024x}" for number in count(0xBEEF))

Handler = Callable[["Request"], Awaitable[bytes]]


class Request(msgspec.Struct, frozen=True):
    """One request as it came in; parameters from the address and the body."""

    raw: bytes
    call: str
    parameters: dict[str, str]


class Server:
    """Answers every request with the bytes that a handler gives, and closes the connection."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.requests: list[Request] = []
        self.url = ""

    def calls(self) -> list[str]:
        return [request.call for request in self.requests]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await read_request(reader)
            self.requests.append(request)
            writer.write(await self.handler(request))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def read_request(reader: asyncio.StreamReader) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    body = await reader.readexactly(int(length[1]) if length else 0)
    method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
    address = urlsplit(target)
    parameters = dict(parse_qsl(address.query) + parse_qsl(body.decode()))
    return Request(head + body, f"{method} {address.path.removeprefix('/api/v3/')}", parameters)


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[Server]:
    server = Server(handler)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    yield server
    listener.close()


def http(body: object, status: int = 200, headers: str = "") -> bytes:
    """A whole answer; a body that is not text is written as JSON."""
    content = body if isinstance(body, str) else json.dumps(body)
    return (
        f"HTTP/1.1 {status} Reason\r\ncontent-length: {len(content.encode())}\r\n"
        f"connection: close\r\n{headers}\r\n{content}"
    ).encode()


def error(code: int, msg: str, status: int = 400) -> bytes:
    return http({"code": code, "msg": msg}, status)


def scripted(answers: dict[str, bytes | Callable[[Request], bytes]]) -> Handler:
    """Answers by call; the time is told unless that is scripted too."""

    async def handle(request: Request) -> bytes:
        answer = answers.get(request.call, b"")
        if request.call == "GET time" and not answer:
            return http({"serverTime": now_us() // 1_000})
        return answer if isinstance(answer, bytes) else answer(request)

    return handle


def always(answer: bytes) -> Handler:
    async def handle(_: Request) -> bytes:
        return answer

    return handle


def now_us() -> int:
    return time.time_ns() // 1_000


@asynccontextmanager
async def connected(
    url: str, *, in_step: bool = True, **settings: Any
) -> AsyncIterator[BinanceExchange]:
    """Connect; as if the clocks had been compared and agreed, unless not `in_step`."""
    values = {"api_key": KEY, "api_secret": SECRET, "quote": "USDT", "now_us": now_us, **settings}
    exchange = BinanceExchange(url=url, **values)
    if in_step:
        exchange._client._behind_us = 0
    yield exchange
    await exchange.aclose()


def intent(**changes: Any) -> Purchase:
    values: dict[str, Any] = {
        "batch": next(_BATCHES),
        "attempt": 1,
        "asset": "BTC",
        "scale": 8,
        "quantity": 21_000,
        "timestamp_ms": now_us() // 1_000,
        "window_ms": 5_000,
    }
    return Purchase(**{**values, **changes})


def url_of(paper: Paper) -> str:
    return str(paper.http.base_url)


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    with serving(tmp_path_factory.mktemp("paper"), UNMEASURED, **FIXED) as running:
        yield running


@pytest.fixture(scope="module")
def slow_paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    """Half a second on the way there, half a second back."""
    directory = tmp_path_factory.mktemp("slow")
    with serving(directory, UNMEASURED, **FIXED, latency_ms=1_000) as running:
        yield running


class TestExchange(ExchangePortTests):
    """Through a wire that loses answers when it is told to."""

    @pytest.fixture(autouse=True)
    def take(self, paper: Paper, request: pytest.FixtureRequest) -> None:
        self.paper, self.losing, self.request = paper, False, request

    @override
    async def make_exchange(self) -> ExchangeUnderTest:
        address = urlsplit(url_of(self.paper))

        async def forward(request: Request) -> bytes:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.write(request.raw)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            assert length is not None
            body = await reader.readexactly(int(length[1]))
            writer.close()
            lost = self.losing and request.call == "POST order"
            return b"" if lost else head[:-2] + b"connection: close\r\n\r\n" + body

        server = await self.resources.enter_async_context(listening(forward))
        exchange = await self.resources.enter_async_context(connected(server.url))
        return ExchangeUnderTest(exchange, ABAN, self.lose_answers)

    @override
    async def make_slow(self) -> ExchangeUnderTest:
        url = url_of(self.request.getfixturevalue("slow_paper"))
        exchange = await self.resources.enter_async_context(connected(url))
        return ExchangeUnderTest(exchange, ABAN, self.lose_answers)

    @contextmanager
    def lose_answers(self) -> Iterator[None]:
        self.losing = True
        yield
        self.losing = False


async def test_prices_rules_and_balances_are_in_our_units(paper: Paper) -> None:
    async with connected(url_of(paper)) as exchange:
        prices = await exchange.list_prices(["BTC", "ABAN", "btc", "NOSUCHCOIN", "BTC"])
        rules = await exchange.list_rules({"BTC": 5, "ABAN": 0, "NOSUCHCOIN": 8})
        balances = await exchange.list_balances({})
        nothing = await exchange.list_prices([]), await exchange.list_rules({})

    assert prices == {"BTC": BTC_PRICE, "ABAN": ABAN.price}
    assert rules["BTC"] == MarketRule(
        lot_step=1,
        min_notional=5 * DOLLAR,
        min_quantity=1,
        max_quantity=9_000 * 10**5,
        fee_ppm=1_000,
    )
    assert (rules["ABAN"], rules["NOSUCHCOIN"]) == (None, None)
    assert 9_000_000 * DOLLAR < balances["USD"] <= 10_000_000 * DOLLAR
    assert "USDT" not in balances
    assert nothing == ({}, {})


async def test_rules_of_unknown_symbols_alone_are_none(paper: Paper) -> None:
    async with connected(url_of(paper)) as exchange:
        assert await exchange.list_rules({"NOSUCHCOIN": 8}) == {"NOSUCHCOIN": None}


@pytest.mark.parametrize(
    ("fee_in", "fee", "currency"), [("coin", 21, "BTC"), ("BNB", 1_050_000, "BNB")]
)
async def test_fees_come_in_the_currency_that_they_are_taken_in(
    tmp_path: Path, fee_in: str, fee: int, currency: str
) -> None:
    purchase = intent()

    with serving(tmp_path, UNMEASURED, **FIXED, fee_in=fee_in) as paper:
        async with connected(url_of(paper)) as exchange:
            outcome = await exchange.submit(purchase)
            found = await exchange.find(purchase)

    assert isinstance(outcome, Filled)
    assert outcome.fills == (
        Fill(
            trade_id=outcome.fills[0].trade_id,
            quantity=21_000,
            cost=10_50000000,
            fee=fee,
            fee_currency=currency,
        ),
    )
    assert found == outcome


@pytest.mark.parametrize(
    ("changes", "settings", "kind", "code"),
    [
        ({"quantity": 201 * 10**8}, {}, RejectionKind.VENUE, "-2010"),
        ({"quantity": 9_001 * 10**8}, {}, RejectionKind.RULES, "-1013"),
        ({"quantity": 21_001}, {}, RejectionKind.RULES, "-1013"),
        ({"scale": 9, "quantity": 210_001}, {}, RejectionKind.RULES, "-1111"),
        ({"asset": "NOSUCHCOIN"}, {}, RejectionKind.VENUE, "-1121"),
        ({"asset": "btc"}, {}, RejectionKind.FINAL, "-1100"),
        ({"window_ms": 60_001}, {}, RejectionKind.VENUE, "-1131"),
        ({}, {"api_secret": "wrong"}, RejectionKind.VENUE, "-1022"),
        ({}, {"api_key": "wrong"}, RejectionKind.VENUE, "-2015"),
        ({}, {"api_key": ""}, RejectionKind.VENUE, "-2014"),
    ],
)
async def test_a_rejection_of_the_paper_exchange_says_whose_fault_it_is(
    paper: Paper,
    changes: dict[str, Any],
    settings: dict[str, Any],
    kind: RejectionKind,
    code: str,
) -> None:
    async with connected(url_of(paper), **settings) as exchange:
        outcome = await exchange.submit(intent(**changes))

    assert isinstance(outcome, Rejected)
    assert (outcome.kind, outcome.code) == (kind, code)


async def test_an_order_that_arrives_after_its_window_is_not_bought(slow_paper: Paper) -> None:
    purchase = intent(window_ms=200)

    async with connected(url_of(slow_paper)) as exchange:
        outcome = await exchange.submit(purchase)
        found = await exchange.find(purchase)

    assert isinstance(outcome, Rejected)
    assert (outcome.kind, outcome.code) == (RejectionKind.VENUE, "-1021")
    assert isinstance(found, Absent)


async def test_a_duplicate_is_unknown_because_something_exists_under_its_name(
    slow_paper: Paper,
) -> None:
    purchase = intent()

    async with connected(url_of(slow_paper)) as exchange:
        outcomes = await asyncio.gather(
            exchange.submit(purchase), exchange.submit(purchase), return_exceptions=True
        )
        found = await exchange.find(purchase)

    (filled,) = (each for each in outcomes if isinstance(each, Filled))
    assert any(isinstance(each, OutcomeUnknown) for each in outcomes)
    assert found == filled


async def test_an_order_is_found_behind_a_newer_one_of_the_same_name(paper: Paper) -> None:
    purchase = intent()

    async with connected(url_of(paper)) as exchange:
        outcome = await exchange.submit(purchase)
        paper.buy(quantity="0.001", newClientOrderId=purchase.client_order_id)
        found = await exchange.find(purchase)

    assert found == outcome


async def test_an_order_from_before_a_database_was_wiped_is_not_ours(paper: Paper) -> None:
    name = intent()
    paper.buy(quantity="0.00022", newClientOrderId=name.client_order_id)
    await asyncio.sleep(0.01)
    purchase = msgspec.structs.replace(name, timestamp_ms=now_us() // 1_000)

    async with connected(url_of(paper)) as exchange:
        assert isinstance(await exchange.find(purchase), Absent)
        outcome = await exchange.submit(purchase)
        found = await exchange.find(purchase)

    assert isinstance(outcome, Filled)
    assert found == outcome


async def test_the_request_is_signed_once_with_the_times_of_its_intent() -> None:
    purchase = intent(timestamp_ms=now_us() // 1_000 - 1_000)

    async with (
        listening(always(error(-2010, "Market is closed."))) as server,
        connected(server.url) as exchange,
    ):
        await exchange.submit(purchase)

    (request,) = server.requests
    payload, _, signature = request.raw.partition(b"\r\n\r\n")[2].partition(b"&signature=")
    assert request.call == "POST order"
    assert request.parameters["timestamp"] == str(purchase.timestamp_ms)
    assert request.parameters["recvWindow"] == "5000"
    assert request.parameters["quantity"] == "0.00021"
    assert signature.decode() == hmac.new(SECRET.encode(), payload, hashlib.sha256).hexdigest()
    assert f"x-mbx-apikey: {KEY}" in request.raw.decode().lower()


async def test_nothing_is_sent_after_the_window() -> None:
    purchase = intent(timestamp_ms=now_us() // 1_000 - 5_002)

    async with listening(always(b"")) as server, connected(server.url) as exchange:
        with pytest.raises(OutcomeUnknown, match="not sent: expected to be within the window"):
            await exchange.submit(purchase)

    assert server.requests == []


async def test_nothing_is_sent_if_the_window_ends_while_connecting() -> None:
    start_us = now_us()
    readings = iter([start_us, start_us + 5_002_000])
    purchase = intent(timestamp_ms=start_us // 1_000)

    async with (
        listening(always(b"")) as server,
        connected(server.url, now_us=lambda: next(readings)) as exchange,
    ):
        with pytest.raises(OutcomeUnknown, match="was 2 ms late"):
            await exchange.submit(purchase)
        await asyncio.sleep(0.05)

    assert server.requests == []


BROKEN = {
    "closed without an answer": b"",
    "closed in the middle of the head": b"HTTP/1.1 200 OK\r\nconte",
    "closed in the middle of the body": b'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"sym',
    "no HTTP": b"SSH-2.0-server\r\n\r\n",
    "no JSON": http("{symbol"),
    "JSON of another kind": http([1, 2]),
    "nested too deep": http("[" * 100_000),
    "no UTF-8": b'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"\xff\xff"',
    "no gzip": http("plain", headers="content-encoding: gzip\r\n"),
    "empty": http(""),
    "an error with status 200": error(-2010, "Market is closed.", 200),
    "an error without a code": http({"msg": "Market is closed."}, 400),
    "HTML 502": http("<html>Bad Gateway</html>", 502),
    "HTML 403": http("<html>Forbidden</html>", 403),
    "a timeout of the exchange": error(-2010, "Market is closed.", 408),
    "an error with status 500": error(-2010, "Market is closed.", 500),
    "an error with status 503": error(-1003, "Too many requests queued.", 503),
    "a redirect": http("", 307, "location: /api/v3/order\r\n"),
    "an error that is not listed": error(-4321, "Something new."),
    "an unknown error": error(-1000, "An unknown error occurred."),
    "a timeout behind it": error(-1007, "Timeout waiting for response."),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
async def test_whatever_else_comes_back_leaves_the_outcome_unknown_and_is_sent_once(
    answer: bytes,
) -> None:
    async with listening(always(answer)) as server, connected(server.url) as exchange:
        with pytest.raises(OutcomeUnknown):
            await exchange.submit(intent())
        assert server.calls() == ["POST order"]
        for question in (
            exchange.find(intent()),
            exchange.list_prices(["BTC"]),
            exchange.list_rules({"BTC": 8}),
            exchange.list_balances({}),
            exchange.sync_clock(),
        ):
            with pytest.raises(Unavailable):
                await question


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (error(-1003, "Too much request weight used.", 429), "-1003"),
        (error(-1003, "Way too much request weight used; IP banned.", 418), "-1003"),
        (error(-1015, "Too many new orders.", 429), "-1015"),
    ],
)
async def test_a_rate_limit_is_a_definite_rejection(answer: bytes, code: str) -> None:
    async with listening(always(answer)) as server, connected(server.url) as exchange:
        outcome = await exchange.submit(intent())

    assert isinstance(outcome, Rejected)
    assert (outcome.kind, outcome.code) == (RejectionKind.VENUE, code)


async def test_a_refused_connection_leaves_the_outcome_unknown() -> None:
    async with connected(f"http://127.0.0.1:{free_port()}") as exchange:
        with pytest.raises(OutcomeUnknown, match="ConnectError"):
            await exchange.submit(intent())
        with pytest.raises(Unavailable, match="ConnectError"):
            await exchange.find(intent())


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"])
async def test_no_call_takes_longer_than_its_timeouts(start: bytes) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        for _ in range(100):
            await asyncio.sleep(0.1)
            writer.write(b" " if start else b"")

    listener = await asyncio.start_server(drip, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with connected(url, connect_timeout_s=0.2, read_timeout_s=0.2) as exchange:
        with pytest.raises(OutcomeUnknown, match="Timeout"):
            await exchange.submit(intent())
    listener.close()


async def test_a_closed_adapter_sends_nothing() -> None:
    async with listening(always(b"")) as server:
        async with connected(server.url) as exchange:
            pass
        with pytest.raises(OutcomeUnknown):
            await exchange.submit(intent())

    assert server.requests == []


def order(purchase: Purchase, **changes: Any) -> dict[str, Any]:
    """The purchase's order as it is looked up, or with `fills` as it is answered."""
    return {
        "symbol": "BTCUSDT",
        "orderId": 5,
        "clientOrderId": purchase.client_order_id,
        "side": "BUY",
        "status": "FILLED",
        "origQty": "0.00021000",
        "executedQty": "0.00021000",
        "time": purchase.timestamp_ms + 100,
        **changes,
    }


def trade(**changes: Any) -> dict[str, Any]:
    return {
        "id": 9,
        "orderId": 5,
        "price": "50000.00",
        "qty": "0.00021000",
        "commission": "0.0105",
        "commissionAsset": "USDT",
        "time": 1,
        "isBuyer": True,
        **changes,
    }


FILL = {"tradeId": 9, **{k: v for k, v in trade().items() if k != "id"}}
FILLED = Filled(fills=(Fill(trade_id="9", quantity=21_000, cost=10_50000000, fee=1_050_000),))


async def test_a_final_answer_is_an_outcome() -> None:
    purchase = intent()
    whole = http(order(purchase, fills=[FILL]))
    twice = http(order(purchase, fills=[FILL, FILL]))
    nothing = http(order(purchase, fills=[], executedQty="0.0", status="EXPIRED"))

    assert await submitted(purchase, whole) == FILLED
    assert await submitted(purchase, twice) == FILLED
    assert await submitted(purchase, nothing) == Filled(fills=())


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "NEW", "executedQty": "0", "fills": []},
        {"status": "PARTIALLY_FILLED"},
        {"executedQty": "0.0002"},
        {"clientOrderId": "somebody else's"},
        {"symbol": "ETHUSDT"},
        {"side": "SELL"},
        {"origQty": "0.00022"},
        {"origQty": "much"},
        {"executedQty": 0.00021},
        {"fills": [FILL | {"price": 50000.0}]},
        {"fills": [FILL | {"qty": "1e-4"}]},
        {"fills": [FILL, FILL | {"price": "49999"}]},
    ],
)
async def test_an_answer_that_is_not_final_or_not_about_this_order_leaves_it_unknown(
    changes: dict[str, Any],
) -> None:
    purchase = intent()

    with pytest.raises(OutcomeUnknown):
        await submitted(purchase, http(order(purchase, fills=[FILL]) | changes))


async def submitted(purchase: Purchase, answer: bytes) -> object:
    async with listening(always(answer)) as server, connected(server.url) as exchange:
        return await exchange.submit(purchase)


NOT_FOUND = error(-2013, "Order does not exist.")
NONE = http([])


async def looked_up(
    purchase: Purchase, **answers: bytes | Callable[[Request], bytes]
) -> tuple[object, Server]:
    given = {"GET order": NOT_FOUND, "GET allOrders": NONE, "GET myTrades": NONE}
    told = given | {f"GET {call}": answer for call, answer in answers.items()}
    async with listening(scripted({**told})) as server, connected(server.url) as exchange:
        return await exchange.find(purchase), server


async def test_an_order_that_is_found_has_its_fills_and_fees_from_its_trades() -> None:
    purchase = intent()

    finding, server = await looked_up(
        purchase, order=http(order(purchase)), myTrades=http([trade()])
    )

    assert finding == FILLED
    assert server.calls() == ["GET time", "GET order", "GET myTrades"]


async def test_an_order_is_working_until_it_is_final_and_its_trades_add_up() -> None:
    purchase = intent()
    new = http(order(purchase, status="NEW", executedQty="0"))
    of_another = http([trade(orderId=6)])

    assert (await looked_up(purchase, order=new))[0] == Working()
    assert (await looked_up(purchase, order=http(order(purchase))))[0] == Working()
    found, _ = await looked_up(purchase, order=http(order(purchase)), myTrades=of_another)
    assert found == Working()


async def test_an_order_listed_as_rejected_is_rejected() -> None:
    purchase = intent()
    rejected = http(order(purchase, status="REJECTED", executedQty="0"))

    finding, _ = await looked_up(purchase, order=rejected)

    assert isinstance(finding, Rejected)


async def test_absence_is_told_as_of_before_the_look_ups_on_the_exchanges_clock() -> None:
    purchase = intent()

    finding, server = await looked_up(purchase, time=http({"serverTime": 123}))

    assert finding == Absent(answered_ms=123)
    assert server.calls() == ["GET time", "GET order", "GET allOrders", "GET myTrades"]
    for request in server.requests[2:]:
        assert request.parameters["startTime"] == str(purchase.timestamp_ms)
        assert request.parameters["endTime"] == str(purchase.window_end_ms + 30_000)


async def test_an_order_that_only_lists_or_trades_know_is_found() -> None:
    purchase = intent()

    def by_id(request: Request) -> bytes:
        return http(order(purchase)) if "orderId" in request.parameters else NOT_FOUND

    listed, _ = await looked_up(
        purchase, allOrders=http([order(purchase)]), myTrades=http([trade()])
    )
    traded, _ = await looked_up(purchase, order=by_id, myTrades=http([trade()]))

    assert listed == traded == FILLED


async def test_orders_and_trades_of_others_do_not_hinder_absence() -> None:
    purchase = intent()

    def by_id(request: Request) -> bytes:
        assert request.parameters.get("orderId", "7") == "7"
        others = order(purchase, clientOrderId="other", orderId=7)
        return http(others) if "orderId" in request.parameters else NOT_FOUND

    finding, _ = await looked_up(
        purchase,
        order=by_id,
        allOrders=http([order(purchase, clientOrderId="other")]),
        myTrades=http([trade(), trade(orderId=7), trade(orderId=8, isBuyer=False)]),
    )

    assert isinstance(finding, Absent)


@pytest.mark.parametrize(
    "answers",
    [
        {"time": error(-1003, "Too many requests queued.", 429)},
        {"order": error(-1003, "Too many requests queued.", 429)},
        {"order": error(-2015, "Invalid API-key, IP, or permissions for action.", 401)},
        {"allOrders": http("<html>", 502)},
        {"allOrders": error(-1003, "Too many requests queued.", 429)},
        {"myTrades": b""},
        {"myTrades": http([trade()])},
    ],
)
async def test_a_look_up_that_is_not_answered_well_proves_nothing(
    answers: dict[str, bytes],
) -> None:
    with pytest.raises(Unavailable):
        await looked_up(intent(), **answers)


async def test_an_order_of_our_name_that_is_a_little_early_proves_nothing() -> None:
    purchase = intent()

    for early_ms in (1, 60_000):
        early = http(order(purchase, time=purchase.timestamp_ms - early_ms))
        with pytest.raises(Unavailable, match="not its intent's"):
            await looked_up(purchase, order=early)
    long_ago = order(purchase, time=purchase.timestamp_ms - 60_001)
    assert isinstance((await looked_up(purchase, order=http(long_ago)))[0], Absent)


async def test_an_order_of_our_name_that_is_late_is_absent_and_found_as_a_late_fill() -> None:
    purchase = intent()
    last_ms = purchase.window_end_ms + 30_000
    late = http(order(purchase, time=last_ms + 1))

    in_time = await looked_up(
        purchase, order=http(order(purchase, time=last_ms)), myTrades=http([trade()])
    )
    absent, _ = await looked_up(purchase, order=late)

    assert in_time[0] == FILLED
    assert isinstance(absent, Absent)
    script = scripted({"GET order": late, "GET myTrades": http([trade()])})
    async with listening(script) as server, connected(server.url) as exchange:
        assert await exchange.find_late(purchase) == FILLED


async def test_of_a_symbol_that_is_no_longer_listed_nothing_is_known_to_have_come_late() -> None:
    delisted = scripted({"GET order": error(-1121, "Invalid symbol.")})
    busy = scripted({"GET order": error(-1003, "Too many requests queued.", 429)})

    async with listening(delisted) as server, connected(server.url) as exchange:
        assert await exchange.find_late(intent()) is None
    async with listening(busy) as server, connected(server.url) as exchange:
        with pytest.raises(Unavailable):
            await exchange.find_late(intent())


@pytest.mark.parametrize("listed", [("USD", "USDT", "BTC"), ("BTC", "USDT", "USD")])
async def test_real_dollars_are_not_what_is_booked_as_dollars(listed: tuple[str, ...]) -> None:
    rows = [{"asset": name, "free": BALANCES[name], "locked": "0"} for name in listed]
    account = http({"balances": rows, "commissionRates": {"taker": "0.001"}})

    script = scripted({"GET account": account})
    async with listening(script) as server, connected(server.url) as exchange:
        balances = await exchange.list_balances({"BTC": 5})

    assert balances == {"USD": 7_00000000, "BTC": 150_000}


BALANCES = {"USD": "100.00", "USDT": "7.00", "BTC": "1.5"}


async def test_an_order_whose_quantity_is_no_number_proves_nothing() -> None:
    purchase = intent()

    with pytest.raises(Unavailable, match="plain digits"):
        await looked_up(purchase, order=http(order(purchase, origQty="much")))


async def test_a_full_page_is_asked_for_in_halves_so_that_nothing_is_missed() -> None:
    purchase = intent()
    others = [order(purchase, clientOrderId="other", orderId=n) for n in range(1_000)]
    last = purchase.window_end_ms + 30_000

    def page(request: Request) -> bytes:
        first_ms, last_ms = (int(request.parameters[k]) for k in ("startTime", "endTime"))
        if last_ms - first_ms > 20_000:
            return http(others)
        return http([order(purchase)] if last_ms == last else [])

    finding, server = await looked_up(purchase, allOrders=page, myTrades=lambda _: http([trade()]))

    assert finding == FILLED
    assert server.calls().count("GET allOrders") == 3


async def test_more_orders_in_a_millisecond_than_can_be_listed_prove_nothing() -> None:
    purchase = intent()
    others = [order(purchase, clientOrderId="other", orderId=n) for n in range(1_000)]

    with pytest.raises(Unavailable, match="was a full page"):
        await looked_up(purchase, allOrders=http(others))


async def test_the_trades_of_an_order_are_read_page_by_page() -> None:
    purchase = intent()
    trades = [trade(id=n, qty="0.00000014", price="1") for n in range(1_500)]

    def page(request: Request) -> bytes:
        start = int(request.parameters["fromId"])
        return http(trades[start : start + 1_000])

    finding, _ = await looked_up(purchase, order=http(order(purchase)), myTrades=page)
    assert isinstance(finding, Filled)
    assert len(finding.fills) == 1_500
    with pytest.raises(Unavailable, match="expected trades from 1000 on"):
        await looked_up(purchase, order=http(order(purchase)), myTrades=http(trades[:1_000]))


async def test_a_price_of_nothing_is_no_price() -> None:
    prices = [
        {"symbol": "BTCUSDT", "price": "50000.123456789012"},
        {"symbol": "DEADUSDT", "price": "0.00000000"},
        {"symbol": "MOREUSDT", "price": "1"},
    ]

    async with listening(always(http(prices))) as server, connected(server.url) as exchange:
        found = await exchange.list_prices(["BTC", "DEAD"])

    assert found == {"BTC": 50_000_123_456_789_012}
    assert server.calls() == ["GET ticker/price"]


@pytest.mark.parametrize("price", ["NaN", "-1", "1e3", "0.1234567890123"])
async def test_prices_that_are_no_plain_decimals_are_no_answer(price: str) -> None:
    answer = http([{"symbol": "BTCUSDT", "price": price}])

    async with listening(always(answer)) as server, connected(server.url) as exchange:
        with pytest.raises(Unavailable, match="plain digits"):
            await exchange.list_prices(["BTC"])


async def test_the_clock_is_never_ahead_of_the_exchange_nor_the_gate_behind_it() -> None:
    readings = [1_000_000_000, 1_000_300_000, 1_000_400_000, 1_000_400_000]

    async with (
        listening(scripted({"GET time": http({"serverTime": 5_000_000})})) as server,
        connected(server.url, now_us=lambda: readings.pop(0)) as exchange,
    ):
        await exchange.sync_clock()

        assert exchange.now_ms() == 5_000_100
        assert exchange._client.latest_ms() == 5_000_400


async def test_a_comparison_that_took_long_does_not_replace_a_better_one() -> None:
    readings = [0, 0, 0, 2_000_000, 2_000_000]
    times = iter([5_000_000, 9_000_000])

    async with (
        listening(scripted({"GET time": lambda _: http({"serverTime": next(times)})})) as server,
        connected(server.url, now_us=lambda: readings.pop(0)) as exchange,
    ):
        await exchange.sync_clock()
        await exchange.sync_clock()

        assert exchange.now_ms() == 5_002_000


async def test_before_the_first_comparison_nothing_is_known_of_the_exchanges_clock() -> None:
    async with connected("http://127.0.0.1:1", in_step=False) as exchange:
        with pytest.raises(Unavailable, match="has not been read yet"):
            exchange.now_ms()


async def test_a_signed_question_reads_the_exchanges_clock_first() -> None:
    account = {"commissionRates": {"taker": "0.001"}, "balances": []}
    script = scripted({"GET account": http(account), "GET time": http({"serverTime": 7})})

    async with listening(script) as server, connected(server.url, in_step=False) as exchange:
        await exchange.list_balances({})
        await exchange.list_balances({})

    assert server.calls() == ["GET time", "GET account", "GET account"]


async def test_our_order_at_a_time_that_is_not_its_intents_proves_nothing(paper: Paper) -> None:
    purchase = intent()
    paper.buy(quantity="0.00021", newClientOrderId=purchase.client_order_id)
    later = msgspec.structs.replace(purchase, timestamp_ms=now_us() // 1_000 + 900)

    async with connected(url_of(paper)) as exchange:
        with pytest.raises(Unavailable, match="not its intent's"):
            await exchange.find(later)


async def test_a_question_outside_its_window_is_put_again_after_comparing_the_clocks() -> None:
    ahead_ms = now_us() // 1_000 + 3_600_000
    account = {"commissionRates": {"taker": "0.001"}, "balances": []}

    def answer(request: Request) -> bytes:
        late = int(request.parameters["timestamp"]) < ahead_ms - 5_000
        return error(-1021, "Timestamp is outside of the recvWindow.") if late else http(account)

    script = scripted({"GET account": answer, "GET time": http({"serverTime": ahead_ms})})
    async with listening(script) as server, connected(server.url) as exchange:
        assert await exchange.list_balances({}) == {}
        await exchange.list_balances({})

    assert server.calls() == ["GET account", "GET time", "GET account", "GET account"]


async def test_an_order_outside_its_window_is_rejected_and_the_clocks_are_compared() -> None:
    script = {
        "POST order": error(-1021, "Timestamp for this request is outside of the recvWindow."),
        "GET time": http({"serverTime": 5_000_000_000_000}),
    }

    async with listening(scripted({**script})) as server, connected(server.url) as exchange:
        outcome = await exchange.submit(intent())

        assert isinstance(outcome, Rejected)
        assert exchange.now_ms() // 1_000_000 == 5_000_000
    assert server.calls() == ["POST order", "GET time"]


async def test_neither_secret_nor_key_nor_signature_is_logged(
    paper: Paper, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    purchase = intent(quantity=1)

    async with connected(url_of(paper)) as exchange:
        await exchange.submit(purchase)
        await exchange.list_balances({})
        await exchange.find(purchase)
    async with connected(f"http://127.0.0.1:{free_port()}") as nowhere:
        with pytest.raises(Unavailable):
            await nowhere.list_balances({})

    assert f"order {purchase.client_order_id}: the exchange answered -1013" in caplog.text
    assert "signature=***" in caplog.text
    assert not re.search("signature=[0-9a-f]", caplog.text)
    assert KEY not in caplog.text
    assert SECRET not in caplog.text
