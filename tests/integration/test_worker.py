"""The worker over a service in memory, with a real queue, and with one that fails in every way."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from redis.asyncio import Redis
from typing_extensions import override

from crypto_exchange.adapters.dramatiq import JobQueue
from crypto_exchange.adapters.embedded import EmbeddedValkey, free_port
from crypto_exchange.adapters.memory import (
    MemoryExchange,
    MemorySignals,
    MemoryTally,
    Silence,
    memory_context,
)
from crypto_exchange.adapters.redis import RedisAssetCache, RedisConnection, RedisTally
from crypto_exchange.adapters.system import SystemClock
from crypto_exchange.domain import access, ports
from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.breaks import BreakKind
from crypto_exchange.domain.cashier import Deposit
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.order import Order, OrderState, Reason
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.purchase import Outcome, Purchase
from crypto_exchange.domain.risk_policy import RiskMode, RiskPolicy
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases import orders, wallets
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Session, User
from crypto_exchange.entrypoints.worker import main, repetition
from crypto_exchange.entrypoints.worker.parts import TRADE, Job, SignalParts, Wakeups, WorkerParts
from crypto_exchange.entrypoints.worker.repetition import repeat
from crypto_exchange.entrypoints.worker.trader import Trader

PRICE = 50_000 * 10**12
RULE = MarketRule(lot_step=1_000, min_notional=5 * DOLLAR)
BTC = Asset(symbol="BTC", rule=RULE, price=PRICE, priced_at_us=0)
ETH = Asset(symbol="ETH", rule=RULE, price=PRICE, priced_at_us=0)
NOBODY = "redis://127.0.0.1:{}/0"


class Service:
    """A service in memory with one rich user."""

    def __init__(self, policy: Policy | None = None, **ports: object) -> None:
        self.state = State((BTC, ETH))
        context = memory_context(clock=SystemClock(), state=self.state, policy=policy)
        now_ms = context.exchange.now_ms
        self.exchange = GatedExchange((BTC, ETH), context.policy, now_ms)
        self.context: Context = msgspec.structs.replace(context, exchange=self.exchange, **ports)
        user = User(id=self.state.next_user_id(), username="rich", password_hash="")
        self.state.apply(access.register(user, None, at_us=0))
        self.user_id = user.id

    async def prepare(self) -> None:
        """Give the user money and the assets a price of now."""
        await wallets.deposit(self.context, Deposit(user_id=self.user_id, amount=100_000 * DOLLAR))
        self.state.save_prices({"BTC": PRICE, "ETH": PRICE}, self.context.clock.now_us())

    async def place(self, *dollars: int, asset: str = "BTC") -> list[Order]:
        placed = []
        for spend in dollars:
            command = PlaceOrder(user_id=self.user_id, asset=asset, spend=spend * DOLLAR)
            placed.append((await orders.place(self.context, command))[0])
        return placed

    def is_open(self, order: Order) -> bool:
        return order.id in {o.id for o in self.state.open_orders.values()}

    async def completed(self, placed: list[Order]) -> None:
        """Wait until all have ended, and check how."""
        await eventually(lambda: not any(self.is_open(order) for order in placed))
        ends = {self.state.get_order(o.user_id, o.id).state for o in placed}
        assert ends == {OrderState.COMPLETED}


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # the state in memory tells nobody of a change
            await asyncio.sleep(0.01)


class GatedExchange(MemoryExchange):
    """Holds purchases of one asset up until the gate opens."""

    closed_for: str | None = None
    fault: Exception | None = None

    def close_gate(self, asset: str) -> None:
        self.closed_for, self.gate, self.knocked = asset, asyncio.Event(), asyncio.Event()

    @override
    async def submit(self, purchase: Purchase) -> Outcome:
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        if purchase.asset == self.closed_for:
            self.closed_for = None
            self.knocked.set()
            await self.gate.wait()
        return await super().submit(purchase)


class CountedQueue(JobQueue):
    """Notes what was sent."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.sent: list[tuple[str, ...]] = []

    @override
    async def send(self, name: str, *ids: str) -> None:
        await super().send(name, *ids)
        self.sent.append((name, *ids))


