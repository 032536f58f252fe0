"""What a database with racing workers and people exports is a history without a violation."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from crypto_exchange.adapters.memory import MemoryExchange
from crypto_exchange.adapters.postgres import Database, EventLog
from crypto_exchange.bootstrap import policy
from crypto_exchange.domain.cashier import Deposit
from crypto_exchange.domain.errors import Conflict, DomainError
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.risk_policy import RiskPolicy
from crypto_exchange.domain.use_cases import orders, trading, wallets
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.testing.contracts.scene import POLICY, Scene
from crypto_exchange.settings import Settings
from tests.integration.postgres_store import context_over, opened_database, store_over

PEOPLE = 8
RISK = RiskPolicy(orders_per_minute=1)


async def test_racing_workers_leave_a_history_that_the_checker_finds_no_fault_with(
    postgres_dsn: str, tmp_path: Path
) -> None:
    async with opened_database(postgres_dsn) as database:
        context = await trade(database)
        expected = len([each async for each in EventLog(database).read()])
        assert await context.queries.list_ledger()

    file = tmp_path / "history.jsonl"
    exported = run_command(postgres_dsn, "export-history", str(file))
    assert (exported.returncode, exported.stderr) == (0, f"{expected:,} events written to {file}\n")
    header, *records = [
        msgspec.json.decode(line, type=dict[str, Any]) for line in file.read_bytes().splitlines()
    ]
    assert (header["record"], header["history"]) == ("header", 1)
    assert msgspec.convert(header["policy"], Policy) == policy(Settings.from_env({}))
    assert header["assets"] == [{"symbol": "BTC", "scale": 8}]
    assert len(records) == expected
    assert {"PurchaseIntended", "BatchSettled"} <= {each["event"] for each in records}

    checked = run_command(postgres_dsn, "check-history", str(file))
    assert (checked.stdout, checked.stderr) == (f"{expected + 1:,} records, no violations\n", "")
    assert checked.returncode == 0

    shown = run_command(postgres_dsn, "export-history", "-")
    assert shown.stdout.encode() == file.read_bytes()

    rules = "--rules", f"orders_per_minute={RISK.orders_per_minute}"
    for source in (str(file), "--database"):
        again = run_command(postgres_dsn, "replay-risk", source, *rules, "--json")
        decided = msgspec.json.decode(again.stdout)
        assert (decided["differences"], decided["left_out"], again.returncode) == ([], 0, 0)
        assert decided["now"]["velocity_minute"] > PEOPLE


def test_an_export_that_cannot_be_written_says_so(postgres_dsn: str, tmp_path: Path) -> None:
    refused = run_command(postgres_dsn, "export-history", str(tmp_path / "no" / "file"))

    assert refused.returncode == 2
    assert refused.stderr.startswith("expected a file to write, was ")


async def trade(database: Database) -> Context:
    """People who place and cancel, while two workers seal, buy and settle."""
    scene = Scene(store_over(database), msgspec.structs.replace(POLICY, risk=RISK))
    asset, context = await scene.list_asset(), context_over(scene)
    exchange = MemoryExchange((asset,), scene.policy, lambda: scene.at_us // 1_000)
    context = msgspec.structs.replace(context, exchange=exchange)
    for _ in range(PEOPLE):
        await scene.register(dollars=200)
    users = [row["user_id"] for row in await database.fetch("SELECT user_id FROM wallets")]
    ended = asyncio.Event()
    workers = [asyncio.create_task(work(context, ended)) for _ in range(2)]
    await asyncio.gather(*(buy(context, user_id) for user_id in users))
    ended.set()
    await asyncio.gather(*workers)
    await seal_and_buy(context)
    return context


async def buy(context: Context, user_id: int) -> None:
    for dollars in (3, 4, 30, 2, 6, 10, 1, 5):
        command = PlaceOrder(user_id=user_id, asset="BTC", spend=dollars * DOLLAR)
        order, _, _ = await orders.place(context, command)
        if dollars in {2, 6}:
            try:
                await orders.cancel(context, user_id, order.id)
            except DomainError:
                await wallets.deposit(context, Deposit(user_id=user_id, amount=DOLLAR))


async def work(context: Context, ended: asyncio.Event) -> None:
    while not ended.is_set():
        with suppress(Conflict):
            await seal_and_buy(context)


async def seal_and_buy(context: Context) -> None:
    sealed = await trading.seal_due(context, "BTC")
    await asyncio.gather(*(trading.execute(context, key, purchase) for key, purchase in sealed))


def run_command(dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "crypto_exchange", *arguments],
        env=environment(dsn),
        capture_output=True,
        text=True,
        check=False,
    )


def environment(dsn: str) -> Mapping[str, str]:
    parts = urlsplit(dsn)
    return {
        "POSTGRES_HOST": parts.hostname or "",
        "POSTGRES_PORT": str(parts.port),
        "POSTGRES_USER": parts.username or "",
        "POSTGRES_PASSWORD": parts.password or "",
        "POSTGRES_DB": parts.path.lstrip("/"),
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PASSWORD": "none-is-asked",
        "EXCHANGE_URL": "http://127.0.0.1:1",
        "EXCHANGE_API_KEY": "nobody",
        "EXCHANGE_API_SECRET": "nothing",
        "SECRET_KEY": "0123456789abcdef" * 4,
        "JWT_SECRET_KEY": "fedcba9876543210" * 4,
    }
