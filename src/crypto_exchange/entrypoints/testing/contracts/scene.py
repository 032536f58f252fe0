"""A store under test, and the steps that bring it where a rule is tested: the decisions themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import count

from crypto_exchange.adapters.memory import MemoryClock
from crypto_exchange.domain import access, attempt, cashier
from crypto_exchange.domain.aggregation import seal_book
from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.breaks import Break
from crypto_exchange.domain.change import Change, RequestKey
from crypto_exchange.domain.events import AnyEvent
from crypto_exchange.domain.ids import BatchKey, Symbol, UserId
from crypto_exchange.domain.intent import Stamp
from crypto_exchange.domain.late_fill import buy_late
from crypto_exchange.domain.ledger import Transfer, TransferKind, clearing_account, user_account
from crypto_exchange.domain.money import CENT, DOLLAR, value_of
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.placement import PlaceOrder, cancel_order, place_order
from crypto_exchange.domain.policy import SECOND_US, Policy
from crypto_exchange.domain.purchase import Absent, Fill, Filled, Purchase
from crypto_exchange.domain.settlement import settle
from crypto_exchange.domain.user import User
from crypto_exchange.domain.views import Book, LedgerBalance, OpenBatch
from crypto_exchange.domain.wallet import Wallet
from crypto_exchange.entrypoints.testing.adapters import Adapters, Sim
from crypto_exchange.entrypoints.testing.contracts.checks import Suite, given, optional

START_US = 1_767_225_600 * SECOND_US
DAY_US = 24 * 3600 * SECOND_US
COIN = 10**8
PRICE = 50_000 * 10**12
RULE = MarketRule(lot_step=1_000, min_notional=5 * DOLLAR)
POLICY = Policy(price_max_age_us=10 * DAY_US)


class Scene:
    """Steps over a store. Its time moves a millisecond a step; prices do not get old by themselves.

    `events` are those of everything that was committed.
    """

    def __init__(self, store: Adapters, policy: Policy = POLICY) -> None:
        self.store = store
        self.policy = policy
        self.at_us = START_US
        self.events: list[AnyEvent] = []
        self._names = (f"user{number}" for number in count(1))

    def tick(self, us: int = 1_000) -> int:
        """Let time pass; returns the time then."""
        self.at_us += us
        return self.at_us

    async def commit(self, change: Change, *, lock: bool = False) -> None:
        """Write a change in a unit of work of its own."""
        async with self.store.begin(lock=lock) as work:
            await work.commit(change)
        self.events.extend(change.events)

    async def list_asset(
        self,
        symbol: Symbol = "BTC",
        *,
        price: int = PRICE,
        rule: MarketRule = RULE,
        scale: int = 8,
    ) -> Asset:
        """List an asset and give it a price (10⁻¹² dollars) from the start."""
        await self.commit(Change(new_assets=(Asset(symbol=symbol, rule=rule, scale=scale),)))
        await self.store.market.save_prices({symbol: price}, START_US)
        return await self.asset(symbol)

    async def register(self, username: str | None = None, dollars: int = 0) -> UserId:
        """A new user, with so many dollars in their wallet."""
        user_id = await self.store.ids.next_user_id()
        user = User(id=user_id, username=username or next(self._names), password_hash="hash")
        await self.commit(access.register(user, None, at_us=self.tick()))
        if dollars:
            await self.deposit(user_id, dollars * 100)
        return user_id

    async def deposit(self, user_id: UserId, cents: int, request: RequestKey | None = None) -> None:
        """Put cents into a wallet."""
        command = cashier.Deposit(user_id=user_id, amount=cents * CENT, request=request)
        wallet = await self.wallet(user_id)
        await self.commit(cashier.deposit(command, wallet=wallet, at_us=self.tick()))

    async def withdraw(self, user_id: UserId, cents: int) -> None:
        """Take cents out of a wallet."""
        command = cashier.Withdraw(user_id=user_id, amount=cents * CENT)
        wallet = await self.wallet(user_id)
        await self.commit(cashier.withdraw(command, wallet=wallet, at_us=self.tick()))

    async def place(self, user_id: UserId, cents: int, symbol: Symbol = "BTC") -> Order:
        """Place an order for so many cents."""
        command = PlaceOrder(user_id=user_id, asset=symbol, spend=cents * CENT)
        change = place_order(
            command,
            wallet=await self.wallet(user_id),
            asset=await self.asset(symbol),
            policy=self.policy,
            order_id=await self.store.ids.next_order_id(),
            at_us=self.tick(),
        )
        await self.commit(change)
        return change.new_orders[0]

    async def cancel(self, order: Order) -> None:
        """Cancel a waiting order."""
        wallet = await self.wallet(order.user_id)
        await self.commit(cancel_order(order, wallet=wallet, at_us=self.tick()))

    async def decide_seal(self, symbol: Symbol = "BTC") -> Change:
        """What sealing an asset's book now would write."""
        change = await self.find_seal(symbol)
        assert change is not None
        return change

    async def find_seal(self, symbol: Symbol = "BTC") -> Change | None:
        """What sealing an asset's book now would write; None if nothing can be sealed."""
        self.tick()
        keys = iter(self.store.ids.new_key, None)
        book = await self.book(symbol)
        return seal_book(book, keys=keys, policy=self.policy, stamp=self.stamp())

    async def seal(self, symbol: Symbol = "BTC") -> BatchKey:
        """Seal an asset's book; returns the first batch."""
        change = await self.decide_seal(symbol)
        await self.commit(change)
        return change.new_batches[0].key

    async def settle(self, key: BatchKey, quantity: int | None = None) -> None:
        """Settle a batch with one fill of a quantity (default: all) at the asset's price."""
        opened = await self.batch(key)
        await self.commit(settle(opened, fill(opened, quantity), at_us=self.tick()))

    async def give_up(self, key: BatchKey) -> Purchase:
        """End a batch's attempt as one that the exchange provably never got."""
        opened, absent = await self.batch(key), Absent(answered_ms=self.at_us // 1_000)
        change = attempt.give_up_absent(opened, absent, policy=self.policy, at_us=self.tick())
        await self.commit(change)
        return change.purchases[0].after

    async def buy_late(self, purchase: Purchase, filled: Filled) -> Break:
        """Buy what came of an attempt after it was given up; returns the break."""
        key = self.store.ids.new_key()
        change = buy_late(purchase, filled, key=key, at_us=self.tick())
        await self.commit(change)
        return change.new_breaks[0]

    async def give_coins(self, user_id: UserId, quantity: int, symbol: Symbol) -> None:
        """Give a user coins that come from nowhere."""
        given_coins = Transfer(
            kind=TransferKind.DELIVERY,
            debit=clearing_account("nobody", symbol),
            credit=user_account(user_id, symbol),
            amount=quantity,
            at_us=self.tick(),
        )
        await self.commit(Change(transfers=(given_coins,)))

    def stamp(self) -> Stamp:
        """Now, on both clocks."""
        return Stamp(at_us=self.at_us, exchange_ms=self.at_us // 1_000)

    async def wallet(self, user_id: UserId) -> Wallet:
        async with self.store.begin() as work:
            work.abandon()
            return await work.get_wallet(user_id)

    async def asset(self, symbol: Symbol = "BTC") -> Asset:
        async with self.store.begin() as work:
            work.abandon()
            return await work.get_asset(symbol)

    async def order(self, order: Order) -> Order:
        """The order as it is now."""
        async with self.store.begin() as work:
            work.abandon()
            return await work.get_order(order.user_id, order.id)

    async def book(self, symbol: Symbol = "BTC", *, limit: int = 500) -> Book:
        async with self.store.begin() as work:
            work.abandon()
            return await work.get_book(symbol, limit=limit)

    async def batch(self, key: BatchKey) -> OpenBatch:
        async with self.store.begin() as work:
            work.abandon()
            return await work.get_batch(key)

    async def ledger(self) -> tuple[LedgerBalance, ...]:
        return await self.store.queries.list_ledger()


def fill(opened: OpenBatch, quantity: int | None = None) -> Filled | None:
    """One trade for a batch's purchase at the asset's price; None if nothing had to be bought."""
    if opened.purchase is None:
        return None
    asset, bought = opened.asset, opened.purchase.quantity if quantity is None else quantity
    cost = value_of(bought, asset.price or 0, asset.scale)
    trade = Fill(trade_id=f"{opened.batch.key}-1", quantity=bought, cost=cost)
    return Filled(fills=(trade,))


class StoreSuite(Suite):
    """What all suites over a store have in common: the one method to override."""

    def make_adapters(self, sim: Sim) -> Adapters | Awaitable[Adapters]:
        """Give adapters over a store that holds nothing, not even assets, every time it is called."""
        raise NotImplementedError

    @optional
    def list_events(self, adapters: Adapters) -> Sequence[AnyEvent] | Awaitable[Sequence[AnyEvent]]:
        """Give all events of a store in the order of their commits."""
        raise NotImplementedError

    @optional
    def held_back(self, adapters: Adapters, change: Change) -> AbstractAsyncContextManager[object]:
        """Write a change in a transaction that ends, committed, only when the block ends."""
        raise NotImplementedError

    async def adapters(self, policy: Policy = POLICY) -> Adapters:
        """New adapters, closed when the check has ended."""
        sim = Sim(clock=MemoryClock(START_US), policy=policy)
        adapters = await given(self.make_adapters(sim))
        if adapters.close is not None:
            self.resources.push_async_callback(adapters.close)
        self.require(adapters.supports)
        return adapters

    async def scene(self, policy: Policy = POLICY) -> Scene:
        """A scene over a new store where BTC is listed."""
        scene = Scene(await self.adapters(policy), policy)
        await scene.list_asset()
        return scene
