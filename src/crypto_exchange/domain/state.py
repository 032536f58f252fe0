"""State: the rows of the whole service in dicts, with the loads and the one write of a database.

`apply` checks every transition before it writes anything, so a refused change leaves no trace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from crypto_exchange.domain.account_rows import AccountRows
from crypto_exchange.domain.activity import NO_ACTIVITY
from crypto_exchange.domain.adjustment import AdjustmentState
from crypto_exchange.domain.asset import Asset, Inventory, MarketRule, repriced
from crypto_exchange.domain.batch import Batch
from crypto_exchange.domain.breaks import Break
from crypto_exchange.domain.change import (
    Change,
    StoredRequest,
    balance_deltas,
    charges_by_holding,
    inventory_after,
)
from crypto_exchange.domain.errors import (
    Conflict,
    InvariantViolation,
    NotFound,
    RequestRepeated,
    UnknownAsset,
)
from crypto_exchange.domain.events import AnyEvent
from crypto_exchange.domain.ids import BatchKey, OrderId, Symbol, UserId
from crypto_exchange.domain.ledger import Transfer, listed_balances
from crypto_exchange.domain.order import FINAL_STATES, Order, is_loose
from crypto_exchange.domain.purchase import Fill, Purchase
from crypto_exchange.domain.statement import Statement
from crypto_exchange.domain.views import Belongings, Book, HoldingView, OpenBatch
from crypto_exchange.domain.wallet import Wallet


class State(AccountRows):
    """All rows. `transfers` are numbered from 1 by their place; `holdings` are (quantity, cost)."""

    def __init__(self, assets: tuple[Asset, ...] = ()) -> None:
        """Start with listed assets and nothing else."""
        super().__init__()
        self.wallets: dict[UserId, Wallet] = {}
        self.holdings: dict[tuple[UserId, Symbol], tuple[int, int]] = {}
        self.assets: dict[Symbol, Asset] = {}
        self.inventory: dict[Symbol, Inventory] = {}
        self.orders: dict[OrderId, Order] = {}
        self.open_orders: dict[OrderId, Order] = {}
        self.batches: dict[BatchKey, Batch] = {}
        self.purchases: dict[tuple[BatchKey, int], Purchase] = {}
        self.fills: dict[tuple[BatchKey, int], list[Fill]] = {}
        self.statements: dict[BatchKey, Statement] = {}
        self.breaks: dict[str, Break] = {}
        self.transfers: list[Transfer] = []
        self.events: list[AnyEvent] = []
        self.requests: dict[tuple[UserId, str, str], StoredRequest] = {}
        self._ids = 0
        self.apply(Change(new_assets=assets))

    def next_user_id(self) -> UserId:
        """A new user's id."""
        return self._next_id()

    def next_order_id(self) -> OrderId:
        """A new order's id."""
        return self._next_id()

    def get_wallet(self, user_id: UserId) -> Wallet:
        """Raises `NotFound`."""
        if user_id not in self.wallets:
            raise NotFound("wallet of user", user_id)
        return self.wallets[user_id]

    def get_asset(self, symbol: Symbol) -> Asset:
        """Raises `UnknownAsset`."""
        if symbol not in self.assets:
            raise UnknownAsset(symbol)
        return self.assets[symbol]

    def get_order(self, user_id: UserId, order_id: OrderId) -> Order:
        """Raises `NotFound`, also for another user's."""
        order = self.orders.get(order_id)
        if order is None or order.user_id != user_id:
            raise NotFound("order", order_id)
        return order

    def get_book(self, symbol: Symbol, *, limit: int) -> Book:
        """Raises `UnknownAsset`."""
        asset = self.get_asset(symbol)
        loose = sorted(
            (o for o in self.open_orders.values() if o.asset == symbol and is_loose(o)),
            key=lambda order: (order.created_at_us, order.id),
        )
        return Book(
            asset=asset,
            inventory=self.inventory[symbol],
            direct=tuple(o for o in loose if o.direct)[:limit],
            waiting=tuple(o for o in loose if not o.direct)[:limit],
        )

    def get_batch(self, key: BatchKey) -> OpenBatch:
        """Raises `NotFound`."""
        batch = self.batches.get(key)
        if batch is None:
            raise NotFound("batch", key)
        members = (order for order in self.open_orders.values() if order.batch == key)
        return OpenBatch(
            batch=batch,
            purchase=self.purchases.get((key, batch.attempt)),
            members=tuple(sorted(members, key=lambda order: (order.created_at_us, order.id))),
            asset=self.assets[batch.asset],
            inventory=self.inventory[batch.asset],
        )

    def get_purchase(self, key: BatchKey, attempt: int) -> Purchase:
        """Raises `NotFound`."""
        if (key, attempt) not in self.purchases:
            raise NotFound("attempt", f"{key}-{attempt}")
        return self.purchases[key, attempt]

    def list_holdings(self, user_id: UserId) -> tuple[HoldingView, ...]:
        """A user's holdings with a quantity, by symbol."""
        return tuple(
            HoldingView(
                asset=symbol,
                scale=asset.scale,
                quantity=quantity,
                cost=cost,
                price=asset.price,
            )
            for (owner, symbol), (quantity, cost) in sorted(self.holdings.items())
            for asset in (self.assets[symbol],)
            if owner == user_id and quantity
        )

    def get_belongings(self, user_id: UserId) -> Belongings:
        """What of a user's account is not done with."""
        orders = [order for order in self.open_orders.values() if order.user_id == user_id]
        proposed = (a for a in self.adjustments.values() if a.state is AdjustmentState.PROPOSED)
        return Belongings(
            orders=len(orders),
            held=sum(order.total for order in orders),
            adjustments=tuple(a for a in proposed if a.user_id == user_id),
            coins=self.list_holdings(user_id),
        )

    def get_break(self, key: str) -> Break:
        """Raises `NotFound`."""
        if key not in self.breaks:
            raise NotFound("break", key)
        return self.breaks[key]

    def save_prices(self, prices: Mapping[Symbol, int], at_us: int) -> None:
        """Keep prices of known assets, unless later ones are kept; see `repriced`."""
        for symbol in prices.keys() & self.assets.keys():
            self.assets[symbol] = repriced(self.assets[symbol], prices[symbol], at_us)

    def save_rules(self, rules: Mapping[Symbol, MarketRule | None]) -> None:
        """Keep rules of known assets; None says that the exchange does not trade it now."""
        for symbol in rules.keys() & self.assets.keys():
            asset, rule = self.assets[symbol], rules[symbol]
            after = msgspec.structs.replace(
                asset, rule=rule or asset.rule, trading=rule is not None
            )
            if after != asset:
                self.assets[symbol] = msgspec.structs.replace(after, version=asset.version + 1)

    def ledger(self) -> dict[str, int]:
        """Every account that ever moved, by name, without the clearing of batches that have ended."""
        return {a.name: amount for a, amount in listed_balances(self.transfers).items()}

    def apply(self, change: Change) -> None:
        """Write a change, all or nothing.

        Raises:
            Conflict, RequestRepeated, UsernameTaken: as the unit of work does.
            InvariantViolation: a balance would become negative.
        """
        self._check(change)
        self._write_balances(change)
        self.wallets |= {
            u.id: Wallet(u.id, activity=change.activity or NO_ACTIVITY) for u in change.users
        }
        self._write_accounts(change)
        self.assets |= {a.symbol: a for a in change.new_assets}
        self.assets |= {m.after.symbol: self._with_price(m.after) for m in change.assets}
        self.inventory |= {a.symbol: Inventory(asset=a.symbol) for a in change.new_assets}
        for order in (*change.new_orders, *(move.after for move in change.orders)):
            self._write_order(order)
        self.batches |= {b.key: b for b in change.new_batches}
        self.batches |= {m.after.key: m.after for m in change.batches}
        self.purchases |= {(p.batch, p.attempt): p for p in change.new_purchases}
        self.purchases |= {(m.after.batch, m.after.attempt): m.after for m in change.purchases}
        for purchase, fill in change.fills:
            self.fills.setdefault((purchase.batch, purchase.attempt), []).append(fill)
        self.statements |= {s.batch: s for s in change.new_statements}
        self.breaks |= {b.key: b for b in change.new_breaks}
        self.breaks |= {m.after.key: m.after for m in change.breaks}
        if change.request is not None:
            self.requests[_request_key(change.request)] = change.request
        self.transfers.extend(change.transfers)
        self.events.extend(change.events)

    def _check(self, change: Change) -> None:
        """Refuse a change whose rows are not as they were loaded."""
        if change.request is not None and _request_key(change.request) in self.requests:
            raise RequestRepeated
        self._require_new_names(change)
        if change.wallet is not None:
            current = self.wallets.get(change.wallet.user_id)
            if current is None or current.version != change.wallet.version:
                raise Conflict("the wallet has changed")
        if any(before != current for before, current in self._compared_rows(change)):
            raise Conflict("a row has changed")
        versions = [(m.before.version, self.assets[m.before.symbol].version) for m in change.assets]
        if change.inventory is not None:
            before = change.inventory.before
            versions.append((before.version, self.inventory[before.asset].version))
        if any(was != now for was, now in versions):
            raise Conflict("a row has changed")

    def _compared_rows(self, change: Change) -> Iterator[tuple[object, object]]:
        """Each row that is compared whole: as it was loaded (None for a new one), and as it is."""
        yield from self._compared_accounts(change)
        yield from ((m.before, self.orders.get(m.before.id)) for m in change.orders)
        yield from ((m.before, self.batches.get(m.before.key)) for m in change.batches)
        yield from ((m.before, self.breaks.get(m.before.key)) for m in change.breaks)
        for purchase in (m.before for m in change.purchases):
            yield purchase, self.purchases.get((purchase.batch, purchase.attempt))
        yield from ((None, self.assets.get(a.symbol)) for a in change.new_assets)
        yield from ((None, self.orders.get(o.id)) for o in change.new_orders)
        yield from ((None, self.batches.get(b.key)) for b in change.new_batches)
        yield from ((None, self.purchases.get((p.batch, p.attempt))) for p in change.new_purchases)
        yield from ((None, self._find_open_break(b)) for b in change.new_breaks)

    def _find_open_break(self, like: Break) -> Break | None:
        opened = (b for b in self.breaks.values() if b.closed_at_us is None)
        return next((b for b in opened if (b.kind, b.subject) == (like.kind, like.subject)), None)

    def _with_price(self, asset: Asset) -> Asset:
        """Prices come in without a version, so a transition of an asset leaves them as they are."""
        now = self.assets[asset.symbol]
        return msgspec.structs.replace(asset, price=now.price, priced_at_us=now.priced_at_us)

    def _write_order(self, order: Order) -> None:
        self.orders[order.id] = order
        if order.state in FINAL_STATES:
            self.open_orders.pop(order.id, None)
        else:
            self.open_orders[order.id] = order

    def _write_balances(self, change: Change) -> None:
        """Add the transfers to wallets, holdings and inventory; check all before writing any."""
        deltas = balance_deltas(change.transfers, change.fenced)
        costs = charges_by_holding(change)
        wallets = {
            user_id: Wallet(user_id, w.balance + amount, w.version + 1, w.activity)
            for user_id, amount in deltas.wallets.items()
            for w in (self.wallets[user_id],)
        }
        holdings = {
            key: (quantity + deltas.holdings[key], cost + costs.get(key, 0))
            for key in deltas.holdings
            for quantity, cost in (self.holdings.get(key, (0, 0)),)
        }
        inventory = inventory_after(change, deltas.inventory, self.inventory)
        negative = (
            [w for w in wallets.values() if w.balance < 0]
            + [h for h in holdings.values() if h[0] < 0]
            + [i for i in inventory.values() if min(i.quantity, i.reserved, i.free, i.expected) < 0]
        )
        if negative:
            raise InvariantViolation(f"a balance would become negative: {negative[0]}")
        self.wallets |= wallets
        if change.wallet is not None and change.activity is not None:
            owner = self.wallets[change.wallet.user_id]
            self.wallets[owner.user_id] = msgspec.structs.replace(owner, activity=change.activity)
        self.holdings |= holdings
        self.inventory |= inventory

    def _next_id(self) -> int:
        self._ids += 1
        return self._ids


def _request_key(request: StoredRequest) -> tuple[UserId, str, str]:
    return request.user_id, request.operation, request.key
