"""Crash points are reached where they say, and end exactly one process for each arming."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typing_extensions import override

from crypto_exchange.adapters.faults import (
    CRASH_POINTS,
    CrashingBegin,
    CrashingExchange,
    CrashingQueue,
    CrashingTally,
    CrashPoints,
    SkewedClock,
)
from crypto_exchange.adapters.memory import (
    MemoryClock,
    MemoryExchange,
    Silence,
    memory_context,
)
from crypto_exchange.adapters.memory.exchange import Executed
from crypto_exchange.domain.cashier import Deposit, Withdraw
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.policy import SECOND_US, Policy
from crypto_exchange.domain.purchase import Rejected, RejectionKind
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases import accounts, orders, reconciliation, trading, wallets
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.cli.crash_points import crash_points
from crypto_exchange.settings import Settings
from tests.builders import NOW_US, a_fill, a_price, an_asset, usd

BOUGHT = ["order", "tally", "seal", "submit", "settle"]
ACKNOWLEDGED = ["job.before_work", "the work", "job.before_ack"]
REJECTIONS = {
    RejectionKind.VENUE: "return",
    RejectionKind.RULES: "reject",
    RejectionKind.FINAL: "refund",
}


class Witness(CrashPoints):
    """Notes where a process would have been, and lives on."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))
        self.names: list[str] = []

    @override
    def reach(self, name: str) -> None:
        self.names.append(name)

    def steps(self) -> list[str]:
        """What happened since the last time, each step named once; both of its points were reached."""
        names, self.names = self.names, []
        assert all(name in CRASH_POINTS for name in names)
        pairs = list(zip(names[::2], names[1::2], strict=True))
        steps = [first.partition(".")[0] for first, _ in pairs]
        assert steps == [second.partition(".")[0] for _, second in pairs]
        return steps


class Service:
    """A service in memory, watched at its crash points."""

    def __init__(self) -> None:
        self.clock = MemoryClock(NOW_US)
        plain = memory_context(
            policy=Policy(max_wait_us=300 * SECOND_US),
            clock=self.clock,
            state=State((an_asset(),)),
        )
        assert isinstance(plain.exchange, MemoryExchange)
        self.exchange, self.witness = plain.exchange, Witness()
        self.context: Context = msgspec.structs.replace(
            plain,
            begin=CrashingBegin(plain.begin, self.witness),
            exchange=CrashingExchange(plain.exchange, self.witness),
            tally=CrashingTally(plain.tally, self.witness),
        )

    async def person(self) -> int:
        pair = await accounts.register(self.context, "somebody", "a long password")
        user_id = self.context.tokens.read_access(pair.access).user_id
        await wallets.deposit(self.context, Deposit(user_id=user_id, amount=usd("100")))
        return user_id

    async def place(self, dollars: str) -> tuple[int, int]:
        user_id = await self.person()
        self.witness.steps()
        command = PlaceOrder(user_id=user_id, asset="BTC", spend=usd(dollars))
        order, _, _ = await orders.place(self.context, command)
        return user_id, order.id

    async def work(self) -> None:
        for key, purchase in await trading.seal_due(self.context, "BTC"):
            await trading.execute(self.context, key, purchase)
        _, keys = await trading.list_due(self.context)
        for key in keys:
            await trading.resolve(self.context, key)

    async def pass_time(self, seconds: int) -> None:
        self.clock.at_us += seconds * SECOND_US
        await self.context.market.save_prices({"BTC": a_price("50000")}, self.clock.at_us)


async def test_commands_of_a_person_have_points_around_their_commits() -> None:
    service = Service()

    user_id = await service.person()
    await wallets.withdraw(service.context, Withdraw(user_id=user_id, amount=usd("1")))

    assert service.witness.steps() == ["register", "wallet", "wallet"]


async def test_a_cancelled_order_has_points_around_its_commit() -> None:
    service = Service()
    user_id, order_id = await service.place("3")
    service.witness.steps()

    await orders.cancel(service.context, user_id, order_id)

    assert service.witness.steps() == ["cancel", "tally"]


async def test_an_order_that_is_bought_passes_its_points_in_the_order_of_its_life() -> None:
    service = Service()

    await service.place("20")
    await service.work()

    assert service.witness.steps() == BOUGHT


async def test_an_order_that_waited_too_long_has_points_around_its_refund() -> None:
    service = Service()
    await service.place("3")
    service.witness.steps()

    await service.pass_time(301)
    await service.work()

    assert service.witness.steps() == ["expire"]


