"""Jobs over Dramatiq, for a process whose main thread runs an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dramatiq
import redis
from dramatiq.errors import DramatiqError

from crypto_exchange.adapters.dramatiq.broker import QUEUE, make_broker
from crypto_exchange.domain.errors import Unavailable

LOG = logging.getLogger(__name__)
POLL_MS = 100
"""How long an idle consumer waits at most before it asks again."""


class JobQueue:
    """Sends jobs, and runs those that come.

    A message carries the job's name and ids, nothing else: it is a hint, and may be lost or come
    twice. Dramatiq's threads only wait; the jobs run on the event loop that called `start`, so that
    they may use its connections. A job should not raise; if it does, its message is put aside.
    """

    def __init__(
        self,
        url: str,
        *,
        threads: int = 8,
        heartbeat_s: float = 10.0,
        timeout_s: float = 1.0,
        rest_s: float = 5.0,
    ) -> None:
        """Nothing is sent or fetched yet, and Redis need not be there.

        `heartbeat_s`: after so long without a sign of life a worker's messages go to others.
        `timeout_s`: the most that sending takes. `rest_s`: how long it is refused after a failure.
        """
        self._broker = make_broker(url, heartbeat_s=heartbeat_s, timeout_s=timeout_s)
        self._threads = threads
        self._timeout_s, self._rest_s = timeout_s, rest_s
        self._actors: dict[str, dramatiq.Actor[..., None]] = {}
        self._sender = ThreadPoolExecutor(1, "job-queue-sender")
        self._next_try = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._worker: dramatiq.Worker | None = None

    def register(self, name: str, job: Callable[..., Coroutine[Any, Any, None]]) -> None:
        """Give a job its name; before `start` and `send`."""

        def run(*ids: str) -> None:
            if self._loop is not None:
                asyncio.run_coroutine_threadsafe(job(*ids), self._loop).result()

        as_actor = dramatiq.actor(actor_name=name, queue_name=QUEUE, broker=self._broker)
        self._actors[name] = as_actor(run)

    async def send(self, name: str, *ids: str) -> None:
        """Ask for a job to be done by any worker.

        Raises:
            Unavailable: the broker cannot be reached in time, or could not a moment ago.
        """
        if time.monotonic() < self._next_try:
            raise Unavailable("the message broker did not answer a moment ago")
        loop = asyncio.get_running_loop()
        try:
            sending = loop.run_in_executor(self._sender, self._actors[name].send, *ids)
            await asyncio.wait_for(sending, self._timeout_s)
        except (redis.RedisError, DramatiqError, OSError) as error:
            self._next_try = time.monotonic() + self._rest_s
            raise Unavailable(f"the message broker: {type(error).__name__}") from error

    async def start(self) -> None:
        """Begin to take jobs and run them on this event loop."""
        self._loop = asyncio.get_running_loop()
        self._worker = dramatiq.Worker(
            self._broker, worker_threads=self._threads, worker_timeout=POLL_MS
        )
        self._worker.start()

    async def stop(self, timeout_s: float) -> None:
        """Take no more jobs, give back those not begun, and wait for the others.

        What is not done in time, or cannot be acknowledged, comes back by the missing heartbeat.
        """
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()

        def stop_worker() -> None:
            if self._worker is not None:
                self._worker.stop(timeout=round(timeout_s * 1_000))
            self._broker.client.close()
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(stopped.set)

        # Its threads may hang on a Redis that has stopped: daemons do not keep the process.
        threading.Thread(target=stop_worker, name="job-queue-stop", daemon=True).start()
        try:
            await asyncio.wait_for(stopped.wait(), timeout_s)
        except TimeoutError:
            LOG.warning("some jobs were not acknowledged within %.0f s", timeout_s)
        finally:
            self._sender.shutdown(wait=False, cancel_futures=True)
            self._loop = self._worker = None
