"""Aggregation: decides which waiting orders are bought now, together or alone, and which must leave.

A seal binds the members, reserves the inventory used and fixes what will be sent, in one commit with
the asset's inventory row. Nothing here knows how the purchase ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter

import msgspec

from crypto_exchange.domain.batch import Batch, BatchKind
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.events import AnyEvent
from crypto_exchange.domain.ids import BatchKey, OrderId
from crypto_exchange.domain.intent import (
    Stamp,
    fail_orders,
    find_price,
    find_purchase,
    first_look_us,
    intended,
    orders_failed,
    reserve,
    take_along,
)
from crypto_exchange.domain.ledger import Transfer
from crypto_exchange.domain.order import Order, Reason, seal
from crypto_exchange.domain.plan import Plan, Terms, minimum_value
from crypto_exchange.domain.policy import OnDeadline, Policy, Pricing
from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.domain.views import Book, Waiting

_PLACED = attrgetter("created_at_us")
_PRICINGS = tuple(Pricing)


def is_due(waiting: Waiting, policy: Policy, at_us: int) -> bool:
    """Whether it is worth looking at an asset's waiting orders now."""
    overdue = at_us >= waiting.oldest_us + policy.max_wait_us
    return waiting.direct > 0 or waiting.total >= policy.threshold or overdue


def seal_book(
    book: Book, *, keys: Iterator[BatchKey], policy: Policy, stamp: Stamp
) -> Change | None:
    """Seal what can be bought now and let go what must leave; None if there is nothing to do.

    Direct orders go first, at most `policy.group_limit` of them, each with the small ones that it takes
    along; then the other small ones. Takes one batch key for every batch it seals.
    """
    sealing = _Sealing(book, keys, policy, stamp)
    price = _find_price(book, policy, stamp)
    if price is not None:
        pricings = {order.pricing for order in (*sealing.direct, *sealing.waiting)}
        terms = {
            pricing: Terms(pricing=pricing, asset=book.asset, price=price, policy=policy)
            for pricing in _PRICINGS
            if pricing in pricings
        }
        for order in sealing.direct:
            sealing.seal_direct(order, terms[order.pricing])
        for each in terms.values():
            sealing.seal_waiting(each)
    sealing.expire()
    return sealing.change()


def needs_more(book: Book, limit: int, policy: Policy, stamp: Stamp) -> bool:
    """Whether a book in which nothing could be done should be loaded again with a higher limit.

    More members may reach the threshold or make the plan feasible, or another direct order may have
    a feasible one; nothing else can.
    """
    cut_off = limit in (len(book.waiting), len(book.direct))
    return cut_off and _find_price(book, policy, stamp) is not None


def _find_price(book: Book, policy: Policy, stamp: Stamp) -> int | None:
    """The price to seal at, or None: not now, or not before the back-off is over."""
    if book.inventory.retry_at_us > stamp.at_us:
        return None
    return find_price(book.asset, policy, stamp)


