"""One asset's batches in plain integers: what the decisions come to when every purchase is filled whole.

The rules are those of `domain.aggregation` and `domain.plan`, the moments those of `desk.py`; `verify`
compares the two. Orders that change nothing but a sum are passed over by bisection.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from crypto_exchange.domain.policy import OnDeadline
from crypto_exchange.entrypoints.backtest.engine.agenda import NEVER_US
from crypto_exchange.entrypoints.backtest.fast.sealer import (
    ANSWER,
    ORDER,
    PRICE,
    RUSHED_FIELDS,
    TIMER,
    Look,
    Sealer,
)

_NEAR = 32
"""How many orders further on one looks first."""


class Shortcut(Sealer):
    """One asset from the first order to the end."""

    def run(self, end_us: int) -> None:
        """Everything in the order of time, up to and including `end_us`.

        Raises:
            NotSupported: too many orders wait at a time.
            OverflowError: an amount has more than 64 bits.
        """
        at_us, size = self.taken.at_us, len(self.taken.at_us)
        while True:
            self._rush()
            coming = self._find_order()
            order_us = at_us[coming] if coming < size else NEVER_US
            other_us, what = self._find_other()
            if min(order_us, other_us) > end_us:
                return
            if other_us <= order_us:
                self._next = bisect_left(at_us, other_us, self._next)
                self._see(other_us, what)
            else:
                self._next = coming + 1
                if self._next_large() == coming:
                    self._large.append(coming)
                    self._large_seen += 1
                self._take_in(order_us + 1)
                self._look_at(Look(order_us, coming, ORDER, 0))

    def _rush(self) -> None:
        """The usual case over and over: small orders reach the threshold, and nothing is in their way.
        What `_seal_row` does, in local names, up to where `Taken.reach` says: this is where the time goes.
        """
        if self._old or self._large:
            return
        taken, price_us, flights = self.taken, self._price_us, self._flights
        at_us, reach, quantities = taken.at_us, taken.reach, taken.sum_quantity
        large, prices = self._next_large(), self._prices
        plan_for, latency_us = self._planner.plan, self._latency_us
        rushed: list[int] = []
        head, row, free, expected = self._head, self._row, self._free, self._expected
        price, seen_us, next_us = prices[row], price_us[row], price_us[row + 1]
        before = quantities[head]
        while (end := reach[head]) <= large:
            now_us = at_us[end - 1]
            while flights and flights[0][0] <= now_us:
                landed = flights.popleft()[2]
                free, expected = free + landed, expected - landed
            if next_us <= now_us:
                row = bisect_right(price_us, now_us, row + 1) - 1
                price, seen_us, next_us = prices[row], price_us[row], price_us[row + 1]
            after = quantities[end]
            quantity = after - before
            # Who was quoted at this very price need not be asked.
            if at_us[head] < seen_us and not self._all_pass(head, end, price):
                break
            plan = plan_for(quantity, price, free, expected)
            if plan is None:
                break
            bought, used = plan
            if bought:
                surplus = bought + used - quantity
                expected += surplus
                flights.append((now_us + latency_us, now_us, surplus))
            free -= used
            rushed += (head, end, row, bought, used)
            head, before = end, after
        self._row, self._free, self._expected = row, free, expected
        if rushed:
            self._keep(rushed)

    def _keep(self, rushed: list[int]) -> None:
        """Note the batches of a rush, RUSHED_FIELDS one after the other."""
        size, end = len(rushed) // len(RUSHED_FIELDS), rushed[1 - len(RUSHED_FIELDS)]
        self.rushed.fromlist(rushed)
        self.rushes.append((self.batches, self.batches + size))
        self.batches += size
        self.commits += size
        self._look = Look(self.taken.at_us[end - 1], end - 1, ORDER, 0)
        self._head = self._next = end

    def _find_order(self) -> int:
        """The next order whose coming makes somebody look: a large one, or one with which those that
        wait reach the threshold; any, while an overdue one waits on.
        """
        totals, start = self.taken.sum_total, self._next
        missing = self._policy.threshold - self._waiting_total()
        if missing <= 0 or (self._policy.on_deadline is OnDeadline.WAIT and self._is_due()):
            return start
        reaching = find_sum(totals, totals[start] + missing, start + 1) - 1
        return min(reaching, self._next_large())

    def _find_other(self) -> tuple[int, int]:
        """When else to look, and at what: at the deadline of the oldest; while something is due, at each
        price and each answer, too.
        """
        oldest = self._oldest()
        if oldest is None:
            return NEVER_US, TIMER
        now_us = self._look.at_us
        timer_us = self.taken.at_us[oldest] + self._policy.max_wait_us
        since_us = now_us if self._is_due() else timer_us
        seen_us = max(since_us, now_us + 1)
        price_us = self._price_us[bisect_left(self._price_us, seen_us, max(self._row, 0))]
        answer_us = next((each[0] for each in self._flights if each[0] >= since_us), NEVER_US)
        if timer_us <= now_us:
            timer_us = NEVER_US
        return min((price_us, PRICE), (answer_us, ANSWER), (timer_us, TIMER))

    def _oldest(self) -> int | None:
        """The first that waits, or will."""
        firsts = [each[0] for each in (self._old, self._large) if each]
        if self._head < len(self.taken.at_us):
            firsts.append(self._head)
        return min(firsts, default=None)

    def _see(self, at_us: int, what: int) -> None:
        """A price, an answer or a deadline, after everything that came before."""
        self._take_in(at_us + (what == TIMER))
        after = self._look.after if self._look.at_us == at_us else -1
        tie = 0
        if what == ANSWER:
            tie = self._flights[0][1]
            self._land()
        elif what == TIMER:
            tie = self._oldest() or 0
        self._look_at(Look(at_us, after, what, tie))

    def _look_at(self, look: Look) -> None:
        self._look = look
        self._row = bisect_right(self._price_us, look.at_us, max(self._row, 0)) - 1
        self._do_what_is_due()

    def _next_large(self) -> int:
        return self.taken.next_large(self._large_seen)


def find_sum(sums: Sequence[int], wanted: int, start: int) -> int:
    """The first place from `start` on where rising sums reach what is wanted; it is near more often than
    not.
    """
    near = bisect_left(sums, wanted, start, min(start + _NEAR, len(sums)))
    return near if near < start + _NEAR else bisect_left(sums, wanted, near)
