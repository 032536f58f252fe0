"""The contract of logins: what a unit of work loads and writes of them, and what is asked about them."""

from __future__ import annotations

import msgspec
import pytest

from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import Conflict, NotFound, Unauthenticated
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.user import Session, User
from crypto_exchange.entrypoints.testing.contracts.checks import since
from crypto_exchange.entrypoints.testing.contracts.scene import DAY_US, Scene, StoreSuite


class SessionTests(StoreSuite, port="unit_of_work"):
    """Sessions are one user's own, and one that has ended is no good any more, at once."""

    @since("2")
    async def test_the_wallet_is_given_to_a_live_session_of_its_owner_alone(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=5)
        session, other = await add(scene, user_id), await add(scene, await scene.register())

        async with scene.store.begin() as work:
            work.abandon()
            wallet = await work.get_wallet_of_session(user_id, session.id)
            for ident in (other.id, scene.store.ids.new_key()):
                with pytest.raises(Unauthenticated):
                    await work.get_wallet_of_session(user_id, ident)
            with pytest.raises(NotFound):
                await work.get_wallet_of_session(10**9, session.id)

        assert wallet == await scene.wallet(user_id)

    @since("2")
    async def test_a_session_that_has_ended_gets_no_wallet(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=5)
        session, other = await add(scene, user_id), await add(scene, user_id)

        await end(scene, session)

        for lock in (False, True):
            async with scene.store.begin(lock=lock) as work:
                work.abandon()
                with pytest.raises(Unauthenticated):
                    await work.get_wallet_of_session(user_id, session.id)
                assert (await work.get_wallet_of_session(user_id, other.id)).user_id == user_id

    @since("2")
    async def test_a_users_sessions_are_listed_without_those_that_were_ended(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()
        late = await add(scene, user_id, created_at_us=20)
        early = [await add(scene, user_id, created_at_us=10) for _ in range(2)]
        ended = await add(scene, user_id)
        await add(scene, await scene.register())
        await end(scene, ended)

        for lock in (False, True):
            async with scene.store.begin(lock=lock) as work:
                work.abandon()
                listed = await work.list_sessions(user_id)
                assert listed == (*sorted(early, key=lambda each: each.id), late)
                assert await work.list_sessions(10**9) == ()

    @since("2")
    async def test_a_password_is_replaced_with_its_sessions_or_not_at_all(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()
        session, user = await add(scene, user_id), await load(scene, user_id)
        after = msgspec.structs.replace(user, password_hash="another", version=user.version + 1)
        change = Change(moved_users=(Transition(user, after),), sessions=(_ending(session, 9),))

        await scene.commit(change)
        with pytest.raises(Conflict):
            await scene.commit(msgspec.structs.replace(change, sessions=()))

        async with scene.store.begin() as work:
            work.abandon()
            assert await work.get_user(user_id) == after
            assert await work.find_user(user.username) == after
            assert await work.list_sessions(user_id) == ()

    @since("2")
    async def test_sessions_that_are_forgotten_are_gone_and_may_be_already(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()
        gone, kept = await add(scene, user_id), await add(scene, user_id)

        for _ in range(2):
            await scene.commit(Change(forgotten=(gone,)))

        async with scene.store.begin() as work:
            work.abandon()
            assert await work.find_session(user_id, gone.id) is None
            assert await work.find_session(user_id, kept.id) == kept


class SessionQueryTests(StoreSuite, port="read_models"):
    """What processes ask now and then about everybody's sessions."""

    @since("2")
    async def test_sessions_that_ended_at_a_time_or_later_are_listed(self) -> None:
        scene = await self.scene()
        sessions = [await add(scene, await scene.register()) for _ in range(4)]
        for session, at_us in zip(sessions[1:], (9, 10, 11), strict=True):
            await end(scene, session, at_us)

        found = await scene.store.queries.list_ended_sessions(10)

        assert {(s.id, s.ended_at_us) for s in found} == {
            (sessions[2].id, 10),
            (sessions[3].id, 11),
        }
        assert len(await scene.store.queries.list_ended_sessions(0)) == 3

    @since("2")
    async def test_sessions_that_expired_before_a_time_are_listed_oldest_first(self) -> None:
        scene = await self.scene()
        times = 30, 10, 20, 40
        sessions = {at: await add(scene, await scene.register(), expires_at_us=at) for at in times}
        await end(scene, sessions[10], 5)

        found = await scene.store.queries.list_expired_sessions(30)

        assert [session.id for session in found] == [sessions[10].id, sessions[20].id]


async def add(scene: Scene, user_id: UserId, **fields: int) -> Session:
    """A new session of a user, written."""
    key, expires_at_us = scene.store.ids.new_key(), scene.at_us + DAY_US
    session = Session(user_id=user_id, id=key, expires_at_us=expires_at_us)
    session = msgspec.structs.replace(session, **fields)
    await scene.commit(Change(new_sessions=(session,)))
    return session


async def end(scene: Scene, session: Session, at_us: int = 1) -> None:
    """End a session."""
    await scene.commit(Change(sessions=(_ending(session, at_us),)))


async def load(scene: Scene, user_id: UserId) -> User:
    """A user as they are."""
    async with scene.store.begin() as work:
        work.abandon()
        return await work.get_user(user_id)


def _ending(session: Session, at_us: int) -> Transition[Session]:
    return Transition(session, msgspec.structs.replace(session, ended_at_us=at_us))
