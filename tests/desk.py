"""A user with money, and a worker over memory, whose every step a test takes by itself."""

from __future__ import annotations

import msgspec

from crypto_exchange.adapters.memory import (
    MemoryClock,
    MemoryExchange,
    MemoryTally,
    Silence,
    memory_context,
)
from crypto_exchange.adapters.memory.exchange import Executed
from crypto_exchange.domain import access
from crypto_exchange.domain.cashier import Deposit
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.policy import SECOND_US, Policy
from crypto_exchange.domain.purchase import Filled, Purchase
from crypto_exchange.domain.risk_policy import RiskMode, RiskPolicy
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases import orders, reviews, trading, wallets
from crypto_exchange.domain.user import User
from tests.builders import NOW_US, a_price, an_asset, usd


class Desk:
    """A user with money, and a worker that does what is due."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.clock = MemoryClock(NOW_US)
        self.state = State((an_asset(),))
        self.context = memory_context(policy=policy, clock=self.clock, state=self.state)
        user = User(id=1, username="user", password_hash="")
        self.state.apply(access.register(user, None, at_us=NOW_US))
        assert isinstance(self.context.exchange, MemoryExchange)
        assert isinstance(self.context.tally, MemoryTally)
        self.exchange, self.tally = self.context.exchange, self.context.tally

    async def place(self, dollars: str) -> Order:
        await wallets.deposit(self.context, Deposit(user_id=1, amount=usd(dollars)))
        command = PlaceOrder(user_id=1, asset="BTC", spend=usd(dollars))
        order, _, _ = await orders.place(self.context, command)
        return order

    async def place_held(self, dollars: str) -> Order:
        """Place an order that the fraud rules hold."""
        await wallets.deposit(self.context, Deposit(user_id=1, amount=usd(dollars)))
        risk = RiskPolicy(mode=RiskMode.ENFORCE, dollars_per_day=0)
        policy = msgspec.structs.replace(self.context.policy, risk=risk)
        context = msgspec.structs.replace(self.context, policy=policy)
        command = PlaceOrder(user_id=1, asset="BTC", spend=usd(dollars))
        order, _, _ = await orders.place(context, command)
        return order

    async def seal(self) -> tuple[str, Purchase | None]:
        ((key, purchase),) = await trading.seal_due(self.context, "BTC")
        return key, purchase

    async def work(self) -> None:
        """One round of a worker."""
        symbols, keys = await trading.list_due(self.context)
        for symbol in symbols:
            for key, purchase in await trading.seal_due(self.context, symbol):
                await trading.execute(self.context, key, purchase)
        for key in keys:
            await trading.resolve(self.context, key)
        await reviews.expire_due(self.context)

    async def pass_time(self, seconds: int) -> None:
        """Time passes, and the price is still fresh then."""
        self.clock.advance(seconds * SECOND_US)
        self.state.save_prices({"BTC": a_price("50000")}, self.clock.now_us())
        await self.context.cache.put(tuple(self.state.assets.values()))

    async def lose(self, dollars: str, step: Silence = Silence.BEFORE) -> tuple[Order, Purchase]:
        """Place an order whose purchase gets no answer."""
        order = await self.place(dollars)
        key, purchase = await self.seal()
        assert purchase is not None
        self.exchange.script.append(step)
        await trading.execute(self.context, key, purchase)
        return order, purchase

    def execute_late(self, purchase: Purchase, filled: Filled) -> None:
        """Let the exchange execute now what it was sent long ago."""
        executed = Executed(purchase, filled, self.exchange.now_ms())
        self.exchange.executed[purchase.client_order_id] = executed

    def now(self, order: Order) -> Order:
        return self.state.get_order(1, order.id)

    def holds(self) -> int:
        return self.state.holdings.get((1, "BTC"), (0, 0))[0]
