"""The model's books: every row and account as the history says that they should be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from crypto_exchange.entrypoints.testing.model import checks
from crypto_exchange.entrypoints.testing.model.market import Asset, House, Price
from crypto_exchange.entrypoints.testing.model.rows import (
    ModelBatch,
    ModelInventory,
    ModelOrder,
)

Fields: TypeAlias = Mapping[str, Any]
Findings: TypeAlias = Iterator[tuple[str, str]]
"""What is wrong: a check's name and a sentence."""


_OF_HELD = frozenset({"OrderReleased", "OrderCancelled", "OrdersFailed"})
"""What says itself what is wrong about an order that is held."""


class Owed(msgspec.Struct, frozen=True):
    """An event that the rest of a commit has to bring, with these fields."""

    event: str
    fields: dict[str, Any]

    def is_paid_by(self, event: Fields) -> bool:
        """Whether it is that event; orders in any sequence."""
        if event["event"] != self.event:
            return False
        return all(
            _comparable(event.get(name)) == _comparable(v) for name, v in self.fields.items()
        )

    def described(self) -> str:
        """For people."""
        fields = ", ".join(f"{name} {value}" for name, value in self.fields.items())
        return f"{self.event} with {fields}"


class Commit(msgspec.Struct):
    """Events in a row that may be of one commit of an asset: those of one look at it.

    `base` is the record of the last change of its inventory row that the look surely saw, `late` the
    late fills that it may have missed, `gone` the orders that have been decided, `price` the newest
    intent's. `retried` says that it is of a batch that had been sealed before.
    """

    asset: str
    at_us: int
    base: int
    late: list[int]
    gone: list[ModelOrder] = msgspec.field(default_factory=list)
    price: int | None = None
    retried: bool = False


