"""The broker once more, as naively as it can be written: fractions, lists, and a loop over everything.

Reads nothing of the package. It knows pricing `quoted` with fees in dollars, and an exchange that fills
everything: enough to say what the ledger of a backtest must be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import heappop, heappush
from math import ceil, floor
from typing import Any


@dataclass
class Order:
    number: int
    user: int
    at: int
    total: Fraction
    coins: Fraction
    quoted: Fraction
    direct: bool
    state: str = "open"


@dataclass
class Broker:
    """Dollars, coins and prices as fractions, times in microseconds."""

    lot: Fraction
    min_notional: Fraction
    fee_rate: Fraction
    fee_per_order: Fraction
    half_spread: Fraction
    latency: int
    threshold: Fraction
    max_wait: int
    cap: Fraction
    tolerance: Fraction
    house_spread: Fraction
    max_age: int
    refund: bool = True
    price: Fraction | None = None
    priced_at: int = 0
    open: list[Order] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    events: list[tuple[int, int, int, Callable[[int, Any], None], Any]] = field(
        default_factory=list
    )
    number: int = 0
    ledger: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    reserved: Fraction = Fraction(0)
    expected: Fraction = Fraction(0)

    def move(self, debit: str, credit: str, amount: Fraction) -> None:
        if amount:
            self.ledger[debit] -= amount
            self.ledger[credit] += amount

    def run(
        self, prices: list[tuple[int, Fraction]], flow: list[tuple[int, int, Fraction]]
    ) -> None:
        end = max(prices[-1][0], flow[-1][0])
        for at, price in prices:
            self.later(at, 0, self.see, price)
        for at, user, spend in flow:
            self.later(at, 3, self.place, (user, spend))
        while self.events and self.events[0][0] <= end:
            at, _, _, act, value = heappop(self.events)
            act(at, value)

    def later(self, at: int, kind: int, act: Callable[[int, Any], None], value: object) -> None:
        """Prices come first (0), then answers (1), deadlines (2) and orders (3)."""
        self.number += 1
        heappush(self.events, (at, kind, self.number, act, value))

    def see(self, at: int, price: Fraction) -> None:
        self.price, self.priced_at = price, at
        self.look(at)

    def reach_deadline(self, at: int, order: Order) -> None:
        if order in self.open:
            self.look(at)

    def fresh(self, at: int) -> bool:
        return self.price is not None and at - self.priced_at <= self.max_age

    def place(self, at: int, wanted: tuple[int, Fraction]) -> None:
        user, spend = wanted
        number = len(self.orders) + 1
        order = Order(number, user, at, spend, Fraction(0), Fraction(0), direct=False)
        self.orders.append(order)
        if not self.fresh(at):
            order.state = "price_stale"
            return
        assert self.price is not None
        order.quoted = self.price
        order.coins = units(spend / (self.price * (1 + self.house_spread)))
        if not order.coins:
            order.state = "amount_too_small"
            return
        order.direct = spend >= self.threshold and self.plan(order.coins, alone=True) is not None
        missing = spend - self.ledger[f"user:{user}:USD"]
        self.move("external:USD", f"user:{user}:USD", max(missing, Fraction(0)))
        self.move(f"user:{user}:USD", f"suspense:{user}:USD", spend)
        self.open.append(order)
        self.later(at + self.max_wait, 2, self.reach_deadline, order)
        if order.direct or self.waiting() >= self.threshold:
            self.look(at)

    def waiting(self) -> Fraction:
        return sum((order.total for order in self.open if not order.direct), Fraction(0))

    def smallest(self) -> Fraction:
        assert self.price is not None
        floor_usd = ceil(self.min_notional * Fraction(105, 100) * 10**8) / Fraction(10**8)
        return self.lots(max(units_up(floor_usd / self.price), Fraction(1, 10**8)))

    def lots(self, coins: Fraction) -> Fraction:
        return ceil(coins / self.lot) * self.lot

    def plan(
        self, coins: Fraction, *, alone: bool = False, direct: bool = False
    ) -> tuple[Fraction, Fraction] | None:
        """(bought, used), or None if it may not be."""
        assert self.price is not None
        stock = Fraction(0) if alone else self.ledger["house:inventory:BTC"]
        free = Fraction(0) if alone else stock - self.reserved
        if coins <= free:
            return Fraction(0), coins
        used = free
        buy = max(self.lots(coins - used), self.smallest())
        left = free - used + (0 if alone else self.expected) + buy - (coins - used)
        limit = max(self.cap, self.smallest() * self.price) if alone or direct else self.cap
        return (buy, used) if left * self.price <= limit else None

    def look(self, at: int) -> None:
        while self.step(at):
            pass

    def step(self, at: int) -> bool:
        """One commit of sealing; whether anything was done."""
        overdue = [o for o in self.open if at >= o.at + self.max_wait]
        directs = [o for o in self.open if o.direct]
        if not (directs or overdue or self.waiting() >= self.threshold):
            return False
        done: list[Order] = []
        if self.fresh(at):
            for order in directs:
                done += self.buy_large(order, done, at)
            small = [o for o in self.open if not o.direct and o not in done]
            passing = [o for o in small if self.passes(o)]
            total = sum((o.total for o in passing), Fraction(0))
            plan = self.plan(sum((o.coins for o in passing), Fraction(0))) if passing else None
            late = any(o in overdue for o in small)
            if plan and (total >= self.threshold or (late and self.below(plan, total))):
                self.seal(passing, plan, at)
                self.fail([o for o in small if o not in passing])
                done += small
        for order in overdue:
            if self.refund and order not in done:
                self.fail([order])
                done.append(order)
        return bool(done)

    def below(self, plan: tuple[Fraction, Fraction], total: Fraction) -> bool:
        return plan[0] == 0 or total >= ceil(
            self.min_notional * Fraction(105, 100) * 10**8
        ) / Fraction(10**8)

    def buy_large(self, order: Order, done: list[Order], at: int) -> list[Order]:
        if not self.passes(order):
            self.fail([order])
            return [order]
        plan = self.plan(order.coins, direct=True)
        if plan is None:
            return []
        members = [order]
        for small in [o for o in self.open if not o.direct and o not in done and self.passes(o)]:
            wider = self.plan(sum((o.coins for o in members), small.coins), direct=True)
            if wider is not None:
                members.append(small)
                plan = wider
        self.seal(members, plan, at)
        return members

    def passes(self, order: Order) -> bool:
        assert self.price is not None
        return self.price <= order.quoted * (1 + self.tolerance)

    def fail(self, orders: list[Order]) -> None:
        for order in orders:
            order.state = "failed"
            self.open.remove(order)
            self.move(f"suspense:{order.user}:USD", f"user:{order.user}:USD", order.total)

    def seal(self, members: list[Order], plan: tuple[Fraction, Fraction], at: int) -> None:
        bought, used = plan
        for order in members:
            order.state = "pending"
            self.open.remove(order)
        surplus = bought + used - sum((o.coins for o in members), Fraction(0))
        self.reserved += used
        self.expected += surplus
        if bought:
            self.later(at + self.latency, 1, self.settle, (members, bought, used))
        else:
            self.settle(at, (members, bought, used))

    def settle(self, at: int, purchase: tuple[list[Order], Fraction, Fraction]) -> None:
        assert self.price is not None
        members, bought, used = purchase
        coins = sum((o.coins for o in members), Fraction(0))
        ask = price_up(self.price * (1 + self.half_spread))
        cost = cents8_down(bought * ask)
        fee = cents8_up(cost * self.fee_rate) + self.fee_per_order if bought else Fraction(0)
        self.reserved -= used
        self.expected -= bought + used - coins
        self.move("house:inventory:BTC", "clearing:BTC", used)
        self.move("venue:BTC", "clearing:BTC", bought)
        self.move("clearing:USD", "venue:USD", cost + fee)
        for order in members:
            order.state = "completed"
            self.move(f"suspense:{order.user}:USD", "clearing:USD", order.total)
            self.move("clearing:BTC", f"user:{order.user}:BTC", order.coins)
        self.move("clearing:BTC", "house:inventory:BTC", bought + used - coins)
        self.move("clearing:USD", "house:pnl:USD", self.ledger["clearing:USD"])
        if bought:
            self.look(at)


def units(coins: Fraction) -> Fraction:
    return Fraction(floor(coins * 10**8), 10**8)


def units_up(coins: Fraction) -> Fraction:
    return Fraction(ceil(coins * 10**8), 10**8)


def price_up(dollars: Fraction) -> Fraction:
    return Fraction(ceil(dollars * 10**12), 10**12)


def cents8_down(dollars: Fraction) -> Fraction:
    return Fraction(floor(dollars * 10**8), 10**8)


def cents8_up(dollars: Fraction) -> Fraction:
    return Fraction(ceil(dollars * 10**8), 10**8)