class _Sealing:
    """One pass over a book: collects what is decided, and carries the inventory along."""

    def __init__(self, book: Book, keys: Iterator[BatchKey], policy: Policy, stamp: Stamp) -> None:
        self.book, self.keys, self.policy, self.stamp = book, keys, policy, stamp
        self.inventory = book.inventory
        self.direct = self._candidates(book.direct)
        self.waiting = self._candidates(book.waiting)
        self.orders: dict[OrderId, Transition[Order]] = {}
        self.untried: set[OrderId] = set()
        self.batches: list[Batch] = []
        self.purchases: list[Purchase] = []
        self.transfers: list[Transfer] = []
        self.events: list[AnyEvent] = []

    def seal_direct(self, order: Order, terms: Terms) -> None:
        """Buy a large order and what it takes along, or let it leave at once if the price has moved;
        those beyond the limit of a group come next time.
        """
        if len(self.batches) >= self.policy.group_limit:
            self.untried.add(order.id)
            return
        if not terms.passing_guard([order]):
            self._fail([order], Reason.PRICE_MOVED)
            return
        members, plan = take_along(order, self._waiting(terms.pricing), terms, self.inventory)
        if plan.feasible:
            self._seal(members, plan, terms, BatchKind.DIRECT)

    def seal_waiting(self, terms: Terms) -> None:
        """Seal the small orders if together they are large enough, or one of them is overdue."""
        waiting = self._waiting(terms.pricing)
        if not waiting:
            return
        passing = terms.passing_guard(waiting)
        overdue = min(waiting, key=_PLACED).is_overdue(self.policy, self.stamp.at_us)
        chosen = self._choose(passing, terms, overdue=overdue)
        if chosen is None:
            return
        members, plan = chosen
        self._seal(members, plan, terms, BatchKind.AGGREGATED)
        if len(members) == len(waiting):
            return
        stay = {order.id for order in passing}
        self.untried.update(stay)
        self._fail([o for o in waiting if o.id not in stay], Reason.PRICE_MOVED)

    def expire(self) -> None:
        """Refund what has waited too long, was not sealed, and will not be tried next."""
        decided = self.untried.union(self.orders)
        if len(decided) == len(self.book.direct) + len(self.book.waiting):
            return
        left = [o for o in (*self.book.direct, *self.book.waiting) if o.id not in decided]
        overdue = [o for o in left if o.must_leave(self.policy, self.stamp.at_us)]
        self._fail(overdue, Reason.DEADLINE)

    def change(self) -> Change | None:
        """What was decided. The inventory row is always part of it, so that seals are serial."""
        if not self.orders:
            return None
        before, after = self.book.inventory, self.inventory
        return Change(
            orders=tuple(self.orders.values()),
            new_batches=tuple(self.batches),
            new_purchases=tuple(self.purchases),
            inventory=Transition(
                before, msgspec.structs.replace(after, version=before.version + 1)
            ),
            transfers=tuple(self.transfers),
            events=tuple(self.events),
        )

    def _candidates(self, orders: Sequence[Order]) -> Sequence[Order]:
        """Orders to try. At its deadline an order gets a last chance, but not if the exchange has
        just turned this asset away: it would be tried, and sent back, for ever.
        """
        if not self.book.inventory.failures:
            return orders
        return [o for o in orders if not o.must_leave(self.policy, self.stamp.at_us)]

    def _waiting(self, pricing: Pricing) -> Sequence[Order]:
        """Small orders that nothing has been decided of yet."""
        return [o for o in self.waiting if o.pricing is pricing and o.id not in self.orders]

    def _choose(
        self, passing: Sequence[Order], terms: Terms, *, overdue: bool
    ) -> tuple[Sequence[Order], Plan] | None:
        """The oldest members that make a plan: at most the limit, or as few more as it takes.

        They end where what has to be bought would exceed the exchange's maximum.
        """
        limited = terms.asset.rule.max_quantity > 0
        members: list[Order] = []
        if not limited:  # fewer than the limit are planned once, all together
            members.extend(passing[: self.policy.batch_limit - 1])
        quantity = sum([order.quantity for order in members])
        total = sum([order.total for order in members])
        for order in passing[len(members) :]:
            wider = quantity + order.quantity, total + order.total
            if limited and terms.exceeds_maximum(*wider, self.inventory):
                if members:
                    break
                continue  # too large by itself, by rules that came later: it holds up nobody
            members.append(order)
            quantity, total = wider
            if len(members) >= self.policy.batch_limit and (
                plan := self._find_plan(quantity, total, terms, overdue=overdue)
            ):
                return members, plan
        if 0 < len(members) < self.policy.batch_limit and (
            plan := self._find_plan(quantity, total, terms, overdue=overdue)
        ):
            return members, plan
        return None

    def _find_plan(self, quantity: int, total: int, terms: Terms, *, overdue: bool) -> Plan | None:
        """The plan for members of so much together, if it may be carried out now."""
        plan = terms.plan_sum(quantity, total, self.inventory, direct=False)
        below = overdue and self._may_go_below(plan, total)
        enough = total >= self.policy.threshold or below
        return plan if enough and plan.feasible else None

    def _may_go_below(self, plan: Plan, total: int) -> bool:
        """The deadline's exception to the threshold (SPEC §2 "Deadline")."""
        reaches_minimum = total >= minimum_value(self.book.asset, self.policy)
        topped_up = self.policy.on_deadline is OnDeadline.TOP_UP
        return plan.buy == 0 or reaches_minimum or topped_up

    def _seal(self, members: Sequence[Order], plan: Plan, terms: Terms, kind: BatchKind) -> None:
        """Bind members to a new batch, reserve, and write the intent."""
        batch = Batch(
            key=next(self.keys),
            asset=self.book.asset.symbol,
            kind=kind,
            pricing=terms.pricing,
            used=plan.used,
            surplus=plan.surplus,
            due_at_us=first_look_us(plan, self.policy, self.stamp),
            created_at_us=self.stamp.at_us,
        )
        purchase = find_purchase(batch, self.book.asset, plan, self.policy, self.stamp)
        self.batches.append(batch)
        self.purchases.extend(() if purchase is None else (purchase,))
        self.inventory = reserve(self.inventory, plan)
        key = batch.key
        self.orders.update({o.id: Transition(o, seal(o, key)) for o in members})
        self.events.append(intended(batch, plan, terms, members, self.stamp))

    def _fail(self, orders: Sequence[Order], reason: Reason) -> None:
        """Let orders leave with a full refund."""
        if not orders:
            return
        at_us, symbol = self.stamp.at_us, self.book.asset.symbol
        moves, transfers = fail_orders(orders, reason, at_us)
        self.orders.update({move.before.id: move for move in moves})
        self.transfers.extend(transfers)
        self.events.append(orders_failed(symbol, orders, reason, at_us))
