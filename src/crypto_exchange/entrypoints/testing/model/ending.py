"""The end of a history: whether the books add up, and whether everything has ended."""

from __future__ import annotations

from crypto_exchange.entrypoints.testing.model import checks
from crypto_exchange.entrypoints.testing.model.books import Books, Findings


def faults(books: Books, at_us: int | None, *, drained: bool) -> Findings:
    """What is wrong at the end."""
    for owed in books.owed:
        yield checks.COMMIT, f"expected {owed.described()} in the last commit, was the end"
    yield from spare_fills(books)
    yield from _cash_faults(books)
    yield from _reservation_faults(books)
    if drained:
        yield from _open_ends(books)
    if at_us is not None:
        yield from _overdue(books, at_us)


def spare_fills(books: Books) -> Findings:
    """Trades that no event has booked."""
    if books.fills is not None:
        said = f"{books.fills['batch']}-{books.fills['attempt']}"
        yield checks.FILLS, f"expected trades of {said} to be booked by the next event, was not so"
        books.fills = None


def _cash_faults(books: Books) -> Findings:
    """What users brought, or were paid, they have, have spent, or have in open orders."""
    paid, held = dict[int, int](), dict[int, int]()
    for order in books.orders.values():
        spent = order.total if order.open else order.charged
        paid[order.user_id] = paid.get(order.user_id, 0) + spent
        if order.open:
            held[order.user_id] = held.get(order.user_id, 0) + order.total
    for user_id, balance in books.wallets.items():
        expected = books.brought[user_id] - paid.get(user_id, 0)
        if balance != expected:
            yield checks.CASH, f"user {user_id}: expected a balance of {expected}, was {balance}"
        if balance < 0:
            yield checks.NEGATIVE, f"user {user_id}: expected no debt, was {balance}"
        suspended = books.accounts[f"suspense:{user_id}:USD"]
        if suspended != held.get(user_id, 0):
            said = f"expected {held.get(user_id, 0)} in suspense of user {user_id}"
            yield checks.CASH, f"{said}, was {suspended}"


def _reservation_faults(books: Books) -> Findings:
    for symbol, row in books.inventory.items():
        live = [b for b in books.batches.values() if b.asset == symbol and b.live]
        used, surplus = sum(b.used for b in live), sum(b.surplus for b in live)
        if (row.reserved, row.expected) != (used, surplus) or not 0 <= row.reserved <= row.quantity:
            was = f"{row.reserved}, {row.expected} of {row.quantity}"
            yield (
                checks.RESERVED,
                f"{symbol}: expected {used} reserved, {surplus} to come, was {was}",
            )


def _open_ends(books: Books) -> Findings:
    for order in books.orders.values():
        if order.open:
            yield checks.END, f"expected order {order.id} to have ended, was {order.state}"
    for batch in books.batches.values():
        if batch.state == "sealed":
            yield checks.END, f"expected batch {batch.key} to have ended, was {batch.last.state}"


def _overdue(books: Books, at_us: int) -> Findings:
    house = books.house
    if house is None:
        return
    for order in books.orders.values():
        if house.on_deadline == "wait" and not order.held:
            continue
        waited = at_us - order.created_at_us - books.leeway_us
        if order.open and not books.is_bound(order) and waited > house.max_wait_us:
            said = f"expected order {order.id} to wait at most {house.max_wait_us} µs"
            yield checks.END, f"{said}, was {at_us - order.created_at_us} so far"
