"""Does the work that is due in this process, each piece once at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator

from crypto_exchange.domain.errors import Conflict, Unavailable
from crypto_exchange.domain.ids import BatchKey, Symbol
from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.domain.use_cases import trading
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.worker.parts import TRADE, Job

LOG = logging.getLogger(__name__)

_PURCHASES = 40
"""Purchases under way, from which on nothing more is sealed: what is sealed is sent at once."""

_RESOLUTIONS = 20


class Trader:
    """Seals, buys, settles and resolves. Failures are logged: whatever is still due comes again.

    A sealed purchase is sent at once and waits for nobody; sealing goes on meanwhile, so that one slow
    answer of the exchange holds up no other order.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._running: set[Job] = set()
        self._again: set[Job] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._buying: dict[asyncio.Task[None], Symbol] = {}
        self._resolutions = asyncio.Semaphore(_RESOLUTIONS)
        self._finishing = False

    def is_doing(self, job: Job) -> bool:
        """Whether a job runs here now."""
        return job in self._running

    def begin(self, job: Job) -> asyncio.Task[None]:
        """Start a job, or let the one that runs look once more."""
        task = asyncio.create_task(self._do(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def do(self, job: Job) -> None:
        """Start a job and wait for it. To be cancelled only stops the waiting."""
        await asyncio.wait([self.begin(job)])

    async def finish(self, timeout_s: float) -> None:
        """Begin nothing more, wait for what is under way, cancel what is not done in time."""
        self._finishing = True
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        while (under_way := {*self._tasks, *self._buying}) and loop.time() < end:
            await asyncio.wait(under_way, timeout=end - loop.time())
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    async def _do(self, job: Job) -> None:
        if job in self._running:
            self._again.add(job)
            return
        self._running.add(job)
        try:
            with _logged(job):
                await (self._trade(job) if job.name == TRADE else self._resolve(job.key))
        finally:
            self._running.discard(job)
            self._again.discard(job)

    async def _trade(self, job: Job) -> None:
        """Seal until nothing is left, also of what was placed meanwhile."""
        self._again.add(job)
        while job in self._again and not self._finishing:
            self._again.discard(job)
            while len(self._buying) >= _PURCHASES:
                await asyncio.wait(self._buying, return_when=asyncio.FIRST_COMPLETED)
            for key, purchase in await trading.seal_due(self._context, job.key):
                self._buy(job.key, key, purchase)
                self._again.add(job)

    def _buy(self, symbol: Symbol, key: BatchKey, purchase: Purchase | None) -> None:
        task = asyncio.create_task(self._execute(key, purchase))
        self._buying[task] = symbol
        task.add_done_callback(self._bought)

    def _bought(self, task: asyncio.Task[None]) -> None:
        """Look again at an asset once all its purchases ended: they may have held others up."""
        symbol = self._buying.pop(task)
        if symbol not in self._buying.values() and not self._finishing:
            self.begin(Job(TRADE, symbol))

    async def _execute(self, key: BatchKey, purchase: Purchase | None) -> None:
        with _logged(Job("execute", key)):
            await trading.execute(self._context, key, purchase)

    async def _resolve(self, key: BatchKey) -> None:
        async with self._resolutions:
            if not self._finishing:
                await trading.resolve(self._context, key)


@contextlib.contextmanager
def _logged(job: Job) -> Iterator[None]:
    try:
        yield
    except (Unavailable, Conflict) as error:
        LOG.warning("%s %s is left for later: %s: %s", *job, type(error).__name__, error)
    except Exception:
        LOG.exception("%s %s failed", *job)
