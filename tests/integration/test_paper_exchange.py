"""The paper exchange as its clients see it: a process, HTTP, our own signatures."""

import hashlib
import hmac
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.paper_venue import FIXED, KEY, SECRET, Paper, free_port, launch, refused, serving


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    with serving(tmp_path_factory.mktemp("paper"), **FIXED) as running:
        yield running


def test_anybody_may_ask_for_time_rules_and_prices(paper: Paper) -> None:
    before = paper.now_ms()

    assert paper.get("ping") == {}
    assert before <= paper.get("time")["serverTime"] <= paper.now_ms()
    assert paper.get("ticker/price", symbol="BTCUSDT") == {
        "symbol": "BTCUSDT",
        "price": "50000.00000000",
    }
    listed = paper.get("ticker/price", symbols='["ABANUSDT","BTCUSDT"]')
    assert [row["price"] for row in listed] == ["20.00000000", "50000.00000000"]
    assert [row["symbol"] for row in paper.get("ticker/price")] == [
        "ABANUSDT",
        "BTCUSDT",
        "ETHUSDT",
    ]
    assert paper.get("ticker/bookTicker", symbol="BTCUSDT")["askPrice"] == "50000.00000000"
    assert paper.get("ticker/24hr", symbol="BTCUSDT")["lastPrice"] == "50000.00000000"


def test_the_rules_of_a_symbol_are_its_filters(paper: Paper) -> None:
    answer = paper.get("exchangeInfo", symbol="BTCUSDT", showPermissionSets="false")

    (symbol,) = answer["symbols"]
    filters = {row["filterType"]: row for row in symbol["filters"]}
    assert (symbol["symbol"], symbol["status"]) == ("BTCUSDT", "TRADING")
    assert (symbol["baseAsset"], symbol["quoteAsset"]) == ("BTC", "USDT")
    assert symbol["permissionSets"] == []
    assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert filters["MARKET_LOT_SIZE"]["maxQty"] == "9000.00000000"
    assert filters["NOTIONAL"]["minNotional"] == "5.00000000"
    assert filters["NOTIONAL"]["applyMinToMarket"] is True
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert len(paper.get("exchangeInfo")["symbols"]) == 3


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"symbol": "NONE"}, -1121),
        ({"symbol": "btcusdt"}, -1100),
        ({"symbols": "BTCUSDT"}, -1100),
        ({"symbols": "[]"}, -1100),
        ({"symbols": '["BTCUSDT","BTCUSDT"]'}, -1151),
        ({"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}, -1128),
        ({"colour": "red"}, -1104),
    ],
)
def test_a_question_for_an_unknown_symbol_is_refused(
    paper: Paper, parameters: dict[str, str], code: int
) -> None:
    answer = paper.http.get("/api/v3/ticker/price", params=parameters)

    assert refused(answer)[:2] == (400, code)


def test_an_unknown_path_method_or_huge_body_is_refused(paper: Paper) -> None:
    path = paper.http.get("/api/v3/nothing")
    method = paper.http.put("/api/v3/order")
    body = paper.http.post("/api/v3/order", content=b"x" * 100_000)

    assert refused(path)[:2] == (404, -1020)
    assert refused(method)[:2] == (405, -1020)
    assert method.headers["allow"] == "GET, POST, DELETE"
    assert body.status_code == 413


def test_a_purchase_fills_at_the_price_and_pays_the_fee_in_quote(paper: Paper) -> None:
    coins, money = paper.free("BTC"), paper.free("USDT")

    answer = paper.buy(quantity="0.00021", newClientOrderId="first").json()

    assert answer | {"orderId": 0, "transactTime": 0, "workingTime": 0} == {
        "symbol": "BTCUSDT",
        "orderId": 0,
        "orderListId": -1,
        "clientOrderId": "first",
        "transactTime": 0,
        "price": "0.00000000",
        "origQty": "0.00021000",
        "executedQty": "0.00021000",
        "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": "10.50000000",
        "status": "FILLED",
        "timeInForce": "GTC",
        "type": "MARKET",
        "side": "BUY",
        "workingTime": 0,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "fills": [
            {
                "price": "50000.00000000",
                "qty": "0.00021000",
                "commission": "0.01050000",
                "commissionAsset": "USDT",
                "tradeId": answer["fills"][0]["tradeId"],
            }
        ],
    }
    assert paper.free("BTC") - coins == Decimal("0.00021")
    assert money - paper.free("USDT") == Decimal("10.5105")


