"""Reconciliation over Postgres, while others are at work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from crypto_exchange.adapters.memory import MemoryExchange
from crypto_exchange.adapters.memory.exchange import Executed
from crypto_exchange.adapters.postgres import Database
from crypto_exchange.domain.breaks import BreakKind, Difference
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.purchase import Fill, Filled
from crypto_exchange.domain.use_cases import orders, reconciliation
from crypto_exchange.entrypoints.testing.contracts.commits import sealed
from crypto_exchange.entrypoints.testing.contracts.scene import Scene
from tests.integration.postgres_store import context_over, opened_database, store_over


@pytest.fixture
async def database(postgres_dsn: str) -> AsyncIterator[Database]:
    async with opened_database(postgres_dsn) as database:
        yield database


@pytest.fixture
async def scene(database: Database) -> Scene:
    scene = Scene(store_over(database))
    await scene.list_asset()
    return scene


async def test_an_audit_meets_no_commit_on_its_way(scene: Scene) -> None:
    users = [await scene.register(dollars=100) for _ in range(4)]
    context = context_over(scene)

    async def trade(user_id: int) -> None:
        command = PlaceOrder(user_id=user_id, asset="BTC", spend=1000 * CENT)
        for _ in range(5):
            await orders.place(context, command)

    async def settle_all() -> None:
        for _ in range(6):
            change = await scene.find_seal()
            if change is not None:
                await scene.commit(change)
                for batch in change.new_batches:
                    await scene.settle(batch.key, 15_000)

    async def look() -> int:
        looks = [await scene.store.queries.list_differences() for _ in range(15)]
        return sum(map(len, looks))

    await trade(users[0])
    seen, *_ = await asyncio.gather(look(), settle_all(), *(trade(user) for user in users[1:]))

    assert seen == 0


async def test_two_who_find_a_difference_at_once_open_one_break(scene: Scene) -> None:
    context = context_over(scene)
    found = Difference(kind=BreakKind.VENUE, subject="venue:USD", expected=1, found=2, scale=8)

    opened = await asyncio.gather(*(reconciliation.record(context, [found]) for _ in range(6)))

    assert sorted(map(len, opened)) == [0, 0, 0, 0, 0, 1]
    assert len(await scene.store.queries.list_breaks()) == 1


async def test_workers_who_ask_after_a_late_fill_at_once_buy_it_once(scene: Scene) -> None:
    purchase = await scene.give_up(await sealed(scene))
    context = context_over(scene)
    trade = Fill(trade_id="1", quantity=purchase.quantity, cost=1000 * CENT)
    assert isinstance(context.exchange, MemoryExchange)
    context.exchange.executed[purchase.client_order_id] = Executed(
        purchase, Filled(fills=(trade,)), context.exchange.now_ms()
    )

    bought = await asyncio.gather(*(reconciliation.buy_late_fills(context) for _ in range(6)))

    assert sorted(bought) == [0, 0, 0, 0, 0, 1]
    assert (await scene.book()).inventory.quantity == purchase.quantity
    assert await scene.store.queries.list_differences() == ()