class UnattendedQueue(CountedQueue):
    """Takes messages, and nobody reads them."""

    @override
    async def start(self) -> None:
        pass


@asynccontextmanager
async def working(
    context: Context,
    queue: ports.JobQueue | None = None,
    wakeups: Wakeups | None = None,
    scan_interval_us: int = 100_000,
    audit_interval_us: int | None = None,
    signals: SignalParts | None = None,
) -> AsyncIterator[None]:
    """A worker in this process, stopped in order at the end."""

    @asynccontextmanager
    async def open_worker() -> AsyncIterator[WorkerParts]:
        yield WorkerParts(
            context=context,
            queue=queue,
            wakeups=wakeups,
            scan_interval_us=scan_interval_us,
            audit_interval_us=audit_interval_us,
            signals=signals,
        )

    stop = asyncio.Event()
    worker = asyncio.create_task(main.run_worker(open_worker, stop))
    try:
        yield
    finally:
        stop.set()
        await worker


@pytest.fixture
async def service() -> Service:
    service = Service()
    await service.prepare()
    return service


@pytest.fixture
async def connection(valkey_url: str) -> AsyncIterator[RedisConnection]:
    connection = RedisConnection(valkey_url, timeout_s=1.0, rest_s=0.1)
    yield connection
    await connection.close()


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path, password="only-for-the-tests", durable=False)
    server.start()
    yield server
    server.stop()


async def test_orders_complete_by_wake_ups_and_messages_alone(
    connection: RedisConnection, valkey_url: str
) -> None:
    tally = RedisTally(connection, threshold=Policy().threshold)
    service = Service(tally=tally, cache=RedisAssetCache(connection))
    await service.prepare()
    queue = CountedQueue(valkey_url)

    async with working(service.context, queue, tally, scan_interval_us=3_600 * 10**6):
        await asyncio.sleep(0.3)  # the one scan is over: it found nothing
        placed = await service.place(4, 4, 4)
        await service.completed(placed)
        direct = await service.place(25)
        await service.completed(direct)

    assert set(queue.sent) == {("trade", "BTC")}
    assert len(service.exchange.received) == 2


async def test_without_queue_and_wake_ups_the_scan_does_it_all(service: Service) -> None:
    placed = [*await service.place(4, 4, 4, 25, 10), *await service.place(11, asset="ETH")]

    async with working(service.context):
        await service.completed(placed)

    assert len(service.exchange.received) == 3  # the first large one takes the small ones along


async def test_sessions_that_have_expired_are_forgotten(service: Service) -> None:
    far_us = service.context.clock.now_us() * 2
    for ident, expires_at_us in (("expired", 1), ("live", far_us)):
        session = Session(user_id=service.user_id, id=ident, expires_at_us=expires_at_us)
        service.state.apply(Change(new_sessions=(session,)))

    async with working(service.context):
        await eventually(lambda: len(service.state.sessions) == 1)

    assert [ident for _, ident in service.state.sessions] == ["live"]


async def test_accounts_of_one_address_are_found_by_the_worker(service: Service) -> None:
    other = User(id=service.state.next_user_id(), username="poor", password_hash="")
    now_us = service.context.clock.now_us()
    service.state.apply(access.register(other, None, at_us=now_us))
    for user_id in (service.user_id, other.id):
        session = Session(
            user_id=user_id, id="s", used_at_us=now_us, expires_at_us=now_us * 2, address="a"
        )
        service.state.apply(Change(new_sessions=(session,)))

    async with working(service.context, signals=SignalParts(store=MemorySignals(service.state))):
        await eventually(lambda: len(service.state.signals) == 2)

    assert {found.linked for found in service.state.signals.values()} == {1}


async def test_what_nobody_reviews_in_time_is_paid_back_by_the_worker() -> None:
    risk = RiskPolicy(mode=RiskMode.ENFORCE, dollars_per_day=0)
    service = Service(Policy(risk=risk, max_wait_us=300_000))
    await service.prepare()
    placed = await service.place(25, 4)
    assert all(order.held for order in placed)

    async with working(service.context):
        await eventually(lambda: not any(map(service.is_open, placed)))

    ended = [service.state.orders[order.id] for order in placed]
    assert {(o.state, o.reason) for o in ended} == {(OrderState.FAILED, Reason.REFUSED)}
    assert service.exchange.received == []
    assert service.state.wallets[service.user_id].balance == 100_000 * DOLLAR