def test_an_order_may_be_sent_in_the_body(paper: Paper) -> None:
    body = urlencode(
        {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "MARKET",
            "quantity": "0.001",
            "timestamp": paper.now_ms(),
        }
    )
    signature = hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()

    answer = paper.http.post(
        "/api/v3/order",
        content=f"{body}&signature={signature}",
        headers={"X-MBX-APIKEY": KEY, "Content-Type": "application/x-www-form-urlencoded"},
    )

    assert answer.json()["status"] == "FILLED"


def test_a_quote_amount_buys_whole_lots_and_a_sale_brings_it_back(paper: Paper) -> None:
    bought = paper.buy(quoteOrderQty="10.99", newOrderRespType="RESULT").json()
    coins = paper.free("BTC")

    sold = paper.buy(side="SELL", quantity=bought["executedQty"]).json()

    assert (bought["executedQty"], bought["cummulativeQuoteQty"]) == ("0.00021000", "10.50000000")
    assert bought["origQuoteOrderQty"] == "10.99000000"
    assert "fills" not in bought
    assert sold["fills"][0]["commissionAsset"] == "USDT"
    assert coins - paper.free("BTC") == Decimal("0.00021")


def test_an_acknowledgement_names_the_order_only(paper: Paper) -> None:
    answer = paper.buy(quantity="1", newOrderRespType="ACK").json()

    assert set(answer) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}


def test_an_order_is_found_by_either_id_and_the_newest_of_one_client_id(paper: Paper) -> None:
    first, second = (
        paper.buy(quantity=size, newClientOrderId="twice").json() for size in ("1", "2")
    )

    newest = paper.ask("order", symbol="BTCUSDT", origClientOrderId="twice")
    oldest = paper.ask("order", symbol="BTCUSDT", orderId=first["orderId"])

    assert (newest["orderId"], newest["executedQty"]) == (second["orderId"], "2.00000000")
    assert (oldest["clientOrderId"], oldest["executedQty"]) == ("twice", "1.00000000")
    assert newest["time"] == second["transactTime"]
    mismatch = {"orderId": first["orderId"], "origClientOrderId": "other"}
    assert paper.ask("order", symbol="BTCUSDT", **mismatch)["code"] == -2013
    assert paper.ask("order", symbol="ETHUSDT", orderId=first["orderId"])["code"] == -2013


def test_orders_and_trades_are_listed_from_an_id_or_within_a_time(paper: Paper) -> None:
    made = [paper.buy(quantity="1").json() for _ in range(3)]
    ids = [order["orderId"] for order in made]
    first_trade = made[0]["fills"][0]["tradeId"]
    span = {"startTime": made[0]["transactTime"], "endTime": made[2]["transactTime"]}

    def orders(**span: Any) -> list[int]:
        return [row["orderId"] for row in paper.ask("allOrders", symbol="BTCUSDT", **span)]

    def trades(**span: Any) -> list[int]:
        return [row["orderId"] for row in paper.ask("myTrades", symbol="BTCUSDT", **span)]

    assert orders(orderId=ids[0]) == trades(fromId=first_trade) == ids
    assert orders(limit=2) == trades(limit=2) == ids[1:]
    assert orders(orderId=ids[0], limit=2) == trades(fromId=first_trade, limit=2) == ids[:2]
    assert orders(**span)[-3:] == trades(**span)[-3:] == ids
    assert orders(endTime=1) == trades(endTime=1) == []
    assert trades(orderId=ids[1]) == [ids[1]]
    assert paper.ask("openOrders", symbol="BTCUSDT") == []


