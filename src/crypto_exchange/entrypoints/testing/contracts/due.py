"""The contract of `ReadModels.find_due`."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.change import Change
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.order import OrderState
from crypto_exchange.domain.views import Waiting
from crypto_exchange.entrypoints.testing.contracts.samples import a_batch
from crypto_exchange.entrypoints.testing.contracts.scene import START_US, StoreSuite


class DueTests(StoreSuite, port="read_models"):
    """What there is to do, by the rows alone."""

    async def test_what_waits_is_due_per_asset(self) -> None:
        scene = await self.scene()
        await scene.list_asset("ETH")
        user_id = await scene.register(dollars=100)
        first = await scene.place(user_id, 1000)
        await scene.place(user_id, 300)
        await scene.place(user_id, 250)
        await scene.cancel(await scene.place(user_id, 99, "ETH"))

        due = await scene.store.queries.find_due(scene.at_us)

        assert due.batches == ()
        assert due.waiting == (
            Waiting(asset="BTC", direct=1, total=550 * CENT, oldest_us=first.created_at_us),
        )

    async def test_what_is_sealed_does_not_wait(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=100)
        order = await scene.place(user_id, 1000)
        await scene.seal()

        due = await scene.store.queries.find_due(scene.at_us)

        assert due.waiting == ()
        assert (await scene.order(order)).state is OrderState.PENDING

    async def test_an_open_batch_is_due_from_its_time_on_until_it_is_closed(self) -> None:
        scene = await self.scene()
        await scene.place(await scene.register(dollars=10), 1000)
        key = await scene.seal()
        due_at_us = (await scene.batch(key)).batch.due_at_us
        queries = scene.store.queries

        assert (await queries.find_due(due_at_us - 1)).batches == ()
        assert (await queries.find_due(due_at_us)).batches == (key,)

        await scene.settle(key)

        assert (await queries.find_due(due_at_us)).batches == ()

    async def test_at_most_200_batches_are_due_at_once_the_longest_due_first(self) -> None:
        scene = await self.scene()
        batches = [
            msgspec.structs.replace(a_batch(scene.store.ids.new_key()), due_at_us=START_US + number)
            for number in range(202)
        ]
        await scene.commit(Change(new_batches=tuple(reversed(batches))))

        due = await scene.store.queries.find_due(START_US + 201)

        assert due.batches == tuple(batch.key for batch in batches[:200])

    async def test_what_waits_is_counted_for_each_asset_by_itself(self) -> None:
        scene = await self.scene()
        await scene.list_asset("ETH")
        await scene.list_asset("ABAN")
        user_id, other_id = await scene.register(dollars=100), await scene.register(dollars=100)
        small = await scene.place(user_id, 123)
        await scene.place(other_id, 1000)
        await scene.place(other_id, 2000)
        large = await scene.place(user_id, 1100, "ETH")
        await scene.place(other_id, 77)

        waiting = (await scene.store.queries.find_due(scene.at_us)).waiting

        assert sorted(waiting, key=lambda row: row.asset) == [
            Waiting(asset="BTC", direct=2, total=200 * CENT, oldest_us=small.created_at_us),
            Waiting(asset="ETH", direct=1, total=0, oldest_us=large.created_at_us),
        ]
