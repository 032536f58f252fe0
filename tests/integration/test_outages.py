"""A running server without its exchange, prices, database or broker: nothing is lost, and all comes back.

CX_OUTAGE=120 takes the order calls away for two minutes, and by more kinds of faults.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import asyncpg
import httpx
import pytest
import redis
from typing_extensions import override

from tests import paper_record
from tests.running import UNMEASURED, Json, Person, RunningServer, eventually, running_server

OUTAGE_S = float(os.environ.get("CX_OUTAGE", "2.5"))
LONG = OUTAGE_S >= 60
ASSETS = ("ABAN", "BTC", "ETH")
MOST = 10**6
pytestmark = [
    pytest.mark.xdist_group("outages"),
    pytest.mark.no_cover,
    pytest.mark.timeout(180 + 3 * OUTAGE_S),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    settings = {
        "PAPER_PRICES": "BTC=50000.00,ETH=3100.00",
        "PRICE_MAX_AGE": "4s",
        "EXCHANGE_WINDOW": "1s",
        "SCAN_INTERVAL": "250ms",
    }
    with running_server(tmp_path_factory.mktemp("outages"), UNMEASURED, **settings) as running:
        yield running


@pytest.fixture
def person(server: RunningServer) -> Person:
    return Person(server.run_file["api_url"], deposit="100000.00")


def test_while_order_calls_are_down_orders_are_taken_and_settle_afterwards(
    server: RunningServer, person: Person
) -> None:
    placed: list[Json] = []
    # BTC is bought, and nobody says so; ETH is not.
    paper_record.order_fault(
        server, "timeout_after", symbol="BTC", path="orders", after_ms=0, count=MOST
    )
    paper_record.order_fault(server, "rate_limit", symbol="ETH", path="orders", count=MOST)
    if LONG:  # ABAN is bought or not, half each: a proof that it was not takes half a minute
        paper_record.order_fault(server, "http_5xx", symbol="ABAN", path="orders", count=MOST)

    until = time.monotonic() + OUTAGE_S
    while time.monotonic() < until:
        placed += [
            person.place(asset, spend=spend)  # which says that it was answered with 201
            for asset in (ASSETS if LONG else ASSETS[1:])
            for spend in ("12.00", "5.00", "6.00")
        ]
        time.sleep(OUTAGE_S / 10)
    meanwhile = {person.order(order)["state"] for order in placed}
    met = {fault["kind"]: fault["met"] for fault in paper_record.faults(server)}
    paper_record.remove_faults(server)
    ended = settled(person, placed)

    assert meanwhile <= {"pending", "aggregated"}
    assert min(met.values()) >= 2
    assert ended == {"completed"}
    assert bought_twice(server) == []


def test_without_prices_orders_are_refused_once_the_last_price_is_too_old(
    server: RunningServer, person: Person
) -> None:
    taken: list[Json] = []
    answers: list[httpx.Response] = []

    def is_refused() -> bool:
        answers.append(person.client.post("/orders/", json={"crypto": "BTC", "spend": "11.00"}))
        if answers[-1].status_code == 201:
            taken.append(answers[-1].json())
        return answers[-1].status_code == 503

    paper_record.order_fault(server, "http_5xx", path="prices", count=MOST)
    eventually(is_refused, 60)
    refused = answers[-1]
    paper_record.remove_faults(server)
    eventually(lambda: not is_refused(), 60)

    assert {answer.status_code for answer in answers} == {201, 503}
    assert refused.json()["code"] == "price_stale"
    assert int(refused.headers["Retry-After"]) > 0
    assert {person.ended(order)["state"] for order in taken} == {"completed"}


def test_while_postgres_restarts_commands_are_refused_and_soon_work_again(
    server: RunningServer, person: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    before = person.place("BTC", spend="12.00")
    key = {"Idempotency-Key": secrets.token_hex(8)}
    answers: list[httpx.Response] = []
    accepted = Accepting(server.run_file["postgres_dsn"])

    def is_done() -> bool:
        path, body = "/accounts/wallet/deposit", {"amount": "7.00"}
        answers.append(person.client.patch(path, json=body, headers=key))
        return answers[-1].status_code == 200

    [postgres] = server.pids("postgres")
    os.kill(postgres, signal.SIGKILL)
    eventually(lambda: not accepted.now(), 10)
    accepted.start()
    eventually(is_done, 90)
    worked_at = time.monotonic()
    accepted.join(60)

    refusals = answers[:-1]
    assert {answer.status_code for answer in refusals} == {503}
    assert {answer.json()["code"] for answer in refusals} == {"unavailable"}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refusals)
    seconds = max(0.0, worked_at - accepted.since)
    with capsys.disabled():
        print(f"\n  Postgres accepts connections: commands work again after {seconds:.2f} s")  # noqa: T201 - a figure for people
    assert seconds < 30  # 5 s on a machine that does nothing else
    assert person.ended(before)["state"] == "completed"
    deposited = [t for t in person.get("/transactions/") if t["amount"] == 7]
    assert len(deposited) == 1


def test_without_valkey_orders_are_taken_and_settle(server: RunningServer, person: Person) -> None:
    def place() -> list[Json]:
        return [person.place("BTC", spend=spend) for spend in ("15.00", "6.00", "6.00")]

    placed = place()
    with redis.Redis.from_url(server.run_file["redis_url"]) as client:
        client.flushall()
    placed += place()
    flushed = settled(person, placed)
    [valkey] = server.pids("valkey")
    os.kill(valkey, signal.SIGSTOP)
    try:
        stopped = settled(person, place())
    finally:
        os.kill(valkey, signal.SIGCONT)
    os.kill(valkey, signal.SIGKILL)
    killed = settled(person, place())

    assert flushed == stopped == killed == {"completed"}
    eventually(lambda: server.pids("valkey") not in ([], [valkey]), 30)


def test_after_all_of_it_the_books_agree_with_the_exchange(server: RunningServer) -> None:
    audit = server.command("audit")

    assert audit.returncode == 0, audit.stdout + audit.stderr
    assert bought_twice(server) == []
    paper_record.assert_books_agree(server, ASSETS)


class Accepting(threading.Thread):
    """Notes since when Postgres accepts connections."""

    def __init__(self, dsn: str) -> None:
        super().__init__(daemon=True)
        self._dsn = dsn
        self.since = 0.0

    def now(self) -> bool:
        return asyncio.run(self._asked())

    @override
    def run(self) -> None:
        while not self.now():
            time.sleep(0.02)
        self.since = time.monotonic()

    async def _asked(self) -> bool:
        try:
            connection = await asyncpg.connect(self._dsn, timeout=2)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        await connection.close()
        return True


def settled(person: Person, placed: list[Json]) -> set[str]:
    """States of the orders once none is held up; what is left over is too small, and cancelled."""
    eventually(lambda: not held_up(person, placed), 150, lambda: str(held_up(person, placed)))
    ends = {order["id"]: person.order(order)["state"] for order in placed}
    for number, state in ends.items():
        if state == "aggregated":
            assert person.client.post(f"/orders/{number}/cancel/").status_code == 200
    return set(ends.values()) - {"aggregated"}


def held_up(person: Person, placed: list[Json]) -> list[Json]:
    """Orders that should have been bought by now: all but those that together are too small."""
    now = [person.order(order) for order in placed]
    waiting = Counter[str]()
    for order in now:
        if order["state"] == "aggregated":
            waiting[order["crypto"]] += int(order["total_price"])
    return [
        o
        for o in now
        if o["state"] == "pending" or (o["state"] == "aggregated" and waiting[o["crypto"]] >= 10)
    ]


def bought_twice(server: RunningServer) -> list[str]:
    """Batches of which more than one attempt was executed there."""
    names = Counter(
        order["clientOrderId"].rpartition("-")[0]
        for asset in ASSETS
        for order in paper_record.all_orders(server, asset)
        if Decimal(order["executedQty"])
    )
    return [batch for batch, times in names.items() if times > 1]
