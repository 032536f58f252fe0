"""The contract of `Tally`: subclass it and override `make_tally`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.ports import Tally
from crypto_exchange.entrypoints.testing.contracts.checks import (
    Suite,
    given,
    optional,
    requires,
    since,
)

THRESHOLD = 10 * DOLLAR
WAITS_S = 10
"""The least that a wake-up is kept for: longer than any worker takes between two looks."""


class TallyUnderTest(msgspec.Struct, frozen=True):
    """A tally, and what tells which symbols it has woken the worker up for since last asked."""

    tally: Tally
    take_wake_ups: Callable[[], Awaitable[set[Symbol]]]


class TallyTests(Suite):
    """A wake-up when the threshold is reached, and for every direct order."""

    def make_tally(self, threshold: int) -> TallyUnderTest | Awaitable[TallyUnderTest]:
        """Give a tally that has counted nothing; the threshold is in 10⁻⁸ dollars."""
        raise NotImplementedError

    @optional
    def wake_up_seconds_left(
        self, under_test: TallyUnderTest, symbol: Symbol
    ) -> float | Awaitable[float]:
        """Say in how many seconds a wake-up that nobody takes is forgotten."""
        raise NotImplementedError

    async def test_below_the_threshold_nobody_is_woken_up(self) -> None:
        under_test = await given(self.make_tally(THRESHOLD))

        await under_test.tally.add("BTC", 4 * DOLLAR, direct=False)
        await under_test.tally.add("BTC", 5 * DOLLAR, direct=False)

        assert await under_test.take_wake_ups() == set()

    async def test_exactly_the_threshold_wakes_up(self) -> None:
        under_test = await given(self.make_tally(THRESHOLD))

        await under_test.tally.add("BTC", 999 * DOLLAR // 100, direct=False)
        await under_test.tally.add("BTC", DOLLAR // 100, direct=False)

        assert await under_test.take_wake_ups() == {"BTC"}

    @requires("wake_up_seconds_left")
    @since("2")
    async def test_a_wake_up_waits_for_a_worker_that_is_busy(self) -> None:
        for direct in (False, True):
            under_test = await given(self.make_tally(THRESHOLD))

            await under_test.tally.add("BTC", THRESHOLD, direct=direct)

            assert await given(self.wake_up_seconds_left(under_test, "BTC")) >= WAITS_S
            assert await under_test.take_wake_ups() == {"BTC"}

    async def test_every_further_order_wakes_up_until_the_total_is_replaced(self) -> None:
        under_test = await given(self.make_tally(THRESHOLD))
        await under_test.tally.add("BTC", 10 * DOLLAR, direct=False)
        await under_test.take_wake_ups()

        await under_test.tally.add("BTC", DOLLAR, direct=False)
        again = await under_test.take_wake_ups()
        await under_test.tally.overwrite("BTC", 0)
        await under_test.tally.add("BTC", DOLLAR, direct=False)

        assert again == {"BTC"}
        assert await under_test.take_wake_ups() == set()

    async def test_every_asset_has_a_total_of_its_own(self) -> None:
        under_test = await given(self.make_tally(THRESHOLD))

        await under_test.tally.add("BTC", 6 * DOLLAR, direct=False)
        await under_test.tally.add("ETH", 6 * DOLLAR, direct=False)
        before = await under_test.take_wake_ups()
        await under_test.tally.add("ETH", 6 * DOLLAR, direct=False)

        assert before == set()
        assert await under_test.take_wake_ups() == {"ETH"}

    async def test_a_direct_order_wakes_up_and_does_not_count_as_waiting(self) -> None:
        under_test = await given(self.make_tally(THRESHOLD))

        await under_test.tally.add("BTC", 50 * DOLLAR, direct=True)
        first = await under_test.take_wake_ups()
        await under_test.tally.add("BTC", DOLLAR, direct=False)

        assert first == {"BTC"}
        assert await under_test.take_wake_ups() == set()

    async def test_a_cancelled_order_no_longer_counts(self) -> None:
        under_test = await given(self.make_tally(THRESHOLD))

        await under_test.tally.add("BTC", 6 * DOLLAR, direct=False)
        await under_test.tally.add("BTC", -6 * DOLLAR, direct=False)
        await under_test.tally.add("BTC", 6 * DOLLAR, direct=False)

        assert await under_test.take_wake_ups() == set()

    async def test_a_cancellation_of_what_was_not_counted_does_not_count_against_others(
        self,
    ) -> None:
        under_test = await given(self.make_tally(THRESHOLD))

        await under_test.tally.add("BTC", -6 * DOLLAR, direct=False)
        await under_test.tally.add("BTC", 10 * DOLLAR, direct=False)

        assert await under_test.take_wake_ups() == {"BTC"}

    async def test_the_databases_total_replaces_what_was_counted(self) -> None:
        under_test = await given(self.make_tally(THRESHOLD))
        await under_test.tally.add("BTC", 9 * DOLLAR, direct=False)

        await under_test.tally.overwrite("BTC", 0)
        await under_test.tally.add("BTC", 9 * DOLLAR, direct=False)
        before = await under_test.take_wake_ups()
        await under_test.tally.overwrite("BTC", 8 * DOLLAR)
        await under_test.tally.add("BTC", 2 * DOLLAR, direct=False)

        assert before == set()
        assert await under_test.take_wake_ups() == {"BTC"}
