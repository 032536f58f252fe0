"""Leaving: orders that end without a purchase, and the house's own events."""

from __future__ import annotations

from crypto_exchange.entrypoints.testing.model import checks
from crypto_exchange.entrypoints.testing.model.books import Books, Commit, Fields, Findings
from crypto_exchange.entrypoints.testing.model.looks import looks, terms_seen
from crypto_exchange.entrypoints.testing.model.market import House, is_fresh, passes
from crypto_exchange.entrypoints.testing.model.planning import Terms, choose, must_leave, take_along
from crypto_exchange.entrypoints.testing.model.rows import ModelOrder


def failed(books: Books, event: Fields) -> Findings:
    """Orders leave with a full refund; each reason has to hold."""
    orders, wrong = books.find_orders(event, event["orders"])
    yield from wrong
    yield from _holding_faults(event, orders)
    if event["reason"] == "refused":
        for order in orders:
            books.end(order, "failed", "refused")
        return
    commit = books.commit
    if commit is None or (commit.asset, commit.at_us) != (event["asset"], event["at_us"]):
        commit = books.commit = books.new_commit(event["asset"], event["at_us"])
    if not event["orders"]:
        yield checks.REASON, "expected orders that leave, was none"
    for order in orders:
        if books.is_bound(order):
            said = f"expected order {order.id} to be free to leave, was in batch {order.batch}"
            yield checks.OUTCOME, said
        elif books.house is not None:
            yield from _reason_faults(books, books.house, event, commit, order)
    if books.house is not None and event["reason"] == "deadline" and not books.told:
        yield from _chance_faults(books, books.house, commit, orders)
    for order in orders:
        books.end(order, "failed", event["reason"])
    commit.gone.extend(orders)


def must_seal(books: Books, symbol: str, at_us: int) -> bool:
    """Whether a worker that looks at an asset now finds something to seal or to let go."""
    house, asset = books.house, books.asset(symbol)
    if house is None or asset.scale is None:
        return False
    large, small = books.large(symbol), books.waiting(symbol)
    if any(must_leave(o, house, at_us) for o in (*large, *small)):
        return True
    terms = _terms_now(books, symbol, at_us)
    if terms is None:
        return False
    if any(not terms.guard([o]) or take_along(o, [], terms)[1].feasible for o in large):
        return True
    commit = Commit(symbol, at_us, books.record, [])
    return any(
        choose(look.candidates, pricing, terms)
        for look in looks(books, terms, commit, books.record)
        for pricing in ("quoted", "average")
    )


def funded(books: Books, event: Fields) -> Findings:
    """The house's capital at the exchange."""
    currency, amount = event["currency"], event["amount"]
    if not amount:
        yield checks.BOOKS, f"expected an amount of {currency} booked, was 0"
    books.move(f"venue:{currency}", f"house:capital:{currency}", amount)


def halt_changed(books: Books, event: Fields) -> Findings:
    """An operator's word, which changes something."""
    asset = books.asset(event["asset"])
    if asset.halted == event["halted"]:
        yield (
            checks.BOOKS,
            f"expected a change of {asset.symbol}, was halted={asset.halted} already",
        )
    asset.halt(books.record, halted=event["halted"])


def break_opened(books: Books, event: Fields) -> Findings:
    """A difference is recorded, once."""
    name = event["kind"], event["subject"]
    if name in books.breaks:
        yield checks.BREAK, f"expected one open break of {' '.join(name)}, was a second one"
    if event["kind"] == "late_fill" and not books.told:
        yield checks.BREAK, f"expected a late fill booked before its break, was none: {name[1]}"
    books.breaks.add(name)


def break_closed(books: Books, event: Fields) -> Findings:
    """A break is explained."""
    name = event["kind"], event["subject"]
    if name not in books.breaks:
        yield checks.BREAK, f"expected an open break to be closed, was none of {' '.join(name)}"
    books.breaks.discard(name)


def _holding_faults(event: Fields, orders: list[ModelOrder]) -> Findings:
    """What is held is refused, and nothing else is."""
    for order in orders:
        if order.held != (event["reason"] == "refused"):
            state = "held" if order.held else "not held"
            said = f"expected held orders alone to be refused, was order {order.id}, {state}"
            yield checks.REASON, said


