"""What comes of attempts at the exchange that end without a fill, or are in doubt."""

from __future__ import annotations

from crypto_exchange.entrypoints.testing.model import checks
from crypto_exchange.entrypoints.testing.model.books import Books, Commit, Fields, Findings, idents
from crypto_exchange.entrypoints.testing.model.market import House, back_off_us
from crypto_exchange.entrypoints.testing.model.planning import must_leave
from crypto_exchange.entrypoints.testing.model.rows import IN_FLIGHT, ModelBatch, ModelOrder

_ABSENCE_MARGIN_MS = 30_000
_OUTCOMES = {
    "filled": "BatchSettled",
    "partially_filled": "BatchSettled",
    "rejected": "PurchaseRejected",
    "not_placed": "PurchaseNotPlaced",
}


def lost(books: Books, event: Fields) -> Findings:
    """The sender of an attempt got no answer."""
    batch, wrong = _under_way(books, event, {"submitting"})
    yield from wrong
    if batch is not None:
        batch.last.state = "unknown"


def not_placed(books: Books, event: Fields) -> Findings:
    """It is proven that the exchange never executed an attempt."""
    states = IN_FLIGHT if books.told else IN_FLIGHT - {"quarantined"}
    batch, wrong = _under_way(books, event, states)
    yield from wrong
    if batch is None:
        return
    margin = books.house.absence_margin_ms if books.house else _ABSENCE_MARGIN_MS
    earliest = batch.last.timestamp_ms + batch.last.window_ms + margin
    if not books.told and event["answered_ms"] <= earliest:
        was = f"{event['answered_ms']} ms, not after {earliest}"
        yield checks.ATTEMPT, f"expected proof from after the window and its margin, was {was}"
    _end_attempt(books, batch, event, "not_placed")


def rejected(books: Books, event: Fields) -> Findings:
    """The exchange said no for sure; the rest of the commit says what follows."""
    batch, wrong = _under_way(books, event, IN_FLIGHT)
    yield from wrong
    if batch is None:
        return
    _end_attempt(books, batch, event, "rejected")
    kind, most = event.get("kind", ""), books.house.max_counted_attempts if books.house else 3
    if kind == "rules":
        batch.counted += 1
    if not kind:  # then what follows says what it was
        books.rejected = batch.key
    if kind == "venue":
        books.owe("BatchReturned", batch=batch.key)
    elif kind == "final" or (kind == "rules" and batch.counted >= most):
        members = idents(batch.members.values())
        books.owe("BatchRefunded", batch=batch.key, reason="exchange_rejected", orders=members)


def quarantined(books: Books, event: Fields) -> Findings:
    """Left to an operator; the asset is halted."""
    batch, wrong = _under_way(books, event, {"submitting", "unknown"})
    yield from wrong
    if batch is not None:
        batch.last.state = "quarantined"
    if not books.asset(event["asset"]).halted:
        books.owe("AssetHaltChanged", asset=event["asset"], halted=True)


def resolved(books: Books, event: Fields) -> Findings:
    """An operator's word."""
    _, wrong = _under_way(books, event, {"quarantined"})
    yield from wrong
    follows = _OUTCOMES.get(event["outcome"])
    if follows is None:
        yield checks.ATTEMPT, f"expected one of {', '.join(_OUTCOMES)}, was {event['outcome']}"
        return
    books.owe(follows, batch=event["batch"])
    books.resolved = event["outcome"]


def batch_returned(books: Books, event: Fields) -> Findings:
    """The members wait again: the exchange could not, or a new plan cannot."""
    batch, wrong = _between_attempts(books, event)
    yield from wrong
    if batch is None:
        return
    members = list(batch.members.values())
    batch.members.clear()
    batch.state = "returned"
    for order in members:
        books.release(order)
    if books.told or books.rejected == batch.key:
        _back_off(books, batch, event["at_us"])
        return
    books.commit = Commit(batch.asset, event["at_us"], 0, [], retried=True)
    _owe_departures(books, members, event["at_us"])
    if all(o.direct for o in members):
        yield (
            checks.OUTCOME,
            f"expected a large order of {batch.key} to wait or leave, was returned",
        )