async def test_orders_below_the_threshold_keep_waiting(service: Service) -> None:
    (waiting,) = await service.place(9)

    async with working(service.context):
        await service.completed(await service.place(12, asset="ETH"))

    assert service.state.get_order(waiting.user_id, waiting.id).state is OrderState.AGGREGATED


async def test_without_a_broker_the_relay_does_the_work(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    queue = JobQueue(NOBODY.format(free_port()))

    with caplog.at_level(logging.INFO):
        async with working(service.context, queue):
            for _ in range(3):
                await service.completed(await service.place(4, 4, 4, 25))

    outages = [r for r in caplog.records if "message broker fails" in r.getMessage()]
    assert len(outages) == 1


async def test_a_message_that_nobody_acts_on_is_not_waited_for_for_ever(
    service: Service, valkey_url: str
) -> None:
    queue = UnattendedQueue(valkey_url)
    placed = await service.place(4, 4, 4)

    async with working(service.context, queue):
        await service.completed(placed)

    assert queue.sent == [("trade", "BTC")]


async def test_a_second_wake_up_waits_for_the_message_of_the_first_but_not_for_ever(
    valkey_url: str,
) -> None:
    tally = GatedTally(Policy().threshold)
    service = Service(tally=tally)
    await service.prepare()
    queue = UnattendedQueue(valkey_url)

    async with working(service.context, queue, tally, scan_interval_us=3_600 * 10**6):
        await service.place(25)
        await eventually(lambda: len(queue.sent) == 1)
        await service.place(25)
        await eventually(lambda: len(queue.sent) == 2)

    assert set(queue.sent) == {("trade", "BTC")}


async def test_a_wake_up_during_a_look_makes_it_look_again() -> None:
    tally = GatedTally(Policy().threshold)
    service = Service(tally=tally)
    await service.prepare()
    tally.open.clear()
    first = await service.place(4, 4, 4)

    async with working(service.context, None, tally, scan_interval_us=3_600 * 10**6):
        await tally.knocked.wait()
        second = await service.place(4, 4, 4)
        await eventually(lambda: not tally.wake_ups)
        tally.open.set()
        await service.completed([*first, *second])


class GatedTally(MemoryTally):
    """Gives its wake-ups to the relay; looks at an asset do not end before it is open."""

    def __init__(self, threshold: int) -> None:
        super().__init__(threshold)
        self.open, self.knocked = asyncio.Event(), asyncio.Event()
        self.open.set()

    @override
    async def overwrite(self, symbol: str, total: int) -> None:
        self.knocked.set()
        await self.open.wait()
        await super().overwrite(symbol, total)

    async def take_wakeups(self, symbols: Sequence[str]) -> list[str]:
        taken, self.wake_ups = self.wake_ups, []
        return taken


async def test_orders_complete_while_redis_is_flushed_stopped_and_killed(
    own_valkey: EmbeddedValkey,
) -> None:
    connection = RedisConnection(own_valkey.url)
    tally = RedisTally(connection, threshold=Policy().threshold)
    service = Service(tally=tally, cache=RedisAssetCache(connection))
    await service.prepare()
    queue = JobQueue(own_valkey.url, rest_s=1.0)

    async with working(service.context, queue, tally):
        async with Redis.from_url(own_valkey.url) as client:
            await service.place(4, 4)
            await client.flushall()
        await service.completed(await service.place(4))
        assert own_valkey.pid is not None
        os.kill(own_valkey.pid, signal.SIGSTOP)
        await service.completed(await service.place(4, 4, 4, 25))
        os.kill(own_valkey.pid, signal.SIGCONT)
        await service.completed(await service.place(4, 4, 4, 25))
        os.kill(own_valkey.pid, signal.SIGKILL)
        await service.completed(await service.place(4, 4, 4, 25))
    await connection.close()


async def test_a_slow_answer_of_the_exchange_holds_up_no_other_order(service: Service) -> None:
    service.exchange.close_gate("BTC")
    slow = await service.place(20)

    async with working(service.context):
        await service.exchange.knocked.wait()
        await service.completed(await service.place(21, 22))
        await service.completed(await service.place(23, asset="ETH"))
        assert service.is_open(slow[0])
        service.exchange.gate.set()
        await service.completed(slow)


async def test_what_is_under_way_is_finished_before_the_worker_ends(service: Service) -> None:
    service.exchange.close_gate("BTC")
    placed = await service.place(20)

    async with working(service.context):
        await service.exchange.knocked.wait()
        asyncio.get_running_loop().call_later(0.3, service.exchange.gate.set)

    await service.completed(placed)


async def test_what_does_not_end_in_time_is_left(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "_GRACE_S", 0.1)
    service.exchange.close_gate("BTC")
    placed = await service.place(20)

    async with working(service.context):
        await service.exchange.knocked.wait()

    assert service.is_open(placed[0])
    assert service.exchange.received == []


async def test_a_fault_is_logged_with_its_batch_and_stops_nothing(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.exchange.fault = RuntimeError("a bug")

    async with working(service.context):
        (faulty,) = await service.place(20)
        await service.completed(await service.place(21, asset="ETH"))

    batch = service.state.get_order(faulty.user_id, faulty.id).batch
    (record,) = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert record.getMessage() == f"execute {batch} failed"
    assert record.exc_info is not None


async def test_a_purchase_without_an_answer_is_looked_up_when_its_window_is_over(
    valkey_url: str,
) -> None:
    service = Service(Policy(window_ms=1_000))
    await service.prepare()
    service.exchange.script.append(Silence.AFTER)
    queue = CountedQueue(valkey_url)

    async with working(service.context, queue):
        (unanswered,) = await service.place(20)
        await service.completed([unanswered])

    batch = service.state.get_order(unanswered.user_id, unanswered.id).batch
    assert ("resolve", batch) in queue.sent
    assert len(service.exchange.received) == 1


async def test_what_a_service_is_away_for_is_left_for_later(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.exchange.fault = Unavailable("gone for a moment")

    async with working(service.context):
        (left,) = await service.place(20)
        await eventually(lambda: "is left for later: Unavailable: gone" in caplog.text)

    assert service.is_open(left)


async def test_two_looks_at_one_asset_never_overlap() -> None:
    tally = OverlapTally(Policy().threshold)
    service = Service(tally=tally)
    await service.prepare()
    trader = Trader(service.context)
    placed = await service.place(20, 21, 22)

    await asyncio.gather(*(trader.do(Job(TRADE, "BTC")) for _ in range(10)))
    await trader.finish(10.0)

    assert tally.most == 1
    await service.completed(placed)


class OverlapTally(MemoryTally):
    """Counts how many looks there are at once."""

    now = most = 0

    @override
    async def overwrite(self, symbol: str, total: int) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.02)
        self.now -= 1


async def test_an_order_placed_during_a_look_is_seen_by_it(service: Service) -> None:
    trader = Trader(service.context)
    job = Job(TRADE, "BTC")

    first = trader.begin(job)
    placed = await service.place(20)
    trader.begin(job)
    await first

    await service.completed(placed)
    await trader.finish(10.0)


async def test_however_much_is_due_only_so_many_purchases_are_under_way(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crypto_exchange.entrypoints.worker.trader._PURCHASES", 3)
    placed = await service.place(*range(20, 70))

    async with working(service.context):
        await service.completed(placed)

    assert len(service.exchange.received) == 50


async def test_an_outage_is_logged_once_when_it_begins_and_once_when_it_ends(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(repetition, "_FIRST_PAUSE_S", 0.001)
    caplog.set_level(logging.INFO)
    answers: list[Exception | None] = [None, *[Unavailable("gone")] * 3, ValueError("odd"), None]
    done = asyncio.Event()

    async def act() -> None:
        if not answers:
            done.set()
        elif (answer := answers.pop(0)) is not None:
            raise answer

    repeating = asyncio.create_task(repeat("acting", act, every_s=0.001))
    await done.wait()
    repeating.cancel()

    assert [record.getMessage() for record in caplog.records] == [
        "acting fails and is tried again: Unavailable: gone",
        "acting fails and is tried again: ValueError: odd",
        "acting works again after 4 failures",
    ]
    assert [record.exc_info is not None for record in caplog.records] == [False, True, False]


async def test_prices_and_rules_come_back_after_the_exchange_was_away(service: Service) -> None:
    service.exchange.down = True
    service.exchange.prices["BTC"] = 2 * PRICE
    service.exchange.rules["ETH"] = None

    async with working(service.context):
        await asyncio.sleep(0.1)
        assert service.state.get_asset("BTC").price == PRICE
        service.exchange.down = False
        await eventually(lambda: service.state.get_asset("BTC").price == 2 * PRICE)
        await eventually(lambda: not service.state.get_asset("ETH").trading)


async def test_two_workers_that_audit_record_a_break_once(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("crypto_exchange.entrypoints.worker.watch._AGAIN_S", 0.01)
    service.exchange.balances["BTC"] = 7  # which nobody has booked

    async with (
        working(service.context, audit_interval_us=10_000),
        working(service.context, audit_interval_us=10_000),
    ):
        await eventually(lambda: bool(service.state.breaks))
        await asyncio.sleep(0.1)

    [record] = service.state.breaks.values()
    assert (record.kind, record.subject, record.found) == (BreakKind.VENUE, "venue:BTC", 7)
    assert caplog.text.count("the books have a break: venue venue:BTC: expected 0") == 1


async def test_the_worker_starts_before_its_services(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(repetition, "_FIRST_PAUSE_S", 0.001)
    failures = iter([Unavailable("Postgres is away")] * 3)
    opened = asyncio.Event()

    @asynccontextmanager
    async def open_worker() -> AsyncIterator[WorkerParts]:
        for failure in failures:
            raise failure
        opened.set()
        yield WorkerParts(context=service.context)

    stop = asyncio.Event()
    worker = asyncio.create_task(main.run_worker(open_worker, stop))
    await opened.wait()
    stop.set()
    await worker

    assert caplog.text.count("Postgres is away") == 1


async def test_the_worker_ends_also_while_it_waits_for_its_services() -> None:
    @asynccontextmanager
    async def open_worker() -> AsyncIterator[WorkerParts]:
        stop.set()
        raise Unavailable("Postgres is away")
        yield

    stop = asyncio.Event()

    await main.run_worker(open_worker, stop)


async def test_the_exchanges_clock_is_asked_for() -> None:
    service = Service()
    asked = asyncio.Event()

    class Clocked(MemoryExchange):
        async def sync_clock(self) -> None:
            asked.set()

    exchange = Clocked((BTC,), Policy(), lambda: 0)

    async with working(msgspec.structs.replace(service.context, exchange=exchange)):
        await asyncio.wait_for(asked.wait(), 60)


BUSY_WORKER = """
import asyncio, logging, sys
from contextlib import asynccontextmanager
from crypto_exchange.entrypoints.worker.main import run
from crypto_exchange.entrypoints.worker.parts import WorkerParts
from test_worker import JobQueue, Service

async def knock(exchange):
    await exchange.knocked.wait()
    print("busy", flush=True)
    await asyncio.sleep(1)
    exchange.gate.set()

@asynccontextmanager
async def open_worker():
    service = Service()
    await service.prepare()
    service.exchange.close_gate("BTC")
    (order,) = await service.place(20)
    knocking = asyncio.create_task(knock(service.exchange))
    yield WorkerParts(context=service.context, queue=JobQueue(sys.argv[1]))
    print("closed", service.state.get_order(order.user_id, order.id).state.value)

logging.basicConfig(level="DEBUG")
run(open_worker)
"""


async def test_sigterm_while_busy_ends_the_process_with_0_and_its_work_done(
    valkey_url: str,
) -> None:
    argv = [sys.executable, "-c", BUSY_WORKER, valkey_url]
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(__file__).parent
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"busy\n"
        process.terminate()
        output, log = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert process.returncode == 0, log.decode()
    assert output == b"closed completed\n"
    assert b"only-for-the-tests" not in log
    assert b"the worker has ended" in log


def test_the_worker_brings_neither_a_web_framework_nor_an_orm() -> None:
    code = "import sys, crypto_exchange.entrypoints.worker.main; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {"litestar", "sqlalchemy", "advanced_alchemy", "redis", "dramatiq"} & {*loaded}
