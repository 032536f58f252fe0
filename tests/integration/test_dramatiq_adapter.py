"""Jobs over a real Valkey: sent, run on the event loop, given back, and refused when it is gone."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from redis.asyncio import Redis
from typing_extensions import override

from crypto_exchange.adapters.dramatiq import JobQueue
from crypto_exchange.adapters.embedded import EmbeddedValkey, free_port
from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.entrypoints.testing.contracts import QueueTests

MakeQueue = Callable[..., JobQueue]

HANGING_WORKER = """
import asyncio, sys
from crypto_exchange.adapters.dramatiq import JobQueue

async def hang(key):
    print(key, flush=True)
    await asyncio.sleep(600)

async def main():
    queue = JobQueue(sys.argv[1])
    queue.register("trade", hang)
    await queue.start()
    await asyncio.sleep(600)

asyncio.run(main())
"""


@asynccontextmanager
async def hanging_worker(url: str) -> AsyncIterator[asyncio.StreamReader]:
    """A process that takes jobs and does not end them, until it is killed: gives the ids that it took."""
    argv = [sys.executable, "-c", HANGING_WORKER, url]
    victim = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE)
    assert victim.stdout is not None
    try:
        yield victim.stdout
    finally:
        victim.kill()
        await victim.wait()


@pytest.fixture
async def make_queue(valkey_url: str) -> AsyncIterator[MakeQueue]:
    queues = []

    def make(url: str = valkey_url, **options: float) -> JobQueue:
        queues.append(JobQueue(url, threads=4, rest_s=0.2, **options))
        return queues[-1]

    yield make
    for queue in queues:
        await queue.stop(1.0)


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path, password="only-for-the-tests", durable=False)
    server.start()
    yield server
    server.stop()


class TestQueue(QueueTests):
    """Over a Valkey that is killed and started again where the broker has to be away."""

    @pytest.fixture(autouse=True)
    def take(self, own_valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch) -> None:
        """What Dramatiq looks after by chance, it never does here: the chance has to be a certainty."""
        self.valkey = own_valkey
        luckless = SimpleNamespace(randint=lambda _, most: most)
        monkeypatch.setattr("dramatiq.brokers.redis.random", luckless)

    @override
    def make_queue(self) -> JobQueue:
        return JobQueue(self.valkey.url, threads=4, rest_s=0.2, heartbeat_s=2.0)

    @override
    async def die_at_work(self) -> None:
        async with hanging_worker(self.valkey.url) as begun:
            assert await begun.readline() == b"BTC\n"

    @override
    @contextmanager
    def broker_down(self) -> Iterator[None]:
        assert self.valkey.pid is not None
        os.kill(self.valkey.pid, signal.SIGKILL)
        yield
        self.valkey.start()


class Record:
    """A job that notes what it is called with, and where."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()
        self.threads: set[threading.Thread] = set()

    async def __call__(self, *ids: str) -> None:
        self.threads.add(threading.current_thread())
        await self.calls.put(ids)

    async def next(self, timeout_s: float = 60.0) -> tuple[str, ...]:
        return await asyncio.wait_for(self.calls.get(), timeout_s)


async def test_a_job_runs_once_on_the_event_loop_of_a_worker(make_queue: MakeQueue) -> None:
    sender, worker, record = make_queue(), make_queue(), Record()
    sender.register("trade", record)
    worker.register("trade", record)
    await worker.start()

    await sender.send("trade", "BTC")
    await sender.send("trade", "ETH")

    assert sorted([await record.next(), await record.next()]) == [("BTC",), ("ETH",)]
    assert record.threads == {threading.current_thread()}
    assert record.calls.empty()


async def test_messages_are_small_name_a_job_and_ids_and_lie_in_one_slot(
    make_queue: MakeQueue, valkey_url: str
) -> None:
    sender = make_queue()
    sender.register("resolve", Record())

    await sender.send("resolve", "0123456789abcdef01234567")

    async with Redis.from_url(valkey_url, decode_responses=True) as client:
        (message,) = await client.hvals("{dramatiq}:trading.msgs")
        keys = [str(key) for key in await client.keys()]
    assert '"actor_name":"resolve","args":["0123456789abcdef01234567"]' in message
    assert len(message) < 400
    assert all(key.startswith("{dramatiq}:") for key in keys)


async def test_a_job_that_fails_does_not_come_again(
    make_queue: MakeQueue, caplog: pytest.LogCaptureFixture
) -> None:
    queue, record = make_queue(), Record()

    async def fail(key: str) -> None:
        await record(key)
        raise ValueError(key)

    queue.register("trade", fail)
    queue.register("resolve", record)
    await queue.start()
    await queue.send("trade", "BTC")
    await queue.send("resolve", "after")

    assert sorted([await record.next(), await record.next()]) == [("BTC",), ("after",)]
    await queue.stop(5.0)
    assert record.calls.empty()
    assert "Failed to process message" in caplog.text


async def test_the_message_of_a_killed_worker_goes_to_another(
    make_queue: MakeQueue, valkey_url: str
) -> None:
    survivor, record = make_queue(heartbeat_s=1.0), Record()
    survivor.register("trade", record)
    async with hanging_worker(valkey_url) as begun:
        await survivor.send("trade", "BTC")
        assert await begun.readline() == b"BTC\n"

    await survivor.start()

    assert await record.next() == ("BTC",)


async def test_stopping_does_not_wait_longer_than_it_may(
    make_queue: MakeQueue, caplog: pytest.LogCaptureFixture
) -> None:
    queue, begun, gate = make_queue(), asyncio.Event(), asyncio.Event()

    async def hang(key: str) -> None:
        begun.set()
        await gate.wait()

    queue.register("trade", hang)
    await queue.start()
    await queue.send("trade", "BTC")
    await begun.wait()

    await queue.stop(0.3)

    assert "some jobs were not acknowledged" in caplog.text
    gate.set()


async def test_without_a_broker_sending_is_refused_and_neither_start_nor_stop_fails(
    make_queue: MakeQueue, caplog: pytest.LogCaptureFixture
) -> None:
    queue = make_queue(f"redis://:a-password@127.0.0.1:{free_port()}/0")
    queue.register("trade", Record())

    with caplog.at_level(logging.DEBUG):
        await queue.start()
        for _ in range(3):
            with pytest.raises(Unavailable, match="the message broker"):
                await queue.send("trade", "BTC")
        await queue.stop(4.0)  # time for a second attempt to reach the broker

    assert "connection error" not in caplog.text
    assert "a-password" not in caplog.text


async def test_a_stopped_broker_does_not_block_the_loop_and_is_used_again_when_it_runs(
    make_queue: MakeQueue, own_valkey: EmbeddedValkey
) -> None:
    queue, record = make_queue(own_valkey.url, timeout_s=0.5), Record()
    queue.register("trade", record)
    await queue.start()
    await queue.send("trade", "before")
    assert await record.next() == ("before",)

    assert own_valkey.pid is not None
    os.kill(own_valkey.pid, signal.SIGSTOP)
    sending = asyncio.create_task(queue.send("trade", "lost or late"))
    ticks = 0
    while not sending.done():
        await asyncio.sleep(0.01)
        ticks += 1
    os.kill(own_valkey.pid, signal.SIGCONT)
    with pytest.raises(Unavailable):
        await sending
    await asyncio.sleep(0.3)
    await queue.send("trade", "after")

    assert ticks > 3
    while await record.next() != ("after",):
        pass
