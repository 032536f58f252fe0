"""The contract of API keys: what a unit of work loads and writes of them, and what is asked about them."""

from __future__ import annotations

import msgspec
import pytest

from crypto_exchange.domain.api_key import ApiKey, KeyUse, Scope, digest_of
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import Conflict, Unauthenticated
from crypto_exchange.domain.ids import UserId
from crypto_exchange.entrypoints.testing.contracts.checks import since
from crypto_exchange.entrypoints.testing.contracts.scene import DAY_US, Scene, StoreSuite

_replace = msgspec.structs.replace


class ApiKeyTests(StoreSuite, port="unit_of_work"):
    """Keys are one user's own, and one that has ended is no good any more, at once."""

    @since("2")
    async def test_every_field_of_an_api_key_is_kept(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()
        keys = [
            await _add(scene, user_id, name="ボット 1", scopes=(Scope.READ,)),
            await _add(scene, user_id, scopes=tuple(Scope), used_at_us=9, ended_at_us=10),
        ]

        for lock in (False, True):
            async with scene.store.begin(lock=lock) as work:
                work.abandon()
                assert [await work.find_api_key(user_id, key.id) for key in keys] == keys
                assert await work.find_api_key(user_id, scene.store.ids.new_key()) is None
                assert await work.find_api_key(10**9, keys[0].id) is None

    @since("2")
    async def test_a_users_api_keys_are_listed_without_those_that_were_ended(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()
        late = await _add(scene, user_id, created_at_us=20)
        early = [await _add(scene, user_id, created_at_us=10) for _ in range(2)]
        await _add(scene, await scene.register())
        await _end(scene, await _add(scene, user_id))

        for lock in (False, True):
            async with scene.store.begin(lock=lock) as work:
                work.abandon()
                listed = await work.list_api_keys(user_id)
                assert listed == (*sorted(early, key=lambda each: each.id), late)
                assert await work.list_api_keys(10**9) == ()

    @since("2")
    async def test_the_wallet_is_given_to_a_live_api_key_of_its_owner_alone(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=5)
        key, ended = await _add(scene, user_id), await _add(scene, user_id)
        other = await _add(scene, await scene.register())
        await _end(scene, ended)

        for lock in (False, True):
            async with scene.store.begin(lock=lock) as work:
                work.abandon()
                own = await work.get_wallet_of_session(user_id, key.id)
                assert own == await scene.wallet(user_id)
                for ident in (ended.id, other.id):
                    with pytest.raises(Unauthenticated):
                        await work.get_wallet_of_session(user_id, ident)

    @since("2")
    async def test_an_api_key_ends_once_and_is_new_once(self) -> None:
        scene = await self.scene()
        key = await _add(scene, await scene.register())
        await _end(scene, key)

        for change in (_ending(key, 7), Change(new_keys=(key,))):
            for lock in (False, True):
                with pytest.raises(Conflict):
                    await scene.commit(change, lock=lock)

        assert await _load(scene, key) == _replace(key, ended_at_us=1)

    @since("2")
    async def test_the_last_use_of_an_api_key_never_goes_back(self) -> None:
        scene = await self.scene()
        keys = [await _add(scene, await scene.register()) for _ in range(3)]
        gone = KeyUse(keys[0].user_id, scene.store.ids.new_key(), 30)

        for times in ((20, 20), (10, 30)):
            uses = [
                KeyUse(key.user_id, key.id, at) for key, at in zip(keys[:2], times, strict=True)
            ]
            await scene.commit(Change(key_uses=(*uses, gone)))

        assert [(await _load(scene, key)).used_at_us for key in keys] == [20, 30, 0]


class ApiKeyQueryTests(StoreSuite, port="read_models"):
    """What processes ask all the time about everybody's keys."""

    @since("2")
    async def test_api_keys_that_ended_at_a_time_or_later_are_listed_with_the_sessions(
        self,
    ) -> None:
        scene = await self.scene()
        keys = [await _add(scene, await scene.register()) for _ in range(4)]
        for key, at_us in zip(keys[1:], (9, 10, 11), strict=True):
            await _end(scene, key, at_us)

        found = await scene.store.queries.list_ended_sessions(10)

        assert {(each.id, each.ended_at_us) for each in found} == {
            (keys[2].id, 10),
            (keys[3].id, 11),
        }

    @since("2")
    async def test_api_keys_that_died_before_a_time_are_listed_and_forgotten(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()
        expired = await _add(scene, user_id, expires_at_us=29)
        kept = await _add(scene, user_id, expires_at_us=30)
        ended = [await _add(scene, user_id) for _ in range(3)]
        for key, at_us in zip(ended[1:], (29, 30), strict=True):
            await _end(scene, key, at_us)

        gone = await scene.store.queries.list_dead_keys(30)
        await scene.commit(Change(forgotten_keys=gone))

        assert {key.id for key in gone} == {expired.id, ended[1].id}
        assert await scene.store.queries.list_dead_keys(30) == ()
        async with scene.store.begin() as work:
            work.abandon()
            left = [await work.find_api_key(user_id, key.id) for key in (expired, *ended, kept)]
        assert [each is None for each in left] == [True, False, True, False, False]


async def _add(scene: Scene, user_id: UserId, **fields: object) -> ApiKey:
    """A new key of a user, written."""
    key = ApiKey(
        user_id=user_id,
        id=scene.store.ids.new_key(),
        name="bot",
        scopes=(Scope.TRADE, Scope.WITHDRAW),
        digest=digest_of("a text"),
        created_at_us=scene.at_us,
        expires_at_us=scene.at_us + DAY_US,
    )
    key = _replace(key, **fields)
    await scene.commit(Change(new_keys=(key,)))
    return key


async def _end(scene: Scene, key: ApiKey, at_us: int = 1) -> None:
    await scene.commit(_ending(key, at_us))


async def _load(scene: Scene, key: ApiKey) -> ApiKey:
    async with scene.store.begin() as work:
        work.abandon()
        found = await work.find_api_key(key.user_id, key.id)
    assert found is not None
    return found


def _ending(key: ApiKey, at_us: int) -> Change:
    return Change(keys=(Transition(key, _replace(key, ended_at_us=at_us)),))
