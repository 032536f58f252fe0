"""Traffic: what people and faults do in a simulated time, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

from crypto_exchange.entrypoints.testing.commands import command
from crypto_exchange.entrypoints.testing.disturbances import FAULTS, names_of
from crypto_exchange.entrypoints.testing.steps import (
    PEOPLE,
    AnyStep,
    Deposit,
    Pass,
    Setup,
    Work,
)

HOUR_S = 3_600


def setup_of(seed: int) -> Setup:
    """A policy for a seed: every knob of it turns up soon among a few seeds."""
    rng = random.Random(f"setup {seed}")  # noqa: S311 - repeatable
    return Setup(
        pricing=rng.choice(["quoted", "quoted", "quoted", "average"]),
        spread_bps=rng.choice([0, 0, 50, 133]),
        fee_in=rng.choice(["quote", "coin", "other"]),
        on_deadline=rng.choice(["refund", "refund", "top_up", "wait"]),
        take_along=rng.random() < 0.7,
        inventory_cap=rng.choice([10, 10, 2, 0, 40]),
        max_wait=rng.choice([24 * HOUR_S, 2 * HOUR_S, 600]),
        quarantine=rng.choice([24 * HOUR_S, HOUR_S]),
        threshold=rng.choice([1_000, 1_000, 1_000, 300, 2_500]),
        tolerance_bps=rng.choice([200, 200, 0, 1_000]),
        batch_limit=rng.choice([500, 500, 2, 3]),
        group_limit=rng.choice([20, 20, 1]),
        counted=rng.choice([3, 3, 1, 2]),
        window=rng.choice([5, 5, 1, 20]),
    )


def steps_of(
    seed: int, *, hours: int, orders_per_hour: int, faults: str | Iterable[str] = "all"
) -> Iterator[AnyStep]:
    """Steps for so many hours of trading; the arrivals are Poisson's."""
    rng = random.Random(f"steps {seed}")  # noqa: S311 - repeatable
    disturb = [FAULTS[name] for name in names_of(faults)]
    for person in range(PEOPLE):
        yield Deposit(person=person, cents=rng.choice([50_000, 12_345, 3_000]))
    left_s = hours * HOUR_S
    while left_s > 0:
        gap_s = max(1, min(round(rng.expovariate(orders_per_hour / HOUR_S)), left_s))
        left_s -= gap_s
        yield from command(rng)
        if disturb and rng.random() < 0.3:
            yield from rng.choice(disturb)(rng)
        yield Work()
        yield from _wait(rng, gap_s)


def _wait(rng: random.Random, gap_s: int) -> Iterator[AnyStep]:
    """Let time pass, and workers look once when answers are due and once when absence is proven."""
    for part_s in (7, 36):
        if gap_s > part_s and rng.random() < 0.5:
            yield Pass(seconds=part_s)
            yield Work()
            gap_s -= part_s
    yield Pass(seconds=gap_s)
    yield Work()
