"""The contract of logins over a store, from registering to the end: subclass it, override `make_adapters`."""

from __future__ import annotations

import asyncio

import pytest

from crypto_exchange.adapters.memory import (
    InsecureHasher,
    MemoryAssetCache,
    MemoryClock,
    MemoryExchange,
    MemoryLimiter,
    MemoryTally,
    OpaqueTokens,
    ReadableVault,
)
from crypto_exchange.domain.errors import InvalidCredentials, Unauthenticated
from crypto_exchange.domain.use_cases import accounts
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import TokenPair
from crypto_exchange.entrypoints.testing.contracts.checks import requires, since
from crypto_exchange.entrypoints.testing.contracts.scene import DAY_US, POLICY, START_US, StoreSuite

_NAME, _PASSWORD = "somebody", "a long password"


class AccountsTests(StoreSuite):
    """A login lives for two weeks after it was last renewed, 90 days at most, and as long as nobody uses
    any token of it but the newest.
    """

    @since("2")
    async def test_who_comes_back_within_two_weeks_stays_logged_in(self) -> None:
        desk = await self.desk()
        pair = await desk.register()

        for day in (13, 15, 28, 41):
            desk.go_to(day)
            pair = await accounts.renew(desk.context, pair.refresh)

        assert desk.context.tokens.read_refresh(pair.refresh).generation == 4

    @since("2")
    async def test_who_stays_away_for_two_weeks_is_logged_out(self) -> None:
        desk = await self.desk()
        pair, renewed = await desk.register(), await desk.log_in()
        desk.go_to(13)
        renewed = await accounts.renew(desk.context, renewed.refresh)

        desk.go_to(15)

        await desk.require_ended(pair)
        renewed = await accounts.renew(desk.context, renewed.refresh)
        desk.go_to(30)
        await desk.require_ended(renewed)

    @since("2")
    async def test_whoever_comes_back_often_logs_in_again_after_ninety_days(self) -> None:
        desk = await self.desk()
        pair = await desk.register()
        for day in range(13, 90, 13):
            desk.go_to(day)
            pair = await accounts.renew(desk.context, pair.refresh)

        desk.go_to(90)

        await desk.require_ended(pair)

    @since("2")
    async def test_a_token_that_is_used_twice_ends_its_login_and_no_other(self) -> None:
        desk = await self.desk()
        stolen, other = await desk.register(), await desk.log_in()
        newest = await accounts.renew(desk.context, stolen.refresh)
        desk.go_to(1)

        await desk.require_ended(stolen)

        await desk.require_ended(newest)
        await accounts.renew(desk.context, other.refresh)

    @requires("concurrency")
    @since("2")
    async def test_of_two_who_use_a_token_at_once_one_gets_through_and_its_login_ends(self) -> None:
        desk = await self.desk()
        stolen = await desk.register()

        both = await asyncio.gather(
            *(accounts.renew(desk.context, stolen.refresh) for _ in range(2)),
            return_exceptions=True,
        )

        (through,) = (each for each in both if isinstance(each, TokenPair))
        assert sum(isinstance(each, Unauthenticated) for each in both) == 1
        await desk.require_ended(through)

    @since("2")
    async def test_logging_out_ends_one_login_and_may_be_repeated(self) -> None:
        desk = await self.desk()
        left, stays = await desk.register(), await desk.log_in()

        for _ in range(2):
            await accounts.log_out(desk.context, left.refresh)

        await desk.require_ended(left)
        await accounts.renew(desk.context, stays.refresh)

    @since("2")
    async def test_nobody_logs_in_with_another_password_or_name(self) -> None:
        desk = await self.desk()
        await desk.register()

        for name, password in ((_NAME, "another password"), ("nobody", _PASSWORD)):
            with pytest.raises(InvalidCredentials):
                await accounts.log_in(desk.context, name, password)

    async def desk(self) -> Desk:
        """Where one user registers and logs in."""
        adapters, clock = await self.adapters(), MemoryClock(START_US)
        context = Context(
            policy=POLICY,
            begin=adapters.begin,
            clock=clock,
            ids=adapters.ids,
            queries=adapters.queries,
            market=adapters.market,
            cache=MemoryAssetCache(),
            tally=MemoryTally(POLICY.threshold),
            limiter=MemoryLimiter(clock.now_us),
            exchange=MemoryExchange([], POLICY, lambda: START_US // 1_000),
            passwords=InsecureHasher(),
            tokens=OpaqueTokens(),
            vault=ReadableVault(),
        )
        return Desk(context, clock)


class Desk:
    """The use cases of one user's logins, at a time that is told."""

    def __init__(self, context: Context, clock: MemoryClock) -> None:
        self.context = context
        self._clock = clock

    def go_to(self, day: int) -> None:
        """Let it be so many days after the beginning."""
        self._clock.at_us = START_US + day * DAY_US

    async def register(self) -> TokenPair:
        return await accounts.register(self.context, _NAME, _PASSWORD)

    async def log_in(self) -> TokenPair:
        pair = await accounts.log_in(self.context, _NAME, _PASSWORD)
        assert isinstance(pair, TokenPair)
        return pair

    async def require_ended(self, pair: TokenPair) -> None:
        """Nothing is renewed any more with a token of a pair."""
        with pytest.raises(Unauthenticated):
            await accounts.renew(self.context, pair.refresh)
