"""A random history of a store: everything that can happen to orders and purchases, by the decisions
themselves, some of it left unfinished.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from crypto_exchange.domain import attempt, cashier, retrial
from crypto_exchange.domain.batch import BatchState
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import DomainError
from crypto_exchange.domain.ids import BatchKey, Symbol
from crypto_exchange.domain.money import DOLLAR, value_of
from crypto_exchange.domain.order import Order, OrderState
from crypto_exchange.domain.policy import SECOND_US, Policy, Pricing
from crypto_exchange.domain.purchase import (
    Absent,
    Fill,
    Filled,
    Purchase,
    PurchaseState,
    Rejected,
    RejectionKind,
)
from crypto_exchange.domain.settlement import settle
from crypto_exchange.domain.views import OpenBatch
from crypto_exchange.entrypoints.testing.contracts.scene import DAY_US, Scene

MIXED_POLICY = Policy(price_max_age_us=10 * DAY_US, asset_pricing=(("ETH", Pricing.AVERAGE),))
SYMBOLS = ("BTC", "ETH", "DOGE")


class History:
    """Steps drawn from a seed; `met` counts what became of purchases and orders."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self.scene = scene
        self.met: Counter[PurchaseState | OrderState | Pricing] = Counter()
        self._draw = Random(seed)
        self._users: list[int] = []
        self._open: list[BatchKey] = []
        self._placed: list[Order] = []

    async def run(self, steps: int) -> None:
        """Let so many things happen, to four people and three assets; BTC is listed already."""
        await self.scene.list_asset("ETH", price=2_000 * 10**12)
        await self.scene.list_asset("DOGE", scale=4, price=10**11)
        await self.scene.commit(cashier.fund({"USD": 10**6 * DOLLAR}, at_us=self.scene.tick()))
        self._users = [await self.scene.register(dollars=400) for _ in range(4)]
        actions = {
            self._pay: 1,
            self._place: 8,
            self._cancel: 1,
            self._seal: 3,
            self._follow: 4,
            self._come_late: 1,
        }
        for action in self._draw.choices(list(actions), list(actions.values()), k=steps):
            self.scene.tick(self._draw.randrange(30 * SECOND_US))
            await action()
        await self._count()

    async def _pay(self) -> None:
        user_id = self._draw.choice(self._users)
        await self.scene.deposit(user_id, self._draw.randint(1, 20_000))
        await self.scene.withdraw(user_id, self._draw.randint(1, 50))

    async def _place(self) -> None:
        cents = self._draw.choice([self._draw.randint(100, 999), self._draw.randint(1_000, 3_000)])
        try:
            order = await self.scene.place(self._draw.choice(self._users), cents, self._symbol())
        except DomainError:
            return  # There is not enough in the wallet.
        self._placed.append(order)

    async def _cancel(self) -> None:
        for placed in reversed(self._placed):
            order = await self.scene.order(placed)
            if order.state is OrderState.AGGREGATED:
                await self.scene.cancel(order)
                return

    async def _seal(self) -> None:
        change = await self.scene.find_seal(self._symbol())
        if change is not None:
            await self.scene.commit(change)
            self._open.extend(batch.key for batch in change.new_batches)

    async def _follow(self) -> None:
        """Bring an open batch forward."""
        if not self._open:
            return
        key = self._draw.choice(self._open)
        await self.scene.commit(self._next(await self.scene.batch(key)))
        if (await self.scene.batch(key)).batch.state is not BatchState.SEALED:
            self._open.remove(key)

    def _next(self, opened: OpenBatch) -> Change:
        policy, at_us = self.scene.policy, self.scene.tick()
        if not opened.batch.live:
            return retrial.retry(opened, policy=policy, stamp=self.scene.stamp())
        if opened.purchase is None:
            return settle(opened, None, at_us=at_us)
        match self._draw.choices(["fill", "lose", "absent", "reject"], [5, 1, 1, 2])[0]:
            case "fill":
                return settle(opened, self._filled(opened.purchase, opened), at_us=at_us)
            case "lose":
                return attempt.postpone(opened, policy=policy, at_us=at_us)
            case "absent":
                absent = Absent(answered_ms=at_us // 1_000)
                return attempt.give_up_absent(opened, absent, policy=policy, at_us=at_us)
            case _:
                kind = self._draw.choice(list(RejectionKind))
                no = Rejected(kind=kind, code="no", message="because")
                return attempt.reject(opened, no, policy=policy, at_us=at_us)

    async def _come_late(self) -> None:
        given_up = await self.scene.store.queries.list_given_up(0)
        if given_up:
            purchase = self._draw.choice(given_up)
            filled = self._filled(purchase, await self.scene.batch(purchase.batch))
            await self.scene.buy_late(purchase, filled)

    def _filled(self, purchase: Purchase, opened: OpenBatch) -> Filled:
        """Trades of all, a part or nothing of a purchase, at prices that vary, with fees."""
        quantity = self._draw.choice(
            [purchase.quantity, purchase.quantity, self._draw.randint(1, purchase.quantity), 0]
        )
        fills = []
        for number, part in enumerate((quantity // 3, quantity - quantity // 3)):
            cost = value_of(part, opened.asset.price or 0, purchase.scale)
            coin = self._draw.choice(["USD", purchase.asset, "FEE"])
            fills.append(
                Fill(
                    trade_id=f"{purchase.client_order_id}-{number}",
                    quantity=part,
                    cost=cost * self._draw.randint(95, 105) // 100,
                    fee=part // 1_000,
                    fee_currency=coin,
                )
            )
        return Filled(fills=tuple(fill for fill in fills if fill.quantity))

    def _symbol(self) -> Symbol:
        return self._draw.choice(SYMBOLS)

    async def _count(self) -> None:
        for placed in self._placed:
            order = await self.scene.order(placed)
            self.met.update([order.state, order.pricing])
        mirror = await self.scene.store.queries.get_mirror()
        self.met.update(purchase.state for purchase in mirror.in_flight)
        breaks = await self.scene.store.queries.list_breaks()
        self.met.update(PurchaseState.LATE for _ in breaks)
