"""Parts that corners are put together of: who buys what, and when workers look."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crypto_exchange.entrypoints.testing.steps import (
    PEOPLE,
    AnyStep,
    Buy,
    Deposit,
    Pass,
    Setup,
    Together,
    Work,
)

BTC, ABAN, ETH = range(3)


class Corner(msgspec.Struct, frozen=True):
    """What happens, and under which policy."""

    name: str
    setup: Setup
    steps: tuple[AnyStep, ...]


def corner(name: str, setup: Setup, *steps: AnyStep | Sequence[AnyStep]) -> Corner:
    """Everybody has $500; lists of steps are put one after the other."""
    money = tuple(Deposit(person=person, cents=50_000) for person in range(PEOPLE))
    flat = (s for each in steps for s in (each if isinstance(each, Sequence) else (each,)))
    return Corner(name, setup, (*money, *flat))


def steps(*several: AnyStep) -> list[AnyStep]:
    """Several steps as one."""
    return [*several]


def buy(person: int, asset: int, cents: int) -> Buy:
    """An order for so many cents."""
    return Buy(person=person % PEOPLE, asset=asset, plus=cents)


def crowd(count: int, asset: int, cents: int) -> Together:
    """So many orders at once, of everybody in turn."""
    return Together(steps=tuple(buy(person, asset, cents) for person in range(count)))


def after(*seconds: int) -> list[AnyStep]:
    """A worker looks after so long, and again."""
    return [step for each in seconds for step in (Pass(seconds=each), Work())]
