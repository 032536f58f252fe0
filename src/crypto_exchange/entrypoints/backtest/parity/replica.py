"""Replica: the rows of a service as far as its history has been followed, and what a decision may not
have seen of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Set

import msgspec

from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.events import (
    AnyEvent,
    AssetHaltChanged,
    OrderCancelled,
    PurchaseIntended,
)
from crypto_exchange.domain.ids import BatchKey, OrderId, Symbol
from crypto_exchange.domain.money import BPS
from crypto_exchange.domain.order import FINAL_STATES, Order, is_loose
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.state import State
from crypto_exchange.domain.views import Book, OpenBatch
from crypto_exchange.entrypoints.backtest.parity.replay_records import LEEWAY_US, Coming, Header

_ANY_RULE = MarketRule(lot_step=1, min_notional=0)
_DEAREST = 10**30
"""A price (10⁻¹² dollars) at which no guard lets any order pass."""


class Replica:
    """A `State`, and beside it what the log tells of the market."""

    def __init__(self, header: Header) -> None:
        self.policy: Policy = header.policy
        self.state = State(
            tuple(
                Asset(symbol=a.symbol, scale=a.scale, rule=header.rules.get(a.symbol, _ANY_RULE))
                for a in header.assets
            )
        )
        self._told: dict[Symbol, list[MarketRule]] = defaultdict(list)
        self._loose_us: dict[OrderId, int] = {}
        self._halted_us: dict[Symbol, int] = {}

    def apply(self, change: Change) -> None:
        """Write a decision. Raises Conflict and InvariantViolation as a unit of work does."""
        self.state.apply(change)
        for event in change.events:
            if isinstance(event, AssetHaltChanged):
                self._halted_us[event.asset] = event.at_us
            if (rule := told_rule(event)) is not None:
                symbol, kept = rule
                self._told[symbol] = [kept, *(r for r in self._told[symbol] if r != kept)]
        at_us = max((event.at_us for event in change.events), default=0)
        for order in (*change.new_orders, *(move.after for move in change.orders)):
            if order.state in FINAL_STATES:
                self._loose_us.pop(order.id, None)
            elif is_loose(order):
                self._loose_us[order.id] = at_us

    def asset(self, symbol: Symbol, price: int | None, rule: MarketRule, at_us: int) -> Asset:
        """An asset as a decision saw it: with that price and rule, and halted unless that was news."""
        asset = self.state.get_asset(symbol)
        halted = asset.halted and self._halted_us.get(symbol, 0) + LEEWAY_US < at_us
        return msgspec.structs.replace(
            asset, price=price, priced_at_us=at_us, rule=rule, halted=halted
        )

    def rules(self, symbol: Symbol, coming: Coming = ()) -> list[MarketRule]:
        """The rules that a decision may have been made with, the likeliest first."""
        told = (told_rule(event) for commit in coming for event in commit.events)
        soon = [
            rule for each in told if each is not None for name, rule in [each] if name == symbol
        ]
        candidates = [*self._told[symbol][:1], *soon, self.state.get_asset(symbol).rule]
        return list(dict.fromkeys([*candidates, *self._told[symbol][1:]]))

    def prices(self, symbol: Symbol, left: Set[OrderId]) -> Iterator[int | None]:
        """Prices that make a difference to a decision without a purchase, of which the log tells none:
        no price at all; one that none of those who `left` passes; one that nobody does; those between.
        """
        yield None
        orders = self.state.open_orders.values()
        edges = {o.id: _edge(o, self.policy) for o in orders if o.asset == symbol and not o.held}
        lowest = max((edge for ident, edge in edges.items() if ident in left), default=1)
        yield lowest
        yield _DEAREST
        yield from sorted({edge for edge in edges.values() if edge > lowest})

    def book(self, symbol: Symbol, limit: int, hidden: Set[OrderId]) -> Book:
        """A book without some orders."""
        book = self.state.get_book(symbol, limit=limit + len(hidden))
        direct = tuple(o for o in book.direct if o.id not in hidden)[:limit]
        waiting = tuple(o for o in book.waiting if o.id not in hidden)[:limit]
        return msgspec.structs.replace(book, direct=direct, waiting=waiting)

    def unseen(
        self, symbol: Symbol, named: Set[OrderId], at_us: int, coming: Coming
    ) -> frozenset[OrderId]:
        """Orders that a decision which does not name them may not have seen: they came, or were being
        cancelled, at about the same time, or there were more than it looks at.
        """
        events = (event for commit in coming for event in commit.events)
        leaving = {event.order_id for event in events if isinstance(event, OrderCancelled)}
        orders = self.state.open_orders.values()
        loose = [order for order in orders if order.asset == symbol and is_loose(order)]
        cut_off = len(loose) >= self.policy.batch_limit
        return frozenset(
            order.id
            for order in loose
            if order.id not in named
            and (cut_off or order.id in leaving or self._loose_us[order.id] + LEEWAY_US >= at_us)
        )

    def batch(self, key: BatchKey) -> OpenBatch:
        """A batch with its members, the oldest first. Raises NotFound."""
        opened = self.state.get_batch(key)
        members = sorted(opened.members, key=lambda order: (order.created_at_us, order.id))
        return msgspec.structs.replace(opened, members=tuple(members))


def told_rule(event: AnyEvent) -> tuple[Symbol, MarketRule] | None:
    """The rule that an event tells, if it does."""
    if not isinstance(event, PurchaseIntended) or event.rule is None:
        return None
    return event.asset, MarketRule(**event.rule)


def _edge(order: Order, policy: Policy) -> int:
    """The lowest price at which an order fails the guard."""
    return order.unit_price * (BPS + policy.price_tolerance_bps) // BPS + 1
