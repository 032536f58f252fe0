"""What goes wrong, as rules of the machine; each only while its fault is asked for."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import (
    rule,
)

from crypto_exchange.entrypoints.testing import steps
from crypto_exchange.entrypoints.testing.machine_draws import (
    ANSWERS,
    HOUR_S,
    PEOPLE,
    PURCHASES,
    only_with,
)
from crypto_exchange.entrypoints.testing.machine_driver import Driver
from crypto_exchange.entrypoints.testing.steps import Aim, AnyStep


class FaultRules(Driver):
    """Crashes, races, silence, wrong clocks and changed minds."""

    @only_with("worker_crash")
    @rule(step=PURCHASES, crash=st.sampled_from(steps.WORKER_CRASHES), answer=ANSWERS)
    def crash_a_worker(self, step: steps.Buy, crash: str, answer: steps.Answer) -> None:
        """A worker ends at some point of its work."""
        if crash.startswith(("lose", "return", "reject", "give_up", "resolve", "retry", "refund")):
            self.do(answer)
        self.do(step)
        for seconds in (0, 7, 40):
            self.do(steps.Pass(seconds=seconds))
            self.do(steps.Work(crash=crash))

    @only_with("command_crash")
    @rule(step=PURCHASES, crash=st.sampled_from(steps.COMMAND_CRASHES), key=st.integers(0, 5))
    def crash_the_api(self, step: steps.Buy, crash: str, key: int) -> None:
        """The process ends while it carries out a command, and the client sends it again."""
        if crash.startswith("wallet"):
            self.do(steps.Deposit(person=step.person, cents=700, key=key, crash=crash))
        elif crash.startswith("cancel"):
            self.do(steps.Cancel(order=0, crash=crash))
        else:
            self.do(msgspec.structs.replace(step, key=key, crash=crash))
        self.do(steps.Repeat(command=key))

    @only_with("race")
    @rule(
        some=st.lists(PURCHASES, min_size=1, max_size=3),
        person=PEOPLE,
        order=st.integers(0, 3),
        workers=st.integers(1, 2),
    )
    def race(self, some: list[steps.Buy], person: int, order: int, workers: int) -> None:
        """People and workers act at the same time, over the same money."""
        together: tuple[AnyStep, ...] = (
            *some,
            steps.Withdraw(person=person, aim=Aim.BALANCE),
            steps.Cancel(order=order),
            steps.Work(workers=workers),
        )
        self.do(steps.Together(steps=together))
        self.do(steps.Work(workers=2, twice=True))

    @only_with("lost_job")
    @rule(workers=st.integers(1, 2))
    def lose_jobs(self, workers: int) -> None:
        """Messages get lost."""
        self.do(steps.Work(lost=True, workers=workers))

    @only_with("frozen_worker")
    @rule(
        step=PURCHASES,
        after=st.sampled_from(steps.Standing),
        seconds=st.sampled_from([0, 6, 36, 120]),
        wakes=st.booleans(),
    )
    def freeze(self, step: steps.Buy, after: str, seconds: int, *, wakes: bool) -> None:
        """A worker stands still after its intent, or after an answer."""
        self.do(step)
        self.do(steps.Freeze(asset=step.asset, after=after))
        self.do(steps.Pass(seconds=seconds))
        self.do(steps.Work())
        if wakes:
            self.do(steps.Wake())

    @only_with("late_fill")
    @rule(step=PURCHASES, attempt=st.integers(0, 3), ppm=st.sampled_from([1_000_000, 250_000]))
    def fill_late(self, step: steps.Buy, attempt: int, ppm: int) -> None:
        """The exchange executes what it provably never got."""
        self.do(steps.Answer(kind="lost_before"))
        self.do(step)
        self.do(steps.Work())
        for seconds in (7, 40):
            self.do(steps.Pass(seconds=seconds))
            self.do(steps.Work())
        self.do(steps.Late(attempt=attempt, fraction_ppm=ppm))

    @only_with("clock")
    @rule(process=st.integers(0, 2), offset_ms=st.sampled_from([0, -2_400, -700, 2_500]))
    def set_a_clock(self, process: int, offset_ms: int) -> None:
        """A process's clock is wrong, or right again."""
        self.do(steps.Clock(process=process, offset_ms=offset_ms))

    @only_with("store")
    @rule(written=st.booleans(), step=st.one_of(PURCHASES, st.just(steps.Work())))
    def refuse_a_commit(self, step: AnyStep, *, written: bool) -> None:
        """A commit loses its race, or its answer gets lost."""
        self.do(steps.Refuse(written=written))
        self.do(step)

    @only_with("rules")
    @rule(
        step=PURCHASES,
        lots=st.sampled_from([1, 3, 10]),
        minimum_ppm=st.sampled_from([1_000_000, 1_100_000, 2_000_000]),
        trading=st.booleans(),
        told=st.booleans(),
        back=st.booleans(),
    )
    def change_rules(self, step: steps.Buy, *, back: bool, **changed: Any) -> None:
        """The exchange changes its rules under a purchase."""
        self.do(step)
        self.do(steps.Rule(asset=step.asset, **changed))
        self.do(steps.Work())
        if back:
            self.do(steps.Rule(asset=step.asset))

    @only_with("halt")
    @rule(step=PURCHASES, resumed=st.booleans())
    def halt(self, step: steps.Buy, *, resumed: bool) -> None:
        """An operator halts an asset."""
        self.do(step)
        self.do(steps.Halt(asset=step.asset))
        self.do(steps.Work())
        if resumed:
            self.do(steps.Halt(asset=step.asset, halted=False))

    @only_with("outage")
    @rule(
        step=PURCHASES,
        seconds=st.sampled_from([7, 60, 2 * HOUR_S]),
        what=st.sampled_from(steps.Silent),
    )
    def go_down(self, step: steps.Buy, seconds: int, what: str) -> None:
        """The exchange is silent for a while, altogether or of its rules or clock."""
        self.do(step)
        self.do(steps.Down(what=what))
        self.do(steps.Work())
        self.do(steps.Pass(seconds=seconds))
        self.do(steps.Work())
        self.do(steps.Down(down=False, what=what))

    @rule()
    def speak(self) -> None:
        """An operator looks after what is in quarantine."""
        self.do(steps.Speak())

    @only_with("cache")
    @rule()
    def flush(self) -> None:
        """The cache loses everything, and the broker is started again."""
        self.do(steps.Flush())
        self.do(steps.Restart())
