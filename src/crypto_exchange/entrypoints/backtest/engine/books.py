"""Books: the rows that a run needs, and no more: balances, open orders, open batches, inventory.

What `domain.state` does for a whole service, for one process that nobody races with: nothing is compared
before it is written, what has ended is forgotten, and every balance that moves is checked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from crypto_exchange.domain.asset import Asset, Inventory
from crypto_exchange.domain.batch import Batch, BatchState
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.ids import BatchKey, OrderId, Symbol
from crypto_exchange.domain.ledger import (
    USD,
    Account,
    AccountKind,
    Transfer,
    clearing_account,
    house_account,
)
from crypto_exchange.domain.order import FINAL_STATES, Order
from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.domain.views import Book, OpenBatch

_MAY_BE_NEGATIVE = frozenset(AccountKind) - {
    AccountKind.USER,
    AccountKind.SUSPENSE,
    AccountKind.INVENTORY,
}

_SEALED = BatchState.SEALED


class Shelf:
    """One asset's open orders that are in no batch: `direct` ones, and those that wait, oldest first,
    with their `total`. At `timer_us` it is looked at whatever happens before (0: there is no such time).
    """

    def __init__(self, asset: Asset) -> None:
        self.asset, self.symbol = asset, asset.symbol
        self.inventory = Inventory(asset=asset.symbol)
        self.stock = house_account(AccountKind.INVENTORY, asset.symbol)
        self.direct: dict[OrderId, Order] = {}
        self.waiting: dict[OrderId, Order] = {}
        self.total = 0
        self.timer_us = 0

    def append(self, order: Order) -> None:
        """Let a new order wait, behind all others."""
        if order.direct:
            self.direct[order.id] = order
        else:
            self.total += order.total
            self.waiting[order.id] = order

    def put_back(self, orders: Iterable[Order]) -> None:
        """Let orders wait again, in their places by age."""
        for order in orders:
            self.append(order)
        self.direct = dict(sorted(self.direct.items()))
        self.waiting = dict(sorted(self.waiting.items()))

    def take(self, order: Order) -> None:
        """An order leaves."""
        if order.direct:
            del self.direct[order.id]
        else:
            self.total -= self.waiting.pop(order.id).total

    def oldest_us(self) -> int | None:
        """When the oldest of all was placed."""
        oldest_us = None
        for order in self.waiting.values():
            oldest_us = order.created_at_us
            break
        for order in self.direct.values():
            placed_us = order.created_at_us
            return placed_us if oldest_us is None else min(oldest_us, placed_us)
        return oldest_us

    def book(self, limit: int) -> Book:
        """What sealing decides on."""
        return Book(
            asset=self.asset,
            inventory=self.inventory,
            direct=_first(self.direct, limit),
            waiting=_first(self.waiting, limit),
        )


class Books:
    """Balances by account, shelves by asset, open batches by key. `checks` counts verified balances."""

    def __init__(self, assets: Iterable[Asset]) -> None:
        self.balances: defaultdict[Account, int] = defaultdict(int)
        self.shelves = {asset.symbol: Shelf(asset) for asset in assets}
        self.batches: dict[BatchKey, Batch] = {}
        self.purchases: dict[BatchKey, Purchase] = {}
        self.members: dict[BatchKey, dict[OrderId, Order]] = {}
        self.checks = 0

    def open_batch(self, key: BatchKey) -> OpenBatch:
        """A batch that has not ended, with its newest attempt."""
        batch = self.batches[key]
        shelf = self.shelves[batch.asset]
        return OpenBatch(
            batch=batch,
            purchase=self.find_purchase(batch),
            members=tuple(self.members[key].values()),
            asset=shelf.asset,
            inventory=shelf.inventory,
        )

    def find_purchase(self, batch: Batch) -> Purchase | None:
        """A batch's newest attempt, if anything has to be bought in it."""
        purchase = self.purchases.get(batch.key)
        return purchase if purchase is not None and purchase.attempt == batch.attempt else None

    def apply(self, change: Change) -> None:
        """Write what the house decided.

        Raises:
            InvariantViolation: a balance became negative, or a batch ended with something in clearing.
        """
        self.book(change.transfers)
        for batch in change.new_batches:
            self.batches[batch.key] = batch
            self.members[batch.key] = {}
        for purchase in change.new_purchases:
            self.purchases[purchase.batch] = purchase
        for moved in change.purchases:
            newest = self.purchases.get(moved.after.batch)
            if newest is not None and newest.attempt == moved.after.attempt:
                self.purchases[newest.batch] = moved.after
        if change.orders:
            self._move(change.orders)
        for each in change.batches:
            self._keep_batch(each.after)
        if change.inventory is not None:
            self._keep_inventory(change.inventory.after)
        elif change.fills:  # a late fill: coins come in beside any plan
            self._keep_inventory(self.shelves[change.fills[0][0].asset].inventory)

    def ledger(self) -> dict[str, int]:
        """Every account that ever moved, by name, but for closed clearing."""
        return {account.name: amount for account, amount in self.balances.items()}

    def open_orders(self) -> Iterator[Order]:
        """All that have not ended."""
        for shelf in self.shelves.values():
            yield from shelf.direct.values()
            yield from shelf.waiting.values()
        for members in self.members.values():
            yield from members.values()

    def verify(self) -> None:
        """All accounts of a currency sum to 0, and suspense is what open orders are debited with.

        Raises:
            InvariantViolation: they do not.
        """
        sums: dict[str, int] = {}
        suspense = 0
        for account, amount in self.balances.items():
            sums[account.currency] = sums.get(account.currency, 0) + amount
            suspense += amount if account.kind is AccountKind.SUSPENSE else 0
        self.checks += len(sums) + 1
        if any(sums.values()):
            raise InvariantViolation(f"accounts do not sum to 0: {sums}")
        owed = sum(order.total for order in self.open_orders())
        if suspense != owed:
            raise InvariantViolation(f"suspense is {suspense}, open orders are debited with {owed}")

    def book(self, transfers: Sequence[Transfer]) -> None:
        """Move amounts. Raises InvariantViolation if a balance became negative."""
        balances = self.balances
        for transfer in transfers:
            amount, debit = transfer.amount, transfer.debit
            balances[transfer.credit] += amount
            left = balances[debit] = balances[debit] - amount
            if left < 0 and debit.kind not in _MAY_BE_NEGATIVE:
                raise InvariantViolation(f"{debit.name} became negative: {left}")
        self.checks += len(transfers)

    def _move(self, moves: Sequence[Transition[Order]]) -> None:
        """Each order to where it is now. All orders of a change are of one asset."""
        shelf, members = self.shelves[moves[0].before.asset], self.members
        returned = []
        for move in moves:
            before, after = move.before, move.after
            if before.batch is None:
                shelf.take(before)
            else:
                del members[before.batch][before.id]
            if after.state in FINAL_STATES:
                continue
            if after.batch is None:
                returned.append(after)
            else:
                members[after.batch][after.id] = after
        if returned:
            shelf.put_back(returned)

    def _keep_batch(self, batch: Batch) -> None:
        key = batch.key
        if batch.state is _SEALED:
            self.batches[key] = batch
            return
        del self.batches[key], self.members[key]
        self.purchases.pop(key, None)
        self.checks += 2
        dollars, coins = clearing_account(key), clearing_account(key, batch.asset)
        left = self.balances.pop(dollars, 0), self.balances.pop(coins, 0)
        if any(left):
            raise InvariantViolation(
                f"clearing of batch {key} ended with {left[0]} {USD} and {left[1]} {batch.asset}"
            )

    def _keep_inventory(self, after: Inventory) -> None:
        shelf = self.shelves[after.asset]
        quantity = self.balances.get(shelf.stock, 0)
        if quantity != after.quantity:
            after = msgspec.structs.replace(after, quantity=quantity)
        self.checks += 1
        if not 0 <= after.reserved <= after.quantity or after.expected < 0:
            raise InvariantViolation(f"an inventory became negative: {after}")
        shelf.inventory = after

    def see_price(self, symbol: Symbol, price: int, at_us: int) -> None:
        """From now on this is the price."""
        shelf = self.shelves[symbol]
        shelf.asset = msgspec.structs.replace(shelf.asset, price=price, priced_at_us=at_us)


def _first(orders: dict[OrderId, Order], limit: int) -> tuple[Order, ...]:
    if len(orders) <= limit:
        return tuple(orders.values())
    return tuple(order for order, _ in zip(orders.values(), range(limit), strict=False))