def _reason_faults(
    books: Books, house: House, event: Fields, commit: Commit, order: ModelOrder
) -> Findings:
    reason, at_us = event["reason"], event["at_us"]
    if reason == "deadline":
        if not must_leave(order, house, at_us):
            waited = at_us - order.created_at_us
            said = f"expected order {order.id} to leave after {house.max_wait_us} µs"
            yield checks.REASON, f"{said} (on_deadline {house.on_deadline}), was after {waited}"
    elif reason == "price_moved":
        prices = [commit.price] if commit.price is not None else _prices(books, commit)
        moved = prices is None or any(not passes(order.unit_price, p, house) for p in prices)
        if order.pricing != "quoted" or not (moved or books.told):
            was = f"quoted at {order.unit_price}, now {prices}"
            yield checks.REASON, f"expected order {order.id} to fail the price guard, was {was}"
        if not order.direct and commit.price is None and not books.told:
            said = f"expected order {order.id} to leave in the commit of an intent, was alone"
            yield checks.REASON, said
    else:
        yield checks.REASON, f"expected deadline or price_moved, was {reason}"


def _prices(books: Books, commit: Commit) -> list[int] | None:
    """Prices that may have been seen; None if none were told."""
    seen = books.prices_seen(commit.asset, commit.base, commit.at_us)
    return [each.price for each in seen] or None


def _chance_faults(
    books: Books, house: House, commit: Commit, orders: list[ModelOrder]
) -> Findings:
    """At its deadline an order is bought if it can be: only what cannot be bought is refunded."""
    free = [o for o in orders if o.batch is None]
    if commit.retried or not free or books.inventory[commit.asset].failures:
        return
    floor = max(commit.base, *(o.since for o in free))
    possible = list(_possible_terms(books, house, commit, floor))
    for order in free if possible else ():
        if all(_could_be_bought(books, order, commit, floor, terms) for terms in possible):
            said = f"expected what waits to be bought at the deadline of order {order.id}"
            yield checks.REASON, f"{said}, was refunded"


def _possible_terms(books: Books, house: House, commit: Commit, floor: int) -> list[Terms]:
    """All terms that a look may have had; none if by one of them nothing can be bought."""
    asset, row = books.asset(commit.asset), books.inventory[commit.asset]
    seen = books.prices_seen(commit.asset, floor, commit.at_us)
    buyable = books.signs and row.retry_at_us <= commit.at_us and all(asset.active.since(floor))
    if not buyable or not all(is_fresh(price, house, commit.at_us) for price in seen):
        return []
    prices = [each.price for each in seen]
    if prices and commit.price is not None:
        prices = [commit.price]
    return [
        terms
        for price in prices
        for terms in terms_seen(
            books, {"asset": commit.asset, "price": price, "at_us": commit.at_us}, commit, floor
        )
    ]


def _could_be_bought(
    books: Books, order: ModelOrder, commit: Commit, floor: int, terms: Terms
) -> bool:
    """It alone if it is large; or any that wait as it does, whichever of them were seen, next to what
    has been sealed just before: then they go first, and it leaves for another reason, or is tried next.
    """
    if order.direct:
        plan = terms.plan(order.pricing, order.quantity, order.total, direct=True)
        return bool(terms.guard([order])) and plan.feasible
    return all(
        look.sure and bool(choose(look.candidates, order.pricing, terms))
        for look in looks(books, terms, commit, floor)
    )


def _terms_now(books: Books, symbol: str, at_us: int) -> Terms | None:
    """The terms of a look now; None if nothing may be sealed."""
    house, asset, row = books.house, books.asset(symbol), books.inventory[symbol]
    price = asset.prices.now
    if house is None or price is None or not books.signs or row.retry_at_us > at_us:
        return None
    if not asset.active.now or not is_fresh(price, house, at_us):
        return None
    event = {"asset": symbol, "price": price.price, "at_us": at_us}
    seen = terms_seen(books, event, Commit(symbol, at_us, books.record, []), books.record)
    return next(seen, None)
