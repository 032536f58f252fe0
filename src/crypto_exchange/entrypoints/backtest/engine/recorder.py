"""Recorder: writes down what the engine's changes did, in columns."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from operator import mul

from crypto_exchange.domain.batch import Batch, BatchKind, BatchState
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.events import PurchaseIntended
from crypto_exchange.domain.ids import BatchKey, Symbol
from crypto_exchange.domain.money import PRICE_SCALE, USD_SCALE, pow10
from crypto_exchange.domain.order import FINAL_STATES, Order, OrderState
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.entrypoints.backtest.engine.venue import Trade
from crypto_exchange.entrypoints.backtest.flow import OrderColumns
from crypto_exchange.entrypoints.backtest.rows import (
    BATCH_STATES,
    ORDER_STATES,
    BatchRows,
    LateRows,
    OrderRows,
)

_STATES = {state: ORDER_STATES.index(state.value) for state in OrderState}
_BATCH_STATES = {state: BATCH_STATES.index(state.value) for state in BatchState}
_REFUSED = ORDER_STATES.index("refused")
_BLOCK = 1_024
"""How many rows of batches room is made for at once."""
_DIRECT, _THRESHOLD, _DEADLINE = range(3)


class Recorder:
    """The rows of one run, as far as it has come."""

    def __init__(self, flow: OrderColumns, scales: dict[Symbol, int]) -> None:
        self.orders = OrderRows(len(flow))
        self.batches = BatchRows()
        self.late = LateRows()
        self._flow = flow
        self._places = {symbol: place for place, symbol in enumerate(scales)}
        own = [self._places[symbol] for symbol in flow.symbols]
        self.orders.at_us, self.orders.user = flow.at_us, flow.users
        self.orders.asset = array("h", map(own.__getitem__, flow.assets))
        self._quote_units = {
            s: pow10(scale + PRICE_SCALE - USD_SCALE) for s, scale in scales.items()
        }
        self._rows: dict[BatchKey, int] = {}
        self._opened = 0
        self._reasons: dict[str, int] = {"": 0}

    def refuse(self, row: int, code: str) -> None:
        """An order that was not taken."""
        rows, flow = self.orders, self._flow
        rows.ended_us[row], rows.total[row] = flow.at_us[row], flow.spends[row]
        rows.state[row], rows.reason[row] = _REFUSED, self._reason(code)

    def place(self, row: int, order: Order) -> None:
        """An order that was taken."""
        rows = self.orders
        rows.quantity[row], rows.unit_price[row] = order.quantity, order.unit_price
        rows.total[row], rows.direct[row] = order.total, order.direct

    def seal(self, change: Change, policy: Policy) -> None:
        """Intents, and the orders that left with them."""
        for batch in change.new_batches:
            self._open(batch)
        intents = [event for event in change.events if type(event) is PurchaseIntended]
        for event in intents:
            self._intend(event, policy)
        if len(intents) < len(change.events):
            self._end_orders(change)

    def close(self, orders: Iterable[Order]) -> None:
        """The run is over; these orders had not ended."""
        rows = self.orders
        self.batches.truncate(self._opened)
        for order in orders:
            rows.state[order.id - 1] = _STATES[order.state]
            if order.batch is not None:
                rows.batch[order.id - 1] = self._rows[order.batch]

    def end(self, change: Change, trade: Trade | None, at_us: int) -> None:
        """What became of an attempt, and of its members."""
        batch = change.batches[0].after
        row, rows = self._rows[batch.key], self.batches
        rows.state[row] = _BATCH_STATES[batch.state]
        if trade is not None:
            self._trade(row, batch.asset, trade)
        if batch.state is not BatchState.SEALED:
            rows.ended_us[row] = at_us
        rows.delivered[row] += sum([move.after.filled for move in change.orders])
        rows.charged[row] += sum([move.after.charged for move in change.orders])
        self._end_orders(change)
        if batch.state is not BatchState.SEALED:
            del self._rows[batch.key]

    def find_late(self, purchase: Purchase, trade: Trade, at_us: int) -> None:
        """A fill that nobody waited for any more."""
        late = self.late
        late.batch.append(int(purchase.batch, 16) - 1)
        late.attempt.append(purchase.attempt)
        late.at_us.append(at_us)
        late.price.append(trade.price)
        for column in (late.quantity, late.cost, late.fee, late.coin_fee):
            column.append(0)
        for fill in trade.filled.fills:  # at most one
            late.quantity[-1], late.cost[-1] = fill.quantity, fill.cost
            fees = late.coin_fee if fill.fee_currency == purchase.asset else late.fee
            fees[-1] = fill.fee

    def _open(self, batch: Batch) -> None:
        row, rows = self._opened, self.batches
        if row == len(rows):
            rows.extend(_BLOCK)
        self._rows[batch.key], self._opened = row, row + 1
        rows.asset[row] = self._places[batch.asset]
        rows.cause[row] = _DIRECT if batch.kind is BatchKind.DIRECT else _THRESHOLD
        rows.sealed_us[row] = batch.created_at_us

    def _intend(self, event: PurchaseIntended, policy: Policy) -> None:
        orders, rows, row = self.orders, self.batches, self._rows[event.batch]
        places = [order_id - 1 for _, order_id in event.orders]
        quantities = [*map(orders.quantity.__getitem__, places)]
        total = sum(map(orders.total.__getitem__, places))
        quoted = sum(map(mul, quantities, map(orders.unit_price.__getitem__, places)))
        rows.attempts[row], rows.members[row] = event.attempt, len(event.orders)
        rows.seal_price[row] = event.price
        rows.sent_us[row] = event.at_us if event.quantity else 0
        rows.used[row] = event.used
        rows.quantity[row], rows.total[row] = sum(quantities), total
        rows.quoted[row] = quoted // self._quote_units[event.asset]
        if event.attempt == 1 and rows.cause[row] != _DIRECT and total < policy.threshold:
            rows.cause[row] = _DEADLINE

    def _trade(self, row: int, asset: Symbol, trade: Trade) -> None:
        rows = self.batches
        rows.fill_price[row] = trade.price
        rows.spread[row], rows.impact[row] = trade.spread, trade.impact
        for fill in trade.filled.fills:  # at most one
            rows.bought[row], rows.cost[row] = fill.quantity, fill.cost
            fees = rows.coin_fee if fill.fee_currency == asset else rows.fee
            fees[row] = fill.fee

    def _end_orders(self, change: Change) -> None:
        """What the orders got that ended in a change."""
        if not change.orders:
            return
        rows, at_us, own = self.orders, change.events[0].at_us, self._rows
        states, ended_us, batches = rows.state, rows.ended_us, rows.batch
        filled, charged = rows.filled, rows.charged
        for move in change.orders:
            order = move.after
            state, batch = order.state, order.batch
            if state not in FINAL_STATES:
                continue
            place = order.id - 1
            states[place], ended_us[place] = _STATES[state], at_us
            if batch is not None:
                batches[place] = own[batch]
            got = order.filled
            if got:
                filled[place], charged[place] = got, order.charged
            elif order.reason is not None:
                rows.reason[place] = self._reason(order.reason.value)

    def _reason(self, code: str) -> int:
        place = self._reasons.setdefault(code, len(self._reasons))
        if place == len(self.orders.reasons):
            self.orders.reasons.append(code)
        return place
