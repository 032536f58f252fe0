"""Histories of a small broker in memory to which everything happens, as the kit records them."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from typing_extensions import override

from crypto_exchange.adapters.memory import (
    MemoryClock,
    MemoryExchange,
    MemoryIds,
    Silence,
    memory_context,
)
from crypto_exchange.adapters.memory.exchange import Executed
from crypto_exchange.domain import access, four_eyes
from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.audit_log import TERMINAL
from crypto_exchange.domain.cashier import Deposit, Withdraw
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import Conflict, DomainError, Unavailable
from crypto_exchange.domain.events import BalanceAdjusted
from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.money import PPM, ceil_div, value_of
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.policy import SECOND_US, FeeIn, OnDeadline, Policy, Pricing
from crypto_exchange.domain.purchase import (
    GIVEN_UP,
    Absent,
    Fill,
    Filled,
    Outcome,
    Purchase,
    Rejected,
    RejectionKind,
)
from crypto_exchange.domain.risk_policy import RiskMode, RiskPolicy
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases import (
    currencies,
    house,
    orders,
    reconciliation,
    reviews,
    trading,
    wallets,
)
from crypto_exchange.domain.user import User
from tests.builders import NOW_US, a_price, coins, usd

Record: TypeAlias = dict[str, Any]
Step: TypeAlias = Silence | RejectionKind | str
REFUSALS = (DomainError, Unavailable, Conflict)
USERS = range(1, 5)
SYMBOLS = ("BTC", "ABAN")
DOLLARS = (
    "10.00",
    "9.99",
    "0.01",
    "10.01",
    "5.25",
    "5.24",
    "1.00",
    "0.50",
    "3.33",
    "24.10",
    "80.00",
)


class RecordingState(State):
    """A state that writes down what happens to it, as the kit does."""

    def __init__(self, assets: tuple[Asset, ...]) -> None:
        self.records: list[Record] = []
        super().__init__(assets)

    @override
    def apply(self, change: Change) -> None:
        super().apply(change)
        told: dict[tuple[str, int], list[Any]] = {}
        for purchase, fill in change.fills:
            told.setdefault((purchase.batch, purchase.attempt), []).append(
                msgspec.to_builtins(fill)
            )
        for (batch, attempt), fills in told.items():
            self.note("fills", batch=batch, attempt=attempt, fills=fills)
        for event in change.events:
            self.note("event", **msgspec.to_builtins(event))

    @override
    def save_prices(self, prices: Mapping[Symbol, int], at_us: int) -> None:
        super().save_prices(prices, at_us)
        for symbol, price in prices.items():
            self.note("price", asset=symbol, price=price, at_us=at_us)

    @override
    def save_rules(self, rules: Mapping[Symbol, MarketRule | None]) -> None:
        super().save_rules(rules)
        for symbol, rule in rules.items():
            self.note(
                "rule", asset=symbol, rule=None if rule is None else msgspec.to_builtins(rule)
            )

    def note(self, kind: str, /, **fields: Any) -> None:
        self.records.append({"record": kind, **fields})


class SeededIds(MemoryIds):
    """Keys that follow from a seed: they break ties."""

    def __init__(self, state: State, seed: int) -> None:
        super().__init__(state)
        self.dice = random.Random(seed)

    @override
    def new_key(self) -> str:
        return f"{self.dice.getrandbits(96):024x}"


class ScriptedExchange(MemoryExchange):
    """Meets its next purchases with `steps`, whatever they ask for."""

    def __init__(self, broker: Broker, assets: tuple[Asset, ...]) -> None:
        clock = broker.clock
        super().__init__(assets, broker.policy, lambda: clock.now_us() // 1_000)
        self.broker = broker
        self.steps: deque[Step] = deque()

    @override
    async def submit(self, purchase: Purchase) -> Outcome:
        self.script.clear()
        if self.steps:
            self.script.append(self.broker.answer(self.steps.popleft(), purchase))
        return await super().submit(purchase)


class Broker:
    """Everything that may happen to a broker, at random but repeatably."""

    def __init__(self, seed: int, policy: Policy | None = None) -> None:
        self.dice = random.Random(seed)
        self.policy = policy or self.a_policy()
        assets = (
            self.an_asset(
                "BTC", "63127.41", 8, max_quantity=self.pick(0, coins("0.01"), coins("0.0004"))
            ),
            self.an_asset("ABAN", "20", 4, max_quantity=0),
        )
        self.clock = MemoryClock(NOW_US)
        self.state = RecordingState(assets)
        builtins = [msgspec.to_builtins(asset) for asset in assets]
        policy_fields = msgspec.to_builtins(self.policy)
        self.state.note("header", history=1, policy=policy_fields, assets=builtins)
        self.exchange = ScriptedExchange(self, assets)
        context = memory_context(policy=self.policy, clock=self.clock, state=self.state)
        ids = SeededIds(self.state, seed)
        self.context = msgspec.structs.replace(context, exchange=self.exchange, ids=ids)
        self.placed: list[Order] = []
        self.trades = 0
        for user_id in USERS:  # ids from 1 on
            user = User(id=self.state.next_user_id(), username=f"user{user_id}", password_hash="")
            self.state.apply(access.register(user, None, at_us=NOW_US))

    @property
    def records(self) -> list[Record]:
        return self.state.records

    def pick(self, *values: Any) -> Any:
        return self.dice.choice(values)

    def a_policy(self) -> Policy:
        return Policy(
            spread_bps=self.pick(0, 0, 35),
            fee_in=self.pick(*FeeIn),
            on_deadline=self.pick(*OnDeadline),
            take_along=self.pick(True, True, False),
            pricing=self.pick(*Pricing),
            asset_pricing=(("ABAN", self.pick(*Pricing)),),
            batch_limit=self.pick(2, 3, 500),
            inventory_cap=self.pick(usd("10"), usd("1"), usd("0.01")),
            max_wait_us=self.pick(24, 1) * 3_600 * SECOND_US,
            quarantine_us=2 * 3_600 * SECOND_US,
        )

    def an_asset(self, symbol: str, price: str, scale: int, *, max_quantity: int) -> Asset:
        rule = MarketRule(
            lot_step=self.pick(1, 1_000, 5_000),
            min_notional=self.pick(usd("5"), usd("10")),
            max_quantity=max_quantity,
            fee_ppm=self.pick(0, 1_000, 750),
        )
        return Asset(
            symbol=symbol, rule=rule, scale=scale, price=a_price(price), priced_at_us=NOW_US
        )

    # ---- what may happen

    async def live(self, steps: int) -> None:
        actions: Sequence[tuple[int, Callable[[], Coroutine[Any, Any, None]]]] = (
            (5, self.deposit),
            (1, self.withdraw),
            (14, self.buy),
            (2, self.cancel),
            (2, self.move_price),
            (1, self.change_rule),
            (1, self.halt),
            (2, self.pass_time),
            (3, self.script),
            (5, self.work),
            (2, self.race),
            (1, self.freeze),
            (1, self.come_late),
            (1, self.speak),
            (1, self.fund),
            (1, self.turn_away),
            (1, self.fall_silent),
        )
        weighted = [action for weight, action in actions for _ in range(weight)]
        for _ in range(steps):
            try:
                await self.dice.choice(weighted)()
            except REFUSALS:
                continue

    async def drain(self) -> None:
        """Nothing goes wrong any more, and time passes."""
        self.exchange.steps.clear()
        self.exchange.down = False
        for symbol, rule in self.state.assets.items():
            self.state.save_rules({symbol: rule.rule})
        for seconds in (60, 60, 25 * 3_600, 60, 60, 60, 60):
            self.clock.advance(seconds * SECOND_US)
            await self.set_prices({s: self.exchange.prices[s] for s in SYMBOLS})
            await self.speak()
            await self.work()

    async def deposit(self) -> None:
        amount = usd(self.pick("0.01", "9.99", "10.00", "100.00", "200.00"))
        await wallets.deposit(self.context, Deposit(user_id=self.pick(*USERS), amount=amount))

    async def withdraw(self) -> None:
        user_id = self.pick(*USERS)
        amount = self.pick(usd("1.00"), usd("20.00"), self.state.wallets[user_id].balance)
        await wallets.withdraw(self.context, Withdraw(user_id=user_id, amount=amount))

    async def buy(self) -> None:
        user_id, symbol = self.pick(*USERS), self.pick(*SYMBOLS)
        spend = self.pick(*(usd(each) for each in DOLLARS), self.state.wallets[user_id].balance)
        amount = None
        if self.pick(True, False):
            price, scale = self.exchange.prices[symbol], self.state.assets[symbol].scale
            units = spend * 10 ** (scale + 4) // price + self.pick(-1, 0, 1)
            spend, amount = None, units * 10 ** (8 - scale) + self.pick(0, 0, 0, 0, 1)
        await self.place(user_id, symbol, amount=amount, spend=spend)

    async def place(self, user_id: int, symbol: str, **wanted: Any) -> None:
        command = PlaceOrder(user_id=user_id, asset=symbol, **wanted)
        order, _, _ = await orders.place(self.context, command)
        self.placed.append(order)

    async def cancel(self) -> None:
        if self.placed:
            order = self.dice.choice(self.placed[-8:])
            await orders.cancel(self.context, order.user_id, order.id)

    async def move_price(self) -> None:
        symbol = self.pick(*SYMBOLS)
        start = a_price("63127.41" if symbol == "BTC" else "20")
        await self.set_prices(
            {symbol: start * self.pick(60, 97, 99, 100, 101, 102, 103, 140) // 100}
        )

    async def set_prices(self, prices: dict[str, int]) -> None:
        self.exchange.prices.update(prices)
        self.state.save_prices(prices, self.clock.now_us())
        await self.context.cache.put(tuple(self.state.assets.values()))

    async def change_rule(self) -> None:
        symbol = self.pick(*SYMBOLS)
        rule = self.state.assets[symbol].rule
        new = msgspec.structs.replace(rule, lot_step=self.pick(1, 500, 5_000))
        self.exchange.rules[symbol] = self.pick(None, new, new)
        if self.pick(True, False):
            await currencies.refresh_rules(self.context)

    async def halt(self) -> None:
        halted = self.pick(True, False, False)
        await currencies.halt_asset(self.context, self.pick(*SYMBOLS), halted=halted)

    async def pass_time(self) -> None:
        self.clock.advance(self.pick(1, 6, 37, 60, 1_201, 3_601, 9_000, 86_400) * SECOND_US)
        self.exchange.down = self.pick(True, False, False, False)
        if self.pick(True, True, False):
            await self.set_prices(dict(self.exchange.prices))

    async def script(self) -> None:
        steps = [*Silence, *RejectionKind, "part", "part", "crumb", "nothing", "two"]
        self.exchange.steps.append(self.pick(*steps))

    async def work(self) -> None:
        symbols, keys = await trading.list_due(self.context)
        for symbol in symbols:
            before = -1
            while before < len(self.records):  # those that only leave are no reason to stop
                before = len(self.records)
                for key, purchase in await trading.seal_due(self.context, symbol):
                    await trading.execute(self.context, key, purchase)
        for key in keys:
            await trading.resolve(self.context, key)

    async def race(self) -> None:
        others = [self.buy(), self.cancel(), self.deposit()]
        results = await asyncio.gather(self.work(), self.work(), *others, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, REFUSALS):
                raise result

    async def freeze(self) -> None:
        await trading.seal_due(self.context, self.pick(*SYMBOLS))

    async def come_late(self) -> None:
        given_up = [p for p in self.state.purchases.values() if p.state in GIVEN_UP]
        if given_up:
            purchase = self.dice.choice(given_up)
            filled = Filled(fills=(self.a_trade(purchase, purchase.quantity),))
            executed = Executed(purchase, filled, self.exchange.now_ms())
            self.exchange.executed[purchase.client_order_id] = executed
            await reconciliation.buy_late_fills(self.context)
            for found in self.state.breaks.values():
                if found.closed_at_us is None and self.pick(True, False):
                    await reconciliation.close_break(self.context, found.key, "seen")

    async def speak(self) -> None:
        for held in await self.context.queries.list_quarantined():
            found = self.exchange.executed.get(held.client_order_id)
            said = Rejected(kind=RejectionKind.FINAL, code="-1", message="no")
            finding = found.outcome if found else self.pick(Absent(answered_ms=0), said)
            await reconciliation.resolve_quarantine(self.context, held.batch, finding, "seen")
        for symbol in SYMBOLS:
            await currencies.halt_asset(self.context, symbol, halted=False)

    async def fund(self) -> None:
        await house.fund(self.context, self.pick("USD", "BTC"), self.pick(-5, 500))

    async def turn_away(self) -> None:
        """A large order takes small ones along, and cannot be bought before the rules have changed."""
        symbol = self.pick(*SYMBOLS)
        for dollars in (self.pick("3.33", "5.00"), "2.50", self.pick("30.00", "12.00")):
            user_id = self.pick(*USERS)
            await wallets.deposit(self.context, Deposit(user_id=user_id, amount=usd(dollars)))
            await self.place(user_id, symbol, spend=usd(dollars))
        self.exchange.steps.append(self.pick(RejectionKind.RULES, Silence.BEFORE))
        await self.work()
        rule = self.state.assets[symbol].rule
        largest = max((order.quantity for order in self.placed[-1:]), default=0)
        least = msgspec.structs.replace(rule, max_quantity=largest * 12 // 10)
        self.exchange.rules[symbol] = self.pick(rule, least)
        await currencies.refresh_rules(self.context)
        await self.move_price()
        self.clock.advance(60 * SECOND_US)
        await self.set_prices(dict(self.exchange.prices))
        await self.work()

    async def fall_silent(self) -> None:
        """Nobody says for hours what became of a purchase."""
        self.exchange.steps.append(self.pick(*Silence))
        await self.work()
        self.exchange.down = True
        self.clock.advance(9_000 * SECOND_US)
        await self.set_prices(dict(self.exchange.prices))
        await self.work()
        self.exchange.down = False

    def adjust(self) -> None:
        """The house pays somebody, who gives a cent of it back, by the word of two others."""
        for number, amount in enumerate((usd("2.50"), -usd("0.01"))):
            adjusted = BalanceAdjusted(
                at_us=self.clock.now_us(),
                user_id=1,
                key=f"{number:024x}",
                amount=amount,
                proposed_by=2,
                approved_by=3,
            )
            self.state.apply(four_eyes.book(adjusted, wallet=self.state.wallets[1]))

    async def review(self) -> None:
        """Fraud rules hold what somebody orders: it is refused, forgotten, or released and goes on."""
        risk = RiskPolicy(mode=RiskMode.ENFORCE, dollars_per_day=0, new_account_withdrawal=0)
        policy = msgspec.structs.replace(self.policy, risk=risk)
        context = msgspec.structs.replace(self.context, policy=policy)
        held = []
        rule = self.state.assets["ABAN"].rule
        self.exchange.rules["ABAN"] = msgspec.structs.replace(rule, max_quantity=0)
        await currencies.refresh_rules(context)
        await self.set_prices(dict(self.exchange.prices))
        for dollars in ("12.00", "3.00", "30.00", "2.50"):
            await wallets.deposit(context, Deposit(user_id=1, amount=usd(dollars)))
            command = PlaceOrder(user_id=1, asset="ABAN", spend=usd(dollars))
            held.append((await orders.place(context, command))[0])
        queue = {review.order_id: review.id for review in await reviews.list_open(context)}
        await reviews.refuse(context, 1, queue[held[0].id], actor=TERMINAL)
        await self.work()
        for order in held[1:3]:
            await reviews.release(context, 1, queue[order.id], actor=TERMINAL)
        await orders.cancel(context, 1, held[1].id)
        await self.drain()
        await reviews.expire_due(context)
        self.placed.extend(held)

    # ---- the exchange

    def answer(self, step: Step, purchase: Purchase) -> Outcome | Silence:
        if isinstance(step, Silence):
            return step
        if isinstance(step, RejectionKind):
            return Rejected(kind=step, code="-1", message="no")
        part = {"nothing": 0, "crumb": min(7, purchase.quantity)}.get(
            step, purchase.quantity * self.dice.randint(1, 99) // 100
        )
        if step == "two":
            return Filled(
                fills=(
                    self.a_trade(purchase, part),
                    self.a_trade(purchase, purchase.quantity - part),
                )
            )
        return Filled(fills=(self.a_trade(purchase, part),) if part else ())

    def a_trade(self, purchase: Purchase, quantity: int) -> Fill:
        self.trades += 1
        asset = self.state.assets[purchase.asset]
        cost = value_of(quantity, self.exchange.prices[purchase.asset], purchase.scale)
        base, currency = {
            FeeIn.QUOTE: (cost, "USD"),
            FeeIn.COIN: (quantity, purchase.asset),
            FeeIn.OTHER: (cost, "FEE"),
        }[self.policy.fee_in]
        return Fill(
            trade_id=str(self.trades),
            quantity=quantity,
            cost=cost,
            fee=min(ceil_div(base * asset.rule.fee_ppm, PPM), quantity),
            fee_currency=currency,
        )


def a_history(seed: int, steps: int = 60, policy: Policy | None = None) -> Broker:
    """A broker after a random life; `records` tell it."""
    broker = Broker(seed, policy)

    async def live() -> None:
        await broker.live(steps)
        await broker.drain()
        broker.adjust()
        await broker.review()

    asyncio.run(live())
    return broker
