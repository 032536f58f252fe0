"""ccxt's adapter: against the paper exchange's process, and against what five exchanges answer."""

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from typing_extensions import override

from crypto_exchange.adapters.exchange import CcxtExchange, UnsupportedExchange
from crypto_exchange.adapters.exchange.ccxt_order_call import OrderCall
from crypto_exchange.domain.asset import MarketRule
from crypto_exchange.domain.errors import OutcomeUnknown, Unavailable
from crypto_exchange.domain.purchase import (
    Absent,
    Filled,
    Purchase,
    Rejected,
    RejectionKind,
    Working,
)
from crypto_exchange.entrypoints.testing.contracts import ExchangePortTests, ExchangeUnderTest
from tests.ccxt_answers import AT_MS, BATCH, EXCHANGES, HEXADECIMAL, NAME, ORDER_CALLS, UUID, Answer
from tests.integration.test_binance_adapter import ABAN, DOLLAR, Request, Server, http, listening
from tests.paper_venue import FIXED, KEY, SECRET, Paper, serving
from tests.running import UNMEASURED

_BATCHES = (f"{number:024x}" for number in count(0xCC8A))
CREDENTIALS = {"apiKey": KEY, "secret": "c2VjcmV0LXNlY3JldC1zZWNyZXRz", "password": "phrase"}
SENT_AS = {
    "kraken": HEXADECIMAL,
    "okx": HEXADECIMAL,
    "coinbase": UUID,
    "bybit": NAME,
    "kucoin": NAME,
}
FEES = {
    "kraken": [(10_000_000, "USD"), (500_000, "USD")],
    "okx": [(20, "BTC"), (1, "BTC")],
    "coinbase": [(10_000_000, "USD"), (500_000, "USD")],
    "bybit": [(20, "BTC"), (1, "BTC")],
    "kucoin": [(1_000_000, "USD"), (50_011, "USD")],
}
RULES = {
    "kraken": MarketRule(lot_step=1, min_notional=DOLLAR // 2, min_quantity=5_000, fee_ppm=2_600),
    "okx": MarketRule(lot_step=1, min_notional=0, min_quantity=1_000, fee_ppm=1_000),
    "coinbase": MarketRule(
        lot_step=1,
        min_notional=DOLLAR,
        min_quantity=1_000,
        max_quantity=3_400 * 10**8,
        fee_ppm=10_000,
    ),
    "bybit": MarketRule(
        lot_step=100,
        min_notional=5 * DOLLAR,
        min_quantity=1_100,
        max_quantity=83 * 10**8,
        fee_ppm=1_000,
    ),
    "kucoin": MarketRule(
        lot_step=1,
        min_notional=DOLLAR // 10,
        min_quantity=1_000,
        max_quantity=10**18,
        fee_ppm=1_000,
    ),
}


@asynccontextmanager
async def connected(
    exchange_id: str,
    url: str,
    credentials: Mapping[str, str] = CREDENTIALS,
    now_us: Callable[[], int] = lambda: time.monotonic_ns() // 1_000,
) -> AsyncIterator[CcxtExchange]:
    """Connect, without the pauses that real exchanges ask for."""
    exchange = CcxtExchange(
        exchange_id, url=url, credentials=credentials, quote="USDT", now_us=now_us
    )
    exchange._client.api.enableRateLimit = False
    yield exchange
    await exchange.aclose()


@asynccontextmanager
async def answering(
    exchange_id: str, changed: Mapping[str, Answer | None] | None = None, **more: Any
) -> AsyncIterator[tuple[CcxtExchange, Server]]:
    """Connect to an exchange that answers as written; None closes the connection."""
    answers = {**EXCHANGES[exchange_id], **(changed or {})}

    async def handle(request: Request) -> bytes:
        answer = answers[request.call]
        answer = answer(request) if callable(answer) else answer
        return answer if isinstance(answer, bytes) else b"" if answer is None else http(answer)

    async with listening(handle) as server, connected(exchange_id, server.url, **more) as exchange:
        yield exchange, server


def intent(**changes: Any) -> Purchase:
    """The purchase that the five exchanges know."""
    values: dict[str, Any] = {
        "batch": BATCH,
        "attempt": 1,
        "asset": "BTC",
        "scale": 8,
        "quantity": 21_000,
        "timestamp_ms": AT_MS,
        "window_ms": 5_000,
    }
    return Purchase(**{**values, **changes})


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    with serving(tmp_path_factory.mktemp("paper"), UNMEASURED, **FIXED) as running:
        yield running


class TestExchange(ExchangePortTests):
    """ccxt's Binance client, through a wire that loses answers when it is told to."""

    @pytest.fixture(autouse=True)
    def take(self, paper: Paper) -> None:
        self.paper, self.losing = paper, False

    @override
    async def make_exchange(self) -> ExchangeUnderTest:
        address = urlsplit(str(self.paper.http.base_url))

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

        credentials = {"apiKey": KEY, "secret": SECRET}
        server = await self.resources.enter_async_context(listening(forward))
        exchange = await self.resources.enter_async_context(
            connected("binance", server.url, credentials)
        )
        await exchange.sync_clock()
        return ExchangeUnderTest(exchange, ABAN, self.lose_answers)

    @contextmanager
    def lose_answers(self) -> Iterator[None]:
        self.losing = True
        yield
        self.losing = False


@asynccontextmanager
async def on_paper(paper: Paper) -> AsyncIterator[CcxtExchange]:
    credentials = {"apiKey": KEY, "secret": SECRET}
    async with connected("binance", str(paper.http.base_url), credentials) as exchange:
        await exchange.sync_clock()
        yield exchange


async def test_ccxts_own_options_work_with_the_paper_exchange_too(paper: Paper) -> None:
    async with on_paper(paper) as exchange:
        for name in ("fetchMargins", "fetchCurrencies"):
            exchange._client.api.options[name] = True
        rules = await exchange.list_rules({"ABAN": 8})

    assert rules == {"ABAN": ABAN.rule}


async def test_an_order_is_signed_with_exactly_its_timestamp_and_window(paper: Paper) -> None:
    seen: list[dict[str, str]] = []
    async with on_paper(paper) as exchange:
        purchase = intent(batch=next(_BATCHES), timestamp_ms=exchange.now_ms() - 700)
        sign = exchange._client.api.sign

        def watch(*arguments: Any) -> Any:
            request = sign(*arguments)
            if request["method"] == "POST":
                seen.append(dict(pair.split("=") for pair in request["body"].split("&")))
            return request

        exchange._client.api.sign = watch
        outcome = await exchange.submit(purchase)

    assert isinstance(outcome, Filled)
    [body] = seen
    assert body["timestamp"] == str(purchase.timestamp_ms)
    assert body["recvWindow"] == "5000"
    assert body["newClientOrderId"] == purchase.client_order_id
    assert body["quantity"] == "0.00021"


async def test_what_was_filled_late_is_found_without_a_bound_of_time(paper: Paper) -> None:
    async with on_paper(paper) as exchange:
        stamped = intent(batch=next(_BATCHES), timestamp_ms=exchange.now_ms())
        outcome = await exchange.submit(stamped)
        long_ago = msgspec.structs.replace(stamped, timestamp_ms=stamped.timestamp_ms - 7_200_000)
        later = msgspec.structs.replace(stamped, timestamp_ms=stamped.timestamp_ms + 60_000)

        assert await exchange.find_late(long_ago) == outcome
        assert await exchange.find_late(later) is None
        assert await exchange.find_late(intent(batch=next(_BATCHES))) is None
        assert exchange.reach_ms() > 24 * 3_600_000


@pytest.mark.parametrize(
    ("kind", "executed"),
    [
        ("garbage", {True}),
        ("timeout_after", {True}),
        ("timeout_before", {False}),
        ("http_5xx", {True, False}),
    ],
)
async def test_after_a_fault_a_look_up_tells_what_became_of_the_order(
    paper: Paper, kind: str, executed: set[bool]
) -> None:
    async with on_paper(paper) as exchange:
        purchase = intent(batch=next(_BATCHES), timestamp_ms=exchange.now_ms())
        await exchange.list_prices(["BTC"])
        paper.wish(kind, path="POST /api/v3/order", after_ms=0)
        with pytest.raises(OutcomeUnknown):
            await exchange.submit(purchase)
        found = await exchange.find(purchase)

    assert isinstance(found, Filled | Absent)
    assert isinstance(found, Filled) in executed


@pytest.mark.parametrize(
    ("kind", "quantity"), [("partial_fill", 10_000), ("duplicate_fill", 21_000)]
)
async def test_a_partial_fill_and_a_trade_told_twice_are_counted_once(
    paper: Paper, kind: str, quantity: int
) -> None:
    async with on_paper(paper) as exchange:
        purchase = intent(batch=next(_BATCHES), timestamp_ms=exchange.now_ms())
        paper.wish(kind)
        outcome = await exchange.submit(purchase)
        found = await exchange.find(purchase)

    assert isinstance(outcome, Filled)
    assert outcome.quantity == quantity
    assert found == outcome


@pytest.mark.parametrize("exchange_id", EXCHANGES)
async def test_a_purchase_goes_out_under_its_name_for_a_quantity_of_coins(exchange_id: str) -> None:
    async with answering(exchange_id) as (exchange, server):
        await exchange.sync_clock()
        outcome = await exchange.submit(intent())

    [order] = [r for r in server.requests if r.call == ORDER_CALLS[exchange_id]]
    text = order.raw.decode()
    assert SENT_AS[exchange_id] in text
    assert re.search(r'(volume=|"sz":"|"base_size":"|"qty":"|"size":")0\.00021\b', text)
    assert isinstance(outcome, Filled)
    assert [(f.quantity, f.cost) for f in outcome.fills] == [
        (20_000, 10 * DOLLAR),
        (1_000, 50_010_500),
    ]
    assert [(f.fee, f.fee_currency) for f in outcome.fills] == FEES[exchange_id]


@pytest.mark.parametrize("exchange_id", EXCHANGES)
async def test_a_purchase_is_found_by_its_name_with_the_fills_of_its_trades(
    exchange_id: str,
) -> None:
    async with answering(exchange_id) as (exchange, server):
        found = await exchange.find(intent())
        late = await exchange.find_late(intent())

    assert isinstance(found, Filled)
    assert found.quantity == 21_000
    assert late == found
    assert ORDER_CALLS[exchange_id] not in server.calls()


@pytest.mark.parametrize("exchange_id", EXCHANGES)
async def test_rules_prices_and_balances_are_in_our_units(exchange_id: str) -> None:
    async with answering(exchange_id) as (exchange, _):
        rules = await exchange.list_rules({"BTC": 8, "NOSUCHCOIN": 8})
        prices = await exchange.list_prices(["BTC", "NOSUCHCOIN"])
        balances = await exchange.list_balances({"BTC": 10})

    assert rules == {"BTC": RULES[exchange_id], "NOSUCHCOIN": None}
    assert prices == {"BTC": 50_000_600_000_000_000}
    assert balances == {"BTC": 1_234_567_899, "USD": 100_012_345_678}


@pytest.mark.parametrize("exchange_id", EXCHANGES)
async def test_what_ccxt_reads_has_no_float_in_it(exchange_id: str) -> None:
    async with answering(exchange_id) as (exchange, _):
        client = exchange._client
        markets = await client.load_markets()
        orders = await client.ask(client.venue.listings[-1], "BTC/USDT", AT_MS)
        trades = await client.ask("fetch_my_trades", "BTC/USDT", AT_MS)
        balance = await client.ask("fetch_balance", dict(client.venue.balance))

    amounts: list[object] = [balance["total"]["BTC"], balance["total"]["USDT"]]
    amounts += [markets["BTC/USDT"]["precision"]["amount"], markets["BTC/USDT"]["limits"]]
    amounts += [row[name] for row in [*orders, *trades] for name in ("amount", "cost", "fee")]
    amounts += [row["filled"] for row in orders]
    assert len(amounts) > 6
    assert not list(_floats(amounts))
    assert client.api.parse_json('{"a": 0.1, "b": 1e-8}') == {"a": "0.1", "b": "1e-8"}


def _floats(value: object) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _floats(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _floats(each)


NOTHING: dict[str, dict[str, Answer]] = {
    "kraken": {
        "POST /0/private/ClosedOrders": {"error": [], "result": {"closed": {}, "count": 0}},
        "POST /0/private/TradesHistory": {"error": [], "result": {"trades": {}, "count": 0}},
    },
    "okx": {
        "GET /api/v5/trade/order": http(
            {"code": "51603", "data": [], "msg": "Order does not exist"}
        ),
        "GET /api/v5/trade/orders-history": {"code": "0", "msg": "", "data": []},
        "GET /api/v5/trade/fills-history": {"code": "0", "msg": "", "data": []},
    },
    "coinbase": {
        "GET brokerage/orders/historical/batch": {"orders": [], "has_next": False, "cursor": ""},
        "GET brokerage/orders/historical/fills": {"fills": [], "cursor": ""},
    },
}


async def test_what_is_not_there_is_absent_where_orders_expire() -> None:
    async with answering("kraken", NOTHING["kraken"]) as (exchange, _):
        found = await exchange.find(intent())

    assert found == Absent(answered_ms=AT_MS // 1_000 * 1_000)


@pytest.mark.parametrize("exchange_id", ["okx", "coinbase"])
async def test_what_is_not_there_may_still_come_where_orders_do_not_expire(
    exchange_id: str,
) -> None:
    async with answering(exchange_id, NOTHING[exchange_id]) as (exchange, _):
        assert await exchange.find(intent()) == Working()
        assert await exchange.find_late(intent()) is None


async def test_pages_are_turned_before_absence_is_said() -> None:
    trade = {"ordertxid": "O", "pair": "XBTUSDT", "time": 1760000001, "type": "sell"}
    trade |= {"ordertype": "market", "price": "1", "cost": "1", "fee": "0", "vol": "1"}

    def page(request: Request) -> object:
        first = int(request.parameters["ofs"])
        rows = {f"T{number}": trade for number in range(first, min(first + 50, 120))}
        return {"error": [], "result": {"trades": rows, "count": 120}}

    changed = {**NOTHING["kraken"], "POST /0/private/TradesHistory": page}
    async with answering("kraken", changed) as (exchange, server):
        found = await exchange.find(intent())

    assert isinstance(found, Absent)
    assert server.calls().count("POST /0/private/TradesHistory") == 3


async def test_an_order_that_only_its_trades_know_is_found() -> None:
    closed = {"error": [], "result": {"closed": {}, "count": 0}}
    async with answering("kraken", {"POST /0/private/ClosedOrders": closed}) as (exchange, _):
        found = await exchange.find(intent())

    assert isinstance(found, Filled)
    assert found.quantity == 21_000


@pytest.mark.parametrize(
    "changes", [{"quantity": 22_000}, {"timestamp_ms": AT_MS - 3_600_000}, {"attempt": 2}]
)
async def test_an_order_that_differs_is_not_ours(changes: dict[str, int]) -> None:
    async with answering("kraken") as (exchange, _):
        assert isinstance(await exchange.find(intent(**changes)), Absent)


async def test_our_order_at_a_time_that_is_not_its_intents_proves_nothing() -> None:
    async with answering("kraken") as (exchange, _):
        with pytest.raises(Unavailable, match="not its intent's"):
            await exchange.find(intent(timestamp_ms=AT_MS + 2_000))


async def test_a_fill_whose_trades_do_not_add_up_yet_is_waited_for() -> None:
    call = "GET /api/v5/trade/fills-history"
    told: Any = EXCHANGES["okx"][call]
    partial = {**told, "data": told["data"][:1]}
    async with answering("okx", {call: partial}) as (exchange, _):
        assert await exchange.find(intent()) == Working()


@pytest.mark.parametrize("exchange_id", EXCHANGES)
@pytest.mark.parametrize("status", [408, 500, 503])
async def test_an_order_without_an_answer_is_never_sent_again(
    exchange_id: str, status: int
) -> None:
    call = ORDER_CALLS[exchange_id]
    async with answering(exchange_id, {call: http("down", status)}) as (exchange, server):
        with pytest.raises(OutcomeUnknown):
            await exchange.submit(intent())

    assert server.calls().count(call) == 1


async def test_a_connection_that_breaks_leaves_the_outcome_unknown() -> None:
    call = ORDER_CALLS["kraken"]
    async with answering("kraken", {call: None}) as (exchange, server):
        with pytest.raises(OutcomeUnknown, match="no answer"):
            await exchange.submit(intent())

    assert server.calls().count(call) == 1


async def test_an_expiring_order_that_was_not_sent_is_looked_up_like_any_other() -> None:
    async with answering("kraken") as (exchange, server):
        with pytest.raises(OutcomeUnknown, match="not sent"):
            await exchange.submit(intent(timestamp_ms=AT_MS - 5_001))

    assert ORDER_CALLS["kraken"] not in server.calls()


@pytest.mark.parametrize("exchange_id", ["okx", "coinbase", "bybit", "kucoin"])
async def test_nothing_is_sent_once_the_window_is_over_and_that_is_certain(
    exchange_id: str,
) -> None:
    async with answering(exchange_id) as (exchange, server):
        outcome = await exchange.submit(intent(timestamp_ms=AT_MS - 5_001))

    assert ORDER_CALLS[exchange_id] not in server.calls()
    assert_not_sent(outcome, "ms late")


async def test_nothing_is_sent_if_the_window_ends_while_the_request_is_made() -> None:
    now = [0]
    async with answering("okx", now_us=lambda: now[0]) as (exchange, server):
        await exchange.sync_clock()
        sign = exchange._client.api.sign

        def stall(*arguments: Any) -> Any:
            now[0] += 5_001_000
            return sign(*arguments)

        await exchange.list_prices(["BTC"])
        exchange._client.api.sign = stall
        outcome = await exchange.submit(intent())

    assert ORDER_CALLS["okx"] not in server.calls()
    assert_not_sent(outcome, "was 1 ms late")


async def test_what_finds_no_connection_was_surely_not_sent() -> None:
    async with answering("okx") as (exchange, _):
        await exchange.sync_clock()
        await exchange.list_prices(["BTC"])
        exchange._client.api.urls["api"] = {"rest": "http://127.0.0.1:1"}
        outcome = await exchange.submit(intent())

    assert_not_sent(outcome, "ConnectError")


def assert_not_sent(outcome: object, why: str) -> None:
    assert isinstance(outcome, Rejected)
    assert (outcome.kind, outcome.code) == (RejectionKind.VENUE, "not_sent")
    assert why in outcome.message


async def test_a_nearer_deadline_than_the_exchange_takes_is_not_sent() -> None:
    async with answering("kraken") as (exchange, server):
        with pytest.raises(OutcomeUnknown, match="not sent"):
            await exchange.submit(intent(window_ms=1_000))

    assert ORDER_CALLS["kraken"] not in server.calls()


async def test_an_order_is_not_sent_if_ccxt_drops_its_name() -> None:
    async with answering("coinbase") as (exchange, server):
        exchange._venue = msgspec.structs.replace(exchange._venue, parameter="clientOrderId")
        outcome = await exchange.submit(intent())

    assert_not_sent(outcome, "under its name")
    assert ORDER_CALLS["coinbase"] not in server.calls()


async def test_an_order_is_not_sent_if_ccxt_makes_a_sum_of_its_quantity() -> None:
    async with answering("coinbase") as (exchange, server):
        exchange._venue = msgspec.structs.replace(exchange._venue, sized=None)
        outcome = await exchange.submit(intent())

    assert_not_sent(outcome, "for 0.00021 coins")
    assert ORDER_CALLS["coinbase"] not in server.calls()


def test_only_one_request_of_an_order_is_admitted() -> None:
    call = OrderCall(name="abc-1", quantity="5", stamp_ms=None, until_ms=0)

    assert not call.admit("GET", "http://x/markets", {}, None)
    assert call.admit("POST", "http://x/orders", {}, '{"id":"abc-1","size":"5.000"}')
    with pytest.raises(OutcomeUnknown, match="sent before"):
        call.admit("POST", "http://x/orders", {}, '{"id":"abc-1","size":"5.000"}')


REFUSALS = [
    ("kraken", {"error": ["EOrder:Insufficient funds"]}, RejectionKind.VENUE),
    ("kraken", {"error": ["EOrder:Order minimum not met"]}, RejectionKind.RULES),
    ("kraken", {"error": ["EService:Unavailable"]}, None),
    ("kraken", {"error": ["EService:Busy"]}, None),
    ("kraken", {"error": ["EOrder:Insufficient funds", "EService:Timeout"]}, None),
    (
        "okx",
        {"code": "1", "msg": "All operations failed", "data": [{"sCode": "51008", "sMsg": "Low"}]},
        RejectionKind.VENUE,
    ),
    ("okx", {"code": "1", "data": [{"sCode": "51020", "sMsg": "Small"}]}, RejectionKind.RULES),
    ("okx", {"code": "1", "data": [{"sCode": "51016", "sMsg": "Duplicated clOrdId"}]}, None),
    ("okx", {"code": "50013", "msg": "Systems are busy.", "data": []}, None),
    ("coinbase", {"success": False, "error_response": {"error": "INSUFFICIENT_FUND"}}, "venue"),
    ("coinbase", {"success": False, "error_response": {"error": "UNKNOWN_FAILURE_REASON"}}, None),
    ("bybit", {"retCode": 170131, "retMsg": "Insufficient balance."}, RejectionKind.VENUE),
    ("bybit", {"retCode": 170140, "retMsg": "Order value too low."}, RejectionKind.RULES),
    ("bybit", {"retCode": 170141, "retMsg": "Duplicate clientOrderId."}, None),
    ("bybit", {"retCode": 10016, "retMsg": "Server error."}, None),
    ("kucoin", {"code": "200004", "msg": "Balance insufficient!"}, RejectionKind.VENUE),
    ("kucoin", {"code": "400100", "msg": "Order size below the minimum."}, RejectionKind.RULES),
    ("kucoin", {"code": "400100", "msg": "clientOid is duplicate."}, None),
]


@pytest.mark.parametrize(("exchange_id", "answer", "kind"), REFUSALS)
async def test_a_refusal_is_definite_only_if_the_table_says_so(
    exchange_id: str, answer: dict[str, Any], kind: RejectionKind | str | None
) -> None:
    call = ORDER_CALLS[exchange_id]
    async with answering(exchange_id, {call: http(answer)}) as (exchange, server):
        if kind is None:
            with pytest.raises(OutcomeUnknown):
                await exchange.submit(intent())
        else:
            outcome = await exchange.submit(intent())
            assert isinstance(outcome, Rejected)
            assert outcome.kind is RejectionKind(kind)
            assert outcome.code in json.dumps(answer)

    assert server.calls().count(call) == 1


@pytest.mark.parametrize(
    ("exchange_id", "told"),
    [
        ("nosuch", "that ccxt knows, was 'nosuch'"),
        ("bitget", "a market buy is for a quantity of coins"),
        ("gate", "a market buy is for a quantity of coins"),
        ("krakenfutures", "spot exchange that takes market orders"),
        ("bitstamp", "tells its time"),
    ],
)
def test_an_exchange_that_cannot_do_what_we_need_is_refused(exchange_id: str, told: str) -> None:
    with pytest.raises(UnsupportedExchange, match=told):
        CcxtExchange(exchange_id, url=None, credentials=CREDENTIALS, quote="USDT", now_us=lambda: 0)


def test_an_exchange_that_needs_more_credentials_is_refused() -> None:
    keys = {"apiKey": "k", "secret": "s"}

    with pytest.raises(UnsupportedExchange, match="was without password"):
        CcxtExchange("okx", url=None, credentials=keys, quote="USDT", now_us=lambda: 0)


async def test_before_the_first_comparison_nothing_is_known_of_the_exchanges_clock() -> None:
    async with connected("kraken", "http://127.0.0.1:1") as exchange:
        with pytest.raises(Unavailable, match="has not been read yet"):
            exchange.now_ms()
        with pytest.raises(Unavailable):
            await exchange.find(intent())


async def test_a_clock_that_tells_whole_seconds_may_be_almost_one_later() -> None:
    now = [7_000_000]
    async with answering("kraken", now_us=lambda: now[0]) as (exchange, _):
        await exchange.sync_clock()

        assert exchange.now_ms() == AT_MS // 1_000 * 1_000
        assert exchange._client.latest_ms() == exchange.now_ms() + 999


async def test_neither_secret_nor_key_nor_signature_is_logged(
    paper: Paper, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async with on_paper(paper) as exchange:
        purchase = intent(batch=next(_BATCHES), timestamp_ms=exchange.now_ms(), quantity=1)
        with pytest.raises(OutcomeUnknown):
            await exchange.submit(purchase)
        await exchange.list_balances({})
        await exchange.find(purchase)

    assert "signature=***" in caplog.text
    assert not re.search("signature=[0-9a-f]", caplog.text)
    assert KEY not in caplog.text
    assert SECRET not in caplog.text
