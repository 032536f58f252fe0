"""A bug in a decision, a use case or the memory adapters is found in the corner that leads into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pytest
from typing_extensions import override

from crypto_exchange.adapters.memory import MemoryReadModels
from crypto_exchange.domain import aggregation, attempt, batch, plan, retrial, settlement
from crypto_exchange.domain.aggregation import _Sealing
from crypto_exchange.domain.asset import Asset, Inventory
from crypto_exchange.domain.intent import Stamp, take_along
from crypto_exchange.domain.money import PPM, ceil_div, pow10, quantity_worth
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.plan import Terms
from crypto_exchange.domain.policy import FeeIn, Policy
from crypto_exchange.domain.use_cases import context, currencies, house, trading
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.testing.corners import CORNERS
from crypto_exchange.entrypoints.testing.history import History
from crypto_exchange.entrypoints.testing.memory_suite import MemorySuite
from crypto_exchange.entrypoints.testing.simulation import replay

_BY_NAME = {corner.name: corner for corner in CORNERS}
_CHOOSE, _EXCEEDS, _TAKE_ALONG = _Sealing._choose, Terms.exceeds_maximum, take_along
_BOOK_CAPITAL = house.book_capital


class Plant(NamedTuple):
    """A bug: what is replaced where, by what; the corner, and how the name of the check begins."""

    place: Any
    name: str
    bug: Any
    corner: str
    check: str


def absent_at_any_age(opened: Any, absent: Any, _reach_ms: int, policy: Policy) -> bool:
    end_ms = opened.purchase.window_end_ms + policy.absence_margin_ms
    return bool(end_ms < absent.answered_ms)


class TermsOfAny(Terms, frozen=True):
    @override
    def passing_guard(self, orders: Sequence[Order]) -> list[Order]:
        return [*orders] if Terms.passing_guard(self, orders) else []


async def capital_again(context: Context) -> Mapping[str, int]:
    if booked := await _BOOK_CAPITAL(context):
        return booked
    await house.fund(context, "USD", 1)
    return {"USD": 1}


def blocked_by_the_oldest(sealing: Any, passing: Any, terms: Any, *, overdue: bool) -> Any:
    first = passing[:1]
    if first and terms.exceeds_maximum(first[0].quantity, first[0].total, sealing.inventory):
        return None
    return _CHOOSE(sealing, passing, terms, overdue=overdue)


def gross_by_adding(need: int, asset: Asset, policy: Policy) -> int:
    fee_ppm = asset.rule.fee_ppm if policy.fee_in is FeeIn.COIN else 0
    return plan._lots(ceil_div(need * (PPM + fee_ppm), PPM), asset)


def fee_rounded_down(quantity: int, asset: Asset, policy: Policy) -> int:
    fee_ppm = asset.rule.fee_ppm if policy.fee_in is FeeIn.COIN else 0
    return quantity - quantity * fee_ppm // PPM


def no_fee(quantity: int, *_: object) -> int:
    return quantity


def worth_rounded_down(usd: int, price: int, scale: int) -> int:
    return usd * pow10(scale + 4) // price


def without_the_least_quantity(asset: Asset, price: int, policy: Policy) -> int:
    worth = quantity_worth(plan.minimum_value(asset, policy), price, asset.scale)
    return plan._lots(worth, asset)


def twice_as_late(opened: Any, reach_ms: int, policy: Policy, at_us: int) -> bool:
    limit_us = 2 * min(policy.quarantine_us, reach_ms * 1_000)
    return bool(at_us > opened.purchase.timestamp_ms * 1_000 + limit_us)


def closed_and_live(before: Any, trigger: Any) -> Any:
    state = batch.BATCH_TRANSITIONS[before.state, trigger]
    return batch.revise(before, state=state, used=0, surplus=0)


async def nothing_reloaded(_: object) -> None:
    """Keep the old rules."""


async def any_asset(opened: Any, _: str) -> Asset:
    return (await currencies.list_assets(opened))[0]


def only_the_cap(asset: Asset, _price: int, policy: Policy, **_: bool) -> int:
    return policy.inventory_cap * pow10(asset.scale + 4)


def all_pass(order: Any, waiting: Any, terms: Any, inventory: Any) -> Any:
    members = [order, *waiting]
    return members, terms.plan(members, inventory, direct=True)


def up_to_the_first_that_does_not_fit(order: Any, waiting: Any, terms: Any, inventory: Any) -> Any:
    members, _ = _TAKE_ALONG(order, waiting, terms, inventory)
    own = [each for each in waiting if each in members]
    kept = [each for each, first in zip(own, waiting, strict=False) if each is first]
    return _TAKE_ALONG(order, kept, terms, inventory)


def nothing_is_free(terms: Any, quantity: int, total: int, inventory: Any) -> Any:
    nothing = Inventory(asset=inventory.asset)
    return _EXCEEDS(terms, quantity, total, nothing)


def looked_at_at_once(_plan: Any, _policy: Policy, stamp: Any) -> int:
    return int(stamp.at_us)


async def of_any_attempt(opened: Any, key: str, _number: int, decide: Any) -> None:
    await trading._change_batch(opened, key, lambda o: decide(o) if o.batch.live else None)


async def with_old_rules(*_: Any) -> bool:
    return True


def on_our_clock(self: Any) -> Stamp:
    at_us = self.clock.now_us()
    return Stamp(at_us=at_us, exchange_ms=at_us // 1_000)


def unknown_to_all(*_: Any, **__: Any) -> None:
    return


PLANTS = {
    "no coins of the house": Plant(
        Terms,
        "exceeds_maximum",
        nothing_is_free,
        "more than the exchange sells at once, but for what the house has",
        "I4 oldest first",
    ),
    "one keeps all away": Plant(
        aggregation,
        "take_along",
        up_to_the_first_that_does_not_fit,
        "of those that would come along, one is too much for the exchange and the next is not",
        "I4 oldest first",
    ),
    "an early look": Plant(
        aggregation,
        "first_look_us",
        looked_at_at_once,
        "looked at while its sender may still tell",
        "I6 first look",
    ),
    "an answer to another attempt": Plant(
        trading, "_change_attempt", of_any_attempt, "heard too late: final", "I"
    ),
    "rules as they were": Plant(
        trading,
        "_knows_rules",
        with_old_rules,
        "rules that cannot be read when they should be",
        "I6 rules reloaded",
    ),
    "our own clock": Plant(
        context.Context,
        "stamp",
        on_our_clock,
        "nothing is signed while the clock of the exchange is not known",
        "I6 one attempt",
    ),
    "a loss that nobody notes": Plant(
        attempt,
        "note_lost",
        unknown_to_all,
        "two workers make the next attempt",
        "I6 what the sender",
    ),
    "a late look at what is away for long": Plant(
        attempt,
        "wait_on",
        lambda before, policy, at_us: batch.revise(before, due_at_us=at_us + 60 * 10**6),
        "silent for so long that nobody asks often, and heard at once",
        "I12 attempt",
    ),
    "one pricing for all": Plant(
        Policy,
        "pricing_of",
        lambda policy, _: policy.pricing,
        "average prices for one asset alone",
        "I1 exact quote",
    ),
    "absence that proves nothing": Plant(
        attempt,
        "proves_absence",
        absent_at_any_age,
        "asked after when the exchange may have forgotten",
        "I6 executed and not booked",
    ),
    "refunded for one that is too large": Plant(
        _Sealing,
        "_choose",
        blocked_by_the_oldest,
        "an older order that is more than the exchange sells by now",
        "I3 reasons hold",
    ),
    "waiting for one that is too large": Plant(
        _Sealing,
        "_choose",
        blocked_by_the_oldest,
        "an order for ever larger than the exchange sells by now",
        "I12 ETH is left waiting",
    ),
    "the fee added": Plant(
        plan,
        "_gross",
        gross_by_adding,
        "coins bought by the unit, fees in coin",
        "no unexpected error",
    ),
    "the fee rounded down": Plant(
        plan, "net_of_coin_fee", fee_rounded_down, "coins bought by the unit, fees in coin", "I4"
    ),
    "the fee forgotten": Plant(
        plan, "net_of_coin_fee", no_fee, "coins bought by the unit, fees in coin", "I4"
    ),
    "a unit below the minimum": Plant(
        plan,
        "quantity_worth",
        worth_rounded_down,
        "the least that the exchange sells, by the unit and by its quantity",
        "I4 exact plan",
    ),
    "less than the least quantity": Plant(
        plan,
        "smallest_purchase",
        without_the_least_quantity,
        "the least that the exchange sells, by the unit and by its quantity",
        "I4 exact plan",
    ),
    "a late quarantine": Plant(
        trading, "is_beyond_reach", twice_as_late, "unknown until an operator speaks", "I12 attempt"
    ),
    "live for ever": Plant(
        settlement, "close", closed_and_live, "told twice, and executed after it was given up", "I6"
    ),
    "old rules": Plant(
        trading, "refresh_rules", nothing_reloaded, "rules that nobody was told of", "I6 rules"
    ),
    "another asset": Plant(
        currencies, "get_asset", any_asset, "cancelled while it is sealed", "I8 what is found"
    ),
    "no large order with an empty cap": Plant(
        plan,
        "_inventory_limit",
        only_the_cap,
        "nothing may be left over, but of large orders",
        "I8 routing",
    ),
    "the guard of any": Plant(
        retrial,
        "Terms",
        TermsOfAny,
        "a price at the next attempt that only the large order does not pass",
        "I4",
    ),
    "capital at each start": Plant(
        house,
        "book_capital",
        capital_again,
        "the broker is started again while it trades",
        "I10 capital",
    ),
    "always taken along": Plant(
        aggregation, "take_along", all_pass, "nobody is taken along", "I4 oldest first"
    ),
    "one try": Plant(
        context,
        "PATIENCE_US",
        -1,
        "to the cent, and the same key again",
        "an undisturbed command",
    ),
}


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, attribute, bug, corner, check = PLANTS[name]
    clean = visit(corner)
    monkeypatch.setattr(place, attribute, bug)

    history = visit(corner)

    assert clean.violations == ()
    assert any(found.check.startswith(check) for found in history.violations)


def test_an_audit_that_finds_nothing_is_found_over_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nothing(_: MemoryReadModels) -> tuple[()]:
        return ()

    monkeypatch.setattr(MemoryReadModels, "list_differences", nothing)

    check: Any = MemorySuite().test_a_cent_in_a_wallet_is_found_at_its_account
    with pytest.raises(AssertionError):
        check()


def visit(name: str) -> History:
    """Go through a corner."""
    corner = _BY_NAME[name]
    return replay(corner.steps, setup=corner.setup)
