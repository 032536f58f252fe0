"""Recorder: writes down what the engine's changes did, in columns."""

from __future__ import annotations

from crypto_exchange.domain.batch import Batch, BatchKind, BatchState
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.events import PurchaseIntended
from crypto_exchange.domain.ids import BatchKey, Symbol
from crypto_exchange.domain.money import PRICE_SCALE, USD_SCALE, pow10
from crypto_exchange.domain.order import FINAL_STATES, Order, OrderState
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.entrypoints.backtest.engine.venue import THIRD_COIN, Trade
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
_DIRECT, _THRESHOLD, _DEADLINE = range(3)


class Recorder:
    """The rows of one run, as far as it has come."""

    def __init__(self, flow: OrderColumns, scales: dict[Symbol, int]) -> None:
        self.orders = OrderRows(len(flow))
        self.batches = BatchRows()
        self.late = LateRows()
        self._flow = flow
        self._places = {symbol: place for place, symbol in enumerate(scales)}
        self._quote_units = {
            s: pow10(scale + PRICE_SCALE - USD_SCALE) for s, scale in scales.items()
        }
        self._rows: dict[BatchKey, int] = {}
        self._reasons: dict[str, int] = {"": 0}

    def refuse(self, row: int, code: str, place: int) -> None:
        """An order that was not taken."""
        rows, flow = self.orders, self._flow
        rows.at_us[row] = rows.ended_us[row] = flow.at_us[row]
        rows.user[row], rows.asset[row] = flow.users[row], place
        rows.total[row] = flow.spends[row]
        rows.state[row], rows.reason[row] = _REFUSED, self._reason(code)

    def place(self, order: Order) -> None:
        """An order that was taken."""
        rows, row = self.orders, order.id - 1
        rows.at_us[row] = order.created_at_us
        rows.user[row], rows.asset[row] = order.user_id, self._places[order.asset]
        rows.quantity[row], rows.unit_price[row] = order.quantity, order.unit_price
        rows.total[row], rows.direct[row] = order.total, order.direct
        rows.state[row] = _STATES[order.state]

    def seal(self, change: Change, policy: Policy) -> None:
        """Intents, and the orders that left with them."""
        for batch in change.new_batches:
            self._open(batch)
        for event in change.events:
            if type(event) is PurchaseIntended:
                self._intend(event, policy)
        self._finish_orders(change)

    def end(self, change: Change, trade: Trade | None, at_us: int) -> None:
        """What became of an attempt, and of its members."""
        batch = change.batches[0].after
        row, rows = self._rows[batch.key], self.batches
        rows.state[row] = _BATCH_STATES[batch.state]
        if trade is not None:
            self._trade(row, batch.asset, trade)
        if batch.state is not BatchState.SEALED:
            rows.ended_us[row] = at_us
            del self._rows[batch.key]
        rows.delivered[row] += sum(move.after.filled for move in change.orders)
        rows.charged[row] += sum(move.after.charged for move in change.orders)
        self._finish_orders(change)

    def find_late(self, purchase: Purchase, trade: Trade, at_us: int) -> None:
        """A fill that nobody waited for any more."""
        late = self.late
        late.batch.append(int(purchase.batch, 16) - 1)
        late.attempt.append(purchase.attempt)
        late.at_us.append(at_us)
        late.price.append(trade.price)
        late.quantity.append(trade.filled.quantity)
        late.cost.append(sum(fill.cost for fill in trade.filled.fills))
        late.fee.append(_fee(trade, {"USD", THIRD_COIN}))
        late.coin_fee.append(_fee(trade, {purchase.asset}))

    def _open(self, batch: Batch) -> None:
        self._rows[batch.key] = self.batches.append()
        row, rows = self._rows[batch.key], self.batches
        rows.asset[row] = self._places[batch.asset]
        rows.cause[row] = _DIRECT if batch.kind is BatchKind.DIRECT else _THRESHOLD
        rows.sealed_us[row] = batch.created_at_us

    def _intend(self, event: PurchaseIntended, policy: Policy) -> None:
        orders, rows, row = self.orders, self.batches, self._rows[event.batch]
        quantity = total = quoted = 0
        for _, order_id in event.orders:
            place = order_id - 1
            orders.batch[place] = row
            orders.state[place] = _STATES[OrderState.PENDING]
            quantity += orders.quantity[place]
            total += orders.total[place]
            quoted += orders.quantity[place] * orders.unit_price[place]
        rows.attempts[row], rows.members[row] = event.attempt, len(event.orders)
        rows.seal_price[row] = event.price
        rows.sent_us[row] = event.at_us if event.quantity else 0
        rows.used[row] = event.used
        rows.quantity[row], rows.total[row] = quantity, total
        rows.quoted[row] = quoted // self._quote_units[event.asset]
        if event.attempt == 1 and rows.cause[row] != _DIRECT and total < policy.threshold:
            rows.cause[row] = _DEADLINE

    def _trade(self, row: int, asset: Symbol, trade: Trade) -> None:
        rows = self.batches
        rows.fill_price[row] = trade.price
        rows.bought[row] = trade.filled.quantity
        rows.cost[row] = sum(fill.cost for fill in trade.filled.fills)
        rows.fee[row] = _fee(trade, {"USD", THIRD_COIN})
        rows.coin_fee[row] = _fee(trade, {asset})
        rows.spread[row], rows.impact[row] = trade.spread, trade.impact

    def _finish_orders(self, change: Change) -> None:
        rows = self.orders
        for move in change.orders:
            order = move.after
            row = order.id - 1
            rows.state[row] = _STATES[order.state]
            if order.state in FINAL_STATES:
                rows.filled[row], rows.charged[row] = order.filled, order.charged
                rows.ended_us[row] = change.events[0].at_us
                if order.reason is not None:
                    rows.reason[row] = self._reason(order.reason.value)
            elif order.batch is None:
                rows.batch[row] = -1

    def _reason(self, code: str) -> int:
        place = self._reasons.setdefault(code, len(self._reasons))
        if place == len(self.orders.reasons):
            self.orders.reasons.append(code)
        return place


def _fee(trade: Trade, currencies: set[str]) -> int:
    return sum(fill.fee for fill in trade.filled.fills if fill.fee_currency in currencies)
