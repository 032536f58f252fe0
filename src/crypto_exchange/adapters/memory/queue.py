"""Jobs that wait in this process, for workers in it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from crypto_exchange.domain.errors import Unavailable

LOG = logging.getLogger(__name__)
_POLL_S = 0.005


class MemoryBroker:
    """What queues share: the jobs that nobody has taken, oldest first. While `down` it takes none and
    gives none.
    """

    def __init__(self) -> None:
        self.jobs: deque[tuple[str, tuple[str, ...]]] = deque()
        self.down = False


class MemoryQueue:
    """One process's end of a broker, which runs at most `workers` jobs at a time.

    A job that is not done when its process stops is given back and runs again somewhere.
    """

    def __init__(self, broker: MemoryBroker | None = None, *, workers: int = 8) -> None:
        self._broker = broker or MemoryBroker()
        self._workers = workers
        self._jobs: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {}
        self._running: list[asyncio.Task[None]] = []
        self._stopping = False

    def register(self, name: str, job: Callable[..., Coroutine[Any, Any, None]]) -> None:
        self._jobs[name] = job

    async def send(self, name: str, *ids: str) -> None:
        if self._broker.down:
            raise Unavailable("the message broker is down")
        self._broker.jobs.append((name, ids))

    async def start(self) -> None:
        self._stopping = False
        self._running = [asyncio.create_task(self._work()) for _ in range(self._workers)]

    async def stop(self, timeout_s: float) -> None:
        self._stopping = True
        running, self._running = self._running, []
        if running:
            _, late = await asyncio.wait(running, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _work(self) -> None:
        while not self._stopping:
            if self._broker.down or not self._broker.jobs:
                await asyncio.sleep(_POLL_S)
                continue
            name, ids = self._broker.jobs.popleft()
            try:
                await self._jobs[name](*ids)
            except asyncio.CancelledError:
                self._broker.jobs.append((name, ids))
                raise
            except Exception:
                LOG.exception("the job %s failed", name)