@pytest.mark.parametrize(("kind", "step"), REJECTIONS.items())
async def test_a_rejection_has_points_by_what_follows_from_it(
    kind: RejectionKind, step: str
) -> None:
    service = Service()
    await service.place("20")
    service.exchange.script.append(Rejected(kind=kind, code="1", message="no"))
    service.witness.steps()

    await service.work()

    assert service.witness.steps() == ["seal", "submit", step]


async def test_the_next_attempt_has_points_of_its_own() -> None:
    service = Service()
    await service.place("20")
    service.exchange.script.append(Rejected(kind=RejectionKind.RULES, code="1", message="no"))
    await service.work()
    service.witness.steps()

    await service.pass_time(5)
    await service.work()

    assert service.witness.steps() == ["retry", "submit", "settle"]


async def test_a_lost_purchase_has_points_until_it_is_given_up() -> None:
    service = Service()
    await service.place("20")
    service.exchange.script.append(Silence.BEFORE)
    await service.work()
    service.witness.names.clear()

    await service.pass_time(6)
    await service.work()
    await service.pass_time(40)
    await service.work()

    assert service.witness.steps() == ["resolve", "lose", "resolve", "give_up"]


async def test_a_fill_that_comes_after_its_purchase_was_given_up_has_points_of_its_own() -> None:
    service = Service()
    await service.place("20")
    service.exchange.script.append(Silence.BEFORE)
    await service.work()
    await service.pass_time(50)
    await service.work()
    [purchase] = service.exchange.received
    filled = a_fill("0.0004", "20")
    service.exchange.executed[purchase.client_order_id] = Executed(
        purchase, filled, service.exchange.now_ms()
    )
    service.witness.names.clear()

    bought = await reconciliation.buy_late_fills(service.context)

    assert bought == 1
    assert service.witness.steps() == ["late"]


async def test_a_job_has_points_when_it_is_taken_and_before_it_is_acknowledged() -> None:
    class Inner:
        def register(self, name: str, job: Callable[..., Coroutine[Any, Any, None]]) -> None:
            self.job = job

        async def send(self, name: str, *ids: str) -> None:
            await self.job(*ids)

        async def start(self) -> None: ...

        async def stop(self, timeout_s: float) -> None: ...

    async def work(key: str) -> None:
        witness.names.append(key)

    witness = Witness()
    queue = CrashingQueue(Inner(), witness)

    queue.register("trade", work)
    await queue.start()
    await queue.send("trade", "the work")
    await queue.stop(1)

    assert witness.names == ACKNOWLEDGED


def test_an_armed_point_ends_one_process_at_once_and_no_second_one(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys\n"
        "from crypto_exchange.adapters.faults import CrashPoints\n"
        "CrashPoints(pathlib.Path(sys.argv[1])).reach('order.before_commit')\n"
        "print('lives')\n"
    )
    argv = [sys.executable, "-c", script, str(tmp_path)]
    (tmp_path / "order.before_commit").touch()
    (tmp_path / "order.after_commit").touch()

    first, second = (
        subprocess.run(argv, capture_output=True, text=True, check=False) for _ in range(2)
    )

    assert (first.returncode, first.stdout) == (137, "")
    assert first.stderr.startswith("crash point order.before_commit reached by process ")
    assert (second.returncode, second.stdout) == (0, "lives\n")
    assert [file.name for file in tmp_path.iterdir()] == ["order.after_commit"]


def test_all_points_are_listed_with_what_they_mean(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings.from_env({})

    assert crash_points(settings, argparse.Namespace(json=True)) == 0
    assert json.loads(capsys.readouterr().out) == CRASH_POINTS
    assert crash_points(settings, argparse.Namespace(json=False)) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(CRASH_POINTS)


def test_a_skewed_clock_is_off_by_the_same_amount_all_its_life() -> None:
    clock = MemoryClock(NOW_US)
    offsets = set()

    for seed in range(20):
        skewed = SkewedClock(clock, within_us=SECOND_US, seed=seed)
        offsets.add(skewed.offset_us)
        assert skewed.now_us() == skewed.now_us() == NOW_US + skewed.offset_us

    assert len(offsets) == 20
    assert all(abs(offset) <= SECOND_US for offset in offsets)
    assert SkewedClock(clock, within_us=SECOND_US, seed=7).offset_us in offsets
