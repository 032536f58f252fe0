"""The contract of `Exchange` where the venue has to be scripted: override what it can be made to say."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, ClassVar

import pytest

from crypto_exchange.domain.errors import OutcomeUnknown, Unavailable
from crypto_exchange.domain.ports import Exchange
from crypto_exchange.domain.purchase import Absent, Fill, Filled, Finding, Purchase, Rejected
from crypto_exchange.entrypoints.testing.contracts.checks import (
    Suite,
    given,
    optional,
    requires,
    since,
)
from crypto_exchange.entrypoints.testing.contracts.exchange_market import ScriptedMarketTests
from crypto_exchange.entrypoints.testing.contracts.venue_script import (
    COIN,
    Script,
    ToldOrder,
    ToldTrade,
)

_KEYS = (f"{number:024x}" for number in count(0x5C819))
_QUANTITY = 20_000
_WHOLE = ToldTrade(quantity="0.0002", price="50000")
_FILLED = [(_QUANTITY, 10 * COIN)]
_MARGIN_MS = 30_000
_UNKNOWING = (408, 500, 502, 503, 504)


class RefusedOrderTests(Suite, port="exchange"):
    """A refusal is definite only if the venue itself knows; and so is that it got nothing.

    Where a venue takes requests without an end of their window, however late they come, say so:
    `requests_expire`.
    """

    requests_expire: ClassVar[bool] = True

    @optional
    def make_refusing(self, status: int | None) -> Exchange | Awaitable[Exchange]:
        """Give an adapter, its clock compared, to a venue that answers each new order of BTC with the
        same definite refusal, under this HTTP status; None: under the one that it has for refusals.
        """
        raise NotImplementedError

    @requires("make_refusing")
    @since("2")
    async def test_a_venue_that_does_not_know_itself_has_rejected_nothing(self) -> None:
        refused = await self._order(None)

        assert isinstance(refused, Rejected)
        for status in _UNKNOWING:
            with pytest.raises(OutcomeUnknown):
                await self._order(status)

    @requires("make_refusing")
    @since("2")
    async def test_what_is_not_there_is_absent_only_where_requests_expire(self) -> None:
        exchange = await given(self.make_refusing(None))

        found = await exchange.find(_purchase(exchange.now_ms() - 120_000))

        assert isinstance(found, Absent) == self.requests_expire

    async def _order(self, status: int | None) -> object:
        exchange = await given(self.make_refusing(status))
        return await exchange.submit(_purchase(exchange.now_ms()))


class ScriptedVenueTests(ScriptedMarketTests, port="exchange"):
    """What a venue tells of an order, of its clock and of what it keeps is read to the letter.

    Where the venue of `make_scripted` cannot be made to say something, say so: `tells_trades`: a trade
    whose order no list has yet. `tells_many`: more orders than fit into one of its lists. `tells_held`:
    balances that open orders hold. `tells_fees`: fees in any coin.
    """

    tells_trades: ClassVar[bool] = True
    tells_many: ClassVar[bool] = True
    tells_held: ClassVar[bool] = True
    tells_fees: ClassVar[bool] = True

    @optional
    def list_ended(self) -> Sequence[str]:
        """Name every status, in the venue's own words, of orders that it took and that are over although
        not all, or nothing, was bought.
        """
        raise NotImplementedError

    @requires("make_scripted", "list_ended")
    @since("2")
    async def test_an_order_that_is_over_is_a_fill_of_what_was_bought_also_of_nothing(self) -> None:
        part = ToldTrade(quantity="0.00007", price="50000")

        for status in self.list_ended():
            nothing = await self._find(status=status, trades=())
            some = await self._find(status=status, trades=(part,))

            assert nothing == Filled(fills=()), status
            assert _bought(some) == [(7_000, 350_000_000)], status

    @requires("make_scripted")
    @since("2")
    async def test_an_order_is_ours_until_thirty_seconds_after_its_window_and_late_from_then_on(
        self,
    ) -> None:
        for after_ms in (-5_000, 0, 10_000, _MARGIN_MS):
            assert _bought(await self._find(after_ms=after_ms)) == _FILLED, after_ms

        _, exchange, purchase = await self._told(after_ms=_MARGIN_MS + 1)
        assert not isinstance(await exchange.find(purchase), Filled)
        assert _bought(await exchange.find_late(purchase)) == _FILLED

    @requires("make_scripted")
    @since("2")
    async def test_an_order_from_before_the_intent_is_not_ours(self) -> None:
        for before_ms in (1, 3_600_000):
            found = await self._find(after_ms=-5_000 - before_ms)

            assert not isinstance(found, Filled), before_ms

    @requires("make_scripted")
    @since("2")
    async def test_an_order_of_another_quantity_is_not_ours(self) -> None:
        for quantity in (_QUANTITY - 100, _QUANTITY + 100):
            _, exchange, purchase = await self._told(after_ms=-4_000, quantity=quantity)

            assert not isinstance(await exchange.find(purchase), Filled), quantity
            assert await exchange.find_late(purchase) is None, quantity

    @requires("make_scripted")
    @since("2")
    async def test_a_cost_finer_than_our_dollars_is_rounded_up_trade_by_trade(self) -> None:
        fine = ToldTrade(quantity="0.0001", price="50000.00002")

        assert _bought(await self._find(trades=(fine, fine))) == [(10_000, 5 * COIN + 1)] * 2

    @requires("make_scripted", "tells_fees")
    @since("2")
    async def test_a_fee_finer_than_the_scale_is_rounded_up_in_whatever_it_is_taken(self) -> None:
        for currency in ("USD", "BTC", "BNB"):
            fine = ToldTrade(
                quantity="0.0002", price="50000", fee="0.0000000101", fee_currency=currency
            )
            found = await self._find(trades=(fine,))

            assert [(f.fee, f.fee_currency) for f in _fills(found)] == [(2, currency)]

    @requires("make_scripted")
    @since("2")
    async def test_absence_is_as_of_before_it_was_looked_for_on_the_venues_clock(self) -> None:
        script = Script(look_up_ms=60_000)
        exchange = await given(self.make_scripted(script))
        script.looked_up_ms.clear()

        found = await exchange.find(_purchase(script.now_ms() - 120_000))

        if isinstance(found, Absent):  # and not, as where orders never expire, still to come
            assert found.answered_ms <= script.looked_up_ms[0]

    @requires("make_scripted", "tells_trades")
    @since("2")
    async def test_an_order_of_which_only_trades_are_known_is_not_absent(self) -> None:
        found = await self._find(named=False, listed=False)

        assert not isinstance(found, Absent)

    @requires("make_scripted", "tells_many")
    @since("2")
    async def test_an_order_behind_more_others_than_are_listed_at_once_is_not_absent(self) -> None:
        found = await self._find(after_ms=0, others=1_500, named=False)

        assert not isinstance(found, Absent)

    @requires("make_scripted")
    @since("2")
    async def test_nothing_is_sent_that_may_come_after_its_window(self) -> None:
        """The time was told 0.6 s ago: it may be 0.6 s later than it looks."""
        script = Script(clock_delay_s=0.6)
        exchange = await given(self.make_scripted(script))
        await exchange.list_prices([script.asset])
        purchase = _purchase(exchange.now_ms() - 5_000 + 250)

        with suppress(OutcomeUnknown):
            assert isinstance(await exchange.submit(purchase), Rejected)

        assert script.sent == []

    @requires("make_scripted", "tells_held")
    @since("2")
    async def test_a_balance_is_what_is_free_and_what_is_held_for_orders(self) -> None:
        script = Script(balances={"USD": ("7.5", "0.25"), "BTC": ("1", "0.5"), "ETH": ("0", "2")})
        exchange = await given(self.make_scripted(script))

        balances = await exchange.list_balances({"USD": 8, "BTC": 5, "ETH": 0})

        assert balances == {"USD": 775_000_000, "BTC": 150_000, "ETH": 2}

    @requires("make_scripted")
    @since("2")
    async def test_of_two_rules_for_market_orders_the_stricter_counts(self) -> None:
        script = Script()
        exchange = await given(self.make_scripted(script))

        assert await exchange.list_rules({script.asset: 8}) == {script.asset: script.rule}

    async def _find(
        self, *, after_ms: int = -4_000, others: int = 0, **told: Any
    ) -> Finding | None:
        """What a look-up finds of an order; None if it is not answered."""
        _, exchange, purchase = await self._told(after_ms=after_ms, others=others, **told)
        try:
            return await exchange.find(purchase)
        except Unavailable:
            return None

    async def _told(
        self, *, after_ms: int, others: int = 0, **told: Any
    ) -> tuple[Script, Exchange, Purchase]:
        """A venue with the order of a purchase, taken so long after the end of its window."""
        script = Script(others=others)
        purchase = _purchase(script.now_ms() - 120_000)
        at_ms = purchase.window_end_ms + after_ms
        order = {"purchase": purchase, "at_ms": at_ms, "trades": (_WHOLE,), **told}
        script.orders = (ToldOrder(**order),)
        return script, await given(self.make_scripted(script)), purchase


def _fills(found: object) -> tuple[Fill, ...]:
    assert isinstance(found, Filled)
    return found.fills


def _bought(found: object) -> list[tuple[int, int]]:
    """Quantities and costs."""
    return [(fill.quantity, fill.cost) for fill in _fills(found)]


def _purchase(timestamp_ms: int) -> Purchase:
    return Purchase(
        batch=next(_KEYS),
        attempt=1,
        asset="BTC",
        scale=8,
        quantity=_QUANTITY,
        timestamp_ms=timestamp_ms,
        window_ms=5_000,
    )
