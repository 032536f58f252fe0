"""Planning: what would be bought for some orders, and which orders would be sealed together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from crypto_exchange.entrypoints.testing.model.arithmetic import per_dollar_unit, round_up
from crypto_exchange.entrypoints.testing.model.market import House, Rule, passes
from crypto_exchange.entrypoints.testing.model.rows import ModelOrder


class Plan(msgspec.Struct, frozen=True):
    """Coins to buy and to use, what will be left over of them, and whether it may be done."""

    buy: int
    used: int
    surplus: int
    feasible: bool


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of an asset's market and inventory, as a worker may have seen it."""

    house: House
    scale: int
    rule: Rule
    price: int
    at_us: int
    free: int = 0
    expected: int = 0

    def plan(self, pricing: str, quantity: int, total: int, *, direct: bool) -> Plan:
        """What would be bought for members of so much together."""
        if pricing == "average":
            return self._plan_average(total)
        return self._plan_quoted(quantity, direct=direct)

    def guard(self, orders: Sequence[ModelOrder]) -> list[ModelOrder]:
        """Those that may still be bought at the price."""
        return [
            o
            for o in orders
            if o.pricing == "average" or passes(o.unit_price, self.price, self.house)
        ]

    @property
    def minimum(self) -> int:
        """What a purchase must be worth at least: the exchange's minimum × 1.05, rounded up."""
        return round_up(self.rule.min_notional * self.house.minimum_reserve_bps, 10_000)

    @property
    def smallest(self) -> int:
        """The smallest purchase that the exchange accepts."""
        worth = round_up(self.minimum * per_dollar_unit(self.scale), self.price)
        return self._lots(max(worth, self.rule.min_quantity, 1))

    def overflows(self, pricing: str, quantity: int, total: int) -> bool:
        """Whether members of so much need more than the exchange sells at once."""
        if not self.rule.max_quantity:
            return False
        if pricing == "average":
            return self._plan_average(total).buy > self.rule.max_quantity
        need = quantity - self.free
        return need > 0 and self._bringing(need) > self.rule.max_quantity

    def _plan_quoted(self, quantity: int, *, direct: bool) -> Plan:
        need = quantity - self.free
        if need <= 0:
            return Plan(0, quantity, 0, feasible=True)
        used = quantity - need
        buy = max(self._bringing(need), self.smallest)
        fee = round_up(buy * self.rule.fee_ppm, 1_000_000) if self._fee_in("coin") else 0
        surplus = buy - fee - need
        left = self.free - used + self.expected + surplus
        limit = self.house.inventory_cap * per_dollar_unit(self.scale)
        if direct:
            limit = max(limit, self.smallest * self.price)
        return Plan(buy, used, surplus, feasible=self._sold(buy) and left * self.price <= limit)

    def _plan_average(self, total: int) -> Plan:
        fee_ppm = self.rule.fee_ppm if self._fee_in("quote") else 0
        dearer_ppm = 1_000_000 + 100 * self.house.price_tolerance_bps + fee_ppm
        coins = total * per_dollar_unit(self.scale) * 1_000_000 // (self.price * dearer_ppm)
        buy = coins - coins % self.rule.lot_step
        return Plan(buy, 0, 0, feasible=self._sold(buy) and buy >= self.smallest)

    def _bringing(self, need: int) -> int:
        """The smallest lot multiple that brings so many coins after a fee in coin: what the exchange
        keeps of `b` is rounded up, so `b × (1 − fee) ≥ need` is enough.
        """
        if self._fee_in("coin"):
            need = round_up(need * 1_000_000, 1_000_000 - self.rule.fee_ppm)
        return self._lots(need)

    def _lots(self, quantity: int) -> int:
        return round_up(quantity, self.rule.lot_step) * self.rule.lot_step

    def _fee_in(self, currency: str) -> bool:
        return self.house.fee_in == currency

    def _sold(self, buy: int) -> bool:
        return not self.rule.max_quantity or buy <= self.rule.max_quantity


def together(orders: Sequence[ModelOrder]) -> tuple[int, int]:
    """Quantities and totals summed up."""
    return sum(o.quantity for o in orders), sum(o.total for o in orders)


def is_overdue(order: ModelOrder, house: House, at_us: int) -> bool:
    """Whether the longest wait is over."""
    return at_us - order.created_at_us >= house.max_wait_us


def must_leave(order: ModelOrder, house: House, at_us: int) -> bool:
    """Whether it is refunded if it cannot be bought."""
    return house.on_deadline != "wait" and is_overdue(order, house, at_us)


def take_along(
    large: ModelOrder, waiting: Sequence[ModelOrder], terms: Terms
) -> tuple[list[ModelOrder], Plan]:
    """A large order with those that it takes along, oldest first."""
    members, (quantity, total) = [large], (large.quantity, large.total)
    plan = terms.plan(large.pricing, quantity, total, direct=True)
    if large.pricing == "average" or not terms.house.take_along or not plan.feasible:
        return members, plan
    for each in terms.guard([o for o in waiting if o.pricing == "quoted"]):
        if len(members) == terms.house.batch_limit:
            break
        sums = quantity + each.quantity, total + each.total
        wider = terms.plan("quoted", *sums, direct=True)
        if wider.feasible:
            members.append(each)
            plan, (quantity, total) = wider, sums
    return members, plan


def choose(waiting: Sequence[ModelOrder], pricing: str, terms: Terms) -> list[ModelOrder]:
    """Who of the waiting would be sealed together, without a large order; nobody if it can't be."""
    own = [o for o in waiting if o.pricing == pricing]
    overdue = any(is_overdue(o, terms.house, terms.at_us) for o in own)
    limit, members = terms.house.batch_limit, list[ModelOrder]()
    for each, quantity, total in _fitting(terms.guard(own), pricing, terms):
        members.append(each)
        if len(members) >= limit and may_seal(pricing, quantity, total, terms, overdue=overdue):
            return members
    enough = 0 < len(members) < limit
    sums = together(members)
    return members if enough and may_seal(pricing, *sums, terms, overdue=overdue) else []


def may_seal(pricing: str, quantity: int, total: int, terms: Terms, *, overdue: bool) -> bool:
    """Whether small orders of so much together may be bought now (SPEC: sealing, deadline)."""
    plan = terms.plan(pricing, quantity, total, direct=False)
    below = plan.buy == 0 or total >= terms.minimum or terms.house.on_deadline == "top_up"
    return plan.feasible and (total >= terms.house.threshold or (overdue and below))


def _fitting(
    orders: Sequence[ModelOrder], pricing: str, terms: Terms
) -> Iterator[tuple[ModelOrder, int, int]]:
    """Orders as far as the exchange's maximum allows, with the sums so far; one that is too large by
    itself holds up nobody.
    """
    quantity, total = 0, 0
    for each in orders:
        sums = quantity + each.quantity, total + each.total
        if terms.overflows(pricing, *sums):
            if quantity:
                return
            continue
        quantity, total = sums
        yield each, quantity, total
