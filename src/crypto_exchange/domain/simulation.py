"""Simulation: the same decisions, run synchronously over dicts.

`State` is the whole database in memory: loads, and `apply(change)`, which checks every transition
before it writes anything. `Simulation` drives it: commands at virtual times, sealing, a model of the
exchange, settlement. The in-memory adapter and the tests are thin covers over the two.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TypeAlias

import msgspec

from crypto_exchange.domain import access, attempt, cashier, retrial
from crypto_exchange.domain.aggregation import needs_more, seal_book
from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.batch import Batch
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.ids import BatchKey, Symbol, UserId
from crypto_exchange.domain.intent import Stamp
from crypto_exchange.domain.money import PPM, ceil_div, value_of
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.placement import PlaceOrder, cancel_order, place_order
from crypto_exchange.domain.policy import FeeIn, Policy
from crypto_exchange.domain.purchase import Fill, Filled, Outcome, Purchase, Rejected
from crypto_exchange.domain.settlement import settle
from crypto_exchange.domain.state import State
from crypto_exchange.domain.user import User

Venue: TypeAlias = Callable[[Purchase, Asset], Outcome]
"""A model of the exchange: what becomes of a purchase at the asset's price."""


class Simulation:
    """A broker in memory. Times in microseconds, dollars in 10⁻⁸, quantities in assets' units."""

    def __init__(
        self,
        assets: tuple[Asset, ...],
        *,
        policy: Policy | None = None,
        venue: Venue | None = None,
        at_us: int = 0,
    ) -> None:
        """Start with listed assets, a policy, a venue (default: full fills at the price)."""
        self.policy = policy or Policy()
        self.venue = venue or FullFills(self.policy)
        self.at_us = at_us
        self.state = State(assets)
        self._keys = (f"{number:024x}" for number in count(1))

    def register(self, username: str) -> UserId:
        """Create a user with an empty wallet."""
        user = User(id=self.state.next_user_id(), username=username, password_hash="")
        self.state.apply(access.register(user, None, at_us=self.at_us))
        return user.id

    def deposit(self, user_id: UserId, amount: int) -> None:
        """Put dollars into a wallet. Raises as `cashier.deposit`."""
        command = cashier.Deposit(user_id=user_id, amount=amount)
        wallet = self.state.get_wallet(user_id)
        self.state.apply(cashier.deposit(command, wallet=wallet, at_us=self.at_us))

    def withdraw(self, user_id: UserId, amount: int) -> None:
        """Take dollars out of a wallet. Raises as `cashier.withdraw`."""
        command = cashier.Withdraw(user_id=user_id, amount=amount)
        wallet = self.state.get_wallet(user_id)
        self.state.apply(cashier.withdraw(command, wallet=wallet, at_us=self.at_us))

    def place(
        self,
        user_id: UserId,
        asset: Symbol,
        *,
        amount: int | None = None,
        spend: int | None = None,
    ) -> Order:
        """Place an order for `amount` (10⁻⁸ coins) or `spend`. Raises as `placement.place_order`."""
        command = PlaceOrder(user_id=user_id, asset=asset, amount=amount, spend=spend)
        change = place_order(
            command,
            wallet=self.state.get_wallet(user_id),
            asset=self.state.get_asset(asset),
            policy=self.policy,
            order_id=self.state.next_order_id(),
            at_us=self.at_us,
        )
        self.state.apply(change)
        return change.new_orders[0]

    def cancel(self, order: Order) -> Order:
        """Cancel a waiting order. Raises `TooLate`."""
        current = self.state.get_order(order.user_id, order.id)
        wallet = self.state.get_wallet(order.user_id)
        self.state.apply(cancel_order(current, wallet=wallet, at_us=self.at_us))
        return self.order(order)

    def order(self, order: Order) -> Order:
        """The order as it is now."""
        return self.state.get_order(order.user_id, order.id)

    def set_price(self, asset: Symbol, price: int) -> None:
        """See a price (10⁻¹² dollars) now."""
        self.state.save_prices({asset: price}, self.at_us)

    def advance(self, us: int) -> None:
        """Let time pass, and nothing else."""
        self.at_us += us

    def run(self) -> None:
        """Do all work that is due now: seal, buy, settle, retry, expire, until nothing changes."""
        while any([self._run_books(), self._run_batches()]):
            pass

    def ledger(self) -> dict[str, int]:
        """Every account's balance by name."""
        return self.state.ledger()

    def open_orders(self) -> list[Order]:
        """Orders that have not ended."""
        return list(self.state.open_orders.values())

    def _run_books(self) -> bool:
        changes = [self._seal(symbol) for symbol in tuple(self.state.assets)]
        return any(change is not None for change in changes)

    def _seal(self, symbol: Symbol) -> Change | None:
        limit, stamp = self.policy.batch_limit, self._stamp()
        while True:
            book = self.state.get_book(symbol, limit=limit)
            change = seal_book(book, keys=self._keys, policy=self.policy, stamp=stamp)
            if change is not None:
                self.state.apply(change)
                return change
            if not needs_more(book, limit, self.policy, stamp):
                return None
            limit *= 4

    def _run_batches(self) -> bool:
        keys = {o.batch for o in self.state.open_orders.values() if o.batch is not None}
        due = [key for key in sorted(keys) if self._is_due(self.state.batches[key])]
        for key in due:
            self._run_batch(key)
        return bool(due)

    def _is_due(self, batch: Batch) -> bool:
        return batch.live or batch.due_at_us <= self.at_us

    def _run_batch(self, key: BatchKey) -> None:
        opened = self.state.get_batch(key)
        if not opened.batch.live:
            change = retrial.retry(opened, policy=self.policy, stamp=self._stamp())
        elif opened.purchase is None:
            change = settle(opened, None, at_us=self.at_us)
        else:
            outcome = self.venue(opened.purchase, opened.asset)
            if isinstance(outcome, Rejected):
                change = attempt.reject(opened, outcome, policy=self.policy, at_us=self.at_us)
            else:
                change = settle(opened, outcome, at_us=self.at_us)
        self.state.apply(change)

    def _stamp(self) -> Stamp:
        return Stamp(at_us=self.at_us, exchange_ms=self.at_us // 1_000)


class FullFills(msgspec.Struct, frozen=True):
    """A venue that fills every purchase whole, in one trade at the asset's price, with its fee."""

    policy: Policy

    def __call__(self, purchase: Purchase, asset: Asset) -> Filled:
        """Fill at the price (0 without one); cost rounded down, fees up."""
        cost = value_of(purchase.quantity, asset.price or 0, asset.scale)
        fee_currency, base = "USD", cost
        if self.policy.fee_in is FeeIn.COIN:
            fee_currency, base = asset.symbol, purchase.quantity
        elif self.policy.fee_in is FeeIn.OTHER:
            fee_currency = "FEE"
        fill = Fill(
            trade_id=purchase.client_order_id,
            quantity=purchase.quantity,
            cost=cost,
            fee=ceil_div(base * asset.rule.fee_ppm, PPM),
            fee_currency=fee_currency,
        )
        return Filled(fills=(fill,))
