"""Start and end of a worker's process: one event loop, which all ports are used on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from typing import Any

from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.domain.ports import JobQueue
from crypto_exchange.domain.use_cases import currencies, logins, reviews, signals
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.worker.chain import Chain
from crypto_exchange.entrypoints.worker.parts import SignalParts, SyncedClock, WorkerParts
from crypto_exchange.entrypoints.worker.relay import Relay
from crypto_exchange.entrypoints.worker.repetition import Outage, repeat
from crypto_exchange.entrypoints.worker.trader import Trader
from crypto_exchange.entrypoints.worker.watch import Watch

LOG = logging.getLogger(__name__)

_LISTEN_S = 0.05
_PRICES_S = 1.0
_RULES_S = 60.0
_ATTEMPTS_S = 30.0
_FIRST_AUDIT_S = 30.0
"""By then the capital of a new installation is booked."""

_EXPIRED_S = 600.0
_CHAIN_S = 5.0

_FIRST_LOOK_S = 3.0
_GRACE_S = 8
"""What work under way gets at the end. A call to the exchange that takes longer is cut off: its batch
comes due when the window is over, and then somebody asks the exchange.
"""

_LAST_WORD_S = 1.5
"""What the queue gets after that, to acknowledge what was done and to give back the rest."""

OpenWorker = Callable[[], AbstractAsyncContextManager[WorkerParts]]


def run(open_worker: OpenWorker) -> None:
    """Work until SIGTERM or SIGINT, then end what is under way within 10 s and return.

    Must be called from the main thread. Postgres, Redis and the exchange need not be there yet.
    """

    async def work() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run_worker(open_worker, stop)

    asyncio.run(work())


async def run_worker(open_worker: OpenWorker, stop: asyncio.Event) -> None:
    """Open the worker's parts, trying again while a service is away, and work until `stop`."""
    async with AsyncExitStack() as stack:
        parts = await _open(open_worker, stack, stop)
        if parts is not None:
            await _work(parts, stop)
    LOG.info("the worker has ended")


async def _open(
    open_worker: OpenWorker, stack: AsyncExitStack, stop: asyncio.Event
) -> WorkerParts | None:
    outage = Outage("opening the worker's connections")
    while not stop.is_set():
        try:
            parts = await stack.enter_async_context(open_worker())
        except (Unavailable, OSError) as error:
            outage.failed(error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), outage.pause_s())
        else:
            outage.ended()
            return parts
    return None


async def _work(parts: WorkerParts, stop: asyncio.Event) -> None:
    trader = Trader(parts.context)
    relay = Relay(parts, trader)
    await _compare_clocks(parts.context.exchange)
    if parts.queue is not None:
        await parts.queue.start()
    tasks = [asyncio.create_task(each) for each in _repetitions(parts, relay)]
    LOG.info("the worker is ready")
    await stop.wait()
    LOG.info("the worker ends: it finishes what is under way")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    stopping = asyncio.create_task(_stop(parts.queue))
    await trader.finish(_GRACE_S)
    await asyncio.wait([stopping], timeout=_LAST_WORD_S)
    stopping.cancel()


async def _compare_clocks(exchange: object) -> None:
    """Try once before anything is bought: purchases are stamped with the exchange's time."""
    if isinstance(exchange, SyncedClock):
        with contextlib.suppress(Unavailable, OSError):
            await asyncio.wait_for(exchange.sync_clock(), _FIRST_LOOK_S)


async def _stop(queue: JobQueue | None) -> None:
    if queue is not None:
        await queue.stop(_GRACE_S)


def _repetitions(parts: WorkerParts, relay: Relay) -> list[Coroutine[Any, Any, None]]:
    context, exchange = parts.context, parts.context.exchange
    repetitions = [
        repeat("the scan for due work", relay.scan, every_s=parts.scan_interval_us / 1_000_000),
        repeat(
            "the end of reviews",
            partial(reviews.expire_due, context),
            every_s=parts.scan_interval_us / 1_000_000,
        ),
        repeat("listening for wake-ups", relay.listen, every_s=_LISTEN_S),
        repeat("refreshing prices", partial(currencies.refresh_prices, context), every_s=_PRICES_S),
        repeat("refreshing rules", partial(currencies.refresh_rules, context), every_s=_RULES_S),
    ]
    forget = partial(logins.forget_expired, context)
    repetitions.append(repeat("forgetting expired logins", forget, every_s=_EXPIRED_S))
    chain = Chain(context)
    repetitions.append(repeat("chaining the audit log", chain.extend, every_s=_CHAIN_S))
    if parts.signals is not None:
        repetitions.append(_look_for_signals(context, parts.signals))
    watch = Watch(context)
    tended = "late fills and quarantine"
    repetitions.append(repeat(tended, watch.tend_attempts, every_s=_ATTEMPTS_S))
    if parts.audit_interval_us is not None:
        every_s = parts.audit_interval_us / 1_000_000
        repetitions.append(
            repeat("the audit", watch.look, every_s=every_s, first_s=min(_FIRST_AUDIT_S, every_s))
        )
    if isinstance(exchange, SyncedClock):
        clock = repeat("asking the exchange's time", exchange.sync_clock, every_s=_RULES_S)
        repetitions.insert(0, clock)
    return repetitions


def _look_for_signals(context: Context, parts: SignalParts) -> Coroutine[Any, Any, None]:
    every_us = parts.interval_us
    find = partial(signals.find, context, parts.store, parts.scorer, interval_us=every_us)
    return repeat("looking for signals of fraud", find, every_s=every_us / 1_000_000)
