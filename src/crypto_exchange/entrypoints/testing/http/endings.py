"""Endings: every order ends, in time, and its receipt proves what it got."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from crypto_exchange.entrypoints.testing.http.amounts import dollars, value_of
from crypto_exchange.entrypoints.testing.http.breaches import expect
from crypto_exchange.entrypoints.testing.http.commands import buy, for_dollars, move, movement
from crypto_exchange.entrypoints.testing.http.deployment import Deployment
from crypto_exchange.entrypoints.testing.http.people import Person, wait_until
from crypto_exchange.entrypoints.testing.http.receipts import Receipt, read_receipt, verify
from crypto_exchange.entrypoints.testing.http.rows import Currency, OrderRow
from crypto_exchange.entrypoints.testing.reach import sometimes

_ROUNDS = 3
_RESERVE_PERCENT = 105
"""What a purchase must be worth of the exchange's minimum."""


def await_large(deployment: Deployment, people: Sequence[Person]) -> None:
    """Wait until the orders that are bought at once have ended, and check all of it.

    Raises:
        Broken: one has not ended in time, or what became of it is wrong.
    """
    threshold, deadline_s = deployment.options.threshold, deployment.options.deadline_s
    for person in people:

        def late(person: Person = person) -> list[OrderRow]:
            bought = {currency.name for currency in deployment.list_currencies()}
            found = (order for order in _open(person) if order.total >= threshold)
            return [order for order in found if order.crypto in bought]

        last = max((person.placed_at.get(o.id, 0) for o in late()), default=0)
        ended = wait_until(lambda late=late: not late(), last + deadline_s)  # type: ignore[misc]
        what = f"orders of {dollars(threshold)} or more ended in {deadline_s} s"
        expect("I12 every order ends", ended, what, "" if ended else late())
        sometimes("large orders seen to their end")
    for person in people:
        person.look()
        check_receipts(deployment, person)


def await_all(deployment: Deployment) -> None:
    """See everything to its end: what waits is completed to the threshold by orders of the kit.

    An asset whose smallest lot is worth half the threshold or more is left alone: what lot rounding
    leaves over could be more than the house is ready to keep.
    """
    people = deployment.crowd.sure()
    await_large(deployment, people)
    for currency in deployment.list_currencies():
        lot = value_of(currency.lot, currency.price, deployment.options.digits_of(currency.name))
        if 2 * lot < deployment.options.threshold:
            _complete(deployment, currency)
    for person in deployment.crowd.sure():
        person.look()
        check_receipts(deployment, person)


def check_receipts(deployment: Deployment, person: Person) -> None:
    """Verify the receipts of all orders that have ended, each once. Raises `Broken`."""
    ended = [order for order in person.ledger.orders.values() if order.final]
    for order in ended:
        if order.id not in person.proven and deployment.has_receipts:
            _check_receipt(deployment, person, order)
        elif order.crypto not in deployment.options.average:
            _check_charge(order)
        person.proven.add(order.id)


def _check_receipt(deployment: Deployment, person: Person, order: OrderRow) -> None:
    answer = person.call("GET", f"orders/{order.id}/receipt/")
    settled = order.state in {"completed", "partially_completed"} or order.reason == "unfilled"
    expected = 200 if settled else 404
    what = f"receipt of order {order.id} ({order.state}): {expected}"
    expect("R1 receipt", answer.status == expected, what, answer)
    if not settled:
        return
    receipt = read_receipt(answer.body)
    waited_s = (datetime.now(UTC) - order.created_at).total_seconds()
    overdue = waited_s > deployment.options.max_wait_s
    verify(receipt, order, deployment.options.threshold, overdue=overdue)
    seen = deployment.receipts.setdefault(receipt.batch, receipt)
    alike = seen.statement == receipt.statement
    expect("R1 receipt", alike, f"one account of batch {receipt.batch}", "another for each")
    _note_reached(order, receipt)


def _check_charge(order: OrderRow) -> None:
    """Without a receipt: what is paid for what was delivered, at the price quoted."""
    check, name = "I5 fair shares", f"order {order.id} of {dollars(order.total)}"
    fair = -(-order.total * order.filled // order.amount)
    expect(check, order.charged == fair, f"{name}: {dollars(fair)} paid", dollars(order.charged))
    whole = (order.state == "completed") == (order.filled == order.amount)
    expect(check, whole, f"{name}: completed if and only if all of it was delivered", order)


def _note_reached(order: OrderRow, receipt: Receipt) -> None:
    sometimes("a receipt verified")
    sometimes("a batch of several orders", happened=len(receipt.members) > 1)
    sometimes("an order cut short", happened=order.state == "partially_completed")


def _complete(deployment: Deployment, currency: Currency) -> None:
    """Add orders below the threshold until everything that waits of an asset can be bought."""
    people, threshold = deployment.crowd.sure(), deployment.options.threshold
    target = max(threshold, -(-currency.minimum * _RESERVE_PERCENT // 100))

    def waiting() -> int:
        return sum(o.total for p in people for o in _open(p) if o.crypto == currency.name)

    for _ in range(_ROUNDS):
        waits = waiting()
        while waits > 0:
            helper = people[0]
            move(deployment, helper, movement("deposit", threshold, helper.new_key()))
            command = for_dollars(currency, threshold - 1, helper.new_key())
            order = buy(deployment, helper, command, currency)
            if order is None:
                return  # it cannot be bought now, for reasons of the deployment's own
            waits = 0 if waits + order.total >= target else waits + order.total
        until = time.monotonic() + deployment.options.deadline_s / _ROUNDS
        if wait_until(lambda: not waiting(), until):
            return
    what = f"{currency.name}: nothing waiting, {dollars(target)} together are bought"
    expect("I12 every order ends", False, what, f"{dollars(waiting())} waiting")


def _open(person: Person) -> list[OrderRow]:
    """Orders that have not ended and are not held for review, as the API shows them now."""
    if not any(not order.final for order in person.ledger.orders.values()):
        return []
    rows = person.list_orders()
    for row in rows:
        person.ledger.saw(row)
    return [row for row in rows if not row.final and row.reason != "under_review"]
