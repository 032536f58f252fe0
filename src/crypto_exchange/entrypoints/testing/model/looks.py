"""Looks: what a worker may have seen of an asset when it decided.

Events tell what was decided, in the order of commits, and not what was seen. A decision was made after
the newest row that it changed had been written, and before its own commit; within that, a price, a
late fill or an order may or may not have been there.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

import msgspec

from crypto_exchange.entrypoints.testing.model.books import Books, Commit, Fields
from crypto_exchange.entrypoints.testing.model.market import Rule
from crypto_exchange.entrypoints.testing.model.planning import Terms, must_leave
from crypto_exchange.entrypoints.testing.model.rows import ModelOrder


class Look(msgspec.Struct, frozen=True):
    """Small orders as they may have been seen; `candidates` are those to be tried. `sure`: nothing
    else can have been seen.
    """

    seen: list[ModelOrder]
    candidates: list[ModelOrder]
    sure: bool = True

    def moved(self, pricing: str, terms: Terms) -> list[ModelOrder]:
        """Who does not pass the guard."""
        own = [o for o in self.candidates if o.pricing == pricing]
        passing = {o.id for o in terms.guard(own)}
        return [o for o in own if o.id not in passing]


def terms_seen(books: Books, event: Fields, commit: Commit, floor: int) -> Iterator[Terms]:
    """The rules and the inventory that may have been seen; none if they are not known."""
    asset, row = books.asset(event["asset"]), books.inventory[event["asset"]]
    if books.house is None or asset.scale is None:
        return
    missed = [0, *accumulate(reversed(commit.late))]
    told = event.get("rule")
    rules = asset.rules.since(floor) if told is None else [msgspec.convert(told, Rule)]
    for rule in rules:
        for late in missed:
            yield Terms(
                house=books.house,
                scale=asset.scale,
                rule=rule,
                price=event["price"],
                at_us=event["at_us"],
                free=row.free - late,
                expected=row.expected,
            )


def looks(books: Books, terms: Terms, commit: Commit, floor: int) -> Iterator[Look]:
    """Books of the small orders: of those that surely waited, of all; the first 500, 2,000 … of them.

    A log has no order of commits: what was written just before may not have been seen, wherever it is.
    """
    everybody = books.waiting(commit.asset)
    told_us = terms.at_us - books.leeway_us
    surely = [o for o in everybody if (books.recorded and o.since <= floor) or o.since_us < told_us]
    sure = len(surely) == len(everybody) and books.asset(commit.asset).left <= floor
    gone = {o.id for o in commit.gone}
    small = [o for o in commit.gone if not o.direct]
    yielded = set[tuple[int, ...]]()
    for pool in (everybody, surely):
        for rows in (pool, sorted([*pool, *small], key=lambda o: o.age)):
            for book in _cut(rows, terms.house.batch_limit):
                seen = [o for o in book if o.id not in gone]
                ids = tuple(o.id for o in seen)
                if ids not in yielded:
                    yielded.add(ids)
                    yield Look(seen, candidates(books, seen, terms), sure)


def candidates(books: Books, orders: list[ModelOrder], terms: Terms) -> list[ModelOrder]:
    """Who is tried: right after the exchange has turned an asset away, nobody at their deadline."""
    asset = orders[0].asset if orders else ""
    if not orders or not books.inventory[asset].failures:
        return orders
    return [o for o in orders if not must_leave(o, terms.house, terms.at_us)]


def _cut(orders: list[ModelOrder], limit: int) -> Iterator[list[ModelOrder]]:
    """The oldest, as far as somebody may have looked."""
    while limit < len(orders):
        yield orders[:limit]
        limit *= 4
    yield orders
