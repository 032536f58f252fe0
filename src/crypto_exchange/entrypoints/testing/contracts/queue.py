"""The contract of `JobQueue`: subclass it and override `make_queue`, and what else can be done to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import AbstractContextManager, suppress

import pytest

from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.domain.ports import JobQueue
from crypto_exchange.entrypoints.testing.contracts.checks import (
    Suite,
    given,
    optional,
    requires,
    since,
)

PATIENCE_S = 60
"""The most that a job takes to arrive, also on a busy machine."""


class Record:
    """A job that notes the ids that it is called with."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, ...]] = []
        self._more = asyncio.Event()

    async def __call__(self, *ids: str) -> None:
        self.seen.append(ids)
        self._more.set()

    async def meets_any(self) -> None:
        """Wait until something has run."""
        async with asyncio.timeout(PATIENCE_S):
            await self._more.wait()

    async def meets(self, *jobs: tuple[str, ...]) -> None:
        """Wait until each of these has run, once or more often."""
        async with asyncio.timeout(PATIENCE_S):
            while not {*jobs} <= {*self.seen}:
                self._more.clear()
                await self._more.wait()


class QueueTests(Suite, port="queue"):
    """What was sent runs at least once, at whoever takes jobs; in which order, nobody says."""

    given_back_s: int = PATIENCE_S  # at most, until a job that was cut off runs again

    def make_queue(self) -> JobQueue | Awaitable[JobQueue]:
        """Give one process's end of a broker, empty at first, which the calls of one check share."""
        raise NotImplementedError

    @optional
    def broker_down(self) -> AbstractContextManager[object]:
        """Take the broker that the queues share away, until the block ends."""
        raise NotImplementedError

    @optional
    def die_at_work(self) -> Awaitable[None]:
        """Let a process of its own take a job `trade` that waits, and kill it while that runs. The ends
        that `make_queue` gives have to hear of such a death within some seconds.
        """
        raise NotImplementedError

    async def queue(self) -> JobQueue:
        """Another end, stopped when the check has ended."""
        queue = await given(self.make_queue())
        self.resources.push_async_callback(queue.stop, 1)
        return queue

    async def test_jobs_run_with_their_ids_at_another_process(self) -> None:
        sender, worker = await self.queue(), await self.queue()
        record, never = Record(), Record()
        for queue, job in ((sender, never), (worker, record)):
            queue.register("trade", job)
        await worker.start()

        await sender.send("trade", "BTC")
        await sender.send("trade", "ETH", "2")

        await record.meets(("BTC",), ("ETH", "2"))
        assert {*record.seen} == {("BTC",), ("ETH", "2")}
        assert never.seen == []

    async def test_jobs_run_at_the_process_that_sent_them_too(self) -> None:
        queue, record = await self.queue(), Record()
        queue.register("trade", record)
        await queue.start()

        await queue.send("trade", "BTC")

        await record.meets(("BTC",))

    async def test_what_was_sent_while_nobody_worked_runs_later(self) -> None:
        sender, worker, record = await self.queue(), await self.queue(), Record()
        sender.register("trade", record)
        worker.register("trade", record)
        for number in range(20):
            await sender.send("trade", str(number))

        await worker.start()

        await record.meets(*((str(number),) for number in range(20)))

    async def test_each_job_runs_under_its_own_name(self) -> None:
        queue, trades, resolves = await self.queue(), Record(), Record()
        queue.register("trade", trades)
        queue.register("resolve", resolves)
        await queue.start()

        await queue.send("resolve", "0123456789abcdef01234567")
        await queue.send("trade", "BTC")

        await trades.meets(("BTC",))
        await resolves.meets(("0123456789abcdef01234567",))
        assert {*trades.seen} == {("BTC",)}

    async def test_jobs_run_on_the_event_loop_that_started_them(self) -> None:
        queue, loops = await self.queue(), Record()
        mine = asyncio.get_running_loop()

        async def note(*_: str) -> None:
            await loops("mine" if asyncio.get_running_loop() is mine else "another")

        queue.register("trade", note)
        await queue.start()
        await queue.send("trade", "BTC")

        await loops.meets(("mine",))

    async def test_a_job_that_fails_does_not_stop_the_others(self) -> None:
        queue, record = await self.queue(), Record()

        async def fail(*ids: str) -> None:
            await record("failed", *ids)
            raise ValueError(*ids)

        queue.register("trade", fail)
        queue.register("resolve", record)
        await queue.start()
        for number in range(12):
            await queue.send("trade", str(number))
        await queue.send("resolve", "after")

        await record.meets(("after",), *(("failed", str(number)) for number in range(12)))

    async def test_what_is_not_begun_is_given_back_when_a_process_stops(self) -> None:
        first, second = await self.queue(), await self.queue()
        gate, begun, record = asyncio.Event(), Record(), Record()

        async def wait_at_the_gate(*ids: str) -> None:
            await begun(*ids)
            await gate.wait()

        jobs = [(str(number),) for number in range(40)]
        first.register("trade", wait_at_the_gate)
        second.register("trade", record)
        for ids in jobs:
            await first.send("trade", *ids)
        await first.start()
        await begun.meets_any()
        stopping = asyncio.ensure_future(first.stop(PATIENCE_S))
        await asyncio.wait({stopping}, timeout=0.2)
        gate.set()
        await stopping
        done = {*begun.seen}

        await second.start()

        await record.meets(*{*jobs} - done)

    async def test_a_process_that_stopped_takes_no_more_jobs(self) -> None:
        first, second = await self.queue(), await self.queue()
        stopped, record = Record(), Record()
        first.register("trade", stopped)
        second.register("trade", record)
        await first.start()
        await first.stop(PATIENCE_S)
        await second.start()

        for number in range(12):
            await second.send("trade", str(number))

        await record.meets(*((str(number),) for number in range(12)))
        assert stopped.seen == []

    async def test_stopping_waits_no_longer_than_it_may_for_a_job_that_hangs(self) -> None:
        queue, begun, gate = await self.queue(), Record(), asyncio.Event()

        async def hang(*ids: str) -> None:
            await begun(*ids)
            await gate.wait()

        queue.register("trade", hang)
        await queue.start()
        await queue.send("trade", "BTC")
        await begun.meets(("BTC",))

        async with asyncio.timeout(PATIENCE_S):
            await queue.stop(1)
        gate.set()

    @since("2")
    async def test_stopping_waits_for_a_job_that_is_under_way(self) -> None:
        queue, begun, ended, gate = await self.queue(), Record(), Record(), asyncio.Event()

        async def work(*ids: str) -> None:
            await begun(*ids)
            await gate.wait()
            await ended(*ids)

        queue.register("trade", work)
        await queue.start()
        await queue.send("trade", "BTC")
        await begun.meets(("BTC",))

        stopping = asyncio.ensure_future(queue.stop(PATIENCE_S))
        early, _ = await asyncio.wait({stopping}, timeout=0.5)
        gate.set()
        await stopping

        assert not early
        assert ended.seen == [("BTC",)]

    @requires("die_at_work")
    @since("2")
    async def test_what_a_killed_process_had_begun_runs_at_another(self) -> None:
        sender, worker, record = await self.queue(), await self.queue(), Record()
        sender.register("trade", record)
        worker.register("trade", record)
        await sender.send("trade", "BTC")
        await self.die_at_work()

        await worker.start()

        await record.meets(("BTC",))

    @since("2")
    async def test_what_does_not_end_before_a_process_has_stopped_runs_at_another(self) -> None:
        first, second = await self.queue(), await self.queue()
        begun, record, gate = Record(), Record(), asyncio.Event()

        async def hang(*ids: str) -> None:
            await begun(*ids)
            await gate.wait()

        first.register("trade", hang)
        second.register("trade", record)
        await first.start()
        await first.send("trade", "BTC")
        await begun.meets(("BTC",))

        await first.stop(0)
        await second.start()

        await asyncio.wait_for(record.meets(("BTC",)), self.given_back_s)
        gate.set()

    @requires("broker_down")
    async def test_sending_is_refused_while_the_broker_is_away(self) -> None:
        queue, record = await self.queue(), Record()
        queue.register("trade", record)
        await queue.start()

        with self.broker_down():
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await queue.send("trade", "lost")
            others = await self.queue()
            others.register("trade", record)
            await others.start()
            await others.stop(1)

    @requires("broker_down")
    async def test_a_broker_that_is_back_is_used_again(self) -> None:
        queue, record = await self.queue(), Record()
        queue.register("trade", record)
        await queue.start()
        await queue.send("trade", "before")
        await record.meets(("before",))

        with self.broker_down(), pytest.raises(Unavailable):
            await queue.send("trade", "lost")

        await _send_when_it_is_back(queue, "after")
        await record.meets(("after",))


async def _send_when_it_is_back(queue: JobQueue, *ids: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(Unavailable):
                await queue.send("trade", *ids)
                return
            await asyncio.sleep(0.05)