def batch_refunded(books: Books, event: Fields) -> Findings:
    """All members leave with a full refund; the rest of the commit tells of those with another reason."""
    batch, wrong = _between_attempts(books, event)
    yield from wrong
    orders, faults = books.find_orders(event, event["orders"])
    yield from faults
    if batch is None:
        return
    members, named = list(batch.members.values()), {o.id for o in orders}
    if event["reason"] == "exchange_rejected":
        yield from _rejection_faults(books, batch)
        expected = members
    else:
        yield from _departure_faults(books.house, event, members)
        expected = _alike(books.house, event, members, named)
    if named != {o.id for o in expected}:
        should = sorted(o.id for o in expected)
        yield checks.OUTCOME, f"expected all of {should} refunded, was {sorted(named)}"
    others = [o for o in members if o not in expected]
    if others:
        books.commit = Commit(batch.asset, event["at_us"], 0, [], retried=True)
        reason = "deadline" if event["reason"] == "price_moved" else "price_moved"
        books.owe("OrdersFailed", reason=reason, orders=idents(others))
    for order in members:
        if order.id in named:
            books.end(order, "failed", event["reason"])
    batch.state = "refunded"


def orders_returned(books: Books, event: Fields) -> Findings:
    """Members that the next attempt does not take along wait again."""
    orders, wrong = books.find_orders(event, event["orders"])
    yield from wrong
    for order in orders:
        left_over = order.batch is not None and not books.is_bound(order)
        if not (left_over and (books.told or books.house is None)):
            said = f"expected order {order.id} to be left over by a next attempt"
            yield checks.OUTCOME, f"{said}, was {order.state} in batch {order.batch}"
        if not books.is_bound(order):
            books.release(order)


def _under_way(
    books: Books, event: Fields, states: set[str] | frozenset[str]
) -> tuple[ModelBatch | None, list[tuple[str, str]]]:
    """The batch whose newest attempt an event ends or doubts."""
    batch, wrong = books.find_batch(event)
    if batch is None:
        return None, wrong
    number, name = event["attempt"], event["event"]
    state = batch.last.state if batch.live else f"over ({batch.last.state})"
    if number != len(batch.attempts) or state not in states:
        was = f"attempt {number} of {len(batch.attempts)}, the last one {state}"
        expected = f"the last attempt of {batch.key}, {' or '.join(sorted(states))}"
        return None, [*wrong, (checks.ATTEMPT, f"{name}: expected {expected}; was {was}")]
    return batch, wrong


def _between_attempts(
    books: Books, event: Fields
) -> tuple[ModelBatch | None, list[tuple[str, str]]]:
    batch, wrong = books.find_batch(event)
    if batch is None or (batch.state == "sealed" and not batch.live):
        return batch, wrong
    was = "an attempt is under way" if batch.live else f"it is {batch.state}"
    said = f"{event['event']}: expected batch {batch.key} between two attempts, was: {was}"
    return None, [*wrong, (checks.FINAL, said)]


def _end_attempt(books: Books, batch: ModelBatch, event: Fields, state: str) -> None:
    batch.last.state = state
    batch.due_us = event["at_us"] + back_off_us(len(batch.attempts))
    books.free(batch)


def _back_off(books: Books, batch: ModelBatch, at_us: int) -> None:
    """After a failure nothing is sealed for a while, the longer the more there were in a row."""
    row = books.inventory[batch.asset]
    if row.retry_at_us <= at_us:
        row.failures += 1
        row.retry_at_us = at_us + back_off_us(row.failures)


def _owe_departures(books: Books, members: list[ModelOrder], at_us: int) -> None:
    """Overdue members leave in this commit; so does a large order, whose price must have moved."""
    house = books.house
    if house is None:
        return
    late = [o for o in members if must_leave(o, house, at_us)]
    moved = [o for o in members if o.direct and o not in late]
    for reason, orders in (("deadline", late), ("price_moved", moved)):
        if orders:
            books.owe("OrdersFailed", reason=reason, orders=idents(orders))


def _departure_faults(house: House | None, event: Fields, members: list[ModelOrder]) -> Findings:
    """Small orders leave only at their deadline; the batch is named after it if anybody is overdue."""
    if house is None:
        return
    late = [o for o in members if must_leave(o, house, event["at_us"])]
    for order in members:
        if order not in late and not order.direct:
            said = f"expected order {order.id} to wait again: it is small and not overdue"
            yield checks.REASON, f"{said}, was refunded for {event['reason']}"
    expected = "deadline" if late else "price_moved"
    if event["reason"] != expected:
        yield checks.REASON, f"expected the reason {expected}, was {event['reason']}"


def _alike(
    house: House | None, event: Fields, members: list[ModelOrder], named: set[int]
) -> list[ModelOrder]:
    """Members that leave for the reason that is told; without a policy, those that are named."""
    if house is None:
        return [o for o in members if o.id in named]
    late = [o for o in members if must_leave(o, house, event["at_us"])]
    return late or members


def _rejection_faults(books: Books, batch: ModelBatch) -> Findings:
    if not books.told and books.rejected != batch.key:
        was = batch.last.state
        yield checks.REASON, f"expected exchange_rejected right after a rejection, was after {was}"
