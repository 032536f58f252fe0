"""Commands: what people do in a simulated time, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from crypto_exchange.entrypoints.testing.steps import (
    PEOPLE,
    SYMBOLS,
    Aim,
    AnyStep,
    Buy,
    Cancel,
    Deposit,
    Price,
    Repeat,
    Withdraw,
)


def command(rng: random.Random) -> Iterator[AnyStep]:
    """What one of the people does; mostly, buy."""
    person, roll = rng.randrange(PEOPLE), rng.random()
    if roll < 0.08:
        yield Deposit(
            person=person, cents=rng.choice([1, 999, 50_000, 99_999, 1_000_000_001]), key=key(rng)
        )
    elif roll < 0.12:
        aim = rng.choice([Aim.CENTS, Aim.BALANCE])
        yield Withdraw(person=person, aim=aim, plus=rng.choice([-1, 0, 1, 250]), key=key(rng))
    elif roll < 0.18:
        yield Cancel(order=rng.randrange(40))
    elif roll < 0.23:
        yield Repeat(command=rng.randrange(10), changed=rng.random() < 0.4)
    elif roll < 0.27:
        yield Price(asset=rng.randrange(len(SYMBOLS)), ppm=rng.randrange(970_000, 1_031_000))
    if roll >= 0.12:
        yield buy(rng, person)


def buy(rng: random.Random, person: int) -> Buy:
    """An order: a few dollars mostly, and every edge now and then."""
    asset, roll = rng.randrange(len(SYMBOLS)), rng.random()
    units = rng.choice([-1, 0, 1, 12_345]) if rng.random() < 0.25 else None
    if roll < 0.55:
        aim, plus = Aim.CENTS, rng.choice([rng.randrange(1, 1_000), rng.randrange(1, 6_000)])
    elif roll < 0.75:
        aim, plus = Aim.MISSING, rng.choice([-1, 0, 0, 1, 50])
    else:
        aim = rng.choice([Aim.THRESHOLD, Aim.THRESHOLD, Aim.MINIMUM, Aim.BALANCE, Aim.MAXIMUM])
        plus = rng.choice([-1, 0, 0, 1, 525])
    return Buy(person=person, asset=asset, aim=aim, plus=plus, units=units, key=key(rng))


def key(rng: random.Random) -> int | None:
    """An idempotency key, now and then one that was used before."""
    return rng.randrange(60) if rng.random() < 0.2 else None
