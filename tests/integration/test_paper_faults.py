"""Faults that are ordered at the paper exchange, as its clients meet them."""

import json
import signal
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.paper_venue import FIXED, Paper, refused, serving
from tests.running import eventually

pytestmark = pytest.mark.xdist_group("paper faults")
HOUR_MS = 3_600_000
NO_ANSWER = (
    504,
    -1007,
    "Timeout waiting for response from backend server. "
    "Send status unknown; execution status unknown.",
)
CLOSED = (400, -1013, "Market is closed.")
KINDS = (
    "latency, timeout_before, timeout_after, timeout_late, late_fill, http_5xx, garbage, "
    "partial_fill, reject, duplicate_fill, rate_limit, halt, filter_change, restart"
)


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    with serving(tmp_path_factory.mktemp("paper"), **FIXED) as running:
        yield running


@pytest.fixture
def paper(venue: Paper) -> Iterator[Paper]:
    yield venue
    assert venue.http.delete("/paper/faults").status_code == 204


def orders(paper: Paper, client_id: str) -> list[Any]:
    return [
        order
        for order in paper.ask("allOrders", symbol="BTCUSDT", limit=1000)
        if order["clientOrderId"] == client_id
    ]


def in_force(paper: Paper) -> list[Any]:
    return list(paper.http.get("/paper/faults").json())


def test_a_fault_is_stored_with_its_defaults_and_listed_with_how_often_it_was_met(
    paper: Paper,
) -> None:
    stored = paper.wish("reject", symbol="BTC", count=3, code=-2010, msg="No.")

    paper.buy(quantity="1")
    paper.buy(quantity="1", symbol="ETHUSDT")
    paper.ask("account")

    assert stored == {
        "id": stored["id"],
        "kind": "reject",
        "symbol": "BTCUSDT",
        "path": "POST /api/v3/order",
        "after_ms": 0,
        "seed": 0,
        "fraction": None,
        "code": -2010,
        "msg": "No.",
        "count": 3,
        "remaining": 3,
        "met": 0,
        "since_ms": stored["since_ms"],
    }
    assert in_force(paper) == [stored | {"remaining": 2, "met": 1}]


def test_faults_are_removed_one_by_one_or_all_at_once(paper: Paper) -> None:
    first, second, _ = (paper.wish("latency", after_ms=0) for _ in range(3))

    one = paper.http.delete(f"/paper/faults/{first['id']}")
    again = paper.http.delete(f"/paper/faults/{first['id']}")
    left = [fault["id"] for fault in in_force(paper)]
    everything = paper.http.delete("/paper/faults/")

    assert (one.status_code, everything.status_code) == (204, 204)
    assert (again.status_code, again.json()) == (404, {"msg": f"There is no fault {first['id']}."})
    assert left == [second["id"], second["id"] + 1]
    assert in_force(paper) == []


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"kind": "flood"}, f"kind must be one of {KINDS}, it is 'flood'."),
        ({}, "Object missing required field `kind`."),
        ({"kind": "halt", "colour": 1}, "Object contains unknown field `colour`."),
        ({"kind": "halt", "count": "2"}, "Expected `int | null`, got `str` - at `$.count`."),
        (
            {"kind": "halt", "count": 0},
            "count must be a whole number from 1 to 1000000000, it is 0.",
        ),
        (
            {"kind": "latency", "after_ms": -1},
            "after_ms must be a whole number from 0 to 86400000, it is -1.",
        ),
        (
            {"kind": "halt", "symbol": "DOGE"},
            "symbol must be one of ABAN, BTC, ETH or its market, it is 'DOGE'.",
        ),
        (
            {"kind": "latency", "path": "/api/v3/nothing"},
            "path must be orders, prices or a call such as POST /api/v3/order, "
            "it is '/api/v3/nothing'.",
        ),
        (
            {"kind": "late_fill", "path": "prices"},
            "The path of late_fill must be orders or POST /api/v3/order, it is 'prices'.",
        ),
        (
            {"kind": "partial_fill", "path": "GET /api/v3/order"},
            "The path of partial_fill must be orders or POST /api/v3/order, "
            "it is 'GET /api/v3/order'.",
        ),
        ({"kind": "halt", "path": "orders"}, "halt must have no path, it has 'orders'."),
        (
            {"kind": "partial_fill", "fraction": "1.5"},
            "fraction must be from 0 to 1 with at most 8 decimals, it is 1.5.",
        ),
        (
            {"kind": "partial_fill", "fraction": "NaN"},
            "fraction must be from 0 to 1 with at most 8 decimals, it is NaN.",
        ),
        (
            {"kind": "halt", "fraction": "0.5"},
            "fraction must be given with partial_fill only, it is with halt.",
        ),
        ({"kind": "reject", "code": -1}, "reject must have a msg, it has none."),
        ({"kind": "halt", "code": -1}, "code must be given with reject only, it is with halt."),
    ],
)
def test_a_fault_that_can_not_be_is_refused_with_what_was_expected(
    paper: Paper, body: dict[str, Any], sentence: str
) -> None:
    answer = paper.http.post("/paper/faults", json=body)

    assert (answer.status_code, answer.json()) == (400, {"msg": sentence})
    assert in_force(paper) == []


