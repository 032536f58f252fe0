"""Sealer: `domain.aggregation` in plain integers, of one asset whose purchases are all filled whole."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from crypto_exchange.domain.money import BPS
from crypto_exchange.domain.policy import OnDeadline, Policy
from crypto_exchange.entrypoints.backtest.fast.planner import Planner

DIRECT, THRESHOLD, LATE = range(3)
"""Places in `rows.BATCH_CAUSES`."""
PRICE, ANSWER, TIMER, ORDER = range(4)
"""What makes somebody look; what comes first at the same moment comes first here."""
PRICE_MOVED, DEADLINE = "price_moved", "deadline"


class NotSupported(ValueError):
    """What the fast engine cannot run; the message says why."""


class Taken(NamedTuple):
    """One asset's orders that were accepted, by time, in columns of the same length; `large` are the places
    of the direct ones, the sums (one place longer) what the small ones before a place come to.
    `reach` (as long as they are) tells before which place small ones from a place on reach the threshold, or
    one that there is not, if they never do, or are too many by then, or the first of them overdue.
    """

    at_us: Sequence[int]
    quantity: Sequence[int]
    total: Sequence[int]
    unit_price: Sequence[int]
    large: Sequence[int]
    sum_total: Sequence[int]
    sum_quantity: Sequence[int]
    reach: Sequence[int]

    def next_large(self, place: int) -> int:
        """The large order at a place of `large`, or the number of all orders if there are no more."""
        return self.large[place] if place < len(self.large) else len(self.at_us)


class Look(NamedTuple):
    """When somebody looked, and why. `after` is the order (place in `Taken`) that had just come, −1 if
    none at this moment; `tie` tells looks apart that happen at the same moment for the same reason: when
    what was answered was sent, or the order whose time was over.
    """

    at_us: int
    after: int
    what: int
    tie: int


SEALED_FIELDS = (
    *("at_us", "after", "what", "tie", "cause", "price_row"),
    *("quantity", "total", "first", "members", "bought", "used"),
)
"""The numbers of a batch: the look, and what it is. Its members are the `members` orders from `first` on,
or, if that is −1, listed in `Sealer.listed`.
"""


RUSHED_FIELDS = ("first", "end", "price_row", "bought", "used")
"""What is noted of a batch that was sealed when the last of its members came and they reached the
threshold, no more: all else follows. Its members are the orders from `first` to before `end`.
"""


class Left(NamedTuple):
    """An order that was refunded."""

    look: Look
    order: int
    reason: str


class Sealer:
    """What waits of one asset, and the decisions about it at one moment after the other.

    `price_us` are rising (µs), `prices` in 10⁻¹² dollars. `sealed` are the batches as they were sealed,
    SEALED_FIELDS one after the other, but for those of `rushes` (from one number to before another), whose
    RUSHED_FIELDS are in `rushed`; `listed` the members (by batch) of those that are no row of orders,
    `left` who was refunded; `commits` counts the decisions.
    """

    def __init__(
        self,
        taken: Taken,
        price_us: Sequence[int],
        prices: Sequence[int],
        *,
        planner: Planner,
        policy: Policy,
        latency_us: int,
    ) -> None:
        self.taken, self._price_us, self._prices = taken, price_us, prices
        self._planner, self._policy = planner, policy
        self._latency_us = latency_us
        self._next = self._head = 0
        self._old: list[int] = []
        self._old_total = 0
        self._large: list[int] = []
        self._large_seen = 0
        self._look = Look(-1, -1, PRICE, 0)
        self._row = -1
        self._free = self._expected = 0
        self._unsent: list[tuple[int, int]] = []
        self._flights: deque[tuple[int, int, int]] = deque()
        self.listed: dict[int, list[int]] = {}
        self.sealed = array("q")
        self.rushed = array("q")
        self.rushes: list[tuple[int, int]] = []
        self.batches = 0
        self.left: list[Left] = []
        self.commits = 0

    def _waiting_total(self) -> int:
        sums = self.taken.sum_total
        return self._old_total + sums[self._next] - sums[self._head]

    def _take_in(self, until_us: int) -> None:
        """The answers that came before a moment."""
        while self._flights and self._flights[0][0] < until_us:
            self._land()

    def _land(self) -> None:
        """A purchase was filled: what is left over of it is the house's."""
        surplus = self._flights.popleft()[2]
        self._free += surplus
        self._expected -= surplus

    def _do_what_is_due(self) -> None:
        """Seal as long as anything changes. What was taken from the inventory alone ends at once, which
        is seen before the next purchase is sent.
        """
        while self._is_due():
            self._unsent = []
            if not self._seal():
                return
            self.commits += 1
            for bought, surplus in self._unsent:
                if bought:
                    now_us = self._look.at_us
                    self._flights.append((now_us + self._latency_us, now_us, surplus))
                else:
                    self._do_what_is_due()

    def _is_due(self) -> bool:
        if self._large or self._waiting_total() >= self._policy.threshold:
            return True
        if self._head == self._next and not self._old:
            return False
        return self._is_overdue(self._old[0] if self._old else self._head)

    def _is_overdue(self, order: int) -> bool:
        return self.taken.at_us[order] + self._policy.max_wait_us <= self._look.at_us

    def _price(self) -> int | None:
        row = self._row
        if row < 0 or self._look.at_us - self._price_us[row] > self._policy.price_max_age_us:
            return None
        return self._prices[row]

    def _seal(self) -> bool:
        """One commit of sealing; whether anything was done."""
        price = self._price()
        if not (self._old or self._large or price is None or self._head == self._next) and (
            self._seal_row(self._head, self._next, price)
        ):
            self._head = self._next
            return True
        come = set(self._large)
        waiting = [*self._old, *(i for i in range(self._head, self._next) if i not in come)]
        most = self._policy.batch_limit
        if max(len(waiting), len(self._large)) > most:
            raise NotSupported(
                f"engine fast: expected at most {most} orders that wait at a time, were "
                f"{max(len(waiting), len(self._large)):,}"
            )
        done: set[int] = set()
        untried: list[int] = []
        if price is not None:
            untried = self._seal_group(waiting, price, done)
            self._seal_small([i for i in waiting if i not in done], price, done)
        self._expire([*self._large, *waiting], done.union(untried), done)
        self._old = [i for i in waiting if i not in done]
        self._old_total = sum(self.taken.total[i] for i in self._old)
        self._large = [i for i in self._large if i not in done]
        self._head = self._next
        return bool(done)

    def _seal_row(self, head: int, end: int, price: int) -> bool:
        """The usual case: all that wait come one after the other, are small, and pass the guard."""
        taken, members = self.taken, end - head
        if members > self._policy.batch_limit or not self._all_pass(head, end, price):
            return False
        total = taken.sum_total[end] - taken.sum_total[head]
        quantity = taken.sum_quantity[end] - taken.sum_quantity[head]
        plan = self._planner.plan(quantity, price, self._free, self._expected)
        enough = total >= self._policy.threshold
        if plan is None or not (enough or self._may_go_below(head, total, plan)):
            return False
        bought, used = plan
        surplus = bought + used - quantity
        self._free -= used
        self._expected += surplus
        if bought:
            now_us = self._look.at_us
            self._flights.append((now_us + self._latency_us, now_us, surplus))
        cause = THRESHOLD if enough else LATE
        batch = (cause, self._row, quantity, total, head, members, bought, used)
        self.sealed.extend(self._look + batch)
        self.batches += 1
        return True

    def _seal_group(self, waiting: list[int], price: int, done: set[int]) -> list[int]:
        """The large ones, as many as fit into one commit; returns those that come next time."""
        first = self.batches
        for place, order in enumerate(self._large):
            if self.batches - first >= self._policy.group_limit:
                return self._large[place:]
            self._seal_large(order, waiting, price, done)
        return []

    def _seal_large(self, order: int, waiting: list[int], price: int, done: set[int]) -> None:
        taken = self.taken
        if not self._passes(taken.unit_price[order], price):
            self._leave([order], PRICE_MOVED, done)
            return
        members, quantity = [order], self.taken.quantity[order]
        plan = self._plan(quantity, price, direct=True)
        if plan is None:
            return
        for small in waiting if self._policy.take_along else ():
            if len(members) >= self._policy.batch_limit:
                break
            if small in done or not self._passes(taken.unit_price[small], price):
                continue
            more = quantity + self.taken.quantity[small]
            if (wider := self._plan(more, price, direct=True)) is not None:
                members.append(small)
                plan, quantity = wider, more
        self._bind(members, DIRECT, plan, done)

    def _seal_small(self, waiting: list[int], price: int, done: set[int]) -> None:
        taken = self.taken
        passing = [i for i in waiting if self._passes(taken.unit_price[i], price)]
        if not passing:
            return
        quantity = sum(self.taken.quantity[i] for i in passing)
        total = sum(self.taken.total[i] for i in passing)
        enough = total >= self._policy.threshold
        plan = self._plan(quantity, price)
        if plan is None or not (enough or self._may_go_below(waiting[0], total, plan)):
            return
        self._bind(passing, THRESHOLD if enough else LATE, plan, done)
        self._leave([i for i in waiting if i not in done], PRICE_MOVED, done)

    def _may_go_below(self, oldest: int, total: int, plan: tuple[int, int]) -> bool:
        """The deadline's exception to the threshold."""
        topped_up = self._policy.on_deadline is OnDeadline.TOP_UP
        allowed = plan[0] == 0 or total >= self._planner.minimum or topped_up
        return allowed and self._is_overdue(oldest)

    def _expire(self, orders: list[int], decided: set[int], done: set[int]) -> None:
        if self._policy.on_deadline is OnDeadline.WAIT:
            return
        left = [i for i in orders if i not in decided and self._is_overdue(i)]
        self._leave(left, DEADLINE, done)

    def _leave(self, orders: list[int], reason: str, done: set[int]) -> None:
        self.left.extend(Left(self._look, order, reason) for order in orders)
        done.update(orders)

    def _all_pass(self, head: int, end: int, price: int) -> bool:
        return self._passes(min(self.taken.unit_price[head:end]), price)

    def _passes(self, quoted: int, price: int) -> bool:
        return price * BPS <= quoted * (BPS + self._policy.price_tolerance_bps)

    def _plan(self, quantity: int, price: int, *, direct: bool = False) -> tuple[int, int] | None:
        return self._planner.plan(quantity, price, self._free, self._expected, direct=direct)

    def _bind(self, members: list[int], cause: int, plan: tuple[int, int], done: set[int]) -> None:
        bought, used = plan
        quantity = sum(self.taken.quantity[i] for i in members)
        total = sum(self.taken.total[i] for i in members)
        surplus = bought + used - quantity
        self._free -= used
        self._expected += surplus
        self._unsent.append((bought, surplus))
        self.listed[self.batches] = members
        batch = (cause, self._row, quantity, total, -1, len(members), bought, used)
        self.sealed.extend(self._look + batch)
        self.batches += 1
        done.update(members)
