"""Simulation: days of trading in virtual time, from one seed, over the real use cases.

The same seed gives the same steps, the same interleavings and the same history, bit for bit, as long
as the adapters are in memory. Between the steps nothing happens, so a day costs what its events cost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack

from crypto_exchange.entrypoints.testing import traffic
from crypto_exchange.entrypoints.testing.adapters import Factory, memory_adapters
from crypto_exchange.entrypoints.testing.execution import Execution
from crypto_exchange.entrypoints.testing.history import History
from crypto_exchange.entrypoints.testing.reach import Reach
from crypto_exchange.entrypoints.testing.steps import AnyStep, Setup
from crypto_exchange.entrypoints.testing.world import open_world

FIRST_LOOK = 200
"""Steps until all that the adapters keep is compared, then after twice as many, and so on: such a look
costs as much as everything before it. Events are judged at once, and the end is always looked at.
"""


def simulate(
    seed: int,
    days: float | int = 1,
    faults: str | Iterable[str] = "all",
    *,
    setup: Setup | None = None,
    orders_per_hour: int = 20,
    adapters: Factory = memory_adapters,
    look_every: int | None = None,
    shrunk: bool = True,
) -> History:
    """Let people trade for so many days, with faults, then without until everything has ended.

    `faults`: "all", "none", or names of `disturbances.FAULTS`. The setup follows from the seed unless it is
    given. If a check finds something, the run ends there, and its steps are shrunk unless `shrunk` is
    unset. Never raises for what it finds: see `History.require_sound`.
    """
    setup = setup or traffic.setup_of(seed)
    steps = traffic.steps_of(
        seed, hours=int(days * 24), orders_per_hour=orders_per_hour, faults=faults
    )
    history = _run(steps, setup, seed, adapters, look_every)
    if not history.violations or not shrunk:
        return history
    return shrink(history, adapters=adapters)


def replay(
    steps: Iterable[AnyStep],
    *,
    setup: Setup | None = None,
    seed: int = 0,
    adapters: Factory = memory_adapters,
) -> History:
    """Run exactly these steps, looking at everything after each, then drain."""
    return _run(iter(steps), setup or Setup(), seed, adapters, 1)


def shrink(
    history: History,
    *,
    adapters: Factory = memory_adapters,
    tries: int = 400,
    seconds: int = 20,
) -> History:
    """The history of as few of the steps as still break the same rule, found in so many tries and
    seconds. What cannot be repeated, as a race in a real store, is given back as it is.
    """
    best, until_s = history, time.monotonic() + seconds
    check = history.violations[0].check.split()[0]
    size = len(history.steps) // 2
    while size and tries > 0 and time.monotonic() < until_s:
        shorter = None
        for kept in _without(best.steps, size):
            tries -= 1
            tried = replay(kept, setup=history.setup, seed=history.seed, adapters=adapters)
            if any(found.check.split()[0] == check for found in tried.violations):
                shorter = tried
                break
            if tries <= 0 or time.monotonic() >= until_s:
                break
        if shorter is None:
            size //= 2
        else:
            best = shorter
            size = min(size, len(best.steps) // 2)
    return best


def _without(steps: Sequence[AnyStep], size: int) -> Iterator[Sequence[AnyStep]]:
    """The steps with so many left out, at each place in turn, the end first."""
    for start in range(max(len(steps) - size, 0), -size, -size):
        yield (*steps[: max(start, 0)], *steps[start + size :])


def _run(
    steps: Iterator[AnyStep], setup: Setup, seed: int, adapters: Factory, look_every: int | None
) -> History:
    with asyncio.Runner() as runner:
        return runner.run(_play(steps, setup, seed, adapters, look_every))


async def _play(
    steps: Iterator[AnyStep], setup: Setup, seed: int, adapters: Factory, look_every: int | None
) -> History:
    done: list[AnyStep] = []
    next_look = look_every or FIRST_LOOK
    with Reach() as reach:
        async with AsyncExitStack() as resources:
            world = await open_world(adapters, setup, seed=seed, resources=resources)
            execution = Execution(world)
            for number, step in enumerate(steps, start=1):
                done.append(step)
                look = number == next_look
                next_look += (look_every or number) if look else 0
                await execution.do(step, look=look)
                if world.violations:
                    break
            else:
                await execution.drain()
    return History(
        setup=setup,
        seed=seed,
        steps=tuple(done),
        records=tuple(world.history),
        violations=tuple(world.violations),
        reach=dict(sorted(reach.counts.items())),
        at_us=world.sim.clock.now_us(),
    )
