"""Repetitions: commands that are sent again with their key, and keys that are used for something else."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from crypto_exchange.entrypoints.testing.http.breaches import expect
from crypto_exchange.entrypoints.testing.http.client import Answer
from crypto_exchange.entrypoints.testing.http.commands import is_done, move, movement, send
from crypto_exchange.entrypoints.testing.http.deployment import Deployment
from crypto_exchange.entrypoints.testing.http.ledger import Command
from crypto_exchange.entrypoints.testing.http.people import Person
from crypto_exchange.entrypoints.testing.http.rows import read_balance, read_order
from crypto_exchange.entrypoints.testing.reach import sometimes

SPELLINGS = ("number", "string", "zeros")
_CHECK = "I7 one effect a command"


def repeat(deployment: Deployment, person: Person, command: Command, spelling: str) -> None:
    """The same command with the same key, however it is spelled: done once. Raises `Broken`."""
    answer = send(person, command, spelling)
    deployment.tell(f"{person.name}: again {command.operation} {command} → {answer}")
    require_repetition(person, command, answer)
    sometimes("a repeated command")


def require_repetition(person: Person, command: Command, answer: Answer) -> None:
    """The answer to a command that had been done before. Raises `Broken`."""
    what = f"{command.operation} {command}, done before"
    expect(_CHECK, is_done(command, answer), f"{what}: the same status again", answer)
    expect(_CHECK, answer.replayed, f"{what}: Idempotent-Replayed: true", "not there")
    if command.operation == "orders":
        order = read_order(answer.body, person.options)
        expect(_CHECK, order.id == command.order_id, f"order {command.order_id}", order.id)
        person.ledger.saw(order)
    else:
        person.ledger.require_balance(read_balance(answer.body))


def change(deployment: Deployment, person: Person, command: Command) -> None:
    """Another command with the same key: refused. Raises `Broken`."""
    other = replace(command, number=str(Decimal(command.number) + 1))
    answer = send(person, other)
    deployment.tell(f"{person.name}: {other.operation} {other} with a used key → {answer}")
    expected = f"422 idempotency_key_reused for the key of {command}"
    expect(_CHECK, answer.code == "idempotency_key_reused", expected, answer)
    sometimes("a key used for another command")


def use_elsewhere(deployment: Deployment, person: Person, stranger: Person, key: str) -> None:
    """Keys belong to one user and operation: elsewhere they are new. Raises `Broken`.

    `key` has been used by `person` for an order.
    """
    for user in {person.name: person, stranger.name: stranger}.values():
        used = {each.key for each in user.ledger.commands if each.operation == "deposit"}
        if key not in used:
            move(deployment, user, movement("deposit", 1, key))
            sometimes("a key used for another operation", happened=user is person)
            sometimes("a key of another user", happened=user is not person)


def retry_refused(deployment: Deployment, person: Person) -> None:
    """A refused command keeps no key: another one may use it. Raises `Broken`."""
    key = person.new_key()
    move(deployment, person, movement("withdraw", person.ledger.most + 1, key))
    move(deployment, person, movement("deposit", 2, person.new_key()))
    if not any(command.key == key for command in person.ledger.commands):
        move(deployment, person, movement("withdraw", 1, key))
        sometimes("a refused command tried again")
