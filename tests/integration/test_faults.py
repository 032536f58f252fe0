"""The main job while things are killed, stopped and restarted: nothing is lost, nothing bought twice."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests import paper_record
from tests.running import UNMEASURED, Person, RunningServer, eventually, running_server

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.no_cover]
KILLS = int(os.environ.get("CX_KILLS", "3"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    settings = {
        "PAPER_PRICES": "BTC=50000.00",
        "PAPER_LATENCY": "500ms",
        "WORKER_PROCESSES": "2",
        "EXCHANGE_WINDOW": "2s",
    }
    with running_server(tmp_path_factory.mktemp("faults"), UNMEASURED, **settings) as running:
        yield running


def test_workers_that_are_killed_lose_nothing_and_buy_nothing_twice(server: RunningServer) -> None:
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
    if person.order(last)["state"] == "aggregated":
        person.client.post(f"/orders/{last['id']}/cancel/")
    person.ended(last)
    paper_record.assert_books_agree(server, ["BTC"])


def test_a_server_that_is_killed_recovers_at_the_next_start(server: RunningServer) -> None:
    person = Person(server.run_file["api_url"], deposit="1000.00")
    orders = [person.place("BTC", spend=s) for s in ("15.00", "6.00", "7.00", "20.00")]

    server.kill()
    server.start()

    assert {person.ended(order, within_s=90)["state"] for order in orders} == {"completed"}
    paper_record.assert_books_agree(server, ["BTC"])
    assert server.stop() == 0


def _kill(server: RunningServer, role: str) -> None:
    for pid in server.pids(role):
        os.kill(pid, signal.SIGKILL)
