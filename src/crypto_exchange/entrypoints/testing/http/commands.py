"""Commands: what people do, one at a time, each with what its answer must be."""

from __future__ import annotations

import time

from msgspec.structs import replace

from crypto_exchange.entrypoints.testing.http.amounts import dollars, quantity_of, total_of, write
from crypto_exchange.entrypoints.testing.http.breaches import expect
from crypto_exchange.entrypoints.testing.http.client import Answer
from crypto_exchange.entrypoints.testing.http.deployment import Deployment
from crypto_exchange.entrypoints.testing.http.ledger import Command
from crypto_exchange.entrypoints.testing.http.people import Person, wait_until
from crypto_exchange.entrypoints.testing.http.rows import (
    Currency,
    OrderRow,
    read_balance,
    read_order,
)
from crypto_exchange.entrypoints.testing.reach import sometimes

UNJUDGED = frozenset(
    {"account_frozen", "asset_halted", "denied", "forbidden", "price_stale", "step_up_required"}
)
"""Refusals for reasons that only the deployment knows."""

_CALLS = {
    "orders": ("POST", "orders/", 201),
    "deposit": ("PATCH", "accounts/wallet/deposit", 200),
    "withdraw": ("PATCH", "accounts/wallet/withdraw", 200),
}
_PRICE_LAG_S = 3


def movement(operation: str, cents: int, key: str | None) -> Command:
    """A deposit or a withdrawal."""
    return Command(operation=operation, field="amount", number=dollars(cents), key=key)


def for_dollars(currency: Currency, cents: int, key: str | None) -> Command:
    """An order for a sum of dollars."""
    return Command(
        operation="orders", field="spend", number=dollars(cents), key=key, crypto=currency.name
    )


def for_coins(currency: Currency, units: int, digits: int, key: str | None) -> Command:
    """An order for a quantity."""
    text = write(units, digits)
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return Command(operation="orders", field="amount", number=text, key=key, crypto=currency.name)


def send(person: Person, command: Command, spelling: str = "number") -> Answer:
    """Send a command, whatever becomes of it."""
    method, path, _ = _CALLS[command.operation]
    return person.call(method, path, command.body(spelling), key=command.key)


def is_done(command: Command, answer: Answer) -> bool:
    """Whether the answer says that it was done."""
    return answer.status == _CALLS[command.operation][2]


def move(deployment: Deployment, person: Person, command: Command) -> None:
    """Deposit or withdraw. Raises `Broken`."""
    answer = send(person, command)
    deployment.tell(f"{person.name}: {command.operation} {command} → {answer}")
    if is_done(command, answer):
        _require_new(answer)
        note_movement(person, command)
        person.ledger.require_balance(read_balance(answer.body))
    else:
        _judge_refused_movement(person, command, answer)


def note_movement(person: Person, command: Command) -> None:
    """A deposit or withdrawal was done. Raises `Broken` if there was too little for it."""
    cents, ledger = command.cents, person.ledger
    if command.operation == "withdraw":
        require_enough(person, cents, f"withdraw {command}")
    ledger.moved(-cents if command.operation == "withdraw" else cents)
    if command.key is not None:
        ledger.commands.append(command)


def buy(
    deployment: Deployment, person: Person, command: Command, currency: Currency
) -> OrderRow | None:
    """Place an order for what is listed at a price; None if it was refused. Raises `Broken`."""
    answer = send(person, command)
    deployment.tell(f"{person.name}: order {command} → {answer}")
    if is_done(command, answer):
        _require_new(answer)
        return note_order(deployment, person, command, currency, answer)
    _judge_refused_order(deployment, person, command, currency, answer)
    return None


def note_order(
    deployment: Deployment, person: Person, command: Command, currency: Currency, answer: Answer
) -> OrderRow:
    """An order was placed. Raises `Broken` if it is not the one that was asked for."""
    order = read_order(answer.body, person.options)
    known = {o for each in deployment.crowd.people for o in each.ledger.orders}
    expect("I7 one effect a command", order.id not in known, "an id of its own", order.id)
    expected = _quote(deployment, command, order.unit_price)
    was = (order.crypto, order.amount, order.total)
    what = f"(asset, units, cents) {expected} for {command} at its own price"
    expect("Q1 quote", was == expected, what, was)
    if order.unit_price != currency.price:
        moved = _price_moves(deployment, currency)
        what = f"the listed price {write(currency.price, 12)}"
        expect("Q1 quote", moved, what, write(order.unit_price, 12))
    require_enough(person, order.total, f"order {command}")
    _require_route(deployment, order)
    person.ledger.saw(order)
    person.placed_at[order.id] = time.monotonic()
    if command.key is not None:
        person.ledger.commands.append(replace(command, order_id=order.id))
    return order


