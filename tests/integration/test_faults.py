"""The main job while things are killed, stopped and restarted: nothing is lost, nothing bought twice."""

import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from crypto_exchange.adapters.embedded import free_port
from tests import paper_record
from tests.running import Person, RunningServer, eventually, running_server

pytestmark = pytest.mark.xdist_group("faults")
KILLS = int(os.environ.get("CX_KILLS", "3"))


def test_workers_that_are_killed_lose_nothing_and_buy_nothing_twice(tmp_path: Path) -> None:
    settings = {"PAPER_LATENCY": "500ms", "WORKER_PROCESSES": "2", "EXCHANGE_WINDOW": "2s"}
    with running_server(tmp_path, PAPER_PRICES="BTC=50000.00", **settings) as server:
        person = Person(server.run_file["api_url"], deposit="10000.00")
        orders = []

        for _ in range(KILLS):
            orders += [person.place("BTC", spend=s) for s in ("12.00", "4.00", "25.00", "7.00")]
            time.sleep(0.6)
            _kill(server, "worker")
            eventually(lambda: len(server.pids("worker")) == 2, 20)
        last = person.place("BTC", spend="9.99")
        ended = [person.ended(order, within_s=150) for order in orders]

        assert {order["state"] for order in ended} == {"completed"}
        waiting = person.order(last)
        if waiting["state"] == "aggregated":
            person.client.post(f"/orders/{last['id']}/cancel/")
        paper_record.assert_books_agree(server, ["BTC"])


def test_a_server_that_is_killed_recovers_at_the_next_start(tmp_path: Path) -> None:
    settings = {"PAPER_PRICES": "BTC=50000.00", "PAPER_LATENCY": "300ms"}
    with running_server(tmp_path, **settings) as server:
        person = Person(server.run_file["api_url"], deposit="1000.00")
        orders = [person.place("BTC", spend=s) for s in ("15.00", "6.00", "7.00", "20.00")]

        server.kill()
        server.start()

        assert {person.ended(order, within_s=90)["state"] for order in orders} == {"completed"}
        paper_record.assert_books_agree(server, ["BTC"])
        assert server.stop() == 0


def test_orders_that_wait_too_long_are_refunded(tmp_path: Path) -> None:
    with running_server(tmp_path, PAPER_PRICES="BTC=50000.00", MAX_WAIT="2s") as server:
        person = Person(server.run_file["api_url"], deposit="10.00")

        order = person.ended(person.place("BTC", spend="3.00"))

        assert (order["state"], order["reason"]) == ("failed", "deadline")
        assert order["refunded"] == Decimal("3.00")
        assert person.get("/accounts/wallet/")["balance"] == Decimal("10.00")


def _kill(server: RunningServer, role: str) -> None:
    for pid in server.pids(role):
        os.kill(pid, signal.SIGKILL)


def test_a_server_whose_exchange_comes_later_is_seeded_then(tmp_path: Path) -> None:
    port = free_port()
    exchange = {
        "EXCHANGE_URL": f"http://127.0.0.1:{port}",
        "EXCHANGE_API_KEY": "key-of-the-test",
        "EXCHANGE_API_SECRET": "secret-of-the-test",
        "PAPER_PORT": str(port),
    }
    with running_server(tmp_path, **exchange) as server:
        assert (
            httpx.get(f"{server.run_file['api_url']}/api/v1/exchanges/crypto-currencies/").json()
            == []
        )
        venue = subprocess.Popen(
            [sys.executable, "-m", "crypto_exchange", "paper-exchange"],
            env={**server.environment, "DATA_DIR": str(tmp_path / "venue")},
        )
        try:
            person = Person(server.run_file["api_url"], deposit="50.00")
            body = {"crypto": "ABAN", "amount": "1"}
            eventually(lambda: person.client.post("/orders/", json=body).status_code == 201, 60)
            [order] = person.get("/orders/")
            assert person.ended(order)["state"] == "completed"
        finally:
            venue.terminate()
            venue.wait(10)
