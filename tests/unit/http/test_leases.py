"""Leases: what passes without asking, never more than the limit, and when the limiter is asked."""

import asyncio

import pytest
from typing_extensions import override

from crypto_exchange.adapters.memory import FallbackLimiter, MemoryClock, MemoryLimiter
from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.domain.limits import Grant, Limit
from crypto_exchange.entrypoints.http.leases import Leases

HOUR_US = 3_600 * 10**6
EXACT = Limit("login", 3, HOUR_US)
LEASED = Limit("user", 200, HOUR_US)  # in blocks of 10


class SlowLimiter(MemoryLimiter):
    """Answers after others had their turn, and counts how often it was asked."""

    asked = 0
    gone = False

    @override
    async def take(self, key: str, limit: Limit, count: int) -> Grant:
        self.asked += 1
        await asyncio.sleep(0)
        if self.gone:
            raise Unavailable("nobody is there")
        return await super().take(key, limit, count)


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock()


@pytest.fixture
def limiter(clock: MemoryClock) -> SlowLimiter:
    return SlowLimiter(clock.now_us)


def passed(told: list[Grant]) -> int:
    return sum(grant.granted for grant in told)


async def test_the_calls_of_a_block_pass_without_asking(
    limiter: SlowLimiter, clock: MemoryClock
) -> None:
    leases = Leases(limiter, clock.now_us)

    told = [await leases.take("7", LEASED) for _ in range(10)]
    assert limiter.asked == 1
    told.append(await leases.take("7", LEASED))

    assert limiter.asked == 2
    assert [grant.left for grant in told] == list(range(199, 188, -1))


async def test_nothing_is_known_of_a_key_before_the_limiter_was_asked(
    limiter: SlowLimiter, clock: MemoryClock
) -> None:
    leases = Leases(limiter, clock.now_us)
    assert leases.spend("7", LEASED) is None

    await leases.take("7", LEASED)

    assert leases.spend("7", LEASED) == Grant(1, 198, HOUR_US)
    assert leases.spend("8", LEASED) is None
    assert leases.spend("7", EXACT) is None


async def test_an_exact_limit_is_asked_for_every_call_until_it_is_used_up(
    limiter: SlowLimiter, clock: MemoryClock
) -> None:
    leases = Leases(limiter, clock.now_us)

    told = [await leases.take("7", EXACT) for _ in range(9)]

    assert [grant.granted for grant in told] == [1] * 3 + [0] * 6
    assert limiter.asked == 3


async def test_of_many_callers_at_once_one_asks_for_the_block(
    limiter: SlowLimiter, clock: MemoryClock
) -> None:
    leases = Leases(limiter, clock.now_us)

    told = await asyncio.gather(*(leases.take("7", LEASED) for _ in range(30)))

    assert passed(told) == 30
    assert limiter.asked == 3


async def test_processes_together_let_no_more_through_than_the_limit(
    limiter: SlowLimiter, clock: MemoryClock
) -> None:
    processes = [Leases(limiter, clock.now_us) for _ in range(4)]

    told = await asyncio.gather(*(processes[n % 4].take("7", LEASED) for n in range(300)))
    alone = await asyncio.gather(*(processes[0].take("7", LEASED) for _ in range(300)))

    assert 200 - 3 * LEASED.block <= passed(told) + passed(alone) <= 200


async def test_each_process_can_hold_back_at_most_one_block(
    limiter: SlowLimiter, clock: MemoryClock
) -> None:
    first, other = Leases(limiter, clock.now_us), Leases(limiter, clock.now_us)
    await other.take("7", LEASED)

    told = [await first.take("7", LEASED) for _ in range(250)]
    rest = [await other.take("7", LEASED) for _ in range(250)]

    assert (passed(told), passed(rest)) == (190, 9)


async def test_a_lease_ends_with_its_window(limiter: SlowLimiter, clock: MemoryClock) -> None:
    leases = Leases(limiter, clock.now_us)
    await leases.take("7", LEASED)

    clock.advance(HOUR_US - 1)
    assert leases.spend("7", LEASED) == Grant(1, 198, 1)
    clock.advance(1)

    assert leases.spend("7", LEASED) is None
    assert await leases.take("7", LEASED) == Grant(1, 199, HOUR_US)


async def test_a_lease_is_over_before_its_window_if_the_answer_was_long_on_its_way(
    clock: MemoryClock,
) -> None:
    class LateLimiter(SlowLimiter):
        @override
        async def take(self, key: str, limit: Limit, count: int) -> Grant:
            grant = await super().take(key, limit, count)
            clock.advance(1_000)
            return grant

    leases = Leases(LateLimiter(clock.now_us), clock.now_us)

    await leases.take("7", LEASED)

    assert leases.spend("7", LEASED) == Grant(1, 198, HOUR_US - 1_000)


async def test_after_the_window_the_next_one_is_asked_for(
    limiter: SlowLimiter, clock: MemoryClock
) -> None:
    leases = Leases(limiter, clock.now_us)
    before = [await leases.take("7", EXACT) for _ in range(4)]

    clock.advance(HOUR_US)
    after = [await leases.take("7", EXACT) for _ in range(4)]

    assert passed(before) == passed(after) == 3


async def test_a_caller_that_gives_up_keeps_nobody_waiting(
    limiter: SlowLimiter, clock: MemoryClock
) -> None:
    leases = Leases(limiter, clock.now_us)
    first = asyncio.ensure_future(leases.take("7", LEASED))
    others = [asyncio.ensure_future(leases.take("7", LEASED)) for _ in range(3)]
    await asyncio.sleep(0)

    first.cancel()

    assert passed(await asyncio.gather(*others)) == 3


async def test_of_too_many_leases_the_oldest_are_given_up(
    limiter: SlowLimiter, clock: MemoryClock
) -> None:
    leases = Leases(limiter, clock.now_us, most=4)

    for key in "abcde":
        await leases.take(key, LEASED)

    known = [key for key in "abcde" if leases.spend(key, LEASED) is not None]
    assert known == ["c", "d", "e"]


async def test_an_outage_of_the_shared_limiter_gives_nobody_a_fresh_start(
    limiter: SlowLimiter, clock: MemoryClock
) -> None:
    own = MemoryLimiter(clock.now_us)
    leases = Leases(FallbackLimiter(limiter, own), clock.now_us)
    before = [await leases.take("7", EXACT) for _ in range(2)]

    limiter.gone = True
    after = [await leases.take("7", EXACT) for _ in range(5)]

    assert (passed(before), passed(after)) == (2, 1)


async def test_of_too_many_windows_the_ones_used_longest_ago_are_forgotten(
    clock: MemoryClock,
) -> None:
    limiter = MemoryLimiter(clock.now_us, most=4)
    for key in "abcda":
        await limiter.take(key, EXACT, 1)

    await limiter.take("e", EXACT, 1)

    left = {key: (await limiter.take(key, EXACT, 0)).left for key in "ade"}
    assert left == {"a": 1, "d": 2, "e": 2}