def test_a_trade_states_price_amounts_and_fee(paper: Paper) -> None:
    order = paper.buy(quantity="0.00021").json()

    (trade,) = paper.ask("myTrades", symbol="BTCUSDT", orderId=order["orderId"])

    assert trade == {
        "symbol": "BTCUSDT",
        "id": order["fills"][0]["tradeId"],
        "orderId": order["orderId"],
        "orderListId": -1,
        "price": "50000.00000000",
        "qty": "0.00021000",
        "quoteQty": "10.50000000",
        "commission": "0.01050000",
        "commissionAsset": "USDT",
        "time": order["transactTime"],
        "isBuyer": True,
        "isMaker": False,
        "isBestMatch": True,
    }


@pytest.mark.parametrize(
    ("path", "parameters", "code"),
    [
        ("order", {}, -1102),
        ("order", {"symbol": "BTCUSDT"}, -1102),
        ("order", {"symbol": "BTCUSDT", "origClientOrderId": "never-sent"}, -2013),
        ("order", {"symbol": "BTCUSDT", "orderId": "one"}, -1100),
        ("allOrders", {"symbol": "BTCUSDT", "limit": "0"}, -1130),
        ("allOrders", {"symbol": "BTCUSDT", "startTime": "0", "endTime": "86400001"}, -1127),
        ("allOrders", {"symbol": "BTCUSDT", "startTime": "2", "endTime": "1"}, -1128),
        ("myTrades", {"symbol": "BTCUSDT", "fromId": "1", "startTime": "1"}, -1128),
        ("myTrades", {"symbol": "NONE"}, -1121),
        ("openOrders", {"symbol": "NONE"}, -1121),
        ("account", {"omitZeroBalances": "perhaps"}, -1130),
    ],
)
def test_a_look_up_that_asks_wrongly_is_refused(
    paper: Paper, path: str, parameters: dict[str, str], code: int
) -> None:
    assert refused(paper.send("GET", path, **parameters))[:2] == (400, code)


def test_the_account_states_balances_and_fee(paper: Paper) -> None:
    answer = paper.ask("account", omitZeroBalances="true")
    everything = paper.ask("account")

    assert (answer["canTrade"], answer["accountType"]) == (True, "SPOT")
    assert answer["commissionRates"]["taker"] == "0.00100000"
    assert answer["takerCommission"] == 10
    assert "ABAN" not in {row["asset"] for row in answer["balances"]}
    assert {row["asset"] for row in everything["balances"]} == {"ABAN", "BTC", "ETH", "USDT"}
    fee = paper.ask("account/commission", symbol="BTCUSDT")
    assert fee["standardCommission"]["taker"] == "0.00100000"


def test_the_wallet_lists_every_coin_and_no_margin_pairs_or_contracts(paper: Paper) -> None:
    coins = paper.ask("/sapi/v1/capital/config/getall")
    pairs = [paper.ask(f"/sapi/v1/margin/{kind}") for kind in ("allPairs", "isolated/allPairs")]
    contracts = [paper.http.get(f"/{kind}/v1/exchangeInfo").json() for kind in ("fapi", "dapi")]

    assert [row["coin"] for row in coins] == ["ABAN", "BTC", "ETH", "USDT"]
    assert Decimal(coins[-1]["free"]) == paper.free("USDT")
    assert (coins[1]["trading"], coins[1]["networkList"]) == (True, [])
    assert pairs == [[], []]
    assert [row["symbols"] for row in contracts] == [[], []]
    assert refused(paper.http.get("/sapi/v1/margin/allPairs"))[0] == 401
    [fee] = paper.ask("/sapi/v1/asset/tradeFee", symbol="BTCUSDT")
    assert (fee["symbol"], fee["takerCommission"]) == ("BTCUSDT", "0.00100000")
    assert len(paper.ask("/sapi/v1/asset/tradeFee")) == 3


