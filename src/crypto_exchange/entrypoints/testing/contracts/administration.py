"""The contract of frozen accounts and of what officers ask about users."""

from __future__ import annotations

import msgspec
import pytest

from crypto_exchange.domain import cashier
from crypto_exchange.domain.account_queries import UserView
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import AccountFrozen, Conflict, NotFound
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.money import CENT, DOLLAR
from crypto_exchange.domain.second_factor import FactorState, SecondFactor
from crypto_exchange.domain.user import Role, User, UserStatus
from crypto_exchange.domain.views import Cursor
from crypto_exchange.entrypoints.testing.contracts.checks import requires, since
from crypto_exchange.entrypoints.testing.contracts.locks import started
from crypto_exchange.entrypoints.testing.contracts.scene import DAY_US, START_US, Scene, StoreSuite
from crypto_exchange.entrypoints.testing.contracts.sessions import add, end, load


class AdministrationTests(StoreSuite, port="unit_of_work"):
    """Whoever is frozen gets no wallet, and nothing that was loaded before is written after."""

    @since("2")
    async def test_while_an_account_is_frozen_its_sessions_get_no_wallet(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=5)
        session = await add(scene, user_id)
        await scene.commit(await _freezing(scene, user_id))

        for lock in (False, True):
            async with scene.store.begin(lock=lock) as work:
                work.abandon()
                with pytest.raises(AccountFrozen):
                    await work.get_wallet_of_session(user_id, session.id)
                assert (await work.get_wallet(user_id)).balance == 5 * DOLLAR

        await scene.commit(await _moving(scene, user_id, status=UserStatus.ACTIVE))
        async with scene.store.begin() as work:
            work.abandon()
            assert (await work.get_wallet_of_session(user_id, session.id)).user_id == user_id

    @since("2")
    async def test_a_command_that_was_loaded_before_its_user_was_fenced_is_refused(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=5)
        wallet = await scene.wallet(user_id)
        command = cashier.Withdraw(user_id=user_id, amount=CENT)
        late = cashier.withdraw(command, wallet=wallet, at_us=scene.tick())

        await scene.commit(Change(fenced=(user_id,)))

        with pytest.raises(Conflict):
            await scene.commit(late)
        now = await scene.wallet(user_id)
        assert (now.balance, now.version) == (wallet.balance, wallet.version + 1)

    @requires("held_back", "row_locks", "concurrency")
    @since("2")
    async def test_a_command_that_waited_for_a_freeze_finds_it(self) -> None:
        """However the statement saw the rows before it had to wait."""
        scene = await self.scene()
        user_id = await scene.register(dollars=5)
        session, change = await add(scene, user_id), await _freezing(scene, user_id)

        async def load_locked() -> None:
            async with scene.store.begin(lock=True) as work:
                work.abandon()
                await work.get_wallet_of_session(user_id, session.id)

        async with self.held_back(scene.store, change):
            task = await started(load_locked())

        with pytest.raises(AccountFrozen):
            await task


class AccountQueryTests(StoreSuite, port="read_models"):
    """What officers ask about users."""

    @since("2")
    async def test_users_are_listed_by_the_beginning_of_their_names_highest_id_first(self) -> None:
        scene = await self.scene()
        names = "anna", "Anne", "an_other", "bert"
        ids = [await scene.register(name) for name in names]
        queries = scene.store.queries

        page = await queries.list_users("", limit=2, after=None)
        rest = await queries.list_users("", limit=9, after=Cursor(0, page[-1].id))
        found = await queries.list_users("ANN", limit=9, after=None)

        expected = [_view(i, name) for i, name in sorted(zip(ids, names, strict=True))][::-1]
        assert [*page, *rest] == expected
        assert len(page) == 2
        assert {user.username for user in found} == {"anna", "Anne"}
        assert [user.id for user in found] == sorted((user.id for user in found), reverse=True)
        below = await queries.list_users("ann", limit=9, after=Cursor(0, found[0].id))
        assert below == found[1:]
        assert await queries.list_users("ann", limit=1, after=None) == found[:1]
        for stranger in ("annas", "an%", "\0", "ä", "bert\x7f"):
            assert await queries.list_users(stranger, limit=9, after=None) == ()

    @since("2")
    async def test_officers_are_listed_by_id(self) -> None:
        scene = await self.scene()
        await scene.register("user")
        roles = {await scene.register(role.value * 2): role for role in (Role.ADMIN, Role.OPERATOR)}
        for user_id, role in roles.items():
            await scene.commit(await _moving(scene, user_id, role=role))

        found = await scene.store.queries.list_officers()

        assert [(user.id, user.role) for user in found] == sorted(roles.items(), key=lambda x: x[0])

    @since("2")
    async def test_an_account_is_shown_with_all_that_belongs_to_it(self) -> None:
        scene = await self.scene()
        user_id, other = await scene.register("somebody", dollars=20), await scene.register()
        at_us = scene.at_us
        await scene.place(user_id, 300)
        await scene.cancel(await scene.place(user_id, 400))
        await end(scene, await add(scene, user_id))
        await add(scene, user_id)
        await add(scene, user_id, expires_at_us=at_us)
        await add(scene, other)
        factor = SecondFactor(user_id=user_id, sealed="sealed", state=FactorState.ACTIVE)
        await scene.commit(Change(new_factors=(factor,)))
        await scene.commit(await _freezing(scene, user_id))
        queries = scene.store.queries

        shown = await queries.get_account(user_id, at_us=at_us + DAY_US // 2)
        plain = await queries.get_account(other, at_us=at_us)

        assert (shown.id, shown.username, shown.role) == (user_id, "somebody", Role.USER)
        assert (shown.status, plain.status) == (UserStatus.FROZEN, UserStatus.ACTIVE)
        assert (shown.balance, shown.held) == (17 * DOLLAR, 3 * DOLLAR)
        assert (plain.balance, plain.held) == (0, 0)
        assert (shown.second_factor, plain.second_factor) == (True, False)
        assert (shown.sessions, plain.sessions) == (1, 1)
        assert shown.created_at_us is not None
        assert START_US <= shown.created_at_us <= at_us
        with pytest.raises(NotFound):
            await queries.get_account(10**9, at_us=at_us)


async def _freezing(scene: Scene, user_id: UserId) -> Change:
    moved = await _moving(scene, user_id, status=UserStatus.FROZEN)
    return msgspec.structs.replace(moved, fenced=(user_id,))


async def _moving(scene: Scene, user_id: UserId, **fields: Role | UserStatus) -> Change:
    user = await load(scene, user_id)
    after: User = msgspec.structs.replace(user, version=user.version + 1, **fields)
    return Change(moved_users=(Transition(user, after),))


def _view(user_id: UserId, username: str) -> UserView:
    return UserView(id=user_id, username=username, role=Role.USER, status=UserStatus.ACTIVE)
