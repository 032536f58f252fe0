"""Orders that the paper exchange accepts and executes later, by a clock that the test turns."""

import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from crypto_exchange.entrypoints.exchange import order_calls
from crypto_exchange.entrypoints.exchange.account import Account, Order, Span, Trade
from crypto_exchange.entrypoints.exchange.amounts import ONE
from crypto_exchange.entrypoints.exchange.config import PaperConfig
from crypto_exchange.entrypoints.exchange.failures import ApiError
from crypto_exchange.entrypoints.exchange.faults import KINDS, Fault, Faults, Meeting
from crypto_exchange.entrypoints.exchange.listing import list_symbols
from crypto_exchange.entrypoints.exchange.parameters import read_parameters
from crypto_exchange.entrypoints.exchange.signing import Window
from crypto_exchange.entrypoints.exchange.venue import Call, Venue

NOW = 1_800_000_000_000
KNOWN = frozenset({"symbol", "side", "type", "quantity", "quoteOrderQty", "newClientOrderId"})


class Desk:
    """A venue at a moment of the test's choice; `reopen` is what a restart does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now_ms = NOW
        self.faults = Faults()
        self.reopen()

    def reopen(self, quote: str = "USDT") -> None:
        config = PaperConfig(
            quote=quote,
            port=1,
            data_dir=self.path,
            api_key="key",
            api_secret="secret",
            prices={},
            candles={},
            rules={},
        )
        self.account = Account(self.path / "record.sqlite3")
        self.venue = Venue(
            config, list_symbols(config), self.account, lambda: self.now_ms, self.faults
        )

    def order(self, kind: str, after_ms: int = 40_000, **terms: str) -> None:
        meeting = Meeting(fault(kind, after_ms), random.Random(0))
        values = {"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", **terms}
        parameters = read_parameters(urlencode(values).encode(), b"", KNOWN)
        order_calls.place(self.venue, Call(parameters, Window(NOW, 5_000_000), meeting))

    def at(self, now_ms: int) -> tuple[list[Order], list[Trade]]:
        """What the account lists at that moment."""
        self.now_ms = now_ms
        order_calls.execute_late(self.venue)
        listed = Span()
        return (
            self.account.list_orders("ETHUSDT", listed),
            self.account.list_trades("ETHUSDT", listed),
        )


def fault(kind: str, after_ms: int | None, **terms: Any) -> Fault:
    values = {"symbol": None, "path": None, "seed": 0, "fraction": None, "code": None, "msg": None}
    values |= {"count": None, "remaining": None, "since_ms": NOW}
    return Fault(kind=kind, after_ms=after_ms, **{**values, **terms})


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.account.close()


def test_a_late_fill_is_executed_outside_its_window_at_the_time_and_price_of_then(
    desk: Desk,
) -> None:
    money = desk.account.balances()["USDT"]

    desk.order("late_fill", quantity="0.5", newClientOrderId="late")

    before = desk.at(NOW + 39_999)
    held = desk.account.balances()
    [order], [trade] = desk.at(NOW + 100_000)
    price = desk.venue.price(desk.venue.named("ETHUSDT"), NOW + 40_000)
    assert before == ([], [])
    assert held == {"USDT": money}
    assert (order.client_id, order.status, order.time) == ("late", "FILLED", NOW + 40_000)
    assert (trade.price, trade.quantity, trade.time) == (price, ONE // 2, NOW + 40_000)
    assert desk.at(NOW + 200_000) == ([order], [trade])


def test_a_late_order_that_was_accepted_survives_a_restart(desk: Desk) -> None:
    desk.order("late_fill", quoteOrderQty="100")
    desk.account.close()

    desk.reopen()

    [order], _ = desk.at(NOW + 40_000)
    assert order.quote_wanted == 100 * ONE


@pytest.mark.parametrize(("after_ms", "executed"), [(5_000, 1), (5_001, 0)])
def test_a_late_timeout_is_executed_to_the_last_millisecond_of_its_window(
    desk: Desk, after_ms: int, executed: int
) -> None:
    with suppress(ApiError):  # the caller is told nothing of it
        desk.order("timeout_late", after_ms, quantity="0.5")

    orders, _ = desk.at(NOW + 60_000)

    assert len(orders) == executed


def test_a_late_order_of_a_market_that_is_no_longer_listed_is_never_executed(desk: Desk) -> None:
    desk.order("late_fill", quantity="0.5")
    desk.account.close()

    desk.reopen(quote="USDC")

    assert desk.at(NOW + 40_000) == ([], [])


def test_late_orders_are_executed_in_the_order_of_their_times(desk: Desk) -> None:
    desk.order("late_fill", 2_000, quantity="0.5", newClientOrderId="second")
    desk.order("late_fill", 1_000, quantity="0.5", newClientOrderId="first")

    orders, _ = desk.at(NOW + 60_000)

    assert [order.client_id for order in orders] == ["first", "second"]


def test_a_late_order_that_can_not_be_paid_any_more_is_never_executed(desk: Desk) -> None:
    for _ in range(2):
        desk.order("late_fill", quantity="2000")

    orders, _ = desk.at(NOW + 40_000)

    assert len(orders) == 1
    assert desk.at(NOW + 80_000)[0] == orders


def test_a_late_fill_is_not_held_back_by_rules_that_a_fault_changed_since(desk: Desk) -> None:
    desk.order("late_fill", quantity="0.0017")

    desk.faults.add(fault("halt", None))
    desk.faults.add(fault("filter_change", None))

    assert len(desk.at(NOW + 40_000)[0]) == 1


def test_a_standing_fault_ends_with_its_time(desk: Desk) -> None:
    desk.faults.add(fault("halt", 10_000, symbol="ETHUSDT"))

    statuses = []
    for now_ms in (NOW + 9_999, NOW + 10_000):
        desk.now_ms = now_ms
        statuses.append(desk.venue.named("ETHUSDT").status)

    assert statuses == ["BREAK", "TRADING"]
    assert desk.venue.named("BTCUSDT").status == "TRADING"
    assert desk.faults.in_force(NOW + 10_000) == []


def test_every_kind_of_fault_is_documented_with_its_delay() -> None:
    page = Path(__file__).parents[2] / "docs" / "paper-exchange.md"
    rows = [
        line.split("|")[1:3] for line in page.read_text().splitlines() if line.startswith("| `")
    ]

    documented = {kind.strip(" `"): delay.strip(" `") for kind, delay in rows}

    delays = {kind: "–" if k.after_ms is None else str(k.after_ms) for kind, k in KINDS.items()}
    assert documented == delays