LOT = "Filter failure: LOT_SIZE"
FUNDS = "Account has insufficient balance for requested action."
NO_QUANTITY = "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed."


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"symbol": "NONE", "quantity": "1"}, -1121, "Invalid symbol."),
        ({"side": "HOLD", "quantity": "1"}, -1117, "Invalid side."),
        ({"type": "LIMIT", "quantity": "1"}, -1116, "Invalid orderType."),
        ({}, -1102, NO_QUANTITY),
        (
            {"quantity": "1", "quoteOrderQty": "10"},
            -1128,
            "Combination of optional parameters invalid.",
        ),
        ({"quantity": "1", "price": "5"}, -1106, "Parameter 'price' sent when not required."),
        (
            {"quantity": "1", "foo": "1"},
            -1104,
            "Not all sent parameters were read; read '6' parameter(s) but was sent '7'.",
        ),
        ({"quantity": "1.000000001"}, -1111, "Parameter 'quantity' has too much precision."),
        ({"quantity": "0"}, -1013, "Invalid quantity."),
        ({"quantity": "0.000001"}, -1013, LOT),
        ({"quantity": "0.000015"}, -1013, LOT),
        ({"quantity": "9000.00001"}, -1013, LOT),
        ({"quantity": "0.00009"}, -1013, "Filter failure: NOTIONAL"),
        ({"quoteOrderQty": "4.99"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": "201"}, -2010, FUNDS),
        ({"side": "SELL", "symbol": "ETHUSDT", "quantity": "1"}, -2010, FUNDS),
        (
            {"quantity": "1", "newOrderRespType": "ALL"},
            -1130,
            "Data sent for parameter 'newOrderRespType' is not valid.",
        ),
        (
            {"quantity": "1", "newClientOrderId": "x" * 37},
            -1100,
            "Illegal characters found in parameter 'newClientOrderId'; "
            r"legal range is '^[\.A-Z\:/a-z0-9_-]{1,36}$'.",
        ),
    ],
)
def test_an_order_that_can_not_be_is_refused_and_leaves_no_trace(
    paper: Paper, changes: dict[str, str], code: int, message: str
) -> None:
    before = paper.ask("account")["balances"]

    answer = paper.buy(**changes)

    assert refused(answer) == (400, code, message)
    assert paper.ask("account")["balances"] == before


def test_a_test_order_checks_the_filters_and_buys_nothing(paper: Paper) -> None:
    wanted = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"}
    before = paper.ask("account")["balances"]

    good = paper.send("POST", "order/test", **wanted, quantity="201")
    fee = paper.send("POST", "order/test", **wanted, quantity="1", computeCommissionRates="true")
    bad = paper.send("POST", "order/test", **wanted, quantity="0.000001")

    assert good.json() == {}
    assert fee.json()["standardCommissionForOrder"]["taker"] == "0.00100000"
    assert refused(bad) == (400, -1013, LOT)
    assert paper.ask("account")["balances"] == before


def test_a_market_order_can_not_be_cancelled(paper: Paper) -> None:
    order = paper.buy(quantity="1").json()

    answer = paper.send("DELETE", "order", symbol="BTCUSDT", orderId=order["orderId"])
    nameless = paper.send("DELETE", "order", symbol="BTCUSDT")

    assert refused(answer) == (400, -2011, "Unknown order sent.")
    assert refused(nameless)[1] == -1102


def test_a_request_needs_the_key_the_signature_and_a_fresh_timestamp(paper: Paper) -> None:
    now = paper.now_ms()

    without_key = paper.http.get("/api/v3/account")
    wrong_key = paper.http.get("/api/v3/account", headers={"X-MBX-APIKEY": "wrong"})
    unsigned = paper.http.get(f"/api/v3/account?timestamp={now}", headers={"X-MBX-APIKEY": KEY})
    forged = paper.send("GET", "account", secret="wrong")
    stale = paper.send("GET", "account", timestamp=now - 6000)
    ahead = paper.send("GET", "account", timestamp=now + 60_000)
    too_long = paper.send("GET", "account", recvWindow=60_001)
    patient = paper.send("GET", "account", timestamp=now - 6000, recvWindow=60_000)
    timeless = paper.send("GET", "account", timestamp="")

    assert refused(without_key) == (401, -2014, "API-key format invalid.")
    assert refused(wrong_key)[:2] == (401, -2015)
    assert refused(unsigned)[1] == -1102
    assert refused(forged) == (400, -1022, "Signature for this request is not valid.")
    assert refused(stale)[1:] == (
        -1021,
        "Timestamp for this request is outside of the recvWindow.",
    )
    assert refused(ahead)[1] == -1021
    assert "ahead of the server's time." in refused(ahead)[2]
    assert refused(too_long)[1] == -1131
    assert patient.status_code == 200
    assert refused(timeless)[1] == -1102


