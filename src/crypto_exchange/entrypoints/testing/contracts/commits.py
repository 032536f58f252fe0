"""The contract of `UnitOfWork.commit` and of the block around it."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from crypto_exchange.domain import access, attempt, cashier, halting
from crypto_exchange.domain.batch import revise
from crypto_exchange.domain.change import Change, RequestKey, Transition
from crypto_exchange.domain.errors import (
    Conflict,
    InvariantViolation,
    NotFound,
    RequestRepeated,
    UsernameTaken,
)
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.order import OrderState
from crypto_exchange.domain.placement import cancel_order
from crypto_exchange.domain.purchase import PurchaseTrigger, move
from crypto_exchange.domain.settlement import settle
from crypto_exchange.domain.user import Session, User
from crypto_exchange.domain.wallet import Wallet
from crypto_exchange.entrypoints.testing.contracts.checks import requires
from crypto_exchange.entrypoints.testing.contracts.scene import DAY_US, Scene, StoreSuite, fill


class CommitTests(StoreSuite, port="unit_of_work"):
    """All or nothing; nothing over a row that somebody else wrote; keys and names only once."""

    async def test_leaving_the_block_without_commit_or_abandon_is_a_bug(self) -> None:
        scene = await self.scene()

        with pytest.raises(InvariantViolation):
            async with scene.store.begin() as work:
                await work.get_asset("BTC")

    async def test_an_abandoned_unit_of_work_writes_nothing(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=5)

        async with scene.store.begin() as work:
            await work.get_wallet(user_id)
            work.abandon()

        assert (await scene.wallet(user_id)).balance == 500 * CENT

    async def test_an_error_in_the_block_comes_out_as_it_is_and_nothing_is_written(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()

        async def fail() -> None:
            async with scene.store.begin() as work:
                await work.get_wallet(user_id)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()

        assert (await scene.wallet(user_id)).balance == 0

    async def test_a_unit_of_work_commits_once(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()

        async def commit_twice() -> None:
            async with scene.store.begin() as work:
                wallet = await work.get_wallet(user_id)
                await work.commit(one_dollar(wallet.user_id, wallet.version, scene))
                await work.commit(one_dollar(wallet.user_id, wallet.version + 1, scene))

        with pytest.raises(InvariantViolation):
            await commit_twice()

        assert (await scene.wallet(user_id)).balance == 100 * CENT

    async def test_a_stale_wallet_is_a_conflict_and_nothing_is_written(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=5)
        order = await scene.place(user_id, 200)
        change = cancel_order(order, wallet=await scene.wallet(user_id), at_us=scene.tick())
        await scene.deposit(user_id, 1)

        await _conflicts_without_a_trace(scene, change)

        assert (await scene.order(order)).state is OrderState.AGGREGATED
        assert (await scene.wallet(user_id)).balance == 301 * CENT

    async def test_a_stale_order_is_a_conflict_and_nothing_is_written(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=30)
        kept, order = await scene.place(user_id, 400), await scene.place(user_id, 400)
        wallet = await scene.wallet(user_id)
        both = _join(
            msgspec.structs.replace(cancel_order(kept, wallet=wallet, at_us=1), wallet=None),
            msgspec.structs.replace(cancel_order(order, wallet=wallet, at_us=1), wallet=None),
        )
        await scene.cancel(order)

        await _conflicts_without_a_trace(scene, both)

        assert (await scene.order(kept)).state is OrderState.AGGREGATED

    async def test_a_stale_batch_is_a_conflict(self) -> None:
        scene = await self.scene()
        opened = await scene.batch(await sealed(scene))
        change = attempt.postpone(opened, policy=scene.policy, at_us=scene.tick())
        await scene.commit(change)

        await _conflicts_without_a_trace(scene, change)

        assert (await scene.batch(opened.batch.key)).batch.checks == 1

    async def test_of_a_batch_the_version_is_compared(self) -> None:
        scene = await self.scene()
        before = (await scene.batch(await sealed(scene))).batch
        change = Change(batches=(Transition(before, revise(before, checks=7)),))
        await scene.commit(change)

        await _conflicts_without_a_trace(scene, change)

        after = (await scene.batch(before.key)).batch
        assert (after.checks, after.version) == (7, before.version + 1)

    async def test_an_order_that_was_sealed_meanwhile_cannot_be_cancelled(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=20)
        order = await scene.place(user_id, 600)
        await scene.place(user_id, 600)
        change = cancel_order(order, wallet=await scene.wallet(user_id), at_us=scene.tick())
        await scene.seal()

        await _conflicts_without_a_trace(scene, change)

        assert (await scene.order(order)).state is OrderState.PENDING
        assert (await scene.wallet(user_id)).balance == 800 * CENT

    async def test_a_stale_purchase_is_a_conflict(self) -> None:
        scene = await self.scene()
        purchase = (await scene.batch(await sealed(scene))).purchase
        assert purchase is not None
        ended = move(purchase, PurchaseTrigger.REJECT, code="no", message="why")
        await scene.commit(Change(purchases=(Transition(purchase, ended),)))
        filled = move(purchase, PurchaseTrigger.FILL)

        await _conflicts_without_a_trace(scene, Change(purchases=(Transition(purchase, filled),)))

        assert (await scene.batch(purchase.batch)).purchase == ended

    async def test_a_stale_inventory_is_a_conflict_so_that_seals_are_serial(self) -> None:
        scene = await self.scene()
        await scene.place(await scene.register(dollars=10), 1000)
        change = await scene.decide_seal()
        before = (await scene.book()).inventory
        after = msgspec.structs.replace(before, version=before.version + 1)
        await scene.commit(Change(inventory=Transition(before, after)))

        await _conflicts_without_a_trace(scene, change)

        assert len((await scene.book()).direct) == 1

    async def test_a_stale_asset_is_a_conflict(self) -> None:
        scene = await self.scene()
        change = halting.halt(await scene.asset(), halted=True, at_us=scene.tick())
        await scene.commit(change)

        await _conflicts_without_a_trace(scene, change)

    async def test_a_stale_session_is_a_conflict(self) -> None:
        scene = await self.scene()
        session = await _session(scene)
        change = access.rotate(session, 0, at_us=scene.at_us, expires_at_us=session.expires_at_us)
        await scene.commit(change)

        await _conflicts_without_a_trace(scene, change)

    async def test_a_revoked_session_is_not_revived_by_a_renewal_that_was_under_way(self) -> None:
        scene = await self.scene()
        session = await _session(scene)
        change = access.rotate(session, 0, at_us=scene.at_us, expires_at_us=session.expires_at_us)
        await scene.commit(access.revoke([session], at_us=scene.tick()))

        await _conflicts_without_a_trace(scene, change)

        async with scene.store.begin() as work:
            work.abandon()
            found = await work.find_session(session.user_id, session.id)
        assert found is not None
        assert found.revoked

    async def test_a_batch_is_settled_once(self) -> None:
        scene = await self.scene()
        opened = await scene.batch(await sealed(scene))
        change = settle(opened, fill(opened), at_us=scene.tick())
        await scene.commit(change)

        await _conflicts_without_a_trace(scene, change)

    async def test_a_request_key_is_stored_once_for_a_user_and_an_operation(self) -> None:
        scene = await self.scene()
        user_id, other_id = await scene.register(), await scene.register()
        request = RequestKey("deposit", "key-1", "digest")
        await scene.deposit(user_id, 100, request)

        with pytest.raises(RequestRepeated):
            await scene.deposit(user_id, 100, request)
        with pytest.raises(RequestRepeated):
            await scene.deposit(user_id, 100, RequestKey("deposit", "key-1", "another digest"))

        await scene.deposit(other_id, 100, request)
        await scene.deposit(user_id, 100, RequestKey("another", "key-1", "digest"))
        assert (await scene.wallet(user_id)).balance == 200 * CENT
        assert (await scene.wallet(other_id)).balance == 100 * CENT

    @requires("concurrency")
    async def test_of_two_commands_with_one_key_at_once_one_has_an_effect(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()
        request = RequestKey("deposit", "key-1", "digest")

        ends = await asyncio.gather(
            *(scene.deposit(user_id, 100, request) for _ in range(8)), return_exceptions=True
        )

        assert ends.count(None) == 1
        assert all(isinstance(end, Conflict | RequestRepeated | None) for end in ends)
        assert (await scene.wallet(user_id)).balance == 100 * CENT

    async def test_a_username_is_taken_without_case_and_nothing_is_written(self) -> None:
        scene = await self.scene()
        await scene.register("Alice")
        second = User(id=await scene.store.ids.next_user_id(), username="aLICE", password_hash="x")

        with pytest.raises(UsernameTaken):
            await scene.commit(access.register(second, None, at_us=scene.tick()))

        with pytest.raises(NotFound):
            await scene.wallet(second.id)

    @requires("concurrency")
    async def test_of_many_commits_over_one_wallet_at_once_those_that_succeed_count(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()

        ends = await asyncio.gather(
            *(scene.deposit(user_id, 100) for _ in range(8)), return_exceptions=True
        )

        assert all(isinstance(end, Conflict | None) for end in ends)
        assert (await scene.wallet(user_id)).balance == 100 * CENT * ends.count(None)


def one_dollar(user_id: int, version: int, scene: Scene) -> Change:
    """A dollar, into the wallet as it was at a version."""
    command = cashier.Deposit(user_id=user_id, amount=100 * CENT)
    wallet = Wallet(user_id, 0, version)
    return cashier.deposit(command, wallet=wallet, at_us=scene.tick())


async def _conflicts_without_a_trace(scene: Scene, change: Change) -> None:
    before = await scene.ledger()
    with pytest.raises(Conflict):
        await scene.commit(change)
    assert await scene.ledger() == before


async def sealed(scene: Scene) -> str:
    """A batch of a new user's order."""
    await scene.place(await scene.register(dollars=10), 1000)
    return await scene.seal()


async def _session(scene: Scene) -> Session:
    user_id = await scene.register()
    session = Session(
        user_id=user_id, id=scene.store.ids.new_key(), expires_at_us=scene.at_us + DAY_US
    )
    await scene.commit(Change(new_sessions=(session,)))
    return session


def _join(first: Change, second: Change) -> Change:
    return Change(
        orders=(*first.orders, *second.orders),
        transfers=(*first.transfers, *second.transfers),
        events=(*first.events, *second.events),
    )
