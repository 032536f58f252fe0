"""Races: commands that are sent at the same time. Whoever is first, nothing may be done twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from crypto_exchange.entrypoints.testing.http.breaches import expect
from crypto_exchange.entrypoints.testing.http.client import Answer
from crypto_exchange.entrypoints.testing.http.commands import (
    UNJUDGED,
    is_done,
    note_movement,
    note_order,
    send,
)
from crypto_exchange.entrypoints.testing.http.deployment import Deployment
from crypto_exchange.entrypoints.testing.http.ledger import Command
from crypto_exchange.entrypoints.testing.http.people import Person
from crypto_exchange.entrypoints.testing.http.repetitions import require_repetition
from crypto_exchange.entrypoints.testing.http.rows import Currency, OrderRow
from crypto_exchange.entrypoints.testing.reach import sometimes

Result = TypeVar("Result")

_RACERS = 3


def same_command(
    deployment: Deployment, person: Person, command: Command, currency: Currency
) -> None:
    """An order with a key, several times at once: placed once. Raises `Broken`."""
    answers = _at_once([partial(send, person, command)] * _RACERS)
    deployment.tell(f"{person.name}: order {command} {_RACERS} times at once → {_all(answers)}")
    done = [answer for answer in answers if is_done(command, answer)]
    expected = "all of them taken, or all of them refused"
    expect("I7 one effect a command", len(done) in {0, _RACERS}, expected, _all(answers))
    if not done:
        return
    done.sort(key=lambda answer: answer.replayed)
    new = sum(not answer.replayed for answer in done)
    once = new == 1 or (new == 0 and any(answer.again for answer in done))
    expected = "one taken, and the others with Idempotent-Replayed: true"
    expect("I7 one effect a command", once, expected, f"{new} taken")
    note_order(deployment, person, command, currency, done[0])
    for answer in done[1:]:
        require_repetition(person, person.ledger.commands[-1], answer)
    sometimes("the same command several times at once")


def same_dollars(
    deployment: Deployment, person: Person, commands: Sequence[Command], currency: Currency
) -> None:
    """Commands that each need all that the wallet holds, at once: one is done. Raises `Broken`."""
    ledger = person.ledger
    cents, most = ledger.least, ledger.most
    answers = _at_once([partial(send, person, command) for command in commands])
    deployment.tell(
        f"{person.name}: at once {', '.join(f'{c.operation} {c}' for c in commands)} → "
        f"{_all(answers)}"
    )
    pairs = list(zip(commands, answers, strict=True))
    for command, answer in pairs:
        if not is_done(command, answer):
            known = answer.code in UNJUDGED | {"insufficient_funds", "amount_too_small"}
            expect("X6 refused", known, "409 insufficient_funds", answer)
    done = [(command, answer) for command, answer in pairs if is_done(command, answer)]
    lost = f"{len(done)} done of {len(commands)}, each for all that the wallet held"
    expect("I2 nothing negative", len(done) * cents <= most, "one of them done", lost)
    if not any(answer.code in UNJUDGED | {"amount_too_small"} for answer in answers):
        expect("I1 cash", len(done) >= 1, "one of them done", _all(answers))
    for command, answer in done:
        if command.operation == "orders":
            note_order(deployment, person, command, currency, answer)
        else:
            note_movement(person, command)
    sometimes("the same dollars spent several times at once")


def same_cancellation(deployment: Deployment, person: Person, order: OrderRow) -> None:
    """An order taken back several times at once: at most one refund. Raises `Broken`."""
    path = f"orders/{order.id}/cancel/"
    answers = _at_once([partial(person.call, "POST", path)] * _RACERS)
    deployment.tell(f"{person.name}: cancel {order.id} {_RACERS} times at once → {_all(answers)}")
    done = sum(answer.status == 200 for answer in answers)
    expect("I3 one outcome", done <= 1, "one cancellation", _all(answers))
    person.read_order(order.id)
    sometimes("an order cancelled several times at once", happened=done == 1)


def _at_once(calls: Sequence[Callable[[], Result]]) -> list[Result]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def _all(answers: Sequence[Answer]) -> str:
    return ", ".join(sorted(str(answer) for answer in answers))