def test_parallel_orders_all_count_and_ids_never_repeat(paper: Paper) -> None:
    before = paper.free("ETH")

    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: paper.buy(symbol="ETHUSDT", quantity="0.01").json(), range(100))
        )

    assert len({answer["orderId"] for answer in answers}) == 100
    assert len({answer["fills"][0]["tradeId"] for answer in answers}) == 100
    assert paper.free("ETH") - before == 1


def test_orders_survive_a_kill_at_any_moment(tmp_path: Path) -> None:
    answered: list[dict[str, Any]] = []
    with serving(tmp_path, **FIXED) as paper, ThreadPoolExecutor(1) as pool:

        def order_until_gone() -> None:
            while True:
                answered.append(paper.buy(quantity="0.001").json())

        ordering = pool.submit(order_until_gone)
        while len(answered) < 20:
            time.sleep(0.01)
        paper.process.kill()
        assert isinstance(ordering.exception(timeout=20), httpx.TransportError)

    with serving(tmp_path, **FIXED) as paper:
        orders = paper.ask("allOrders", symbol="BTCUSDT", limit=1000)
        trades = paper.ask("myTrades", symbol="BTCUSDT", limit=1000)
        bought = sum(Decimal(row["executedQty"]) for row in orders)
        paid = sum(Decimal(row["quoteQty"]) + Decimal(row["commission"]) for row in trades)

        assert {row["orderId"] for row in answered} <= {row["orderId"] for row in orders}
        assert len(orders) <= len(answered) + 1
        assert [row["orderId"] for row in trades] == [row["orderId"] for row in orders]
        assert paper.free("BTC") == bought
        assert paper.free("USDT") == 10_000_000 - paid
        assert paper.buy(quantity="0.001").json()["orderId"] > orders[-1]["orderId"]


def test_an_order_whose_window_ends_before_it_takes_effect_is_never_executed(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, latency_ms=1000, **FIXED) as paper:
        late = paper.buy(quantity="0.001", recvWindow=400)
        in_time = paper.buy(quantity="0.001", recvWindow=20_000)
        orders = paper.ask("allOrders", symbol="BTCUSDT")

    assert refused(late)[:2] == (400, -1021)
    assert [row["orderId"] for row in orders] == [in_time.json()["orderId"]]


def test_a_client_id_is_unique_among_orders_that_are_open(tmp_path: Path) -> None:
    with serving(tmp_path, latency_ms=1000, **FIXED) as paper, ThreadPoolExecutor(2) as pool:
        both = pool.map(lambda _: paper.buy(quantity="0.001", newClientOrderId="same"), range(2))
        statuses = sorted((answer.json().get("msg", ""), answer.status_code) for answer in both)
        later = paper.buy(quantity="0.001", newClientOrderId="same")
        orders = paper.ask("allOrders", symbol="BTCUSDT")

    assert statuses == [("", 200), ("Duplicate order sent.", 400)]
    assert later.status_code == 200
    assert len(orders) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_while_orders_are_under_way(
    tmp_path: Path, number: signal.Signals
) -> None:
    with (
        serving(tmp_path, latency_ms=1000, **FIXED) as paper,
        ThreadPoolExecutor(1) as pool,
        sqlite3.connect(tmp_path / "paper-exchange.sqlite3") as record,
    ):
        order = pool.submit(paper.buy, quantity="0.001")
        while not record.execute("SELECT count(*) FROM orders").fetchone()[0]:
            time.sleep(0.01)

        paper.process.send_signal(number)

        assert paper.process.wait(timeout=20) == 0
        assert order.result(timeout=20).json()["status"] == "FILLED"