def cancel(deployment: Deployment, person: Person, order: OrderRow) -> None:
    """Take an order back, as it was last seen: only while it waits. Raises `Broken`."""
    answer = person.call("POST", f"orders/{order.id}/cancel/")
    deployment.tell(f"{person.name}: cancel {order.id} ({order.state}) → {answer}")
    if answer.status == 200:
        large = order.total >= deployment.options.threshold and order.state == "pending"
        expect("I8 routing", not large, f"order {order.id}, being bought: 409 too_late", answer)
        cancelled = read_order(answer.body, person.options)
        expect("I3 one outcome", cancelled.state == "cancelled", "cancelled", cancelled.state)
        person.ledger.saw(cancelled)
        sometimes("a cancelled order")
    elif answer.code not in UNJUDGED:
        expect("X6 refused", answer.code == "too_late", "200, or 409 too_late", answer)
        person.read_order(order.id)
        sometimes("a cancellation that came too late")


def require_enough(person: Person, cents: int, what: str) -> None:
    """Nothing is done for more than the wallet can hold. Raises `Broken`."""
    enough = cents <= person.ledger.most
    expected = f"{what}: refused, with at most {dollars(person.ledger.most)} in the wallet"
    expect("I2 nothing negative", enough, expected, "done")


def _require_new(answer: Answer) -> None:
    new = answer.again or not answer.replayed
    expect("I7 one effect a command", new, "a new command", "Idempotent-Replayed: true")


def _quote(deployment: Deployment, command: Command, price: int) -> tuple[str, int, int]:
    """Asset, units and cents of an order at a price."""
    name, options = command.crypto, deployment.options
    spread, digits = options.spread_of(name), options.digits_of(name)
    if command.field == "spend":
        return name, quantity_of(command.cents, price, spread, digits), command.cents
    units = command.count(digits)
    return name, units, total_of(units, price, spread, digits)


def _require_route(deployment: Deployment, order: OrderRow) -> None:
    """Who reaches the threshold is bought at once; who does not, waits."""
    threshold, name = deployment.options.threshold, f"an order of {dollars(order.total)}"
    sometimes("an order of exactly the threshold", happened=order.total == threshold)
    sometimes("an order of a cent less", happened=order.total == threshold - 1)
    if order.reason == "under_review":
        return
    if order.total < threshold:
        expect("I8 routing", order.state == "aggregated", f"{name}: aggregated", order.state)
    elif order.crypto not in deployment.options.average:
        expect("I8 routing", order.state != "aggregated", f"{name}: pending", order.state)


def _judge_refused_movement(person: Person, command: Command, answer: Answer) -> None:
    if answer.code == "denied":
        person.doubtful = True  # it may be done later, when somebody has reviewed it
    elif answer.code == "insufficient_funds":
        least, cents = person.ledger.least, command.cents
        short = command.operation == "withdraw" and cents > least
        expect("I1 cash", short, f"{command}: done, with {dollars(least)} in the wallet", answer)
    else:
        expect(
            "X6 accepted", answer.code in UNJUDGED, f"{command.operation} {command}: 200", answer
        )


def _judge_refused_order(
    deployment: Deployment, person: Person, command: Command, currency: Currency, answer: Answer
) -> None:
    name, units, cents = _quote(deployment, command, currency.price)
    least = person.ledger.least
    if answer.code == "insufficient_funds":
        sometimes("an order refused for a cent", happened=cents == least + 1)
        short = cents > least or _price_moves(deployment, currency)
        what = f"{command}: taken, with {dollars(least)} in the wallet"
        expect("I1 cash", short, what, answer)
    elif answer.code == "amount_too_small":
        nothing = units == 0 or cents == 0 or _price_moves(deployment, currency)
        expect("Q1 quote", nothing, f"{command}: {units} units of {name}", answer)
    else:
        known = answer.code in UNJUDGED | {"amount_too_large"}
        expect("X6 accepted", known, f"order {command}: 201", answer)


def _price_moves(deployment: Deployment, currency: Currency) -> bool:
    """Whether a price, which is listed from a cache, changes within a few seconds."""

    def moved() -> bool:
        now = {each.name: each.price for each in deployment.list_currencies()}
        return now.get(currency.name) != currency.price

    return wait_until(moved, time.monotonic() + _PRICE_LAG_S)