def test_malformed_json_an_unknown_path_and_method_are_refused(paper: Paper) -> None:
    malformed = paper.http.post("/paper/faults", content=b"{")
    path = paper.http.get("/paper/faults/first")
    method = paper.http.put("/paper/faults")

    assert malformed.status_code == 400
    assert path.status_code == 404
    assert (method.status_code, method.headers["allow"]) == (405, "GET, POST, DELETE")


def test_latency_delays_the_answer_of_what_was_done_and_joins_another_fault(paper: Paper) -> None:
    paper.wish("partial_fill", fraction=0)
    paper.wish("latency", path="orders", after_ms=10)

    order = paper.buy(quantity="1").json()

    assert order["status"] == "EXPIRED"
    assert in_force(paper) == []


def test_a_timeout_before_executes_nothing(paper: Paper) -> None:
    paper.wish("timeout_before", after_ms=10)

    answer = paper.buy(quantity="1", newClientOrderId="before")

    assert refused(answer) == NO_ANSWER
    assert orders(paper, "before") == []


def test_a_timeout_after_leaves_an_executed_order(paper: Paper) -> None:
    paper.wish("timeout_after", after_ms=10)

    answer = paper.buy(quantity="1", newClientOrderId="after")

    assert refused(answer) == NO_ANSWER
    assert [order["status"] for order in orders(paper, "after")] == ["FILLED"]


def test_a_late_timeout_executes_within_the_window_only(paper: Paper) -> None:
    paper.wish("timeout_late", after_ms=50, count=1)
    in_time = paper.buy(quantity="1", newClientOrderId="in-time", recvWindow=60_000)
    paper.wish("timeout_late", after_ms=50)
    outside = paper.buy(quantity="1", newClientOrderId="outside", recvWindow=49)

    eventually(lambda: bool(orders(paper, "in-time")), 20)

    assert refused(in_time) == NO_ANSWER
    # Where the machine was slow, its window was over before it came, and it met no fault.
    assert refused(outside)[1] in (-1007, -1021)
    assert orders(paper, "outside") == []
    assert paper.ask("order", symbol="BTCUSDT", origClientOrderId="in-time")["status"] == "FILLED"


def test_a_late_fill_shows_nowhere_until_it_is_there(paper: Paper) -> None:
    coins = paper.free("BTC")
    assert paper.wish("late_fill", after_ms=HOUR_MS, path="orders")["path"] == "POST /api/v3/order"

    answer = paper.buy(quantity="1", newClientOrderId="hidden")

    assert refused(answer) == NO_ANSWER
    look_up = paper.send("GET", "order", symbol="BTCUSDT", origClientOrderId="hidden")
    assert refused(look_up) == (400, -2013, "Order does not exist.")
    assert orders(paper, "hidden") == []
    assert paper.free("BTC") == coins


def test_a_late_fill_comes_after_a_kill(tmp_path: Path) -> None:
    with serving(tmp_path, **FIXED) as paper:
        paper.wish("late_fill", after_ms=700)
        answer = paper.buy(quantity="1", newClientOrderId="late")
        paper.process.kill()
    with serving(tmp_path, **FIXED) as paper:
        eventually(lambda: bool(orders(paper, "late")), 20)
        [order] = orders(paper, "late")
        [trade] = paper.ask("myTrades", symbol="BTCUSDT")

        assert refused(answer) == NO_ANSWER
        assert order["time"] == trade["time"]
        assert order["status"] == "FILLED"
        assert paper.free("BTC") == 1