def fee_in_coin(paper: Paper) -> None:
    fee = paper.buy(quantity="0.00021").json()["fills"][0]

    assert (fee["commission"], fee["commissionAsset"]) == ("0.00000021", "BTC")
    assert paper.free("BTC") == Decimal("0.00020979")


def fee_in_a_third_coin(paper: Paper) -> None:
    fee = paper.buy(quantity="1").json()["fills"][0]

    assert (fee["commission"], fee["commissionAsset"]) == ("0.10000000", "BNB")
    assert paper.free("BNB") == Decimal("9999.9")
    assert paper.free("USDT") == 10_000_000 - 50_000


def fee_in_an_unlisted_coin_that_runs_out(paper: Paper) -> None:
    first, second, last = (paper.buy(quantity="20").json()["fills"][0] for _ in range(3))

    assert (first["commission"], first["commissionAsset"]) == ("5000.00000000", "POINT")
    assert second == first | {"tradeId": second["tradeId"]}
    assert (last["commission"], last["commissionAsset"]) == ("0.10000000", "BTC")


@pytest.mark.parametrize(
    ("settings", "check"),
    [
        ({"fee_in": "coin", **FIXED}, fee_in_coin),
        ({"fee_in": "BNB", "prices": {"BTC": "50000", "BNB": "500"}}, fee_in_a_third_coin),
        (
            {"fee_in": "POINT", "fee_bps": "50", **FIXED},
            fee_in_an_unlisted_coin_that_runs_out,
        ),
    ],
)
def test_the_fee_is_taken_where_the_settings_say(
    tmp_path: Path, settings: dict[str, Any], check: Callable[[Paper], None]
) -> None:
    with serving(tmp_path, **settings) as paper:
        check(paper)


def test_a_candle_replay_goes_on_after_a_restart_and_reports_what_it_skips(tmp_path: Path) -> None:
    file = tmp_path / "btc.csv"
    rows = ["2024-01-01 00:00,100", "2023-01-01 00:00,1", "2024-01-01 00:01,200"]
    file.write_text("\n".join(["Datetime,Close", *rows, ""]))
    settings = {"candles": {"BTC": str(file)}, "speed": "60"}

    with serving(tmp_path, **settings) as paper:
        while paper.get("ticker/price", symbol="BTCUSDT")["price"] == "100.00000000":
            time.sleep(0.05)
        paper.process.terminate()
        assert paper.process.wait(timeout=20) == 0
        assert paper.process.stderr is not None
        said = paper.process.stderr.read()
    with serving(tmp_path, **settings) as paper:
        price = paper.get("ticker/price", symbol="BTCUSDT")["price"]

    assert price == "200.00000000"
    assert said.splitlines() == [
        f"paper exchange: {file} line 3: 2023-01-01T00:00:00+00:00 is not after "
        "2024-01-01T00:00:00+00:00 of line 2. Skipped."
    ]


def test_a_taken_port_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = launch(tmp_path, port)
        said = process.communicate(timeout=20)

    assert process.returncode == 2
    assert said == (
        "",
        f"paper exchange: 127.0.0.1:{port} must be a free address, it is not: "
        "Address already in use.\n",
    )


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"candles": {"BTC": "none.csv"}}, "can't be read: No such file or directory."),
        ({"fee_bps": "-1"}, "it is -1."),
        ({"latency_ms": -1}, "The latency must be at least 0 ms, it is -1."),
        ({"api_secret": ""}, "The API key and secret must not be empty, one of them is."),
        ({"quote": "usd"}, "The quote currency must be 1 to 12 of A-Z and 0-9, it is 'usd'."),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_exit_code_2(
    tmp_path: Path, settings: dict[str, Any], sentence: str
) -> None:
    process = launch(tmp_path, free_port(), **settings)
    _, said = process.communicate(timeout=20)

    assert process.returncode == 2
    assert len(said.splitlines()) == 1
    assert said.endswith(f"{sentence}\n")


def test_a_record_that_can_not_be_opened_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "paper-exchange.sqlite3").write_text("this is no database " * 100)

    process = launch(tmp_path, free_port())
    _, said = process.communicate(timeout=20)

    assert process.returncode == 2
    assert said.endswith("can't be opened: file is not a database.\n")
