"""The list of ended sessions, as one process keeps it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from crypto_exchange.adapters.memory import MemoryClock, MemoryReadModels
from crypto_exchange.domain.errors import Unauthenticated, Unavailable
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.state import State
from crypto_exchange.domain.use_cases import accounts
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import ACCESS_S, AccessClaims, Ended, TokenPair
from crypto_exchange.entrypoints.http.ended import MAX_AGE_US, OVERLAP_US, EndedSessions


class Asked:
    """Counts what is asked, and from when on; fails while it is told to."""

    def __init__(self, state: State) -> None:
        self._queries = MemoryReadModels(state)
        self.since: list[int] = []
        self.error: Exception | None = None

    async def list_ended_sessions(self, since_us: int) -> tuple[Ended, ...]:
        self.since.append(since_us)
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return await self._queries.list_ended_sessions(since_us)


class Bench:
    def __init__(self, context: Context, clock: MemoryClock) -> None:
        queries: Any = Asked(context.begin._state)  # type: ignore[attr-defined]  # memory's own
        self.asked: Asked = queries
        self.context, self.clock = msgspec.structs.replace(context, queries=queries), clock
        self.ended = EndedSessions(self.context, clock.now_us)

    async def register(self, name: str) -> tuple[TokenPair, AccessClaims]:
        pair = await accounts.register(self.context, name, "correct horse")
        return pair, self.context.tokens.read_access(pair.access)


@pytest.fixture
def bench(context: Context, clock: MemoryClock) -> Bench:
    return Bench(context, clock)


async def test_the_list_is_read_once_for_all_calls_of_half_a_second(bench: Bench) -> None:
    _, alice = await bench.register("alice")

    await asyncio.gather(*(bench.ended.require_live(alice) for _ in range(5)))
    bench.clock.advance(MAX_AGE_US - 1)
    await bench.ended.require_live(alice)
    once = len(bench.asked.since)
    bench.clock.advance(1)
    await bench.ended.require_live(alice)

    assert (once, len(bench.asked.since)) == (1, 2)


async def test_a_session_that_has_ended_is_refused_when_the_list_is_read_again(
    bench: Bench,
) -> None:
    pair, alice = await bench.register("alice")
    _, bob = await bench.register("bob")
    await bench.ended.require_live(alice)
    await accounts.log_out(bench.context, pair.refresh)

    bench.clock.advance(MAX_AGE_US)

    with pytest.raises(Unauthenticated):
        await bench.ended.require_live(alice)
    await bench.ended.require_live(bob)


async def test_the_process_that_ended_it_knows_at_once(bench: Bench) -> None:
    pair, alice = await bench.register("alice")
    await bench.ended.require_live(alice)
    await accounts.log_out(bench.context, pair.refresh)

    bench.ended.look_again()

    with pytest.raises(Unauthenticated):
        await bench.ended.require_live(alice)


async def test_a_session_is_remembered_for_as_long_as_its_access_tokens_are_good(
    bench: Bench,
) -> None:
    pair, alice = await bench.register("alice")
    await accounts.log_out(bench.context, pair.refresh)

    for _ in range(ACCESS_S):
        bench.clock.advance(SECOND_US)
        with pytest.raises(Unauthenticated):
            await bench.ended.require_live(alice)
    bench.clock.advance(OVERLAP_US + 1)
    await bench.ended.require_live(alice)  # whose access token is long past its time

    assert bench.ended._ended == {}


async def test_clocks_that_differ_and_slow_commits_are_allowed_for(bench: Bench) -> None:
    _, alice = await bench.register("alice")
    await bench.ended.require_live(alice)
    first_us = bench.clock.now_us()
    bench.clock.advance(MAX_AGE_US)

    await bench.ended.require_live(alice)

    started = first_us - ACCESS_S * SECOND_US - OVERLAP_US
    assert bench.asked.since == [started, first_us - OVERLAP_US]


async def test_without_a_database_nobody_is_let_through_on_an_old_list(bench: Bench) -> None:
    _, alice = await bench.register("alice")
    await bench.ended.require_live(alice)
    bench.asked.error = Unavailable("postgres")

    bench.clock.advance(MAX_AGE_US)
    with pytest.raises(Unavailable):
        await bench.ended.require_live(alice)
    bench.asked.error = None

    await bench.ended.require_live(alice)
