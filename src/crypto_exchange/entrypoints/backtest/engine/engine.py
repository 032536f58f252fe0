"""The engine: people order while time goes on, through the decisions of the domain itself.

An order is quoted at the last price seen; a purchase is filled `latency` after it was sent, at the price
that holds then. What happens at one moment, and in which order, is said in `agenda.py`; what the house
does, in `desk.py`.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from crypto_exchange.domain import cashier
from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.errors import DomainError
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.placement import PlaceOrder, place_order
from crypto_exchange.domain.policy import FeeIn, Policy
from crypto_exchange.domain.wallet import Wallet
from crypto_exchange.entrypoints.backtest.amounts import duration_us
from crypto_exchange.entrypoints.backtest.engine.agenda import Agenda
from crypto_exchange.entrypoints.backtest.engine.books import Books
from crypto_exchange.entrypoints.backtest.engine.desk import Desk
from crypto_exchange.entrypoints.backtest.engine.recorder import Recorder
from crypto_exchange.entrypoints.backtest.engine.venue import THIRD_COIN, Venue
from crypto_exchange.entrypoints.backtest.progress import Tick
from crypto_exchange.entrypoints.backtest.result import Inputs, Records

_ENDLESS = 10**30
"""What a wallet is said to hold when an order is decided on, as more is brought in whenever it lacks."""
TICK_EVERY = 10_000
"""Orders between two reports of progress, at which all balances are verified."""


def run_domain(inputs: Inputs, tick: Tick | None = None) -> Records:
    """Run all of it through the decisions of the domain.

    Raises:
        InvariantViolation: a balance became negative, or did not add up.
        ValueError: a number has more than 64 bits.
    """
    try:
        with _without_garbage_collection():
            return _Engine(inputs).run(tick)
    except OverflowError:
        raise ValueError(
            "expected quantities and sums of less than 2⁶³ units (10⁻⁸ dollars, 10⁻ˢᶜᵃˡᵉ coins), was more: "
            "give the market a smaller scale, or smaller orders"
        ) from None


def policy_of(inputs: Inputs) -> Policy:
    """The domain's policy of a run. Its window is never shorter than the exchange takes to answer."""
    fee_in = {market.fee_in for market in inputs.markets.values()}
    usual_us = max(series.interval_us for series in inputs.prices.values())
    policy = inputs.policy.domain(fee_in=FeeIn(min(fee_in)), usual_us=usual_us)
    slowest_us = max(duration_us("latency", market.latency) for market in inputs.markets.values())
    return msgspec.structs.replace(policy, window_ms=max(policy.window_ms, slowest_us // 500))


class _Engine:
    """One run: what people do, while everything else goes by the agenda."""

    def __init__(self, inputs: Inputs) -> None:
        self._flow, self._policy = inputs.flow, policy_of(inputs)
        self._symbols = tuple(inputs.prices)
        self._end_us = inputs.end_us
        scales = {symbol: inputs.markets[symbol].scale for symbol in self._symbols}
        self._books = Books(
            Asset(symbol=symbol, rule=inputs.markets[symbol].rule(), scale=scale)
            for symbol, scale in scales.items()
        )
        self._recorder = Recorder(inputs.flow, scales)
        self._agenda = Agenda(inputs.prices)
        venues = {
            symbol: Venue(symbol, inputs.markets[symbol], inputs.prices[symbol], inputs.seed)
            for symbol in self._symbols
        }
        self._desk = Desk(self._books, venues, self._policy, self._recorder, self._agenda)
        self._shelves = [self._books.shelves[symbol] for symbol in inputs.flow.symbols]
        self._deposited = 0

    def run(self, tick: Tick | None) -> Records:
        """Everything in the order of time, until prices and orders end."""
        agenda, see_price, size = self._agenda, self._desk.see_price, len(self._flow)
        for row, (at_us, user_id, place, spend, amount) in enumerate(self._flow.rows()):
            if agenda.next_us <= at_us:
                agenda.run_until(at_us, see_price)
            self._place(row, at_us, user_id, place, spend, amount)
            if row % TICK_EVERY == 0:
                self._books.verify()
                if tick is not None:
                    tick(row, size)
        agenda.run_until(self._end_us, see_price)
        self._recorder.close(self._books.open_orders())
        self._books.verify()
        if tick is not None:
            tick(size, size)
        return self._records(self._end_us)

    def _records(self, ended_us: int) -> Records:
        scales = {shelf.asset.symbol: shelf.asset.scale for shelf in self._books.shelves.values()}
        return Records(
            orders=self._recorder.orders,
            batches=self._recorder.batches,
            late=self._recorder.late,
            ledger=self._books.ledger(),
            scales={"USD": 8, THIRD_COIN: 8} | scales,
            deposited=self._deposited,
            checks=self._books.checks,
            ended_us=ended_us,
        )

    def _place(
        self, row: int, at_us: int, user_id: UserId, place: int, spend: int, amount: int
    ) -> None:
        """An order; what its owner's wallet lacks for it is brought in at once."""
        shelf, books = self._shelves[place], self._books
        command = PlaceOrder(
            user_id=user_id,
            asset=shelf.symbol,
            amount=None if spend else amount,
            spend=spend or None,
        )
        try:
            change = place_order(
                command,
                wallet=Wallet(user_id, _ENDLESS),
                asset=shelf.asset,
                policy=self._policy,
                order_id=row + 1,
                at_us=at_us,
            )
            order, transfers = change.new_orders[0], change.transfers
            missing = order.total - books.balances.get(transfers[0].debit, 0)
            if missing > 0:
                transfers = (cashier.deposit_transfer(user_id, missing, at_us=at_us), *transfers)
                self._deposited += missing
        except DomainError as refusal:
            self._recorder.refuse(row, refusal.code)
            return
        books.book(transfers)
        shelf.append(order)
        self._recorder.place(row, order)
        self._desk.see_order(shelf, order)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Nothing here makes reference cycles, and looking for them costs half as much again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