class Books:
    """Rows by their keys, accounts by the names that the ledger prints them with."""

    def __init__(self, house: House | None, assets: Iterable[Fields], leeway_us: int) -> None:
        self.house, self.leeway_us = house, leeway_us
        self.assets = {each["symbol"]: Asset.read(each) for each in assets}
        self.listed = bool(self.assets)
        self.signs, self.alone = True, False
        self.recorded = False
        """Whether a run told the history as it happened, prices too; a log knows less of its order."""
        self.record, self.now_us = 0, 0
        self.users: set[int] = set()
        self.wallets: dict[int, int] = {}
        self.brought: dict[int, int] = defaultdict(int)
        self.holdings: dict[tuple[int, str], tuple[int, int]] = {}
        self.orders: dict[int, ModelOrder] = {}
        self.loose: dict[str, dict[int, ModelOrder]] = defaultdict(dict)
        self.batches: dict[str, ModelBatch] = {}
        self.inventory: dict[str, ModelInventory] = defaultdict(ModelInventory)
        self.accounts: dict[str, int] = defaultdict(int)
        self.breaks: set[tuple[str, str]] = set()
        self.adjusted: set[str] = set()
        self.owed: list[Owed] = []
        self.told = False
        self.commit: Commit | None = None
        self.fills: Fields | None = None
        self.rejected: str | None = None
        self.resolved: str | None = None

    def new_commit(self, symbol: str, at_us: int) -> Commit:
        """The beginning of a commit: what its look surely saw, and what it may have missed."""
        if self.alone:
            return Commit(symbol, at_us, self.record, [])
        late = list(self.inventory[symbol].late)
        return Commit(symbol, at_us, self.asset(symbol).changed, late)

    def asset(self, symbol: str) -> Asset:
        """A known asset, or one of which nothing is known."""
        if symbol not in self.assets:
            self.assets[symbol] = Asset(symbol, 8 if self.listed else None)
        return self.assets[symbol]

    def prices_seen(self, symbol: str, record: int, at_us: int) -> list[Price]:
        """Prices that a decision of a time may have been made with, after a record; newest first. Of
        two clocks, one may be ahead and the other behind.
        """
        return list(self.asset(symbol).prices_seen(record, at_us - 2 * self.leeway_us))

    def move(self, debit: str, credit: str, amount: int) -> None:
        """One transfer: the debit account goes down, the credit account up."""
        self.accounts[debit] -= amount
        self.accounts[credit] += amount

    def pay(self, user_id: int, account: str, amount: int) -> None:
        """Move dollars from an account into a wallet; out of it, if negative."""
        self.move(account, f"user:{user_id}:USD", amount)
        self.wallets[user_id] = self.wallets.get(user_id, 0) + amount

    def waiting(self, symbol: str) -> list[ModelOrder]:
        """Small orders that wait, oldest first."""
        return _oldest_first(o for o in self.loose[symbol].values() if not o.direct)

    def large(self, symbol: str) -> list[ModelOrder]:
        """Large orders that are in no batch, oldest first."""
        return _oldest_first(o for o in self.loose[symbol].values() if o.direct)

    def release(self, order: ModelOrder) -> None:
        """Let an order wait, for the first time or again."""
        order.state = "pending" if order.direct else "aggregated"
        order.batch, order.since, order.since_us = None, self.record, self.now_us
        self.loose[order.asset][order.id] = order

    def bind(self, order: ModelOrder, batch: str) -> None:
        """Bind an order to a batch."""
        order.state, order.batch = "pending", batch
        self.loose[order.asset].pop(order.id, None)

    def end(self, order: ModelOrder, state: str, reason: str | None = None) -> None:
        """Give an order its outcome, and the rest of its total back."""
        order.state, order.reason = state, reason
        self.loose[order.asset].pop(order.id, None)
        batch = self.batches.get(order.batch or "")
        if batch is not None:
            batch.members.pop(order.id, None)
        self.pay(order.user_id, f"suspense:{order.user_id}:USD", order.total - order.charged)

    def is_bound(self, order: ModelOrder) -> bool:
        """Whether it is a member of a purchase under way."""
        batch = self.batches.get(order.batch or "")
        return batch is not None and batch.live and order.id in batch.members

    def free(self, batch: ModelBatch) -> None:
        """End a batch's attempt: its reservation is free again."""
        row = self.inventory[batch.asset]
        row.reserved -= batch.used
        row.expected -= batch.surplus
        batch.live, batch.used, batch.surplus = False, 0, 0
        self.touch(batch.asset)

    def touch(self, symbol: str) -> None:
        """The inventory row gets its next version: later looks see all that was before."""
        self.inventory[symbol].late.clear()
        self.asset(symbol).changed = self.record

    def owe(self, event: str, **fields: Any) -> None:
        """The next events have to be these, in any sequence."""
        self.owed.append(Owed(event, fields))

    def find_batch(self, event: Fields) -> tuple[ModelBatch | None, list[tuple[str, str]]]:
        """The open batch of an event and its asset, or what is wrong with it."""
        key, name = event["batch"], event["event"]
        batch = self.batches.get(key)
        if batch is None:
            return None, [(checks.KNOWN, f"{name}: expected a batch that was sealed, was {key}")]
        if batch.asset != event["asset"]:
            said = f"{name}: expected batch {key} of {batch.asset}, was {event['asset']}"
            return batch, [(checks.MEMBERS, said)]
        return batch, []

    def find_orders(self, event: Fields, pairs: Iterable[Any]) -> tuple[list[ModelOrder], Findings]:
        """The open orders of an event's (user, order) pairs; and what is wrong with the others."""
        found, wrong = list[ModelOrder](), list[tuple[str, str]]()
        seen = set[int]()
        for user_id, order_id in pairs:
            fault = self._fault(event, user_id, order_id, seen)
            seen.add(order_id)
            if fault is None:
                found.append(self.orders[order_id])
            else:
                wrong.append(fault)
        return found, iter(wrong)

    def _fault(
        self, event: Fields, user_id: int, order_id: int, seen: set[int]
    ) -> tuple[str, str] | None:
        name, order = event["event"], self.orders.get(order_id)
        if order is None:
            return checks.KNOWN, f"{name}: expected an order that was placed, was {order_id}"
        if order.user_id != user_id:
            said = f"{name}: expected order {order_id} of user {order.user_id}, was of {user_id}"
            return checks.KNOWN, said
        if order_id in seen:
            return checks.OUTCOME, f"{name}: expected order {order_id} once, was named twice"
        if not order.open or (order.held and name not in _OF_HELD):
            now = "held for review" if order.held else f"{order.state} already"
            was = f"order {order_id} is {now}"
            return checks.FINAL, f"{name}: expected an open order, was: {was}"
        if order.asset != event.get("asset", order.asset):
            said = f"expected order {order_id} of {order.asset}, was of {event['asset']}"
            return checks.MEMBERS, f"{name}: {said}"
        return None


def idents(orders: Iterable[ModelOrder]) -> list[list[int]]:
    """(user, order) of each."""
    return [[o.user_id, o.id] for o in orders]


def _oldest_first(orders: Iterable[ModelOrder]) -> list[ModelOrder]:
    return sorted(orders, key=lambda o: o.age)


def _comparable(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return sorted((_comparable(each) for each in value), key=repr)
    return value
