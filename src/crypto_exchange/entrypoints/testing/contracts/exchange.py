"""The contract of `Exchange`: subclass it, override `make_exchange` and what can be scripted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from itertools import count

import msgspec
import pytest

from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.errors import OutcomeUnknown
from crypto_exchange.domain.money import value_of
from crypto_exchange.domain.ports import Exchange
from crypto_exchange.domain.purchase import (
    Absent,
    Filled,
    Outcome,
    Purchase,
    Rejected,
    RejectionKind,
)
from crypto_exchange.entrypoints.testing.contracts.checks import (
    given,
    optional,
    requires,
    since,
)
from crypto_exchange.entrypoints.testing.contracts.exchange_answers import (
    RefusedOrderTests,
    ScriptedVenueTests,
)

_KEYS = (f"{number:024x}" for number in count(0xC0FFEE))


class ExchangeUnderTest(msgspec.Struct, frozen=True):
    """An exchange, and what the contract has to know of it.

    `asset` is as listed there, with its constant price; its fee is taken in dollars. While
    `lose_answers()` is open, purchases are executed but their answers get lost.
    """

    exchange: Exchange
    asset: Asset
    lose_answers: Callable[[], AbstractContextManager[object]]


class ExchangePortTests(ScriptedVenueTests, RefusedOrderTests, port="exchange"):
    """It fills, rejects, or leaves open what happened; then a look-up tells.

    What no venue does by itself is checked where `make_scripted` and `make_refusing` are overridden, too.
    """

    def make_exchange(self) -> ExchangeUnderTest | Awaitable[ExchangeUnderTest]:
        """Give an exchange with enough money, where nothing was bought yet."""
        raise NotImplementedError

    @optional
    def make_slow(self) -> ExchangeUnderTest | Awaitable[ExchangeUnderTest]:
        """Give an exchange with enough money where an order takes effect 0.5 to 2 s after it came."""
        raise NotImplementedError

    async def test_a_purchase_is_filled_whole_at_the_price(self) -> None:
        venue = await given(self.make_exchange())
        purchase = _purchase(venue)

        outcome = await venue.exchange.submit(purchase)

        assert isinstance(outcome, Filled)
        assert sum(f.quantity for f in outcome.fills) == purchase.quantity
        assert sum(f.cost for f in outcome.fills) == _value(venue, purchase.quantity)
        assert {f.fee_currency for f in outcome.fills if f.fee} <= {"USD"}
        assert len({f.trade_id for f in outcome.fills}) == len(outcome.fills) > 0

    async def test_a_purchase_below_the_minimum_is_rejected_by_the_rules(self) -> None:
        venue = await given(self.make_exchange())

        outcome = await venue.exchange.submit(_purchase(venue, venue.asset.rule.lot_step))

        assert isinstance(outcome, Rejected)
        assert outcome.kind is RejectionKind.RULES
        assert outcome.code
        assert outcome.message

    async def test_what_was_filled_is_found_with_the_same_fills(self) -> None:
        venue = await given(self.make_exchange())
        purchase = _purchase(venue)
        outcome = await venue.exchange.submit(purchase)

        found = await venue.exchange.find(purchase)

        assert found == outcome
        assert await venue.exchange.find(purchase) == found

    async def test_a_lost_answer_leaves_the_outcome_unknown_and_a_look_up_tells_it(self) -> None:
        venue = await given(self.make_exchange())
        purchase = _purchase(venue)

        with venue.lose_answers(), pytest.raises(OutcomeUnknown):
            await venue.exchange.submit(purchase)
        found = await venue.exchange.find(purchase)

        assert isinstance(found, Filled)
        assert sum(f.quantity for f in found.fills) == purchase.quantity
        assert sum(f.cost for f in found.fills) == _value(venue, purchase.quantity)

    async def test_what_was_never_sent_is_absent_as_of_now_on_its_clock(self) -> None:
        venue = await given(self.make_exchange())
        purchase = _purchase(venue)

        found = await venue.exchange.find(purchase)

        assert isinstance(found, Absent)
        assert abs(found.answered_ms - purchase.timestamp_ms) < 60_000

    async def test_what_was_rejected_was_not_bought(self) -> None:
        venue = await given(self.make_exchange())
        purchase = _purchase(venue, venue.asset.rule.lot_step)
        await venue.exchange.submit(purchase)

        assert isinstance(await venue.exchange.find(purchase), Absent)

    async def test_another_quantity_under_the_same_name_is_not_ours(self) -> None:
        venue = await given(self.make_exchange())
        purchase = _purchase(venue)
        await venue.exchange.submit(purchase)
        more = purchase.quantity + venue.asset.rule.lot_step

        found = await venue.exchange.find(msgspec.structs.replace(purchase, quantity=more))

        assert isinstance(found, Absent)

    async def test_another_attempt_or_batch_is_not_ours(self) -> None:
        venue = await given(self.make_exchange())
        purchase = _purchase(venue)
        await venue.exchange.submit(purchase)
        retried = msgspec.structs.replace(purchase, attempt=2)
        other = msgspec.structs.replace(purchase, batch=next(_KEYS))

        assert isinstance(await venue.exchange.find(retried), Absent)
        assert isinstance(await venue.exchange.find(other), Absent)

    async def test_of_many_purchases_each_is_found_with_its_own_fills(self) -> None:
        venue = await given(self.make_exchange())
        purchases = [_purchase(venue) for _ in range(3)]

        outcomes = [await venue.exchange.submit(purchase) for purchase in purchases]

        assert [await venue.exchange.find(purchase) for purchase in purchases] == outcomes
        trades = [{f.trade_id for f in o.fills} for o in outcomes if isinstance(o, Filled)]
        assert len(set().union(*trades)) == sum(map(len, trades)) >= 3

    async def test_what_was_bought_before_the_intent_is_not_ours(self) -> None:
        venue = await given(self.make_exchange())
        purchase = _purchase(venue)
        await venue.exchange.submit(purchase)
        later = purchase.timestamp_ms + 3_600_000

        found = await venue.exchange.find(msgspec.structs.replace(purchase, timestamp_ms=later))

        assert isinstance(found, Absent)

    async def test_nothing_is_bought_after_the_window(self) -> None:
        venue = await given(self.make_exchange())
        stale_ms = venue.exchange.now_ms() - 60_000
        purchase = msgspec.structs.replace(_purchase(venue), timestamp_ms=stale_ms)

        outcome: Outcome | None
        try:
            outcome = await venue.exchange.submit(purchase)
        except OutcomeUnknown:
            outcome = None

        assert not isinstance(outcome, Filled)
        assert isinstance(await venue.exchange.find(purchase), Absent)

    @requires("make_slow")
    @since("2")
    async def test_nothing_takes_effect_after_the_window(self) -> None:
        venue = await given(self.make_slow())
        hurried = msgspec.structs.replace(_purchase(venue), window_ms=400)

        with suppress(OutcomeUnknown):
            assert not isinstance(await venue.exchange.submit(hurried), Filled)

        assert not isinstance(await venue.exchange.find(hurried), Filled)
        assert isinstance(await venue.exchange.submit(_purchase(venue)), Filled)

    async def test_prices_are_of_the_symbols_asked_for_without_unknown_ones(self) -> None:
        venue = await given(self.make_exchange())

        prices = await venue.exchange.list_prices([venue.asset.symbol, "NOSUCHCOIN"])

        assert prices == {venue.asset.symbol: venue.asset.price}

    async def test_rules_are_in_units_of_the_scale_and_none_for_what_does_not_trade(self) -> None:
        venue = await given(self.make_exchange())
        symbol = venue.asset.symbol

        rules = await venue.exchange.list_rules({symbol: venue.asset.scale, "NOSUCHCOIN": 8})

        assert rules == {symbol: venue.asset.rule, "NOSUCHCOIN": None}

    async def test_balances_are_of_dollars(self) -> None:
        venue = await given(self.make_exchange())

        balances = await venue.exchange.list_balances({"USD": 8})

        assert balances["USD"] > 0

    async def test_balances_are_in_units_of_the_scales_rounded_down(self) -> None:
        venue = await given(self.make_exchange())
        fine = (await venue.exchange.list_balances({"USD": 8}))["USD"]

        coarse = (await venue.exchange.list_balances({"USD": 0}))["USD"]
        finer = (await venue.exchange.list_balances({"USD": 10}))["USD"]

        assert coarse == fine // 10**8
        assert finer // 100 == fine

    async def test_what_came_after_its_window_is_found_late_and_nothing_else(self) -> None:
        """The exchange took it at a time at which it should not have: the order is not in the span."""
        venue = await given(self.make_exchange())
        purchase = _purchase(venue)
        outcome = await venue.exchange.submit(purchase)
        long_ago = msgspec.structs.replace(purchase, timestamp_ms=purchase.timestamp_ms - 3_600_000)
        later = msgspec.structs.replace(purchase, timestamp_ms=purchase.timestamp_ms + 3_600_000)

        assert await venue.exchange.find_late(long_ago) == outcome
        assert await venue.exchange.find_late(later) is None
        assert await venue.exchange.find_late(_purchase(venue)) is None
        delisted = msgspec.structs.replace(purchase, asset="NOSUCHCOIN")
        assert await venue.exchange.find_late(delisted) is None

    async def test_orders_can_be_looked_up_for_longer_than_absence_takes_to_prove(self) -> None:
        venue = await given(self.make_exchange())

        assert venue.exchange.reach_ms() > 3_600_000


def _purchase(venue: ExchangeUnderTest, quantity: int | None = None) -> Purchase:
    """A purchase of about twice the minimum, signed now."""
    return Purchase(
        batch=next(_KEYS),
        attempt=1,
        asset=venue.asset.symbol,
        scale=venue.asset.scale,
        quantity=quantity or _twice_the_minimum(venue.asset),
        timestamp_ms=venue.exchange.now_ms(),
        window_ms=5_000,
    )


def _twice_the_minimum(asset: Asset) -> int:
    quantity = asset.rule.lot_step
    while value_of(quantity, asset.price or 0, asset.scale) < 2 * asset.rule.min_notional:
        quantity *= 2
    return quantity


def _value(venue: ExchangeUnderTest, quantity: int) -> int:
    return value_of(quantity, venue.asset.price or 0, venue.asset.scale)
