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
        at_us, size = self._taken.at_us, len(self._taken.at_us)
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
        """The usual case over and over: small orders reach the threshold, and nothing is in their way."""
        if self._old or self._large:
            return
        at_us, totals, large = self._taken.at_us, self._taken.sum_total, self._next_large()
        threshold, wait_us = self._policy.threshold, self._policy.max_wait_us
        head = self._head
        while (end := find_sum(totals, totals[head] + threshold, head + 1)) <= large:
            now_us = at_us[end - 1]
            if at_us[head] + wait_us <= now_us:
                break
            self._take_in(now_us + 1)
            if self._price_us[self._row + 1] <= now_us:
                self._row = bisect_right(self._price_us, now_us, self._row + 1) - 1
            if not self._seal_row((now_us, end - 1, ORDER, 0), head, end, self._prices[self._row]):
                break
            head = end
            self.commits += 1
        if head > self._head:
            self._look = Look(at_us[head - 1], head - 1, ORDER, 0)
            self._head = self._next = head

    def _find_order(self) -> int:
        """The next order whose coming makes somebody look: a large one, or one with which those that
        wait reach the threshold; any, while an overdue one waits on.
        """
        totals, start = self._taken.sum_total, self._next
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
        timer_us = self._taken.at_us[oldest] + self._policy.max_wait_us
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
        if self._head < len(self._taken.at_us):
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
        return self._taken.next_large(self._large_seen)


def find_sum(sums: Sequence[int], wanted: int, start: int) -> int:
    """The first place from `start` on where rising sums reach what is wanted; it is near more often than
    not.
    """
    near = bisect_left(sums, wanted, start, min(start + _NEAR, len(sums)))
    return near if near < start + _NEAR else bisect_left(sums, wanted, near)
