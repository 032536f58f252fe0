"""Simulated people for `fraud.py`: customers with their habits, and those who abuse the service.

Everything follows from the seed. Times are microseconds from the start, a Monday; amounts 10⁻⁸ dollars.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

DAY = 24 * 3600 * 1_000_000
HOUR = DAY // 24
MINUTE = HOUR // 60
SECOND = MINUTE // 60
DOLLAR = 10**8
CENT = DOLLAR // 100


class Person(NamedTuple):
    """`scenario` is empty for a customer; a ring of accounts is one `actor`."""

    id: int
    habit: str
    scenario: str
    actor: str
    registered: int
    address: str
    device: str


class Command(NamedTuple):
    """What a person asks for: a deposit, an order or a withdrawal; somebody else, if it is abuse."""

    at: int
    person: int
    kind: str
    amount: int
    abuse: bool


Wants = Iterator[tuple[int, str, int]]
"""When, what, how much."""


def dollars(amount: float) -> int:
    """To the cent, at least one."""
    return max(round(amount * 100), 1) * CENT


def _evening(draw: random.Random, day: int) -> int:
    """A time of a day when people have time: most of it from 17 to 23 h."""
    return day * DAY + int(draw.triangular(7, 24, 20) * HOUR)


def saver(draw: random.Random, first: int, days: int) -> Wants:
    """A plan: every week, or every other, the same amount on the same weekday."""
    weekday, amount, every = (
        draw.randrange(7),
        draw.choice((25, 50, 100, 250, 500)),
        7 * draw.choice((1, 1, 2)),
    )
    for day in range(first + (weekday - first) % 7, days, every):
        at = day * DAY + 8 * HOUR + draw.randrange(HOUR)
        yield at, "deposit", dollars(amount)
        yield at + draw.randrange(1, 30) * MINUTE, "order", dollars(amount)


def rounder(draw: random.Random, first: int, days: int) -> Wants:
    """The change of every purchase: some orders of cents to a few dollars a day."""
    for day in range(first, days):
        if (day - first) % 7 == 0:
            yield day * DAY + 6 * HOUR, "deposit", dollars(60)
        for _ in range(draw.randrange(1, 9)):
            yield _evening(draw, day), "order", dollars(draw.uniform(0.05, 4))


def casual(draw: random.Random, first: int, days: int) -> Wants:
    """Now and then, more at the weekend; what is left over is taken back sometimes."""
    for day in range(first, days):
        if draw.random() < (0.45 if day % 7 > 4 else 0.2):
            at, amount = _evening(draw, day), draw.lognormvariate(3.6, 0.9)
            yield at, "deposit", dollars(amount * 1.2)
            for number in range(draw.choice((1, 1, 1, 2, 3))):
                share = amount / (number + 1) ** 2 / 1.6
                yield at + (number + 1) * draw.randrange(40, 400) * SECOND, "order", dollars(share)
            if draw.random() < 0.1:
                yield at + 2 * HOUR, "withdrawal", dollars(amount * 0.2)


def large(draw: random.Random, first: int, days: int) -> Wants:
    """Small amounts, and once in a while a bonus or a legacy."""
    yield from saver(draw, first, days)
    for day in range(first + draw.randrange(14), days, 14):
        at, amount = _evening(draw, day), draw.uniform(1_500, 15_000)
        yield at, "deposit", dollars(amount)
        yield at + HOUR, "order", dollars(amount * draw.uniform(0.4, 1))


def trader(draw: random.Random, first: int, days: int) -> Wants:
    """Every working day, in bursts when prices move."""
    for day in range(first, days):
        if day % 7 < 5:
            yield day * DAY + 8 * HOUR, "deposit", dollars(draw.uniform(200, 2_000))
            for _ in range(draw.randrange(1, 4)):
                burst = day * DAY + draw.randrange(9, 22) * HOUR
                for number in range(draw.randrange(2, 8)):
                    yield burst + number * 20 * SECOND, "order", dollars(draw.uniform(10, 200))
            if draw.random() < 0.2:
                yield day * DAY + 23 * HOUR, "withdrawal", dollars(draw.uniform(50, 800))


def program(draw: random.Random, first: int, days: int) -> Wants:
    """Somebody's program: an order every so many minutes all day long, of varied size."""
    every = draw.randrange(10, 45) * MINUTE
    for day in range(first, days):
        yield day * DAY, "deposit", dollars(800)
        for number in range(1, DAY // every):
            yield day * DAY + number * every, "order", dollars(draw.uniform(2, 9.9))


def undecided(draw: random.Random, first: int, days: int) -> Wants:
    """Pays in, thinks it over, and takes most of it back."""
    for day in range(first + draw.randrange(10), days, 10):
        at, amount = _evening(draw, day), draw.uniform(20, 400)
        yield at, "deposit", dollars(amount)
        if draw.random() < 0.6:
            yield at + HOUR, "order", dollars(amount * draw.uniform(0.1, 0.6))
        yield at + draw.randrange(1, 6) * DAY, "withdrawal", dollars(amount * 0.4)


def card_testing(draw: random.Random, first: int, _days: int) -> Wants:
    """Stolen cards are tried: a burst of tiny payments and orders by a program."""
    at = first * DAY + draw.randrange(DAY)
    yield at, "deposit", dollars(150)
    for _ in range(draw.randrange(60, 150)):
        at += draw.randrange(200, 1_500) * 1_000
        yield at, "order", dollars(draw.uniform(0.5, 2))


def structuring(draw: random.Random, first: int, days: int) -> Wants:
    """Large sums in orders just under the threshold, some dozens a day, at human speed."""
    for day in range(first, min(first + 5, days)):
        at = day * DAY + 8 * HOUR
        yield at, "deposit", dollars(700)
        for _ in range(draw.randrange(30, 60)):
            at += draw.randrange(3, 20) * MINUTE
            yield at, "order", dollars(draw.uniform(9.1, 9.99))


def smurfing(draw: random.Random, first: int, days: int) -> Wants:
    """One account of a ring: small orders, none of them remarkable."""
    for day in range(first, min(first + 3, days)):
        at = day * DAY + 9 * HOUR + draw.randrange(HOUR)
        yield at, "deposit", dollars(300)
        for _ in range(draw.randrange(40, 70)):
            at += draw.randrange(3, 9) * MINUTE
            yield at, "order", dollars(draw.uniform(2, 8))


def takeover(draw: random.Random, first: int, _days: int) -> Wants:
    """Somebody else's hand on a customer's account: everything out, in pieces below the step-up."""
    at = first * DAY + draw.randrange(DAY)
    for _ in range(draw.randrange(3, 6)):
        yield at, "withdrawal", dollars(draw.uniform(600, 990))
        at += draw.randrange(1, 20) * MINUTE


def laundering(draw: random.Random, first: int, days: int) -> Wants:
    """Money comes in and leaves again, with an order or none in between."""
    for day in range(first, min(first + 4, days - 2), 2):
        at, amount = _evening(draw, day), draw.uniform(400, 4_000)
        yield at, "deposit", dollars(amount)
        if draw.random() < 0.5:
            yield at + HOUR, "order", dollars(draw.uniform(1, 20))
        yield at + draw.randrange(6, 40) * HOUR, "withdrawal", dollars(amount * 0.95)


Habit = Callable[[random.Random, int, int], Wants]
HABITS: dict[Habit, int] = {
    saver: 30, rounder: 25, casual: 25, large: 6, trader: 6, program: 2, undecided: 6,
}  # fmt: skip
SCENARIOS: tuple[Habit, ...] = (card_testing, structuring, smurfing, takeover, laundering)
RING = 8
"""Accounts of a ring of smurfs."""


def make_traffic(
    seed: int, users: int, actors: int, days: int
) -> tuple[list[Person], list[Command]]:
    """People, and all that they ask for in order: `users` customers, `actors` of each scenario.

    Abuse begins after a third of the time, so that there is something usual by then.
    """
    people: list[Person] = []
    commands: list[Command] = []

    def add(
        habits: list[tuple[Habit, int]],
        name: str,
        scenario: str,
        place: tuple[str, str],
        registered: int,
    ) -> None:
        number = len(people) + 1
        people.append(Person(number, habits[0][0].__name__, scenario, name, registered, *place))
        for habit, first in habits:
            draw = random.Random(f"{seed} {number} {habit.__name__}")
            for at, kind, amount in habit(draw, first, days):
                if registered < at < days * DAY:
                    commands.append(Command(at, number, kind, amount, habit in SCENARIOS))

    draw = random.Random(seed)
    for number in range(users):
        habit = draw.choices(list(HABITS), list(HABITS.values()))[0]
        first = draw.randrange(days) if draw.random() < 0.2 else 0
        registered = (
            first * DAY + draw.randrange(6 * HOUR) if first else -draw.randrange(8, 400) * DAY
        )
        add([(habit, first)], f"user {number}", "", _place(draw, number, users), registered)
    for scenario in SCENARIOS:
        for number in range(actors):
            first, name = days // 3 + draw.randrange(days // 2), f"{scenario.__name__} {number}"
            ring = RING if scenario is smurfing else 1
            for member in range(ring):
                place = f"{name}'s", f"device {member % 2}"
                if scenario is takeover:
                    habit, ago = draw.choice((large, trader)), -draw.randrange(30, 400) * DAY
                    add([(habit, 0), (takeover, first)], name, scenario.__name__, place, ago)
                else:
                    registered = (first - draw.randrange(3)) * DAY - draw.randrange(DAY)
                    add([(scenario, first)], name, scenario.__name__, place, registered)
    return people, sorted(commands)


def _place(draw: random.Random, number: int, users: int) -> tuple[str, str]:
    """Where somebody comes from: a home of one to four, an office, or a carrier's address."""
    device, where = f"device {draw.randrange(6)}", draw.random()
    if where < 0.12:
        return f"office {draw.randrange(max(users // 250, 1))}", "device 0"
    if where < 0.3:
        return f"carrier {draw.randrange(max(users // 600, 1))}", device
    return f"home {number if where < 0.65 else number // 4}", device
