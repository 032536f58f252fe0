"""Workers that stand still for longer than a purchase's window, and what they sent late: bought once.

Real processes of the worker over a real Postgres and a real paper exchange. One stops itself (SIGSTOP)
at an exact point; another proves its purchase absent, or finds it, and goes on; then it is continued.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from crypto_exchange.adapters.postgres import Database
from crypto_exchange.domain.cashier import Deposit
from crypto_exchange.domain.order import FINAL_STATES, Order
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.use_cases import (
    accounts,
    currencies,
    house,
    orders,
    reconciliation,
    wallets,
)
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.worker.main import run_worker
from crypto_exchange.entrypoints.worker.parts import WorkerParts
from tests.builders import usd
from tests.chaos.proxy import FaultProxy, Wire
from tests.frozen_worker import opened_context
from tests.paper_venue import FIXED, Paper, serving
from tests.running import UNMEASURED

ROOT = Path(__file__).parents[2]


@contextmanager
def worker(dsn: str, url: str, freeze: str = "never") -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-m", "tests.frozen_worker", dsn, url, freeze]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.communicate(timeout=20)


@asynccontextmanager
async def another_worker(context: Context) -> AsyncIterator[None]:
    """One in this process."""

    @asynccontextmanager
    async def open_worker() -> AsyncIterator[WorkerParts]:
        yield WorkerParts(context=context, scan_interval_us=50_000)

    stop = asyncio.Event()
    task = asyncio.create_task(run_worker(open_worker, stop))
    yield
    stop.set()
    await task


@pytest.fixture
def paper(tmp_path: Path) -> Iterator[Paper]:
    with serving(tmp_path, UNMEASURED, **FIXED) as running:
        yield running


@pytest.mark.parametrize(
    ("freeze", "attempts", "says"),
    [
        ("before", ["not_placed", "filled"], "no outcome: not sent: expected to be within the"),
        ("after", ["filled"], "outcome: Filled"),
    ],
)
async def test_a_worker_frozen_for_longer_than_the_window_buys_nothing_when_it_wakes(
    freeze: str, attempts: list[str], says: str, paper: Paper, postgres_dsn: str
) -> None:
    url = str(paper.http.base_url)
    async with opened_context(postgres_dsn, url) as (context, database):
        await prepare(context)
        order = await place(context)
        with worker(postgres_dsn, url, freeze) as frozen:
            _, status = await asyncio.to_thread(os.waitpid, frozen.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status)
            there = len(executed(paper))
            async with another_worker(context):
                await ended(context, order)

                frozen.send_signal(signal.SIGCONT)
                woken = await told_by(frozen)
                await asyncio.sleep(0.3)  # both would have time to do more

        assert there == (1 if freeze == "after" else 0)
        assert woken.startswith(says)
        await assert_bought_once(context, database, paper, attempts)


async def test_an_order_that_the_wire_delivers_after_its_window_buys_nothing(
    paper: Paper, postgres_dsn: str
) -> None:
    url, proxy = str(paper.http.base_url), FaultProxy(paper.http.base_url.port or 0)
    await proxy.start()
    async with opened_context(postgres_dsn, url) as (context, database):
        await prepare(context)
        with worker(postgres_dsn, f"http://127.0.0.1:{proxy.port}") as far:
            await until_one(database, "SELECT FROM assets WHERE price IS NOT NULL")
            proxy.become(Wire.BLACK_HOLE)
            order = await place(context)
            await until_one(database, "SELECT FROM purchases")
            async with another_worker(context):
                await ended(context, order)

                proxy.become(Wire.CLEAN)
                told = await told_by(far)
                await asyncio.sleep(0.3)

        # The exchange refuses what comes after its window, unless it had closed the connection.
        assert told.startswith(("outcome: Rejected", "no outcome: expected an answer"))
        await assert_bought_once(context, database, paper, ["not_placed", "filled"])
    await proxy.stop()


async def prepare(context: Context) -> None:
    """List BTC, and book what is kept at the exchange."""
    await house.list_new_assets(context, {"BTC": 8})
    await house.book_capital(context)


async def place(context: Context) -> Order:
    """Somebody with $20.00 orders BTC for all of it, at a fresh price."""
    await currencies.refresh_prices(context)
    await accounts.register(context, "somebody", "a-long-password")
    async with context.begin() as work:
        user = await work.find_user("somebody")
        work.abandon()
    assert user is not None
    await wallets.deposit(context, Deposit(user_id=user.id, amount=usd("20.00")))
    command = PlaceOrder(user_id=user.id, asset="BTC", spend=usd("20.00"))
    return (await orders.place(context, command))[0]


async def told_by(process: subprocess.Popen[str]) -> str:
    """The next line that a worker says."""
    assert process.stdout is not None
    return await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), 60)


async def until_one(database: Database, sql: str) -> None:
    async with asyncio.timeout(60):
        while len(await database.fetch(sql)) != 1:
            await asyncio.sleep(0.02)


async def ended(context: Context, order: Order) -> None:
    async with asyncio.timeout(60):
        while True:
            found = (await context.queries.get_order(order.user_id, order.id)).order
            if found.state in FINAL_STATES:
                return
            await asyncio.sleep(0.05)


async def assert_bought_once(
    context: Context, database: Database, paper: Paper, attempts: list[str]
) -> None:
    rows = await database.fetch("SELECT state FROM purchases ORDER BY attempt")
    [order] = await database.fetch("SELECT state FROM orders")

    assert [row["state"] for row in rows] == attempts
    assert order["state"] == "completed"
    assert len(executed(paper)) == 1
    assert (await reconciliation.look(context)).differences == ()
    assert await context.queries.list_breaks() == ()


def executed(paper: Paper) -> list[str]:
    rows = paper.ask("allOrders", symbol="BTCUSDT")
    return [row["clientOrderId"] for row in rows if Decimal(row["executedQty"])]
