"""Machine: the same world as the simulation's, driven by Hypothesis."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as draw_from
from hypothesis import strategies as st
from hypothesis.stateful import (
    rule,
    run_state_machine_as_test,
)

from crypto_exchange.entrypoints.testing import steps
from crypto_exchange.entrypoints.testing.adapters import Factory, memory_adapters
from crypto_exchange.entrypoints.testing.disturbances import names_of
from crypto_exchange.entrypoints.testing.history import History
from crypto_exchange.entrypoints.testing.machine_draws import (
    ANSWERS,
    FAULT_OF_ANSWER,
    KEYS,
    PEOPLE,
    PURCHASES,
    WAITS,
    only_with,
)
from crypto_exchange.entrypoints.testing.machine_faults import FaultRules
from crypto_exchange.entrypoints.testing.reach import Reach
from crypto_exchange.entrypoints.testing.simulation import shrink
from crypto_exchange.entrypoints.testing.steps import Aim


class AggregationMachine(FaultRules):
    """Everything that may happen to a broker over `factory`'s adapters, as Hypothesis' rules.

    Synchronous, as Hypothesis needs it. To run it under a test framework of one's own, subclass it,
    set `factory` and `faults`, and take its `TestCase`.
    """

    # ---- people

    @rule(step=PURCHASES)
    def buy(self, step: steps.Buy) -> None:
        """Place an order."""
        self.do(step)

    @rule(first=PURCHASES, more=st.lists(PURCHASES, min_size=1, max_size=4))
    def buy_some_and_work(self, first: steps.Buy, more: list[steps.Buy]) -> None:
        """Several people buy the same, and a worker looks."""
        self.do(first)
        for each in more:
            self.do(msgspec.structs.replace(each, asset=first.asset))
        self.do(steps.Work())

    @rule(person=PEOPLE, cents=st.sampled_from([1, 999, 20_000, 1_000_000_001]), key=KEYS)
    def deposit(self, person: int, cents: int, key: int | None) -> None:
        """Bring dollars in."""
        self.do(steps.Deposit(person=person, cents=cents, key=key))

    @rule(
        person=PEOPLE,
        aim=st.sampled_from([Aim.CENTS, Aim.BALANCE]),
        plus=st.sampled_from([0, 1, -1, 250]),
        key=KEYS,
    )
    def withdraw(self, person: int, aim: Aim, plus: int, key: int | None) -> None:
        """Take dollars out."""
        self.do(steps.Withdraw(person=person, aim=aim, plus=plus, key=key))

    @rule(order=st.integers(0, 7))
    def cancel(self, order: int) -> None:
        """Take an order back."""
        self.do(steps.Cancel(order=order))

    @rule(command=st.integers(0, 9), changed=st.booleans())
    def repeat(self, command: int, *, changed: bool) -> None:
        """Use a key again."""
        self.do(steps.Repeat(command=command, changed=changed))

    # ---- time, prices and workers

    @rule(seconds=WAITS, work=st.booleans(), twice=st.booleans())
    def wait(self, seconds: int, *, work: bool, twice: bool) -> None:
        """Let time pass, mostly with a worker awake at its end."""
        self.do(steps.Pass(seconds=seconds))
        if work:
            self.do(steps.Work(twice=twice))

    @rule()
    def work(self) -> None:
        """A worker looks for what is due."""
        self.do(steps.Work())

    @rule(answer=ANSWERS, step=PURCHASES)
    def buy_and_meet(self, answer: steps.Answer, step: steps.Buy) -> None:
        """An order whose purchase the exchange answers in its own way."""
        if FAULT_OF_ANSWER[answer.kind] in self.faults:
            self.do(answer)
        self.do(step)
        self.do(steps.Work())

    @rule(small=st.lists(PURCHASES, min_size=1, max_size=3), last=PURCHASES)
    def fill_a_batch(self, small: list[steps.Buy], last: steps.Buy) -> None:
        """What waits of an asset is brought to exactly the threshold."""
        for each in small:
            self.do(msgspec.structs.replace(each, asset=last.asset, aim=Aim.CENTS, plus=301))
        self.do(msgspec.structs.replace(last, aim=Aim.MISSING, plus=0, units=None))
        self.do(steps.Work())

    @only_with("price_move")
    @rule(
        step=PURCHASES,
        ppm=st.sampled_from([1_020_000, 1_020_001, 1_050_000, 950_000, 987_654]),
    )
    def move_price(self, step: steps.Buy, ppm: int) -> None:
        """The price moves before a purchase: just within the tolerance, or out of it."""
        self.do(step)
        self.do(steps.Price(asset=step.asset, ppm=ppm))
        self.do(steps.Work())

    @only_with("stale_price")
    @rule(seconds=st.sampled_from([180, 181]), step=PURCHASES)
    def trade_blindly(self, seconds: int, step: steps.Buy) -> None:
        """Prices get old, and people buy all the same."""
        self.do(steps.Pass(seconds=seconds, fresh=False))
        self.do(step)
        self.do(steps.Work())


def run_machine(
    factory: Factory = memory_adapters,
    *,
    seed: int = 0,
    examples: int = 40,
    steps: int = 25,
    faults: str | Iterable[str] = "all",
) -> Reach:
    """Run the machine over adapters; the same seed draws the same examples.

    Raises:
        AssertionError: a rule did not hold; the report has the shrunk steps.
    """
    with Reach() as reach:
        found = find_failure(factory, seed=seed, examples=examples, steps=steps, faults=faults)
    if found is not None:
        raise AssertionError(found.report())
    return reach


def find_failure(
    factory: Factory = memory_adapters,
    *,
    seed: int = 0,
    examples: int = 40,
    steps: int = 25,
    faults: str | Iterable[str] = "all",
    shrunk: bool = True,
) -> History | None:
    """The history of the first example in which a rule did not hold, or None."""
    given = {"factory": staticmethod(factory), "faults": tuple(names_of(faults))}
    machine: type[AggregationMachine] = type("Machine", (AggregationMachine,), given)
    wanted = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=False,
        phases=(Phase.generate,),  # a list of steps is shrunk faster than the draws behind it
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    try:
        run_state_machine_as_test(draw_from(seed)(machine), settings=wanted)
    except AssertionError:
        if machine.failed is None:
            raise
        return shrink(machine.failed, adapters=factory) if shrunk else machine.failed
    return None
