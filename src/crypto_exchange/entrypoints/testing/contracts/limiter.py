"""The contract of `Limiter`: subclass it and override `make_limiter`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from crypto_exchange.domain.limits import Grant, Limit
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.ports import Limiter
from crypto_exchange.entrypoints.testing.contracts.checks import Suite, given, since

HOUR_US = 3_600 * SECOND_US
LIMIT = Limit("calls", 20, HOUR_US)
SHORT = Limit("short", 2, SECOND_US // 5)


class LimiterTests(Suite):
    """Never more than the quota in a window; every key and every limit has windows of its own."""

    def make_limiter(self) -> Limiter | Awaitable[Limiter]:
        """Give a limiter that has counted nothing."""
        raise NotImplementedError

    async def pass_time(self, duration_us: int) -> None:
        """Let the limiter's clock go on by at least so much; by itself it waits."""
        await asyncio.sleep(duration_us / SECOND_US)

    @since("2")
    async def test_calls_are_granted_until_the_quota_is_used_up(self) -> None:
        limiter = await given(self.make_limiter())

        told = [await limiter.take("a", LIMIT, 1) for _ in range(22)]

        assert [grant.granted for grant in told] == [1] * 20 + [0, 0]
        assert [grant.left for grant in told] == [*range(19, -1, -1), 0, 0]

    @since("2")
    async def test_of_a_block_as_many_are_granted_as_are_left(self) -> None:
        limiter = await given(self.make_limiter())

        told = [await limiter.take("a", LIMIT, 8) for _ in range(4)]

        assert [(grant.granted, grant.left) for grant in told] == [(8, 12), (8, 4), (4, 0), (0, 0)]

    @since("2")
    async def test_of_many_at_the_same_time_exactly_the_quota_is_granted(self) -> None:
        limiter = await given(self.make_limiter())

        told = await asyncio.gather(*(limiter.take("a", LIMIT, 1) for _ in range(80)))

        assert sum(grant.granted for grant in told) == 20

    @since("2")
    async def test_every_key_has_a_window_of_its_own(self) -> None:
        limiter = await given(self.make_limiter())
        await limiter.take("a", LIMIT, 20)

        other = await limiter.take("b", LIMIT, 1)

        assert (other.granted, other.left) == (1, 19)

    @since("2")
    async def test_every_limit_has_windows_of_its_own_also_if_it_is_changed(self) -> None:
        limiter = await given(self.make_limiter())
        await limiter.take("a", LIMIT, 20)

        by_name = await limiter.take("a", Limit("other", 20, HOUR_US), 1)
        by_quota = await limiter.take("a", Limit("calls", 21, HOUR_US), 1)
        by_time = await limiter.take("a", Limit("calls", 20, 2 * HOUR_US), 1)

        assert [each.granted for each in (by_name, by_quota, by_time)] == [1, 1, 1]

    @since("2")
    async def test_the_first_call_starts_the_window_and_no_other_makes_it_longer(self) -> None:
        limiter = await given(self.make_limiter())

        told = [await self._take_later(limiter, count) for count in (1, 1, 18, 1, 1)]

        resets = [grant.reset_us for grant in told]
        assert all(0 < reset_us <= HOUR_US for reset_us in resets)
        assert resets == sorted(set(resets), reverse=True)

    @since("2")
    async def test_a_window_that_is_over_makes_room_for_the_next_one(self) -> None:
        limiter = await given(self.make_limiter())
        before = await limiter.take("a", SHORT, 2)

        await self.pass_time(before.reset_us + SECOND_US // 100)
        after = await limiter.take("a", SHORT, 1)

        assert (before.granted, before.left) == (2, 0)
        assert (after.granted, after.left) == (1, 1)
        assert 0 < after.reset_us <= SHORT.window_us

    async def _take_later(self, limiter: Limiter, count: int) -> Grant:
        await self.pass_time(SECOND_US // 100)
        return await limiter.take("a", LIMIT, count)