def test_a_gateway_failure_is_one_of_three_and_executes_every_other_order_by_chance(
    paper: Paper,
) -> None:
    def try_20(prefix: str, seed: int) -> list[tuple[int, str, int]]:
        paper.wish("http_5xx", path="POST /api/v3/order", count=20, seed=seed)
        names = [f"{prefix}-{number}" for number in range(20)]
        answers = [paper.buy(quantity="0.001", newClientOrderId=name) for name in names]
        return [
            (answer.status_code, answer.text, len(orders(paper, name)))
            for name, answer in zip(names, answers, strict=True)
        ]

    first, again, other = try_20("a", seed=1), try_20("b", seed=1), try_20("c", seed=2)

    assert first == again != other
    assert {status for status, _, _ in first} == {500, 502, 503}
    assert {made for _, _, made in first} == {0, 1}
    assert json.loads(next(text for status, text, _ in first if status == 500))["code"] == -1001
    assert all("<html>" in text for status, text, _ in first if status != 500)


def test_garbage_answers_an_executed_order_with_something_else(paper: Paper) -> None:
    paper.wish("garbage", path="orders", count=12)
    names = [f"garbage-{number}" for number in range(12)]

    bodies = [paper.buy(quantity="0.001", newClientOrderId=name) for name in names]

    assert {answer.status_code for answer in bodies} == {200}
    kinds = {_kind_of_garbage(answer.text) for answer in bodies}
    assert kinds == {"cut off", "another page", "other types"}
    assert all(len(orders(paper, name)) == 1 for name in names)


def _kind_of_garbage(text: str) -> str:
    if text.startswith("<"):
        return "another page"
    try:
        answer = json.loads(text)
    except ValueError:
        return "cut off"
    assert isinstance(answer["orderId"], str)
    return "other types"


def test_garbage_stands_for_refusals_and_lists_too(paper: Paper) -> None:
    paper.wish("garbage", count=24)

    refusals = [paper.buy(quantity="8000") for _ in range(12)]
    lists = [paper.http.get("/api/v3/ticker/price") for _ in range(12)]

    assert {answer.status_code for answer in (*refusals, *lists)} == {200}
    assert {_garbage(answer.text, dict) for answer in refusals} == {"dict", "no JSON"}
    assert {_garbage(answer.text, list) for answer in lists} == {"dict", "no JSON"}


def _garbage(text: str, expected: type) -> str:
    try:
        answer = json.loads(text)
    except ValueError:
        return "no JSON"
    assert expected is list or isinstance(answer["code"], str)
    return type(answer).__name__


@pytest.mark.parametrize(
    ("quantity", "fraction", "executed", "trades"),
    [
        ("1.00001", "0.5", "0.50000", (2, 3)),
        ("0.0003", 0.1, "0.00003", (2, 3)),
        ("0.0003", "0.04", "0.00001", (1,)),
        ("1", 0, "0", (0,)),
        ("1", 1, "1", (2, 3)),
    ],
)
def test_a_partial_fill_ends_expired_with_a_part_in_whole_lots(
    paper: Paper, quantity: str, fraction: object, executed: str, trades: tuple[int, ...]
) -> None:
    coins, money = paper.free("BTC"), paper.free("USDT")
    paper.wish("partial_fill", fraction=fraction)

    answer = paper.buy(quantity=quantity).json()

    found = paper.ask("order", symbol="BTCUSDT", orderId=answer["orderId"])
    listed = paper.ask("myTrades", symbol="BTCUSDT", orderId=answer["orderId"])
    part = Decimal(executed)
    assert answer["status"] == found["status"] == ("FILLED" if fraction == 1 else "EXPIRED")
    assert Decimal(answer["origQty"]) == Decimal(quantity)
    assert Decimal(answer["executedQty"]) == Decimal(found["executedQty"]) == part
    assert len(answer["fills"]) in trades
    assert [fill["tradeId"] for fill in answer["fills"]] == [trade["id"] for trade in listed]
    assert sum(Decimal(trade["qty"]) for trade in listed) == part
    cost = sum((Decimal(t["quoteQty"]) for t in listed), Decimal(0))
    fee = sum((Decimal(t["commission"]) for t in listed), Decimal(0))
    assert Decimal(answer["cummulativeQuoteQty"]) == cost == part * 50_000
    assert paper.free("BTC") - coins == part
    assert money - paper.free("USDT") == cost + fee


def test_the_same_seed_cuts_an_order_into_the_same_trades(paper: Paper) -> None:
    def quantities(seed: int) -> list[str]:
        paper.wish("partial_fill", seed=seed, fraction="0.9")
        return [fill["qty"] for fill in paper.buy(quantity="1").json()["fills"]]

    assert quantities(7) == quantities(7) != quantities(8)


def test_a_rejection_has_the_code_and_message_that_were_ordered(paper: Paper) -> None:
    paper.wish("reject", code=-1013, msg="Filter failure: MAX_POSITION")

    answer = paper.buy(quantity="1", newClientOrderId="rejected")

    assert refused(answer) == (400, -1013, "Filter failure: MAX_POSITION")
    assert orders(paper, "rejected") == []


