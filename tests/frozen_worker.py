"""A worker that stops its own process at an exact point, for a test to continue it later.

python -m tests.frozen_worker DSN URL before|after|never
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from crypto_exchange.adapters.exchange import BinanceExchange
from crypto_exchange.adapters.memory import memory_context
from crypto_exchange.adapters.postgres import (
    Database,
    PostgresBegin,
    PostgresIds,
    PostgresMarket,
    PostgresReadModels,
    open_database,
)
from crypto_exchange.adapters.system import SystemClock
from crypto_exchange.domain.errors import OutcomeUnknown
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.purchase import Outcome, Purchase
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.worker.main import run
from crypto_exchange.entrypoints.worker.parts import WorkerParts
from tests.paper_venue import KEY, SECRET

POLICY = Policy(window_ms=1_000, absence_margin_ms=200)


class FreezingExchange:
    """Stops its own process, once, before an order is sent or after the exchange has executed it."""

    def __init__(self, exchange: BinanceExchange, moment: str) -> None:
        self._exchange, self._moment = exchange, moment

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)

    async def sync_clock(self) -> None:
        await self._exchange.sync_clock()

    async def submit(self, purchase: Purchase) -> Outcome:
        if self._moment == "before":
            self._freeze()
        try:
            outcome = await self._exchange.submit(purchase)
        except OutcomeUnknown as error:
            _say(f"no outcome: {error}")
            raise
        if self._moment == "after":
            self._freeze()
        _say(f"outcome: {type(outcome).__name__}")
        return outcome

    def _freeze(self) -> None:
        self._moment = "never again"
        os.kill(os.getpid(), signal.SIGSTOP)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def work(dsn: str, url: str, freeze: str) -> None:
    """Be a worker, in a process of its own."""

    @asynccontextmanager
    async def open_worker() -> AsyncIterator[WorkerParts]:
        async with opened_context(dsn, url) as (context, _):
            exchange: Any = FreezingExchange(context.exchange, freeze)  # type: ignore[arg-type] # it is
            frozen = msgspec.structs.replace(context, exchange=exchange)
            yield WorkerParts(context=frozen, scan_interval_us=50_000)

    run(open_worker)


@asynccontextmanager
async def opened_context(dsn: str, url: str) -> AsyncIterator[tuple[Context, Database]]:
    exchange = BinanceExchange(
        url=url,
        api_key=KEY,
        api_secret=SECRET,
        quote="USDT",
        now_us=SystemClock().monotonic_us,
    )
    database = await open_database(dsn, max_size=8)
    context = msgspec.structs.replace(
        memory_context(policy=POLICY, clock=SystemClock()),
        begin=PostgresBegin(database),
        ids=PostgresIds(database),
        queries=PostgresReadModels(database),
        market=PostgresMarket(database),
        exchange=exchange,
    )
    try:
        yield context, database
    finally:
        await exchange.aclose()
        await database.close()


if __name__ == "__main__":
    work(*sys.argv[1:])
