"""The contract of the movements of wallets, as `ReadModels` show them."""

from __future__ import annotations

import pytest

from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import NotFound
from crypto_exchange.domain.ledger import (
    AccountKind,
    Transfer,
    TransferKind,
    house_account,
    user_account,
)
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.views import Cursor, TransactionView
from crypto_exchange.entrypoints.testing.contracts.scene import START_US, Scene, StoreSuite


class TransactionTests(StoreSuite, port="read_models"):
    """What moved a wallet is shown to its owner alone, in pages that miss and repeat nothing."""

    async def test_a_wallets_movements_are_its_transactions_with_their_signs(self) -> None:
        scene = await self.scene()
        user_id, other_id = await scene.register(), await scene.register(dollars=1)
        await scene.deposit(user_id, 5000)
        await scene.withdraw(user_id, 500)
        kept = await scene.place(user_id, 2000)
        await scene.cancel(await scene.place(user_id, 300))
        await scene.settle(await scene.seal(), 30_000)

        views = await scene.store.queries.list_transactions(user_id, limit=50, after=None)

        cancelled = views[2].order_id
        assert [(v.amount // CENT, v.order_id) for v in views] == [
            (500, kept.id),
            (300, cancelled),
            (-300, cancelled),
            (-2000, kept.id),
            (-500, None),
            (5000, None),
        ]
        assert sum(v.amount for v in views) == (await scene.wallet(user_id)).balance
        assert len(await scene.store.queries.list_transactions(other_id, limit=9, after=None)) == 1

    async def test_a_transaction_is_shown_to_its_owner_alone(self) -> None:
        scene = await self.scene()
        user_id, other_id = await scene.register(dollars=1), await scene.register()
        await scene.place(user_id, 40)

        for view in await scene.store.queries.list_transactions(user_id, limit=9, after=None):
            assert await scene.store.queries.get_transaction(user_id, view.id) == view
            assert 0 < view.id < 2**53
            with pytest.raises(NotFound):
                await scene.store.queries.get_transaction(other_id, view.id)
        with pytest.raises(NotFound):
            await scene.store.queries.get_transaction(user_id, 2**52)

    async def test_what_does_not_move_a_wallet_is_no_transaction(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=20)
        await scene.place(user_id, 1000)
        await scene.settle(await scene.seal())
        owner = f":{user_id}:"

        views = await scene.store.queries.list_transactions(user_id, limit=50, after=None)

        assert [v.amount // CENT for v in views] == [-1000, 2000]
        assert any(row.account == f"suspense{owner}USD" for row in await scene.ledger())

    async def test_pages_of_transactions_are_newest_first_and_hold_each_once(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()
        for number in range(7):
            await scene.deposit(user_id, 100 + number)
            scene.at_us -= 1_000 * (number % 2)

        seen = await _transaction_pages(scene, user_id, limit=3)

        order = [(v.created_at_us, v.id) for v in seen]
        assert order == sorted(order, reverse=True)
        assert sorted(v.amount // CENT for v in seen) == [100 + number for number in range(7)]

    async def test_a_transaction_says_when_it_was_and_for_which_order(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=20)
        deposited_us = scene.at_us
        order = await scene.place(user_id, 1000)
        await scene.settle(await scene.seal(), 0)

        views = await scene.store.queries.list_transactions(user_id, limit=9, after=None)

        assert [(v.amount // CENT, v.order_id, v.created_at_us) for v in views] == [
            (1000, order.id, scene.at_us),
            (-1000, order.id, order.created_at_us),
            (2000, None, deposited_us),
        ]

    async def test_transactions_are_in_the_order_of_time_also_where_that_is_not_the_order_of_ids(
        self,
    ) -> None:
        scene = await self.scene()
        user_id = await scene.register()
        await scene.deposit(user_id, 1)
        scene.at_us -= 10_000
        await scene.deposit(user_id, 2)

        views = await scene.store.queries.list_transactions(user_id, limit=9, after=None)

        assert [v.amount // CENT for v in views] == [1, 2]
        cursor = Cursor(views[0].created_at_us, views[0].id)
        rest = await scene.store.queries.list_transactions(user_id, limit=9, after=cursor)
        assert rest == views[1:]

    async def test_a_page_of_transactions_holds_as_many_as_it_may(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()
        transfers = tuple(
            Transfer(
                kind=TransferKind.DEPOSIT,
                debit=house_account(AccountKind.EXTERNAL),
                credit=user_account(user_id),
                amount=CENT,
                at_us=START_US + number,
            )
            for number in range(201)
        )
        await scene.commit(Change(transfers=transfers))
        list_transactions = scene.store.queries.list_transactions

        views = await list_transactions(user_id, limit=200, after=None)

        assert [v.created_at_us for v in views] == [t.at_us for t in reversed(transfers[1:])]
        assert len(await list_transactions(user_id, limit=1, after=None)) == 1


_MANY = 100


async def _transaction_pages(scene: Scene, user_id: int, *, limit: int) -> list[TransactionView]:
    seen: list[TransactionView] = []
    after: Cursor | None = None
    while page := await scene.store.queries.list_transactions(user_id, limit=limit, after=after):
        assert len(page) <= limit
        assert len(seen) < _MANY, "the pages do not end"
        seen.extend(page)
        after = Cursor(seen[-1].created_at_us, seen[-1].id)
    return seen
