"""The contract of second factors: what a unit of work loads and writes of them."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from crypto_exchange.domain.account_events import SecondFactorEnrolled
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import Conflict
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.second_factor import FactorState, SecondFactor
from crypto_exchange.domain.user import Session
from crypto_exchange.entrypoints.testing.contracts.checks import requires, since
from crypto_exchange.entrypoints.testing.contracts.locks import started
from crypto_exchange.entrypoints.testing.contracts.samples import KEY
from crypto_exchange.entrypoints.testing.contracts.scene import START_US, Scene, StoreSuite

_replace = msgspec.structs.replace


class SecondFactorTests(StoreSuite):
    """Each user has at most one, and of two commits that saw the same version one is refused."""

    @since("2")
    async def test_every_field_of_a_second_factor_is_kept(self) -> None:
        scene = await self.scene()
        factor = _factor(await scene.register())
        other = _replace(factor, user_id=await scene.register(), recovery=())
        await scene.commit(Change(new_factors=(factor, other)))
        assert await _load(scene, factor.user_id) == factor

        for state in FactorState:
            after = _replace(
                factor,
                sealed=f"sealed again, {state.value}",
                state=state,
                recovery=factor.recovery[1:],
                last_step=factor.last_step + 1,
                wrong=factor.wrong + 1,
                locked_until_us=START_US + 5,
                confirmed_at_us=START_US + 7,
                version=factor.version + 1,
            )
            await scene.commit(Change(factors=(Transition(factor, after),)))
            assert await _load(scene, factor.user_id) == after
            factor = after

        assert factor.recovery == ()
        assert await _load(scene, other.user_id) == other

    @since("2")
    async def test_a_user_without_a_second_factor_has_none(self) -> None:
        scene = await self.scene()

        assert await _load(scene, await scene.register()) is None

    @since("2")
    async def test_a_stale_second_factor_is_refused_with_all_that_comes_with_it(self) -> None:
        scene = await self.scene()
        factor = await _add(scene)
        after = _replace(factor, last_step=9, version=factor.version + 1)
        await scene.commit(Change(factors=(Transition(factor, after),)))
        session = Session(user_id=factor.user_id, id=KEY, expires_at_us=START_US)
        late = Change(new_sessions=(session,), factors=(Transition(factor, after),))

        for lock in (False, True):
            with pytest.raises(Conflict):
                await scene.commit(late, lock=lock)

        async with scene.store.begin() as work:
            work.abandon()
            assert await work.find_session(session.user_id, session.id) is None

    @since("2")
    async def test_a_user_has_one_second_factor(self) -> None:
        scene = await self.scene()
        factor = await _add(scene)
        event = SecondFactorEnrolled(at_us=START_US, user_id=factor.user_id)

        for lock in (False, True):
            with pytest.raises(Conflict):
                await scene.commit(Change(new_factors=(factor,), events=(event,)), lock=lock)

        assert await _load(scene, factor.user_id) == factor

    @requires("concurrency")
    @since("2")
    async def test_of_commits_at_the_same_time_one_passes(self) -> None:
        scene = await self.scene()
        factor = await _add(scene)
        after = _replace(factor, last_step=9, version=factor.version + 1)
        change = Change(factors=(Transition(factor, after),))

        answers = await asyncio.gather(
            *(scene.commit(change) for _ in range(5)), return_exceptions=True
        )

        assert sorted(type(answer).__name__ for answer in answers) == ["Conflict"] * 4 + [
            "NoneType"
        ]
        assert await _load(scene, factor.user_id) == after

    @requires("row_locks", "concurrency")
    @since("2")
    async def test_a_locked_second_factor_cannot_conflict(self) -> None:
        scene = await self.scene()
        factor = await _add(scene)
        after = _replace(factor, wrong=1, version=factor.version + 1)
        change = Change(factors=(Transition(factor, after),))

        async with scene.store.begin(lock=True) as work:
            assert await work.find_second_factor(factor.user_id) == factor
            task = await started(scene.commit(change))
            await work.commit(change)

        with pytest.raises(Conflict):
            await task


def _factor(user_id: UserId) -> SecondFactor:
    """One all of whose fields are different."""
    return SecondFactor(
        user_id=user_id,
        sealed="sealed",
        state=FactorState.PENDING,
        recovery=("a" * 64, "b" * 64, "c" * 64),
        last_step=58_907_520,
        wrong=3,
        locked_until_us=START_US + 4,
        confirmed_at_us=START_US + 6,
        version=5,
    )


async def _add(scene: Scene) -> SecondFactor:
    """A new user's, as it is kept."""
    factor = _factor(await scene.register())
    await scene.commit(Change(new_factors=(factor,)))
    return factor


async def _load(scene: Scene, user_id: UserId) -> SecondFactor | None:
    async with scene.store.begin() as work:
        work.abandon()
        return await work.find_second_factor(user_id)
