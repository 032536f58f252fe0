"""The contract of adjustments: what is kept of them, and what of two decisions at once becomes of one."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from crypto_exchange.domain import four_eyes
from crypto_exchange.domain.adjustment import Adjustment, AdjustmentState
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import Conflict, NotFound
from crypto_exchange.domain.events import BalanceAdjusted
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.money import CENT
from crypto_exchange.entrypoints.testing.contracts.checks import requires, since
from crypto_exchange.entrypoints.testing.contracts.locks import started
from crypto_exchange.entrypoints.testing.contracts.scene import START_US, Scene, StoreSuite

_PROPOSER, _DECIDER = 10**9, 10**9 + 1


class AdjustmentTests(StoreSuite, port="unit_of_work"):
    """One is decided once, and its money moves in the same commit."""

    @since("2")
    async def test_every_field_of_an_adjustment_is_kept(self) -> None:
        scene = await self.scene()
        proposed = tuple(_proposed(scene, number) for number in (1, -2))

        await scene.commit(Change(new_adjustments=proposed))

        moves = tuple(map(_rejection, proposed))
        for before, move in zip(proposed, moves, strict=True):
            assert await _load(scene, before.key) == before
            await scene.commit(Change(adjustments=(move,)))
            assert await _load(scene, before.key) == move.after
        with pytest.raises(NotFound):
            await _load(scene, scene.store.ids.new_key())

    @since("2")
    async def test_an_adjustment_is_proposed_once(self) -> None:
        scene = await self.scene()
        proposed = _proposed(scene, 1)
        await scene.commit(Change(new_adjustments=(proposed,)))

        for lock in (False, True):
            with pytest.raises(Conflict):
                await scene.commit(Change(new_adjustments=(proposed,)), lock=lock)

    @since("2")
    async def test_an_adjustment_that_was_decided_is_not_decided_again_and_moves_nothing(
        self,
    ) -> None:
        scene = await self.scene()
        approval, _ = await _approval(scene, cents=500)
        await scene.commit(approval)
        user_id = approval.transfers[0].user_id
        late = msgspec.structs.replace(approval, wallet=await scene.wallet(user_id))

        for lock in (False, True):
            with pytest.raises(Conflict):
                await scene.commit(late, lock=lock)

        assert (await scene.wallet(user_id)).balance == 1500 * CENT

    @since("2")
    async def test_an_adjustment_is_not_carried_out_over_a_wallet_that_has_changed(self) -> None:
        scene = await self.scene()
        approval, proposed = await _approval(scene, cents=-800)
        await scene.withdraw(proposed.user_id, 300)

        with pytest.raises(Conflict):
            await scene.commit(approval)

        assert (await scene.wallet(proposed.user_id)).balance == 700 * CENT
        assert await _load(scene, proposed.key) == proposed

    @requires("concurrency")
    @since("2")
    async def test_of_two_who_carry_it_out_at_the_same_time_one_passes(self) -> None:
        scene = await self.scene()
        approval, proposed = await _approval(scene, cents=500)

        answers = await asyncio.gather(
            *(scene.commit(approval) for _ in range(4)), return_exceptions=True
        )

        assert sorted(type(each).__name__ for each in answers) == ["Conflict"] * 3 + ["NoneType"]
        assert (await scene.wallet(proposed.user_id)).balance == 1500 * CENT

    @requires("row_locks", "concurrency")
    @since("2")
    async def test_a_locked_adjustment_cannot_conflict(self) -> None:
        scene = await self.scene()
        proposed = _proposed(scene, 1)
        await scene.commit(Change(new_adjustments=(proposed,)))
        change = Change(adjustments=(_rejection(proposed),))

        async with scene.store.begin(lock=True) as work:
            assert await work.get_adjustment(proposed.key) == proposed
            task = await started(scene.commit(change))
            await work.commit(change)

        with pytest.raises(Conflict):
            await task


class AdjustmentQueryTests(StoreSuite, port="read_models"):
    """Adjustments are listed for who has to decide them, and their money for whose it is."""

    @since("2")
    async def test_adjustments_that_wait_come_first_and_each_kind_newest_first(self) -> None:
        scene = await self.scene()
        rows = [_proposed(scene, number + 1) for number in range(5)]
        await scene.commit(Change(new_adjustments=tuple(rows)))
        await scene.commit(Change(adjustments=(_rejection(rows[3]),)))

        found = await scene.store.queries.list_adjustments(rows[1].proposed_at_us)

        assert [each.key for each in found] == [rows[n].key for n in (4, 2, 1, 3, 0)]
        assert found[3] == _rejection(rows[3]).after

    @since("2")
    async def test_a_look_at_adjustments_is_no_longer_than_two_hundred(self) -> None:
        scene = await self.scene()
        rows = tuple(_proposed(scene, number + 1) for number in range(201))
        await scene.commit(Change(new_adjustments=rows))

        found = await scene.store.queries.list_adjustments(0)

        assert [each.key for each in found] == [each.key for each in reversed(rows[1:])]

    @since("2")
    async def test_an_adjustment_is_a_movement_of_the_wallet_and_leaves_the_books_in_order(
        self,
    ) -> None:
        scene = await self.scene()
        approval, paid = await _approval(scene, cents=250)
        await scene.commit(approval)
        user_id = paid.user_id
        again, charged = await _approval(scene, cents=-1000, user_id=user_id)
        await scene.commit(again)

        views = await scene.store.queries.list_transactions(user_id, limit=2, after=None)
        ledger = {row.account: row.balance for row in await scene.ledger()}

        assert [(view.amount, view.order_id) for view in views] == [
            (charged.amount, None),
            (paid.amount, None),
        ]
        for view in views:
            assert await scene.store.queries.get_transaction(user_id, view.id) == view
        assert ledger["house:pnl:USD"] == 750 * CENT
        assert ledger[f"user:{user_id}:USD"] == 250 * CENT
        assert await scene.store.queries.list_differences() == ()


def _proposed(scene: Scene, number: int, user_id: UserId = 7) -> Adjustment:
    return Adjustment(
        key=scene.store.ids.new_key(),
        user_id=user_id,
        amount=number * CENT,
        reason=f"reason {number}",
        proposed_by=_PROPOSER,
        proposed_at_us=START_US + number,
    )


def _rejection(proposed: Adjustment) -> Transition[Adjustment]:
    after = msgspec.structs.replace(
        proposed,
        state=AdjustmentState.REJECTED,
        decided_by=_DECIDER,
        decided_at_us=START_US + 9,
        version=proposed.version + 1,
    )
    return Transition(proposed, after)


async def _approval(
    scene: Scene, *, cents: int, user_id: UserId | None = None
) -> tuple[Change, Adjustment]:
    """What carries out a proposal, which is stored, for a user (default: a new one with 10.00)."""
    if user_id is None:
        user_id = await scene.register(dollars=10)
    proposed = _proposed(scene, cents, user_id)
    await scene.commit(Change(new_adjustments=(proposed,)))
    adjusted = BalanceAdjusted(
        at_us=scene.tick(),
        user_id=user_id,
        key=proposed.key,
        amount=proposed.amount,
        proposed_by=_PROPOSER,
        approved_by=_DECIDER,
    )
    move = _rejection(proposed)
    approved = msgspec.structs.replace(move.after, state=AdjustmentState.APPROVED)
    booked = four_eyes.book(adjusted, wallet=await scene.wallet(user_id))
    change = msgspec.structs.replace(booked, adjustments=(Transition(proposed, approved),))
    return change, proposed


async def _load(scene: Scene, key: str) -> Adjustment:
    async with scene.store.begin() as work:
        work.abandon()
        return await work.get_adjustment(key)
