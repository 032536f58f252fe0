"""A server whose exchange is somebody else's: it comes after the server, and takes its fee in coin."""

import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest

from crypto_exchange.adapters.embedded import free_port
from tests import paper_record
from tests.running import Json, Person, RunningServer, eventually, running_server

pytestmark = pytest.mark.xdist_group("late exchange")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    port = free_port()
    settings = {
        "EXCHANGE_URL": f"http://127.0.0.1:{port}",
        "EXCHANGE_API_KEY": "key-of-the-test",
        "EXCHANGE_API_SECRET": "secret-of-the-test",
        "EXCHANGE_FEE": "coin",
        "PAPER_PORT": str(port),
        "PAPER_PRICES": "BTC=63127.41",
        "PAPER_FEE_IN": "coin",
        "TAKE_ALONG": "off",  # so that the two small ones surely wait for each other
    }
    with running_server(tmp_path_factory.mktemp("late"), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def listed_before(server: RunningServer) -> Iterator[Json]:
    """What could be bought before the exchange was there; it is now."""
    before = httpx.get(f"{server.run_file['api_url']}/api/v1/exchanges/crypto-currencies/").json()
    venue = subprocess.Popen(
        [sys.executable, "-m", "crypto_exchange", "paper-exchange"],
        env={**server.environment, "DATA_DIR": str(server.data_dir / "venue")},
    )
    yield before
    venue.terminate()
    venue.wait(10)


@pytest.fixture
def person(server: RunningServer, listed_before: Json) -> Person:
    """Somebody who has bought one ABAN."""
    person = Person(server.run_file["api_url"], deposit="100.00")
    body = {"crypto": "ABAN", "amount": "1"}
    eventually(lambda: person.client.post("/orders/", json=body).status_code == 201, 60)
    return person


def test_a_server_whose_exchange_comes_later_is_seeded_then(
    listed_before: Json, person: Person
) -> None:
    [order] = person.get("/orders/")

    assert listed_before == []
    assert person.ended(order)["state"] == "completed"


def test_a_fee_in_coin_is_the_houses(server: RunningServer, person: Person) -> None:
    placed = [person.place("BTC", spend=s) for s in ("10.00", "25.37", "6.00", "4.01")]
    ended = [person.ended(order) for order in (*placed, *person.get("/orders/"))]

    assert {order["state"] for order in ended} == {"completed"}
    ledger = server.ledger()
    accounts = {name: Decimal(balance) for name, balance in ledger["accounts"].items()}
    assert set(ledger["sums"].values()) == {"0.00000000"}
    kept = paper_record.balances(server)
    assert -accounts["venue:BTC"] == kept["BTC"] < paper_record.bought(server, "BTC")
    assert -accounts["venue:USD"] == kept["USDT"]
    assert accounts["house:inventory:BTC"] >= 0