def test_a_fill_that_is_listed_twice_moves_the_balances_once(paper: Paper) -> None:
    coins = paper.free("BTC")
    paper.wish("duplicate_fill")

    order = paper.buy(quantity="1").json()

    listed = paper.ask("myTrades", symbol="BTCUSDT", orderId=order["orderId"])
    first, second = order["fills"]
    assert first == second
    assert [trade["id"] for trade in listed] == [first["tradeId"]] * 2
    assert order["executedQty"] == "1.00000000"
    assert paper.free("BTC") - coins == 1


def test_the_rate_limit_turns_every_call_away(paper: Paper) -> None:
    paper.wish("rate_limit", count=2, after_ms=1500)

    answers = [paper.http.get("/api/v3/ticker/price"), paper.buy(quantity="1")]

    assert [refused(answer)[:2] for answer in answers] == [(429, -1003)] * 2
    assert {answer.headers["retry-after"] for answer in answers} == {"2"}
    assert "current limit is 6000 request weight per 1 MINUTE" in refused(answers[0])[2]
    assert paper.get("ping") == {}


def status(paper: Paper, symbol: str) -> str:
    return str(paper.get("exchangeInfo", symbol=symbol)["symbols"][0]["status"])


def test_a_halt_closes_one_market_until_it_is_removed(paper: Paper) -> None:
    halt = paper.wish("halt", symbol="BTCUSDT")

    answers = [paper.buy(quantity="1"), paper.buy(quantity="1")]

    assert [refused(answer) for answer in answers] == [CLOSED] * 2
    assert (status(paper, "BTCUSDT"), status(paper, "ETHUSDT")) == ("BREAK", "TRADING")
    assert paper.buy(symbol="ETHUSDT", quantity="0.01").status_code == 200
    assert (in_force(paper)[0]["met"], in_force(paper)[0]["remaining"]) == (2, None)
    paper.http.delete(f"/paper/faults/{halt['id']}")
    assert status(paper, "BTCUSDT") == "TRADING"
    assert paper.buy(quantity="1").status_code == 200


def test_a_halt_ends_after_its_count_of_orders_or_its_time(paper: Paper) -> None:
    paper.wish("halt", count=1)
    once = [paper.buy(quantity="1").status_code for _ in range(2)]

    paper.wish("halt", after_ms=50)
    eventually(lambda: status(paper, "BTCUSDT") == "TRADING", 20)

    assert once == [400, 200]
    assert in_force(paper) == []


def test_changed_filters_refuse_what_the_old_ones_allowed(paper: Paper) -> None:
    paper.wish("filter_change", symbol="BTC")

    answer = paper.get("exchangeInfo", symbol="BTCUSDT")["symbols"][0]["filters"]
    lot = paper.buy(quantity="0.00021")
    notional = paper.buy(quantity="0.0001")
    good = paper.buy(quantity="0.0002")

    filters = {row["filterType"]: row for row in answer}
    assert filters["LOT_SIZE"]["stepSize"] == "0.00010000"
    assert filters["NOTIONAL"]["minNotional"] == "10.00000000"
    assert refused(lot) == (400, -1013, "Filter failure: LOT_SIZE")
    assert refused(notional) == (400, -1013, "Filter failure: NOTIONAL")
    assert good.json()["status"] == "FILLED"


def test_a_fault_is_met_only_on_its_path_and_by_its_symbol(paper: Paper) -> None:
    paper.wish("rate_limit", symbol="ETH", path="prices", count=9)

    statuses = [
        paper.http.get(f"/api/v3/{call}").status_code
        for call in (
            "ping",
            "exchangeInfo",
            "ticker/price?symbol=BTCUSDT",
            'ticker/price?symbols=["ABANUSDT","BTCUSDT"]',
            "ticker/price?symbol=ETHUSDT",
            'ticker/price?symbols=["ETHUSDT","BTCUSDT"]',
            "ticker/bookTicker",
        )
    ]

    assert statuses == [200] * 4 + [429] * 3
    assert paper.ask("order", symbol="ETHUSDT", orderId=1).get("code") != -1003


def test_orders_can_be_down_while_prices_are_answered(paper: Paper) -> None:
    paper.wish("http_5xx", path="orders", count=99)

    down = [paper.buy(quantity="1"), paper.send("GET", "myTrades", symbol="BTCUSDT")]

    assert all(answer.status_code >= 500 for answer in down)
    assert paper.get("ticker/price", symbol="BTCUSDT")["price"] == "50000.00000000"


