"""A bug in the domain is found in what it does, by the check that its rule has."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from typing_extensions import override

from crypto_exchange.domain import (
    aggregation,
    allocation,
    attempt,
    intent,
    money,
    placement,
    plan,
    policy,
    settlement,
)
from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.order import Order
from crypto_exchange.entrypoints.testing.model import ReferenceModel, checks
from tests.unit.testing.histories import Broker

_CHOOSE = aggregation._Sealing._choose
_ALLOCATE = allocation.allocate
_TAKE_ALONG = intent.take_along


class Plant(NamedTuple):
    """A bug: what is replaced where, by what, and the check that finds it."""

    place: Any
    name: str
    bug: Callable[..., Any]
    check: str


class Calm(Broker):
    """One in which nobody races, so that everybody has seen everything."""

    @override
    async def race(self) -> None:
        await self.work()


def newest_first(sealing: Any, passing: Any, terms: Any, *, overdue: bool) -> Any:
    return _CHOOSE(sealing, passing[::-1], terms, overdue=overdue)


def at_most_one(sealing: Any, passing: Any, terms: Any, *, overdue: bool) -> Any:
    return _CHOOSE(sealing, passing[:1], terms, overdue=overdue)


def ties_the_other_way(amount: int, weights: Any, tie_keys: Any) -> list[int]:
    return _ALLOCATE(amount, weights, [format(2**256 - int(key, 16), "064x") for key in tie_keys])


def equal_shares(amount: int, weights: Any, tie_keys: Any) -> list[int]:
    return _ALLOCATE(amount, [1] * len(weights), tie_keys)


def charged_rounded_down(member: Any, part: int) -> allocation.Share:
    cents = member.total * part // member.quantity // money.CENT
    return allocation.Share(part, cents * money.CENT, whole=part == member.quantity)


def price_of_any_age(listed: Any, *_: Any) -> Any:
    return listed.price


def nobody_taken(order: Any, _waiting: Any, terms: Any, inventory: Any) -> Any:
    return _TAKE_ALONG(order, (), terms, inventory)


def rounded_up(spend: int, price: int, scale: int, spread_bps: int) -> int:
    return money.quantity_for(spend, price, scale, spread_bps) + 1


PLANTS = {
    "newest first": Plant(aggregation._Sealing, "_choose", newest_first, checks.OLDEST),
    "one at a time": Plant(aggregation._Sealing, "_choose", at_most_one, checks.OLDEST),
    "nobody taken along": Plant(aggregation, "take_along", nobody_taken, checks.OLDEST),
    "no last chance": Plant(aggregation._Sealing, "_may_go_below", lambda *_: False, checks.REASON),
    "too little bought at the deadline": Plant(
        aggregation._Sealing, "_may_go_below", lambda *_: True, checks.ENOUGH
    ),
    "no price guard": Plant(plan, "lowest_quote", lambda *_: 0, checks.GUARD),
    "halted all the same": Plant(intent, "find_buyable_price", price_of_any_age, checks.PRICE),
    "stale quotes": Plant(placement, "fresh_price", price_of_any_age, checks.PRICE),
    "ties the other way": Plant(allocation, "allocate", ties_the_other_way, checks.SHARES),
    "equal shares": Plant(allocation, "allocate", equal_shares, checks.SHARES),
    "charges rounded down": Plant(allocation, "_quoted_share", charged_rounded_down, checks.SHARES),
    "quantity rounded up": Plant(placement, "quantity_for", rounded_up, checks.QUOTE),
    "always direct": Plant(placement, "_feasible_alone", lambda *_: True, checks.ROUTING),
    "never direct": Plant(placement, "_feasible_alone", lambda *_: False, checks.ROUTING),
    "minimum without reserve": Plant(
        plan, "minimum_value", lambda listed, _: listed.rule.min_notional, checks.PLAN
    ),
    "no cap": Plant(plan, "_inventory_limit", lambda *_, **__: 10**40, checks.PLAN),
    "absent too early": Plant(attempt, "proves_absence", lambda *_: True, checks.ATTEMPT),
    "no back-off": Plant(policy.Policy, "backoff_us", lambda *_: 0, checks.BACKOFF),
    "overdue on the next attempt": Plant(Order, "must_leave", lambda *_: False, checks.MEMBERS),
    "fees untold": Plant(settlement, "fees", lambda _: (), checks.FILLS),
}


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, attribute, bug, check = PLANTS[name]
    monkeypatch.setattr(place, attribute, bug)

    assert any(check in broken_checks(seed) for seed in range(100))


def broken_checks(seed: int) -> set[str]:
    """The checks that find something in a history."""
    broker, model = Calm(seed), ReferenceModel()
    model.alone = True

    async def live() -> None:
        await broker.live(60)
        await broker.drain()

    with contextlib.suppress(InvariantViolation, ArithmeticError):  # the domain noticed it, too
        asyncio.run(live())
    return {violation.check for record in broker.records for violation in model.feed(record)}
