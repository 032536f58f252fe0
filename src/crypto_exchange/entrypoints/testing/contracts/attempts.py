"""The contract of attempts that ended, or that nobody knows the end of, and of fills that come late."""

from __future__ import annotations

import asyncio

import pytest

from crypto_exchange.domain import attempt
from crypto_exchange.domain.batch import Batch, BatchKind
from crypto_exchange.domain.breaks import BreakKind
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import Conflict, NotFound
from crypto_exchange.domain.late_fill import buy_late
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.policy import Policy, Pricing
from crypto_exchange.domain.purchase import (
    Fill,
    Filled,
    Purchase,
    PurchaseState,
    Rejected,
    RejectionKind,
)
from crypto_exchange.domain.quarantine import quarantine
from crypto_exchange.domain.settlement import settle
from crypto_exchange.entrypoints.testing.contracts.checks import requires
from crypto_exchange.entrypoints.testing.contracts.commits import sealed
from crypto_exchange.entrypoints.testing.contracts.scene import DAY_US, START_US, StoreSuite, fill

LATE = Filled(fills=(Fill(trade_id="9", quantity=20_000, cost=10 * DOLLAR),))
NO = Rejected(kind=RejectionKind.FINAL, code="-1", message="no")


class AttemptTests(StoreSuite, port="reconciliation"):
    """Attempts are kept whatever became of them; what comes of one after all is bought once."""

    async def test_an_attempt_is_found_also_when_another_one_followed(self) -> None:
        scene = await self.scene()
        key = await sealed(scene)

        ended = await scene.give_up(key)

        assert ended.state is PurchaseState.NOT_PLACED
        async with scene.store.begin() as work:
            work.abandon()
            assert await work.get_purchase(key, 1) == ended
            with pytest.raises(NotFound):
                await work.get_purchase(key, 2)
            with pytest.raises(NotFound):
                await work.get_purchase(scene.store.ids.new_key(), 1)

    async def test_pricing_is_kept_with_order_and_batch(self) -> None:
        policy = Policy(price_max_age_us=10 * DAY_US, pricing=Pricing.AVERAGE)
        scene = await self.scene(policy)
        order = await scene.place(await scene.register(dollars=20), 1500)

        opened = await scene.batch(await scene.seal())

        assert order.pricing is opened.batch.pricing is Pricing.AVERAGE
        assert [member.pricing for member in opened.members] == [Pricing.AVERAGE]

    async def test_attempts_without_a_fill_are_listed_from_a_time_on_the_absent_before_the_rejected(
        self,
    ) -> None:
        scene = await self.scene()
        lost = await scene.give_up(await sealed(scene))
        opened = await scene.batch(await sealed(scene))
        change = attempt.reject(opened, NO, policy=scene.policy, at_us=scene.tick())
        await scene.commit(change)
        refused = change.purchases[0].after
        await scene.settle(await sealed(scene))
        await sealed(scene)
        list_given_up = scene.store.queries.list_given_up

        assert await list_given_up(0) == (lost, refused)
        assert await list_given_up(refused.timestamp_ms) == (refused,)
        assert await list_given_up(refused.timestamp_ms + 1) == ()

        await scene.buy_late(lost, LATE)

        assert await list_given_up(0) == (refused,)

    async def test_at_most_200_attempts_without_a_fill_are_listed(self) -> None:
        scene = await self.scene()
        batches = tuple(_a_batch(scene.store.ids.new_key()) for _ in range(201))
        purchases = tuple(_given_up(batch, number) for number, batch in enumerate(batches))
        await scene.commit(Change(new_batches=batches, new_purchases=purchases))

        listed = await scene.store.queries.list_given_up(0)

        assert listed == tuple(reversed(purchases[1:]))

    async def test_attempts_in_quarantine_are_listed_oldest_first_and_are_not_due(self) -> None:
        scene = await self.scene()
        keys = [await sealed(scene) for _ in range(2)]
        for key in reversed(keys):
            await scene.commit(quarantine(await scene.batch(key), at_us=scene.tick()))
        queries = scene.store.queries

        held = await queries.list_quarantined()

        assert [purchase.batch for purchase in held] == keys
        assert {purchase.state for purchase in held} == {PurchaseState.QUARANTINED}
        assert (await queries.find_due(scene.at_us + 10 * DAY_US)).batches == ()
        await scene.settle(keys[0])
        assert [purchase.batch for purchase in await queries.list_quarantined()] == keys[1:]

    @requires("concurrency")
    async def test_a_late_fill_is_bought_exactly_once_by_many_at_once(self) -> None:
        scene = await self.scene()
        ended = await scene.give_up(await sealed(scene))
        at_us = scene.tick()

        async def buy() -> None:
            key = scene.store.ids.new_key()
            await scene.commit(buy_late(ended, LATE, key=key, at_us=at_us))

        ends = await asyncio.gather(*(buy() for _ in range(6)), return_exceptions=True)

        assert ends.count(None) == 1
        assert sum(isinstance(end, Conflict) for end in ends) == 5
        assert (await scene.book()).inventory.quantity == 20_000
        (told,) = await scene.store.queries.list_breaks()
        assert (told.kind, told.subject) == (BreakKind.LATE_FILL, ended.client_order_id)
        async with scene.store.begin() as work:
            work.abandon()
            assert (await work.get_purchase(ended.batch, 1)).state is PurchaseState.LATE

    async def test_a_late_fill_and_a_settlement_at_once_both_add_to_the_inventory(self) -> None:
        scene = await self.scene()
        ended = await scene.give_up(await sealed(scene))
        await scene.place(await scene.register(dollars=20), 1001)
        opened = await scene.batch(await scene.seal())
        change = settle(opened, fill(opened), at_us=scene.tick())
        await scene.buy_late(ended, LATE)

        await scene.commit(change)

        assert opened.purchase is not None
        left = opened.purchase.quantity - opened.members[0].quantity
        assert left > 0
        assert (await scene.book()).inventory.quantity == 20_000 + left

    @requires("row_locks", "concurrency")
    async def test_a_locked_attempt_cannot_conflict(self) -> None:
        scene = await self.scene()
        ended = await scene.give_up(await sealed(scene))
        change = buy_late(ended, LATE, key=scene.store.ids.new_key(), at_us=scene.tick())

        async with scene.store.begin(lock=True) as work:
            assert await work.get_purchase(ended.batch, ended.attempt) == ended
            task = asyncio.ensure_future(scene.commit(change))
            await asyncio.wait({task}, timeout=0.1)
            await work.commit(change)

        with pytest.raises(Conflict):
            await task


def _a_batch(key: str) -> Batch:
    return Batch(
        key=key,
        asset="BTC",
        kind=BatchKind.DIRECT,
        due_at_us=START_US,
        created_at_us=START_US,
    )


def _given_up(batch: Batch, timestamp_ms: int) -> Purchase:
    return Purchase(
        batch=batch.key,
        attempt=1,
        asset=batch.asset,
        scale=8,
        quantity=1_000,
        timestamp_ms=timestamp_ms,
        window_ms=5_000,
        state=PurchaseState.NOT_PLACED,
    )
