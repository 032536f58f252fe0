"""The contract of units of work that lock what they load."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import msgspec
import pytest

from crypto_exchange.domain.aggregation import seal_book
from crypto_exchange.domain.batch import revise
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import Conflict
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.order import OrderState
from crypto_exchange.domain.placement import cancel_order
from crypto_exchange.domain.purchase import lose
from crypto_exchange.domain.settlement import settle
from crypto_exchange.entrypoints.testing.contracts.checks import requires, since
from crypto_exchange.entrypoints.testing.contracts.commits import one_dollar, sealed
from crypto_exchange.entrypoints.testing.contracts.scene import Scene, StoreSuite, fill


class LockTests(StoreSuite, port="unit_of_work"):
    """After a lost race the next try cannot lose."""

    @requires("row_locks", "concurrency")
    async def test_a_locked_wallet_cannot_conflict(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()
        stale = await scene.wallet(user_id)
        rival = scene.commit(one_dollar(user_id, stale.version, scene))

        async with scene.store.begin(lock=True) as work:
            wallet = await work.get_wallet(user_id)
            task = await started(rival)
            await work.commit(one_dollar(user_id, wallet.version, scene))

        with pytest.raises(Conflict):
            await task
        assert (await scene.wallet(user_id)).balance == 100 * CENT

    @requires("row_locks", "concurrency")
    async def test_a_locked_inventory_cannot_conflict(self) -> None:
        scene = await self.scene()
        await scene.place(await scene.register(dollars=10), 1000)
        change = await scene.decide_seal()

        async with scene.store.begin(lock=True) as work:
            await work.get_book("BTC", limit=500)
            task = await started(scene.commit(change))
            await work.commit(change)

        with pytest.raises(Conflict):
            await task

    @requires("row_locks", "concurrency", "held_back")
    @since("2")
    async def test_a_locked_book_leaves_out_what_is_cancelled_while_it_is_loaded(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=30)
        kept = [await scene.place(user_id, 700) for _ in range(2)]
        left = await scene.place(user_id, 700)
        wallet = await scene.wallet(user_id)
        cancelled = cancel_order(left, wallet=wallet, at_us=scene.tick())

        async with self.held_back(scene.store, cancelled):
            task = await started(_seal_locked(scene))
        await task

        assert {(await scene.order(order)).state for order in kept} == {OrderState.PENDING}
        assert (await scene.order(left)).state is OrderState.CANCELLED
        assert (await scene.wallet(user_id)).balance == 1_600 * CENT

    @requires("row_locks", "concurrency")
    async def test_a_locked_batch_cannot_conflict(self) -> None:
        scene = await self.scene()
        key = await sealed(scene)

        async with scene.store.begin(lock=True) as work:
            opened = await work.get_batch(key)
            change = settle(opened, fill(opened), at_us=scene.tick())
            task = await started(scene.commit(change))
            await work.commit(change)

        with pytest.raises(Conflict):
            await task

    @requires("row_locks", "concurrency")
    async def test_nobody_moves_the_inventory_of_a_locked_book(self) -> None:
        scene = await self.scene()
        seen = await scene.book()

        async with scene.store.begin(lock=True) as work:
            book = await work.get_book("BTC", limit=500)
            task = await started(scene.commit(_moved("inventory", seen.inventory)))
            await work.commit(_moved("inventory", book.inventory))

        with pytest.raises(Conflict):
            await task

    @requires("row_locks", "concurrency")
    async def test_nobody_moves_a_row_of_a_locked_batch(self) -> None:
        scene = await self.scene()
        key = await sealed(scene)
        for field in ("batch", "purchase", "inventory"):
            seen = await scene.batch(key)

            async with scene.store.begin(lock=True) as work:
                opened = await work.get_batch(key)
                task = await started(scene.commit(_moved(field, getattr(seen, field))))
                await work.commit(_moved(field, getattr(opened, field)))

            with pytest.raises(Conflict):
                await task

    @requires("row_locks", "concurrency")
    async def test_commands_that_lock_wait_for_each_other(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()

        async def locked_deposit() -> None:
            async with scene.store.begin(lock=True) as work:
                wallet = await work.get_wallet(user_id)
                await work.commit(one_dollar(user_id, wallet.version, scene))

        await asyncio.gather(*(locked_deposit() for _ in range(6)))

        assert (await scene.wallet(user_id)).balance == 600 * CENT


async def _seal_locked(scene: Scene) -> None:
    keys = iter(scene.store.ids.new_key, None)
    async with scene.store.begin(lock=True) as work:
        book = await work.get_book("BTC", limit=500)
        change = seal_book(book, keys=keys, policy=scene.policy, stamp=scene.stamp())
        assert change is not None
        await work.commit(change)


def _moved(field: str, row: Any) -> Change:
    """A row moved on, and nothing else."""
    if field == "purchase":
        return Change(purchases=(Transition(row, lose(row)),))
    if field == "batch":
        return Change(batches=(Transition(row, revise(row, checks=row.checks + 1)),))
    after = msgspec.structs.replace(row, failures=row.failures + 1, version=row.version + 1)
    return Change(inventory=Transition(row, after))


async def started(rival: Awaitable[None]) -> asyncio.Task[None]:
    """Start a rival and give it time to get as far as it can."""
    task = asyncio.ensure_future(rival)
    await asyncio.wait({task}, timeout=0.1)
    assert isinstance(task, asyncio.Task)
    return task
