"""The contract that every field comes back as it was written: batches and what follows from them."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.batch import BatchKind, BatchState
from crypto_exchange.domain.breaks import Break, BreakKind
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.order import OrderState
from crypto_exchange.domain.policy import Pricing
from crypto_exchange.domain.purchase import Fill, Purchase, PurchaseState
from crypto_exchange.domain.statement import Member, Statement
from crypto_exchange.entrypoints.testing.contracts.checks import since
from crypto_exchange.entrypoints.testing.contracts.samples import (
    FOREIGN,
    HUGE,
    KEY,
    a_batch,
    a_purchase,
    an_order,
)
from crypto_exchange.entrypoints.testing.contracts.scene import START_US, Scene, StoreSuite


class TradeFieldTests(StoreSuite, port="unit_of_work"):
    """New rows, and all that they can become."""

    async def test_every_field_of_a_batch_is_kept(self) -> None:
        scene = await self.scene()
        batch = a_batch(
            kind=BatchKind.AGGREGATED, pricing=Pricing.AVERAGE, attempt=7, used=11, surplus=HUGE
        )
        await scene.commit(Change(new_batches=(batch,)))
        assert (await scene.batch(KEY)).batch == batch

        for state in BatchState:
            live = state is BatchState.SEALED
            after = msgspec.structs.replace(
                batch,
                state=state,
                attempt=batch.attempt + 1,
                live=live,
                used=13 * live,
                surplus=17 * live,
                counted=batch.counted + 2,
                checks=batch.checks + 5,
                due_at_us=batch.due_at_us + 9,
                version=batch.version + 1,
            )
            await scene.commit(Change(batches=(Transition(batch, after),)))
            assert (await scene.batch(KEY)).batch == after
            batch = after

    @since("2")
    async def test_members_are_in_the_order_of_time_also_where_that_is_not_the_order_of_ids(
        self,
    ) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=20)
        placed = []
        for jump_us in (3_000, -5_000, -1_000, 2_000, -9_000, 0):
            placed.append(await scene.place(user_id, 200))
            scene.tick(jump_us)
        key = await scene.seal()

        members = (await scene.batch(key)).members

        ordered = sorted(placed, key=lambda order: (order.created_at_us, order.id))
        assert [order.id for order in members] == [order.id for order in ordered]
        assert ordered != placed

    async def test_every_field_of_a_purchase_is_kept(self) -> None:
        scene = await self.scene()
        for attempt, state in enumerate(PurchaseState, start=1):
            new = [(a_batch(),), ()][attempt > 1]
            purchase = a_purchase(attempt, state=PurchaseState.UNKNOWN, code="-1", message=FOREIGN)
            after = msgspec.structs.replace(
                purchase, state=state, code=f"code {attempt}", message=FOREIGN * attempt
            )
            await scene.commit(Change(new_batches=new, new_purchases=(purchase,)))
            assert await _purchase(scene, attempt) == purchase
            await scene.commit(Change(purchases=(Transition(purchase, after),)))

            assert await _purchase(scene, attempt) == after
            assert (await scene.batch(KEY)).purchase == await _purchase(scene, 1)

    async def test_whatever_an_exchange_says_can_be_kept(self) -> None:
        """Text that a database cannot hold may lose what it cannot hold of it, and nothing else."""
        scene = await self.scene()
        purchase = a_purchase(1)
        after = msgspec.structs.replace(
            purchase, state=PurchaseState.REJECTED, code="1", message="a\0b" + FOREIGN * 200
        )
        await scene.commit(Change(new_batches=(a_batch(),), new_purchases=(purchase,)))

        await scene.commit(Change(purchases=(Transition(purchase, after),)))

        kept = (await _purchase(scene, 1)).message
        assert kept is not None
        assert kept.replace("\0", "") == "ab" + FOREIGN * 200

    async def test_every_field_of_a_break_is_kept(self) -> None:
        scene = await self.scene()
        for number, kind in enumerate(BreakKind):
            told = Break(
                key=f"{number:024x}",
                kind=kind,
                subject=f"house:inventory:BTC {number}",
                expected=-HUGE,
                found=HUGE + number,
                scale=18,
                opened_at_us=START_US + number,
                version=3,
            )
            after = msgspec.structs.replace(
                told, closed_at_us=START_US + 100, evidence=FOREIGN, version=4
            )
            await scene.commit(Change(new_breaks=(told,)))
            assert await _break(scene, told.key) == told
            await scene.commit(Change(breaks=(Transition(told, after),)))
            assert await _break(scene, told.key) == after

    async def test_every_field_of_a_statement_is_kept(self) -> None:
        scene = await self.scene()
        order = await an_order(scene, batch=KEY, state=OrderState.COMPLETED)
        statement = Statement(
            batch=KEY,
            asset="BTC",
            scale=5,
            pricing=Pricing.AVERAGE,
            bought=HUGE,
            used=3,
            members=(Member("a" * 64, HUGE, 7, True), Member("b" * 64, 11, 13, False)),
            fills=(
                Fill(trade_id="1", quantity=HUGE, cost=17, fee=19, fee_currency="BTC"),
                Fill(trade_id="2", quantity=23, cost=HUGE, fee=29, fee_currency="FEE"),
            ),
            rule=31,
        )

        await scene.commit(
            Change(new_batches=(a_batch(),), new_orders=(order,), new_statements=(statement,))
        )

        view = await scene.store.queries.get_statement(order.user_id, order.id)
        assert (view.order, view.statement) == (order, statement)


async def _purchase(scene: Scene, attempt: int) -> Purchase:
    async with scene.store.begin() as work:
        work.abandon()
        return await work.get_purchase(KEY, attempt)


async def _break(scene: Scene, key: str) -> Break:
    async with scene.store.begin() as work:
        work.abandon()
        return await work.get_break(key)
