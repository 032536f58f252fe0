"""The desk: what the house does with what it sees. All decisions are the domain's own.

An asset's book is looked at, if anything in it may be due, after all that can change what is decided about
it: an order, a price, an answer of the exchange, the deadline of its oldest order, the end of a back-off.
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from itertools import count

from crypto_exchange.domain import attempt, late_fill, retrial
from crypto_exchange.domain.aggregation import is_due, needs_more, seal_book
from crypto_exchange.domain.batch import Batch
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.ids import BatchKey, Symbol
from crypto_exchange.domain.intent import Stamp
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.policy import OnDeadline, Policy
from crypto_exchange.domain.purchase import Absent, Purchase, Rejected, RejectionKind
from crypto_exchange.domain.settlement import settle
from crypto_exchange.domain.views import Waiting
from crypto_exchange.entrypoints.backtest.engine.agenda import Agenda
from crypto_exchange.entrypoints.backtest.engine.books import Books, Shelf
from crypto_exchange.entrypoints.backtest.engine.recorder import Recorder
from crypto_exchange.entrypoints.backtest.engine.venue import Fate, Trade, Venue

LATE_US = 60_000_000
"""How long after an attempt was given up its late fill is found."""


class Desk:
    """One house. Prices, orders and answers come to it in the order of time."""

    def __init__(
        self,
        books: Books,
        venues: dict[Symbol, Venue],
        policy: Policy,
        recorder: Recorder,
        agenda: Agenda,
    ) -> None:
        self._books, self._venues, self._policy = books, venues, policy
        self._recorder, self._agenda = recorder, agenda
        self._keys = (f"{number:024x}" for number in count(1))
        self._asks: dict[Symbol, int] = {}
        self._threshold, self._max_wait_us = policy.threshold, policy.max_wait_us
        self._patient = policy.on_deadline is OnDeadline.WAIT
        self._acts = {
            Fate.FILL: self._fill,
            Fate.PARTIAL: self._fill_part,
            Fate.REJECT: self._reject,
            Fate.TIMEOUT: self._time_out,
            Fate.LOST: self._lose_request,
            Fate.LATE_FILL: self._fill_late,
        }

    def see_price(self, symbol: Symbol, price: int, ask: int, at_us: int) -> None:
        """From now on this is the price (10⁻¹² dollars); `ask` is 0 if only the price is known."""
        self._books.see_price(symbol, price, at_us)
        self._asks[symbol] = ask
        shelf = self._books.shelves[symbol]
        if shelf.direct or shelf.total >= self._threshold or self._waits_on(shelf, at_us):
            self.look(shelf, at_us)

    def see_order(self, shelf: Shelf, order: Order) -> None:
        """An order was placed."""
        at_us = order.created_at_us
        large = order.direct or shelf.total >= self._threshold
        if large or (self._patient and self._waits_on(shelf, at_us)):
            self.look(shelf, at_us)
        elif not shelf.timer_us:
            self._set_timer(shelf, at_us, at_us)

    def _waits_on(self, shelf: Shelf, at_us: int) -> bool:
        """Whether an order is still there that is overdue: then whatever comes may be what it lacked."""
        oldest_us = shelf.oldest_us()
        return oldest_us is not None and oldest_us + self._max_wait_us <= at_us

    def look(self, shelf: Shelf, at_us: int) -> None:
        """Seal and expire what can be now."""
        oldest_us = shelf.oldest_us()
        while oldest_us is not None and is_due(
            self._waiting(shelf, oldest_us), self._policy, at_us
        ):
            change = self._seal(shelf, Stamp(at_us=at_us, exchange_ms=at_us // 1_000))
            if change is None:
                break
            self._books.apply(change)
            self._recorder.seal(change, self._policy)
            for batch in change.new_batches:
                self._send(batch, at_us)
            oldest_us = shelf.oldest_us()
        if oldest_us is not None:
            self._set_timer(shelf, oldest_us, at_us)

    def _seal(self, shelf: Shelf, stamp: Stamp) -> Change | None:
        limit = self._policy.batch_limit
        while True:
            book = shelf.book(limit)
            change = seal_book(book, keys=self._keys, policy=self._policy, stamp=stamp)
            if change is not None or not needs_more(book, limit, self._policy, stamp):
                return change
            limit *= 4

    def _waiting(self, shelf: Shelf, oldest_us: int) -> Waiting:
        return Waiting(
            asset=shelf.asset.symbol,
            direct=len(shelf.direct),
            total=shelf.total,
            oldest_us=oldest_us,
        )

    def _set_timer(self, shelf: Shelf, oldest_us: int, at_us: int) -> None:
        """Look again at the oldest order's deadline, or when a back-off is over."""
        due_us, retry_us = oldest_us + self._max_wait_us, shelf.inventory.retry_at_us
        if due_us <= at_us or at_us < retry_us < due_us:
            due_us = retry_us
        if at_us < due_us and not at_us < shelf.timer_us <= due_us:
            shelf.timer_us = due_us
            self._agenda.timer(due_us, partial(self._wake, shelf))

    def _wake(self, shelf: Shelf, at_us: int) -> None:
        if shelf.timer_us == at_us:
            shelf.timer_us = 0
        self.look(shelf, at_us)

    def _send(self, batch: Batch, at_us: int) -> None:
        """Send a batch's purchase, or settle it at once if nothing has to be bought; who sends looks on."""
        purchase = self._books.find_purchase(batch)
        if purchase is None:
            opened = self._books.open_batch(batch.key)
            self._write_end(batch.key, settle(opened, None, at_us=at_us), None, at_us)
            return
        venue = self._venues[batch.asset]
        act = self._acts[venue.fate(batch.key, batch.attempt)]
        self._agenda.answer(at_us + venue.latency_us, partial(act, purchase))

    def _fill(self, purchase: Purchase, at_us: int) -> None:
        self._settle(purchase, self._trade(purchase, at_us), at_us)

    def _fill_part(self, purchase: Purchase, at_us: int) -> None:
        venue = self._venues[purchase.asset]
        part = venue.part(purchase.batch, purchase.attempt)
        self._settle(purchase, self._trade(purchase, at_us, part), at_us)

    def _reject(self, purchase: Purchase, at_us: int) -> None:
        opened = self._books.open_batch(purchase.batch)
        rejected = Rejected(kind=RejectionKind.RULES, code="rejected", message="by the simulation")
        change = attempt.reject(opened, rejected, policy=self._policy, at_us=at_us)
        self._end(purchase.batch, change, None, at_us)

    def _time_out(self, purchase: Purchase, at_us: int) -> None:
        """The exchange executes, its answer is lost: a look-up at the end of the window finds it."""
        trade = self._trade(purchase, at_us)
        due_us = self._lose(purchase, at_us)
        self._agenda.answer(due_us, lambda then: self._settle(purchase, trade, then))

    def _lose_request(self, purchase: Purchase, at_us: int) -> None:
        """The exchange never hears of it: look-ups prove that, some time after the window."""
        self._agenda.answer(
            self._lose(purchase, at_us), partial(self._look_up, purchase, late=False)
        )

    def _fill_late(self, purchase: Purchase, at_us: int) -> None:
        """As if it were lost, but a minute after it was given up the exchange executes it."""
        self._agenda.answer(
            self._lose(purchase, at_us), partial(self._look_up, purchase, late=True)
        )

    def _lose(self, purchase: Purchase, at_us: int) -> int:
        """Note that no answer came; returns when to ask."""
        opened = self._books.open_batch(purchase.batch)
        change = attempt.note_lost(opened, at_us=at_us)
        if change is not None:
            self._books.apply(change)
        return max(opened.batch.due_at_us, at_us)

    def _look_up(self, purchase: Purchase, at_us: int, *, late: bool) -> None:
        opened = self._books.open_batch(purchase.batch)
        absent = Absent(answered_ms=at_us // 1_000)
        if not attempt.proves_absence(opened, absent, late_fill.LATEST_US // 1_000, self._policy):
            self._books.apply(attempt.postpone(opened, policy=self._policy, at_us=at_us))
            due_us = self._books.batches[purchase.batch].due_at_us
            self._agenda.answer(due_us, partial(self._look_up, purchase, late=late))
            return
        change = attempt.give_up_absent(opened, absent, policy=self._policy, at_us=at_us)
        given_up = change.purchases[0].after
        self._end(purchase.batch, change, None, at_us)
        if late:
            self._agenda.answer(at_us + LATE_US, partial(self._find_late, given_up))

    def _find_late(self, purchase: Purchase, at_us: int) -> None:
        trade = self._trade(purchase, at_us)
        key = f"late-{purchase.client_order_id}"
        self._books.apply(late_fill.buy_late(purchase, trade.filled, key=key, at_us=at_us))
        self._recorder.find_late(purchase, trade, at_us)
        self.look(self._books.shelves[purchase.asset], at_us)

    def _trade(self, purchase: Purchase, at_us: int, part: Fraction | None = None) -> Trade:
        asset = self._books.shelves[purchase.asset].asset
        return self._venues[purchase.asset].trade(
            purchase, asset, self._asks.get(purchase.asset, 0), at_us, part
        )

    def _settle(self, purchase: Purchase, trade: Trade, at_us: int) -> None:
        opened = self._books.open_batch(purchase.batch)
        change = settle(opened, trade.filled, at_us=at_us)
        self._end(purchase.batch, change, trade, at_us)

    def _end(self, key: BatchKey, change: Change, trade: Trade | None, at_us: int) -> None:
        """Write the end of an attempt, and do what follows."""
        self._write_end(key, change, trade, at_us)
        self.look(self._books.shelves[change.batches[0].after.asset], at_us)

    def _write_end(self, key: BatchKey, change: Change, trade: Trade | None, at_us: int) -> None:
        self._books.apply(change)
        self._recorder.end(change, trade, at_us)
        if key in self._books.batches:
            due_us = max(change.batches[0].after.due_at_us, at_us)
            self._agenda.timer(due_us, partial(self._retry, key))

    def _retry(self, key: BatchKey, at_us: int) -> None:
        opened = self._books.open_batch(key)
        stamp = Stamp(at_us=at_us, exchange_ms=at_us // 1_000)
        change = retrial.retry(opened, policy=self._policy, stamp=stamp)
        self._books.apply(change)
        self._recorder.end(change, None, at_us)
        after = self._books.batches.get(key)
        if after is None:
            self.look(self._books.shelves[opened.batch.asset], at_us)
        elif after.live:
            self._recorder.seal(change, self._policy)
            self._send(after, at_us)
            self.look(self._books.shelves[after.asset], at_us)
        else:
            self._agenda.timer(max(after.due_at_us, at_us + 1), partial(self._retry, key))
