"""Disturbances: what goes wrong in a simulated time, drawn from a seed, by the name of its fault."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator

from crypto_exchange.entrypoints.testing.commands import buy
from crypto_exchange.entrypoints.testing.steps import (
    COMMAND_CRASHES,
    PEOPLE,
    SYMBOLS,
    WORKER_CRASHES,
    Aim,
    Answer,
    AnyStep,
    Buy,
    Cancel,
    Clock,
    Deposit,
    Down,
    Flush,
    Freeze,
    Halt,
    Late,
    Pass,
    Price,
    Refuse,
    Repeat,
    Restart,
    Rule,
    Silent,
    Speak,
    Standing,
    Together,
    Wake,
    Withdraw,
    Work,
)

HOUR_S = 3_600


def names_of(faults: str | Iterable[str]) -> list[str]:
    """Names of faults from what people write: "all", "none", "a,b", or several names.

    Raises:
        ValueError: there is no fault of that name.
    """
    if faults == "all":
        return list(FAULTS)
    if faults == "none":
        return []
    names = faults.split(",") if isinstance(faults, str) else list(faults)
    for name in names:
        if name not in FAULTS:
            raise ValueError(
                f"faults: expected all, none or some of {', '.join(FAULTS)}, was {name}"
            )
    return names


def _rejects(rng: random.Random) -> Iterator[AnyStep]:
    for _ in range(rng.choice([1, 1, 4])):
        yield Answer(kind="reject", rejection=rng.choice(["venue", "rules", "final"]))


def _parts(rng: random.Random) -> Iterator[AnyStep]:
    kind = rng.choice(["part", "part", "part", "zero"])
    parts = rng.choice([1, 3_000, 333_333, 500_000, 990_000])
    yield Answer(kind=kind, fraction_ppm=parts, trades=rng.choice([1, 2, 3]))


def _timeouts(rng: random.Random) -> Iterator[AnyStep]:
    kind = rng.choice(["lost_before", "lost_after", "lost_late", "slow"])
    yield Answer(
        kind=kind,
        fraction_ppm=rng.choice([1_000_000, 400_000]),
        delay_ms=rng.choice([4_000, 15_000, 34_000]),
    )


def _duplicates(rng: random.Random) -> Iterator[AnyStep]:
    yield Answer(kind="duplicate", fraction_ppm=rng.choice([1_000_000, 700_000]), trades=2)
    yield Answer(kind="lost_after")
    yield buy(rng, rng.randrange(PEOPLE))
    yield Work()
    yield buy(rng, rng.randrange(PEOPLE))
    yield Work()
    yield Pass(seconds=7)
    yield Work(twice=True)


def _late(rng: random.Random) -> Iterator[AnyStep]:
    yield Answer(kind="lost_before")
    yield buy(rng, 0)
    yield Work()
    yield Pass(seconds=7)
    yield Work()
    yield Pass(seconds=40)
    yield Work()
    yield Late(attempt=rng.randrange(5), fraction_ppm=rng.choice([1_000_000, 250_000]))


def _worker_crashes(rng: random.Random) -> Iterator[AnyStep]:
    if rng.random() < 0.7:
        yield from rng.choice([_timeouts, _rejects, _parts])(rng)
    yield buy(rng, rng.randrange(PEOPLE))
    yield Work(crash=rng.choice(WORKER_CRASHES))
    yield Pass(seconds=rng.choice([7, 40]))


def _command_crashes(rng: random.Random) -> Iterator[AnyStep]:
    person, crash, key = rng.randrange(PEOPLE), rng.choice(COMMAND_CRASHES), rng.randrange(60)
    commands: list[AnyStep] = [
        Deposit(person=person, cents=700, key=key, crash=crash),
        Withdraw(person=person, plus=300, key=key, crash=crash),
        Buy(person=person, plus=rng.choice([400, 1_000]), key=key, crash=crash),
        Cancel(order=rng.randrange(5), crash=crash),
    ]
    yield rng.choice(commands)
    yield Repeat(command=rng.randrange(60))


def _races(rng: random.Random) -> Iterator[AnyStep]:
    person = rng.randrange(PEOPLE)
    same = Buy(person=person, aim=Aim.BALANCE, key=rng.randrange(60))
    others: list[AnyStep] = [same, Withdraw(person=person, aim=Aim.BALANCE)]
    more: list[AnyStep] = [Work(workers=2), buy(rng, rng.randrange(PEOPLE))]
    yield Together(
        steps=(
            rng.choice([same, buy(rng, person)]),
            rng.choice(others),
            Cancel(order=rng.randrange(3)),
            rng.choice(more),
        )
    )
    yield Work(workers=2, twice=rng.random() < 0.5)


def _lost_jobs(rng: random.Random) -> Iterator[AnyStep]:
    yield Work(lost=True, workers=rng.choice([1, 2]))


def _frozen(rng: random.Random) -> Iterator[AnyStep]:
    if rng.random() < 0.3:
        yield from rng.choice([_timeouts, _rejects])(rng)
    yield buy(rng, rng.randrange(PEOPLE))
    yield Freeze(asset=rng.randrange(len(SYMBOLS)), after=rng.choice([*Standing]))
    yield Pass(seconds=rng.choice([1, 6, 36, 120]))
    yield Work()
    yield Wake(frozen=rng.randrange(3))


def _clocks(rng: random.Random) -> Iterator[AnyStep]:
    # Any two clocks differ by less than what prices may seem to be ahead: 5 s.
    yield Clock(process=rng.randrange(3), offset_ms=rng.choice([-2_400, -700, 0, 0, 2_500]))


def _stale(rng: random.Random) -> Iterator[AnyStep]:
    yield Pass(seconds=rng.choice([170, 180, 181, 400]), fresh=False)
    yield buy(rng, rng.randrange(PEOPLE))
    yield Work()


def _store(rng: random.Random) -> Iterator[AnyStep]:
    yield Refuse(written=rng.random() < 0.5)
    met: list[AnyStep] = [buy(rng, rng.randrange(PEOPLE)), Work(), Cancel(order=rng.randrange(5))]
    yield rng.choice(met)


def _rules(rng: random.Random) -> Iterator[AnyStep]:
    asset = rng.randrange(len(SYMBOLS))
    yield Rule(
        asset=asset,
        lots=rng.choice([1, 3, 10]),
        minimum_ppm=rng.choice([1_000_000, 1_100_000, 2_000_000]),
        trading=rng.random() < 0.8,
        told=rng.random() < 0.6,
    )
    yield buy(rng, rng.randrange(PEOPLE))
    yield Work()
    yield Pass(seconds=rng.choice([5, 60]))
    if rng.random() < 0.7:
        yield Rule(asset=asset)


def _halts(rng: random.Random) -> Iterator[AnyStep]:
    asset = rng.randrange(len(SYMBOLS))
    yield Halt(asset=asset)
    yield buy(rng, rng.randrange(PEOPLE))
    yield Work()
    ends: list[AnyStep] = [Halt(asset=asset, halted=False), Speak()]
    yield rng.choice(ends)


def _outages(rng: random.Random) -> Iterator[AnyStep]:
    what = rng.choice([Silent.ALL, Silent.ALL, Silent.RULES, Silent.CLOCK])
    if what == Silent.RULES:
        yield Answer(kind="reject", rejection="rules")
    yield Down(what=what)
    yield buy(rng, rng.randrange(PEOPLE))
    yield Work()
    yield Pass(seconds=rng.choice([7, 60, 2 * HOUR_S]))
    yield Work()
    yield Down(down=False, what=what)
    yield Pass(seconds=rng.choice([1, 40]))
    yield Speak()


def _moves(rng: random.Random) -> Iterator[AnyStep]:
    asset = rng.randrange(len(SYMBOLS))
    yield buy(rng, rng.randrange(PEOPLE))
    yield Price(asset=asset, ppm=rng.choice([1_020_000, 1_020_001, 1_050_000, 950_000]))
    yield Work()


def _deadlines(rng: random.Random) -> Iterator[AnyStep]:
    yield buy(rng, rng.randrange(PEOPLE))
    yield Pass(seconds=rng.choice([599, 600, 2 * HOUR_S, 24 * HOUR_S - 1, 24 * HOUR_S]))
    yield Work()


def _cache(rng: random.Random) -> Iterator[AnyStep]:
    yield Flush()
    yield Restart()
    yield buy(rng, rng.randrange(PEOPLE))


FAULTS: dict[str, Callable[[random.Random], Iterator[AnyStep]]] = {
    "reject": _rejects,
    "partial_fill": _parts,
    "timeout": _timeouts,
    "duplicate": _duplicates,
    "late_fill": _late,
    "worker_crash": _worker_crashes,
    "command_crash": _command_crashes,
    "race": _races,
    "lost_job": _lost_jobs,
    "frozen_worker": _frozen,
    "clock": _clocks,
    "stale_price": _stale,
    "store": _store,
    "rules": _rules,
    "halt": _halts,
    "outage": _outages,
    "price_move": _moves,
    "deadline": _deadlines,
    "cache": _cache,
}
"""Everything that can go wrong, by the name that people ask for it with."""
