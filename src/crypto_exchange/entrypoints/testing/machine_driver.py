"""Driver: one example of the machine, from the first step to the drain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
)

from crypto_exchange.entrypoints.override import override
from crypto_exchange.entrypoints.testing import steps
from crypto_exchange.entrypoints.testing.adapters import Factory, memory_adapters
from crypto_exchange.entrypoints.testing.disturbances import FAULTS
from crypto_exchange.entrypoints.testing.execution import Execution
from crypto_exchange.entrypoints.testing.history import History
from crypto_exchange.entrypoints.testing.machine_draws import SETUPS
from crypto_exchange.entrypoints.testing.steps import AnyStep, Setup
from crypto_exchange.entrypoints.testing.world import open_world


class Driver(RuleBasedStateMachine):
    """Carries steps out over `factory`'s adapters, with one event loop for each example.

    A check that finds something ends the example with the report of its history, kept in `failed`.
    """

    factory: ClassVar[Factory] = staticmethod(memory_adapters)
    faults: ClassVar[Sequence[str]] = tuple(FAULTS)
    failed: ClassVar[History | None] = None

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.resources = AsyncExitStack()
        self.done: list[AnyStep] = []
        self.execution: Execution | None = None

    @initialize(setup=SETUPS, cents=st.sampled_from([50_000, 12_345, 3_000]))
    def open(self, setup: Setup, cents: int) -> None:
        """Start a broker, and give everybody money."""
        self.setup = setup
        opened = open_world(type(self).factory, setup, seed=0, resources=self.resources)
        self.world = self.runner.run(opened)
        self.execution = Execution(self.world)
        for person in range(steps.PEOPLE):
            self.do(steps.Deposit(person=person, cents=cents))

    def do(self, step: AnyStep) -> None:
        """Carry a step out, and compare everything."""
        assert self.execution is not None
        self.done.append(step)
        self.runner.run(self.execution.do(step))
        self._require_sound()

    @override
    def teardown(self) -> None:
        """Without faults everything ends."""
        try:
            if self.execution is not None and not self.world.violations:
                self.runner.run(self.execution.drain())
                self._require_sound()
        finally:
            self.runner.run(self.resources.aclose())
            self.runner.close()

    def _require_sound(self) -> None:
        if self.world.violations:
            type(self).failed = self.history()
            raise AssertionError(self.history().report())

    def history(self) -> History:
        """What has happened so far."""
        return History(
            setup=self.setup,
            seed=0,
            steps=tuple(self.done),
            records=tuple(self.world.history),
            violations=tuple(self.world.violations),
            reach={},
            at_us=self.world.sim.clock.now_us(),
        )
