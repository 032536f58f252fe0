"""The contract of closing accounts: what one still has, what is erased of it, and what is kept."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from crypto_exchange.domain.adjustment import Adjustment, AdjustmentState
from crypto_exchange.domain.api_key import ApiKey, Scope
from crypto_exchange.domain.audit_log import TERMINAL
from crypto_exchange.domain.change import Change, Erasure
from crypto_exchange.domain.closing import Account, close
from crypto_exchange.domain.errors import Conflict
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.kept_queries import Kept, place_of
from crypto_exchange.domain.money import CENT, DOLLAR
from crypto_exchange.domain.review import Review, ReviewKind
from crypto_exchange.domain.user import Session
from crypto_exchange.domain.views import Belongings, HoldingView
from crypto_exchange.entrypoints.testing.contracts.checks import since
from crypto_exchange.entrypoints.testing.contracts.scene import COIN, PRICE, Scene, StoreSuite

_replace = msgspec.structs.replace


class ClosingTests(StoreSuite, port="unit_of_work"):
    """Whoever has left is known by a number alone, from one commit on, and nobody else is touched."""

    @since("2")
    async def test_what_an_account_is_not_done_with_is_told_and_nobody_elses(self) -> None:
        scene = await self.scene()
        owner, other = await scene.register(dollars=100), await scene.register(dollars=100)
        orders = [await scene.place(user, cents) for user in (owner, other) for cents in (150, 250)]
        for user_id in (owner, other):
            await scene.give_coins(user_id, COIN, "BTC")
        await scene.cancel(await scene.place(owner, 300))
        proposed = await _propose(scene, owner)
        await _propose(scene, other)
        rejected: dict[str, AdjustmentState | int] = {
            "state": AdjustmentState.REJECTED,
            "decided_by": other,
            "decided_at_us": 9,
        }
        await _propose(scene, owner, **rejected)

        for lock in (False, True):
            async with scene.store.begin(lock=lock) as work:
                work.abandon()
                assert await work.get_belongings(10**9) == Belongings()
                found = await work.get_belongings(owner)
                assert (found.orders, found.held) == (2, 400 * CENT)
                assert found.held == sum(order.total for order in orders[:2])
                assert found.adjustments == (proposed,)
                coins = HoldingView(asset="BTC", scale=8, quantity=COIN, cost=0, price=PRICE)
                assert found.coins == (coins,)

    @since("2")
    async def test_of_a_closed_account_the_name_is_free_and_no_login_or_key_is_left(self) -> None:
        for lock in (False, True):
            scene = await self.scene()
            owner, other = await scene.register("Alice"), await scene.register("bob")
            ended = [await _log_in(scene, user, ended_at_us=9) for user in (owner, other)]
            live = [await _log_in(scene, user) for user in (owner, other)]
            keys = [await _add_key(scene, user) for user in (owner, other)]

            await scene.commit(await _close(scene, owner), lock=lock)

            nothing = {"device": "", "address": "", "retry": ""}
            gone = (
                _replace(ended[0], **nothing),
                _replace(live[0], ended_at_us=scene.at_us, **nothing),
            )
            key = _replace(keys[0], ended_at_us=scene.at_us, name="", digest="")
            assert await _kept(scene, Session, owner) == sorted(gone, key=place_of)
            assert await _kept(scene, Session, other) == sorted((ended[1], live[1]), key=place_of)
            assert await _kept(scene, ApiKey, owner) == [key]
            assert await _kept(scene, ApiKey, other) == [keys[1]]
            told = {each.id for each in await scene.store.queries.list_ended_sessions(scene.at_us)}
            assert told == {live[0].id, key.id}
            async with scene.store.begin() as work:
                work.abandon()
                assert await work.find_user("alice") is None
                assert await work.find_user("bob") is not None
            assert await scene.register("ALICE") != owner

    @since("2")
    async def test_an_account_that_has_moved_is_not_closed_and_one_that_is_closed_does_not_move(
        self,
    ) -> None:
        scene = await self.scene()
        owner = await scene.register("alice")
        session = await _log_in(scene, owner)
        change, wallet = await _close(scene, owner), await scene.wallet(owner)
        await scene.deposit(owner, 500)

        for lock in (False, True):
            with pytest.raises(Conflict):
                await scene.commit(change, lock=lock)
        assert await _kept(scene, Session, owner) == [session]
        await scene.withdraw(owner, 500)
        late = await scene.wallet(owner)
        await scene.commit(await _close(scene, owner))

        assert late.version > wallet.version
        assert (await scene.wallet(owner)).version > late.version
        with pytest.raises(Conflict):
            await scene.commit(Change(wallet=late))


class KeptTests(StoreSuite, port="read_models"):
    """Everything that is kept of a user can be told them, whatever has become of it."""

    @since("2")
    async def test_all_rows_of_a_kind_are_told_to_their_user_in_pages(self) -> None:
        scene = await self.scene()
        owner, other = await scene.register(), await scene.register()
        sessions, keys, adjustments = [], [], []
        for at_us in (30, 10, 10, 20):
            ended_at_us = at_us % 20
            sessions.append(
                await _log_in(scene, owner, created_at_us=at_us, ended_at_us=ended_at_us)
            )
            keys.append(await _add_key(scene, owner, created_at_us=at_us, ended_at_us=ended_at_us))
            adjustments.append(await _propose(scene, owner, proposed_at_us=at_us))
        review = await _hold(scene, owner)
        await _log_in(scene, other)

        assert await _kept(scene, Session, owner) == sorted(sessions, key=place_of)
        assert await _kept(scene, ApiKey, owner) == sorted(keys, key=place_of)
        assert await _kept(scene, Adjustment, owner) == sorted(adjustments, key=place_of)
        assert await _kept(scene, Review, owner) == [review]
        assert await _kept(scene, ApiKey, other) == []


async def _kept(scene: Scene, kind: type[Kept], user_id: UserId) -> list[Kept]:
    """All of them, three at a time."""
    found: list[Kept] = []
    page: Sequence[Kept] | None = None
    while page is None or page:
        after = found[-1] if found else None
        page = await scene.store.queries.list_kept(kind, user_id, limit=3, after=after)
        assert len(page) <= 3
        found += page
    return found


async def _close(scene: Scene, user_id: UserId) -> Change:
    """What closing an account would write now."""
    async with scene.store.begin() as work:
        work.abandon()
        account = Account(
            user=await work.get_user(user_id),
            wallet=await work.get_wallet(user_id),
            belongings=await work.get_belongings(user_id),
        )
    change = close(account, None, actor=TERMINAL, at_us=scene.tick())
    assert change.erased == Erasure(account.user, scene.at_us)
    return change


async def _log_in(scene: Scene, user_id: UserId, **fields: int) -> Session:
    session = Session(
        user_id=user_id,
        id=scene.store.ids.new_key(),
        created_at_us=scene.tick(),
        expires_at_us=2 * scene.at_us,
        device="desk",
        address="192.0.2.1",
        retry="digest",
    )
    session = _replace(session, **fields)
    await scene.commit(Change(new_sessions=(session,)))
    return session


async def _add_key(scene: Scene, user_id: UserId, **fields: int) -> ApiKey:
    key = ApiKey(
        user_id=user_id,
        id=scene.store.ids.new_key(),
        name="bot",
        scopes=(Scope.READ, Scope.TRADE),
        digest="d" * 64,
        created_at_us=scene.tick(),
        expires_at_us=2 * scene.at_us,
    )
    key = _replace(key, **fields)
    await scene.commit(Change(new_keys=(key,)))
    return key


async def _propose(scene: Scene, user_id: UserId, **fields: AdjustmentState | int) -> Adjustment:
    adjustment = Adjustment(
        key=scene.store.ids.new_key(),
        user_id=user_id,
        amount=-5 * DOLLAR,
        reason="paid twice",
        proposed_by=user_id + 1,
        proposed_at_us=scene.tick(),
    )
    adjustment = _replace(adjustment, **fields)
    await scene.commit(Change(new_adjustments=(adjustment,)))
    return adjustment


async def _hold(scene: Scene, user_id: UserId) -> Review:
    review = Review(
        user_id=user_id,
        id=scene.store.ids.new_key(),
        kind=ReviewKind.WITHDRAWAL,
        amount=5 * DOLLAR,
        risk="hold/1 new_account",
        opened_at_us=scene.tick(),
    )
    await scene.commit(Change(new_reviews=(review,)))
    return review
