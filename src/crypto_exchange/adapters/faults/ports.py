"""Ports with crash points around what matters; everything else is passed through."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from crypto_exchange.adapters.faults.points import CrashPoints, commit_name
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.ports import Begin, Exchange, JobQueue, Tally, UnitOfWork
from crypto_exchange.domain.purchase import Finding, Outcome, Purchase


class CrashingUnitOfWork:
    """A `UnitOfWork` that may end the process before a commit, and after it."""

    def __init__(self, work: UnitOfWork, points: CrashPoints) -> None:
        self._work, self._points = work, points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)

    async def commit(self, change: Change) -> None:
        name = commit_name(change)
        if name is None:
            await self._work.commit(change)
            return
        self._points.reach(f"{name}.before_commit")
        await self._work.commit(change)
        self._points.reach(f"{name}.after_commit")


class CrashingBegin:
    """A `Begin` of such units of work."""

    def __init__(self, begin: Begin, points: CrashPoints) -> None:
        self._begin, self._points = begin, points

    @asynccontextmanager
    async def __call__(self, *, lock: bool = False) -> AsyncIterator[CrashingUnitOfWork]:
        async with self._begin(lock=lock) as work:
            yield CrashingUnitOfWork(work, self._points)


class CrashingExchange:
    """An `Exchange` that may end the process before an order call or a look-up, and after its answer."""

    def __init__(self, exchange: Exchange, points: CrashPoints) -> None:
        self._exchange, self._points = exchange, points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)

    async def sync_clock(self) -> None:
        """Compare the clocks; written out, so that the worker sees that it can be done."""
        exchange: Any = self._exchange
        await exchange.sync_clock()

    async def submit(self, purchase: Purchase) -> Outcome:
        self._points.reach("submit.before_call")
        outcome = await self._exchange.submit(purchase)
        self._points.reach("submit.after_call")
        return outcome

    async def find(self, purchase: Purchase) -> Finding:
        self._points.reach("resolve.before_find")
        finding = await self._exchange.find(purchase)
        self._points.reach("resolve.after_find")
        return finding


class CrashingTally:
    """A `Tally` that may end the process before an order is counted, and after."""

    def __init__(self, tally: Tally, points: CrashPoints) -> None:
        self._tally, self._points = tally, points

    async def add(self, symbol: Symbol, total: int, *, direct: bool) -> None:
        self._points.reach("tally.before")
        await self._tally.add(symbol, total, direct=direct)
        self._points.reach("tally.after")

    async def overwrite(self, symbol: Symbol, total: int) -> None:
        await self._tally.overwrite(symbol, total)


class CrashingQueue:
    """A queue that may end the process when it has taken a job, and before it acknowledges it."""

    def __init__(self, queue: JobQueue, points: CrashPoints) -> None:
        self._queue, self._points = queue, points

    def register(self, name: str, job: Callable[..., Coroutine[Any, Any, None]]) -> None:
        async def run(*ids: str) -> None:
            self._points.reach("job.before_work")
            await job(*ids)
            self._points.reach("job.before_ack")

        self._queue.register(name, run)

    async def send(self, name: str, *ids: str) -> None:
        await self._queue.send(name, *ids)

    async def start(self) -> None:
        await self._queue.start()

    async def stop(self, timeout_s: int) -> None:
        await self._queue.stop(timeout_s)