def test_an_order_that_is_wrong_anyway_is_refused_and_meets_no_fault(paper: Paper) -> None:
    paper.wish("timeout_after", after_ms=10)

    answer = paper.buy(quantity="0.000015")

    assert refused(answer) == (400, -1013, "Filter failure: LOT_SIZE")
    assert in_force(paper)[0]["met"] == 0


def test_a_restart_drops_every_connection_and_keeps_orders_and_faults(tmp_path: Path) -> None:
    with serving(tmp_path, **FIXED) as paper, httpx.Client(timeout=20) as waiting:
        order = paper.buy(quantity="1").json()
        halt = paper.wish("halt", symbol="ETH")
        stored = paper.wish("restart", after_ms=300)

        with pytest.raises(httpx.TransportError):
            waiting.get(f"{paper.http.base_url}/api/v3/ping")
        eventually(lambda: _answers(paper), 20)

        assert (stored["met"], stored["remaining"]) == (1, 0)
        assert paper.process.poll() is None
        assert [fault["id"] for fault in in_force(paper)] == [halt["id"]]
        found = paper.ask("order", symbol="BTCUSDT", orderId=order["orderId"])
        assert found["executedQty"] == "1.00000000"
        assert paper.buy(quantity="1").json()["orderId"] > order["orderId"]
        paper.wish("restart", after_ms=HOUR_MS)
        paper.process.send_signal(signal.SIGTERM)
        assert paper.process.wait(20) == 0
        assert paper.process.stderr is not None
        assert not paper.process.stderr.read()


def test_a_restart_may_wait_for_an_order_and_answers_it_not(tmp_path: Path) -> None:
    with serving(tmp_path, **FIXED) as paper:
        made = []
        for number in range(6):
            paper.wish("restart", path="orders", after_ms=0, seed=number)
            name = f"dropped-{number}"
            with pytest.raises(httpx.TransportError):
                paper.buy(quantity="1", newClientOrderId=name)
            eventually(lambda: _answers(paper), 20)
            made.append(len(orders(paper, name)))

        assert set(made) == {0, 1}


def _answers(paper: Paper) -> bool:
    try:
        return paper.http.get("/api/v3/ping").status_code == 200
    except httpx.TransportError:
        return False


def test_a_record_of_an_older_version_is_taken_over(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "paper-exchange.sqlite3") as record:
        record.executescript(_OLDER_RECORD)
    record.close()

    for _ in range(2):
        with serving(tmp_path, **FIXED) as paper:
            first = paper.ask("order", symbol="BTCUSDT", origClientOrderId="old")
            [trade] = paper.ask("myTrades", symbol="BTCUSDT", orderId=first["orderId"])
            paper.wish("partial_fill")
            second = paper.buy(quantity="1").json()

            assert (first["status"], first["executedQty"]) == ("FILLED", "1.00000000")
            assert trade["quoteQty"] == "50000.00000000"
            assert (second["status"], second["executedQty"]) == ("EXPIRED", "0.50000000")


_OLDER_RECORD = """
CREATE TABLE origins (name TEXT PRIMARY KEY, time INTEGER NOT NULL) STRICT;
CREATE TABLE balances (
    asset TEXT PRIMARY KEY, free INTEGER NOT NULL CHECK (free >= 0)
) STRICT;
CREATE TABLE orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT, symbol TEXT NOT NULL, client_id TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('BUY', 'SELL')),
    quantity INTEGER NOT NULL CHECK (quantity > 0), quote_wanted INTEGER NOT NULL,
    cost INTEGER NOT NULL, time INTEGER NOT NULL
) STRICT;
CREATE INDEX orders_by_client_id ON orders (symbol, client_id);
CREATE INDEX orders_by_time ON orders (symbol, time);
CREATE TABLE trades (
    id INTEGER PRIMARY KEY AUTOINCREMENT, order_id INTEGER NOT NULL REFERENCES orders (id),
    symbol TEXT NOT NULL, side TEXT NOT NULL, price INTEGER NOT NULL, quantity INTEGER NOT NULL,
    cost INTEGER NOT NULL, commission INTEGER NOT NULL, commission_asset TEXT NOT NULL,
    time INTEGER NOT NULL
) STRICT;
INSERT INTO balances VALUES ('BTC', 100000000), ('USDT', 900000000000000);
INSERT INTO orders VALUES (1, 'BTCUSDT', 'old', 'BUY', 100000000, 0, 5000000000000, 1000);
INSERT INTO trades VALUES
    (1, 1, 'BTCUSDT', 'BUY', 5000000000000, 100000000, 5000000000000, 5000000000, 'USDT', 1000);
"""
