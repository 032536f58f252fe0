"""Simulated days: repeatable bit for bit, sound, live, and of use when they are not."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import AsyncExitStack

import pytest
from typing_extensions import override

from crypto_exchange.adapters.memory import (
    MemoryBegin,
    MemoryIds,
    MemoryMarket,
    MemoryReadModels,
)
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.state import State
from crypto_exchange.entrypoints.testing.adapters import Adapters, Sim, memory_adapters
from crypto_exchange.entrypoints.testing.disturbances import FAULTS, HOUR_S, names_of
from crypto_exchange.entrypoints.testing.execution import Execution
from crypto_exchange.entrypoints.testing.history import regression
from crypto_exchange.entrypoints.testing.machine import run_machine
from crypto_exchange.entrypoints.testing.model import check_history
from crypto_exchange.entrypoints.testing.simulation import replay, simulate
from crypto_exchange.entrypoints.testing.steps import (
    Aim,
    Answer,
    AnyStep,
    Buy,
    Deposit,
    Pass,
    Repeat,
    Setup,
    Together,
    Work,
)
from crypto_exchange.entrypoints.testing.world import open_world

DIGEST = """
from crypto_exchange.entrypoints.testing.simulation import simulate
history = simulate(7, 0.25)
history.require_sound()
print(history.digest())
"""


@pytest.mark.parametrize("seed", range(4))
def test_hours_with_every_fault_break_no_rule_and_everything_ends(seed: int) -> None:
    history = simulate(seed, 0.25)

    history.require_sound()
    assert history.at_us >= HOUR_S * 6 * 10**6
    assert check_history(history.records) == []


def test_a_seed_gives_the_same_history_in_every_process() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }

    assert digests == {simulate(7, 0.25).digest() + "\n"}


def test_another_seed_gives_another_history() -> None:
    assert simulate(1, 0.1).digest() != simulate(2, 0.1).digest()


def test_hours_without_faults_have_none() -> None:
    history = simulate(3, 0.25, "none")

    history.require_sound()
    assert not {"a crash of a worker", "a lost race", "a partial fill"} & history.reach.keys()


def test_the_machine_finds_nothing_and_draws_the_same_from_the_same_seed() -> None:
    first, second = (run_machine(seed=5, examples=4, steps=15) for _ in range(2))

    assert first.counts == second.counts


@pytest.mark.parametrize("asked", ["no_such", ["reject", "no_such"]])
def test_an_unknown_fault_is_refused_with_those_there_are(asked: str | list[str]) -> None:
    with pytest.raises(ValueError, match=r"expected all, none or some of reject, .* was no_such"):
        simulate(1, 0.1, asked)


def test_faults_are_chosen_by_name() -> None:
    assert names_of("reject,clock") == ["reject", "clock"]
    assert names_of("none") == []
    assert names_of("all") == list(FAULTS)


class ForgetfulState(State):
    """Loses a cent of every deposit of more than $100."""

    @override
    def apply(self, change: Change) -> None:
        super().apply(change)
        if change.wallet is not None and len(change.transfers) == 1:
            wallet = self.wallets[change.wallet.user_id]
            if change.transfers[0].amount > 10_000_000_000 and not change.new_orders:
                lost = type(wallet)(wallet.user_id, wallet.balance - 1_000_000, wallet.version)
                self.wallets[wallet.user_id] = lost


def forgetful_adapters(sim: Sim) -> Adapters:
    state = ForgetfulState()
    return Adapters(
        begin=MemoryBegin(state),
        queries=MemoryReadModels(state),
        market=MemoryMarket(state),
        ids=MemoryIds(state),
    )


def test_a_failure_is_shrunk_to_a_test_that_can_be_pasted() -> None:
    history = simulate(1, 0.25, adapters=forgetful_adapters)

    assert 1 <= len(history.steps) <= 3
    pasted = regression(history.setup, history.seed, history.steps)
    program: dict[str, object] = {}
    exec(pasted, program)
    test = program["test_found_by_the_testing_kit"]
    assert callable(test)
    test()  # over adapters in memory, which are sound
    again = replay(
        history.steps, setup=history.setup, seed=history.seed, adapters=forgetful_adapters
    )
    assert [v.check for v in again.violations][:1] == [history.violations[0].check]
    with pytest.raises(AssertionError, match=r"seed 1, \d steps(.|\n)*expected .* was "):
        history.require_sound()


def test_what_is_pasted_names_every_value() -> None:
    steps: list[AnyStep] = [
        Deposit(person=1, cents=5),
        Together(steps=(Buy(person=0, aim=Aim.BALANCE), Work(crash="settle.after_commit"))),
    ]

    text = regression(Setup(pricing="average"), 3, steps)

    assert (
        "Together(steps=(Buy(person=0, aim='balance'), Work(crash='settle.after_commit'),))" in text
    )
    assert "setup=Setup(pricing='average'), seed=3" in text
    assert text.startswith(
        "from crypto_exchange.testing import Buy, Deposit, Setup, Together, Work,"
    )


def test_a_repeated_command_and_a_lost_answer_change_nothing_twice() -> None:
    replay(
        [
            Deposit(person=0, cents=10_000, key=1),
            Repeat(command=0),
            Repeat(command=0, changed=True),
            Buy(person=0, aim=Aim.THRESHOLD, key=2, crash="order.after_commit"),
            Repeat(command=1),
            Answer(kind="lost_after"),
            Work(),
            Pass(seconds=7),
            Work(twice=True),
        ]
    ).require_sound()


def test_an_exception_in_an_adapter_is_a_finding_that_names_the_step() -> None:
    async def run() -> list[str]:
        async with AsyncExitStack() as resources:
            world = await open_world(memory_adapters, Setup(), seed=0, resources=resources)
            world.people.append(99)  # somebody whom the store does not know
            await Execution(world).do(Deposit(person=4, cents=1), look=False)
            return [str(found) for found in world.violations]

    (found, *_) = asyncio.run(run())

    assert "not_found" in found
