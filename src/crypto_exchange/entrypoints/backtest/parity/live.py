"""What a service did, as its history tells it: orders and prices for an engine, and figures to compare."""

from __future__ import annotations

from array import array
from collections import defaultdict
from itertools import pairwise

import msgspec

from crypto_exchange.domain.events import (
    AnyEvent,
    BatchRefunded,
    BatchSettled,
    OrderCancelled,
    OrderPlaced,
    OrdersFailed,
    PurchaseIntended,
)
from crypto_exchange.domain.ids import OrderId, Symbol, UserId
from crypto_exchange.domain.ledger import USD
from crypto_exchange.domain.money import DEFAULT_ASSET_SCALE, pow10, quantity_for
from crypto_exchange.domain.order import Reason
from crypto_exchange.domain.policy import Pricing
from crypto_exchange.entrypoints.backtest.flow import OrderColumns
from crypto_exchange.entrypoints.backtest.inputs.observed import price_series
from crypto_exchange.entrypoints.backtest.parity.replay_records import Header
from crypto_exchange.entrypoints.backtest.series import PriceSeries, Quality


class LiveOrder(msgspec.Struct):
    """An order and what became of it. `ended_us` 0: open; `charged` in 10⁻⁸ dollars."""

    placed: OrderPlaced
    ended_us: int = 0
    filled: int = 0
    charged: int = 0


class Bought(msgspec.Struct, frozen=True):
    """One purchase: `cost` and `fee` (a fee in coin valued at the cost) in 10⁻⁸ dollars; `quoted` is what
    as many coins were quoted at to its members, without the spread.
    """

    cost: int
    fee: int
    quoted: int


class LiveTrading:
    """Orders, prices and purchases of a service, event by event. Orders that were cancelled, or refused
    after a review, are not in it: the candidate cannot know whether they would have been.
    """

    def __init__(self, header: Header) -> None:
        self.orders: dict[OrderId, LiveOrder] = {}
        self.purchases: list[Bought] = []
        self._scales = {asset.symbol: asset.scale for asset in header.assets}
        self._policy = header.policy
        self._prices: dict[Symbol, dict[int, int]] = defaultdict(dict)
        self._users: dict[UserId, int] = {}

    def feed(self, event: AnyEvent) -> None:
        """Take in what happened next."""
        if isinstance(event, OrderPlaced):
            self.orders[event.order_id] = LiveOrder(event)
            self._prices[event.asset][event.at_us] = event.unit_price
        elif isinstance(event, PurchaseIntended):
            self._prices[event.asset].setdefault(event.at_us, event.price)
        elif isinstance(event, OrderCancelled):
            self.orders.pop(event.order_id, None)
        elif isinstance(event, OrdersFailed) and event.reason == Reason.REFUSED.value:
            for _, ident in event.orders:
                self.orders.pop(ident, None)
        elif isinstance(event, OrdersFailed | BatchRefunded):
            for _, ident in event.orders:
                self.orders[ident].ended_us = event.at_us
        elif isinstance(event, BatchSettled):
            self._settle(event)

    def series(self) -> tuple[PriceSeries, ...]:
        """Every price that was quoted or sealed at; each holds until the next one."""
        return tuple(_series(symbol, seen) for symbol, seen in sorted(self._prices.items()))

    def flow(self) -> OrderColumns:
        """The orders as people wished them, by the time of their placing."""
        symbols = tuple(sorted(self._prices))
        placed = sorted((each.placed for each in self.orders.values()), key=lambda p: p.at_us)
        for each in placed:
            self._users.setdefault(each.user_id, len(self._users) + 1)
        for_sums = [self._is_for_a_sum(each) for each in placed]
        rows = list(zip(placed, for_sums, strict=True))
        return OrderColumns(
            at_us=array("q", [p.at_us for p in placed]),
            users=array("i", [self._users[p.user_id] for p in placed]),
            assets=array("h", [symbols.index(p.asset) for p in placed]),
            spends=array("q", [p.total if is_sum else 0 for p, is_sum in rows]),
            amounts=array("q", [0 if is_sum else self._coins(p) for p, is_sum in rows]),
            symbols=symbols,
            names=tuple(str(user_id) for user_id in self._users),
        )

    def _is_for_a_sum(self, placed: OrderPlaced) -> bool:
        """Whether the quantity follows from the total, by the quote's rule; else the total from it."""
        spread_bps = self._policy.spread_bps if placed.pricing == Pricing.QUOTED.value else 0
        scale = self._scale(placed.asset)
        return placed.quantity == quantity_for(placed.total, placed.unit_price, scale, spread_bps)

    def _coins(self, placed: OrderPlaced) -> int:
        return placed.quantity * pow10(DEFAULT_ASSET_SCALE) // pow10(self._scale(placed.asset))

    def _scale(self, symbol: Symbol) -> int:
        return self._scales.get(symbol, DEFAULT_ASSET_SCALE)

    def _settle(self, event: BatchSettled) -> None:
        quantity = quoted = 0
        for each in event.outcomes:
            order = self.orders[each.order_id]
            order.ended_us, order.filled, order.charged = event.at_us, each.filled, each.charged
            quantity += order.placed.quantity
            quoted += order.placed.quantity * order.placed.unit_price
        if event.bought:
            fees = dict(event.fees or ())
            fee = fees.get(USD, 0) + fees.get(event.asset, 0) * event.cost // event.bought
            per_dollar = pow10(self._scale(event.asset) + 4)
            value = quoted * event.bought // (quantity * per_dollar)
            self.purchases.append(Bought(event.cost, fee, value))


def _series(symbol: Symbol, seen: dict[int, int]) -> PriceSeries:
    at_us = sorted(seen)
    longest_us = max((after - before for before, after in pairwise(at_us)), default=0)
    quality = Quality(source="history", rows=len(seen), kept=len(seen), interval_us=longest_us)
    return price_series(
        symbol,
        at_us,
        (seen[moment] for moment in at_us),
        interval_us=longest_us,
        quality=quality,
    )
