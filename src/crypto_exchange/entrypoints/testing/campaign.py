"""Campaign: the kit's default run without pytest, over any adapters and within a budget.

First the corners, then simulated days, one seed and policy after another, then the machine, which draws
its own. It ends at the first violation, or when the budget is used up.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping

import msgspec

from crypto_exchange.entrypoints.testing.adapters import Factory, memory_adapters
from crypto_exchange.entrypoints.testing.corners import CORNERS
from crypto_exchange.entrypoints.testing.history import History
from crypto_exchange.entrypoints.testing.reach import REQUIRED, Reach
from crypto_exchange.entrypoints.testing.simulation import replay, shrink, simulate
from crypto_exchange.entrypoints.testing.violations import Violation

ROUND_HOURS = 6
ROUND_EXAMPLES = 20
MOST_ROUNDS = 10_000
HAS_HYPOTHESIS = importlib.util.find_spec("hypothesis") is not None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign found: the violations with the text that tells how to see them again, and how
    often it was in each situation. `seconds` of wall time.
    """

    violations: tuple[Violation, ...]
    text: str
    reach: Mapping[str, int]
    rounds: int
    seconds: int

    @property
    def missing(self) -> list[str]:
        """Situations that were required and never met."""
        return [name for name in REQUIRED if not self.reach.get(name)]


def run(
    seed: int, budget_s: int, *, adapters: Factory = memory_adapters, shrunk: bool = False
) -> Report:
    """Visit all corners, however long that takes; simulate until half of `budget_s` seconds are over,
    each round six hours of another policy; then let the machine draw examples for the rest, if
    Hypothesis is installed.
    """
    started_s = time.monotonic()
    rounds, text = 0, ""
    with Reach() as reach:
        found = list[Violation]()
        while not found and (rounds < len(CORNERS) or time.monotonic() - started_s < budget_s):
            by_hand = time.monotonic() - started_s < budget_s / 2 or not HAS_HYPOTHESIS
            play = _visit if rounds < len(CORNERS) else _simulate if by_hand else _draw
            history = play(seed * MOST_ROUNDS + rounds, adapters, shrunk=shrunk)
            rounds += 1
            if history is not None and history.violations:
                found, text = list(history.violations), history.report()
    return Report(
        violations=tuple(found),
        text=text,
        reach=dict(sorted(reach.counts.items())),
        rounds=rounds,
        seconds=int(time.monotonic() - started_s),
    )


def _visit(seed: int, adapters: Factory, *, shrunk: bool) -> History | None:
    corner = CORNERS[seed % MOST_ROUNDS]
    history = replay(corner.steps, setup=corner.setup, seed=seed, adapters=adapters)
    return shrink(history, adapters=adapters) if shrunk and history.violations else history


def _simulate(seed: int, adapters: Factory, *, shrunk: bool) -> History | None:
    return simulate(seed, ROUND_HOURS / 24, adapters=adapters, look_every=20, shrunk=shrunk)


def _draw(seed: int, adapters: Factory, *, shrunk: bool) -> History | None:
    from crypto_exchange.entrypoints.testing.machine import find_failure

    return find_failure(adapters, seed=seed, examples=ROUND_EXAMPLES, shrunk=shrunk)
