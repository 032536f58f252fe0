"""The contract of `ReadModels`: subclass it and override `make_store`."""

from __future__ import annotations

from collections import defaultdict

import pytest

from crypto_exchange.domain import cashier
from crypto_exchange.domain.batch import Batch, BatchKind
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import NotFound
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.order import OrderState
from crypto_exchange.domain.views import Cursor, LedgerBalance, TransactionView, Waiting
from tests.contracts.scene import PRICE, START_US, Scene, StoreContract


class ReadModelsContract(StoreContract):
    """Queries show what was committed, to its owner alone, in pages that miss and repeat nothing."""

    async def test_a_wallet_is_shown_and_one_that_nobody_has_is_not_found(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=5)

        assert await scene.store.queries.get_wallet(user_id) == await scene.wallet(user_id)
        with pytest.raises(NotFound):
            await scene.store.queries.get_wallet(10**9)

    async def test_holdings_are_by_symbol_and_without_those_of_nothing(self) -> None:
        scene = await self.scene()
        await scene.list_asset("ETH", price=2_000 * 10**12)
        await scene.list_asset("ABAN", price=20 * 10**12)
        user_id, other_id = await scene.register(dollars=100), await scene.register(dollars=100)
        for symbol in ("ETH", "BTC"):
            await scene.place(user_id, 1000, symbol)
            await scene.settle(await scene.seal(symbol))
        await scene.place(other_id, 1000, "ABAN")
        await scene.settle(await scene.seal("ABAN"))

        holdings = await scene.store.queries.list_holdings(user_id)

        assert [(h.asset, h.quantity, h.cost) for h in holdings] == [
            ("BTC", 20_000, 1000 * CENT),
            ("ETH", 500_000, 1000 * CENT),
        ]
        assert await scene.store.queries.list_holdings(10**9) == ()

    async def test_an_order_is_shown_with_its_scale_to_its_owner_alone(self) -> None:
        scene = await self.scene()
        await scene.list_asset("DOGE", scale=4, price=10**11)
        user_id, other_id = await scene.register(dollars=20), await scene.register()
        order = await scene.place(user_id, 250, "DOGE")

        view = await scene.store.queries.get_order(user_id, order.id)

        assert (view.order, view.scale) == (order, 4)
        with pytest.raises(NotFound):
            await scene.store.queries.get_order(other_id, order.id)
        with pytest.raises(NotFound):
            await scene.store.queries.get_order(user_id, order.id + 10**6)

    async def test_pages_of_orders_are_newest_first_and_hold_each_once(self) -> None:
        scene = await self.scene()
        user_id, other_id = await scene.register(dollars=100), await scene.register(dollars=9)
        placed = []
        for number in range(7):
            placed.append(await scene.place(user_id, 100))
            scene.at_us -= 1_000 * (number % 2)  # some are placed at one moment
        await scene.place(other_id, 100)

        seen = await _order_pages(scene, user_id, limit=2)

        assert seen == sorted(((o.created_at_us, o.id) for o in placed), reverse=True)

    async def test_an_order_placed_between_two_pages_moves_nothing(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=100)
        placed = [await scene.place(user_id, 100) for _ in range(4)]
        first = await scene.store.queries.list_orders(user_id, limit=2, after=None)
        await scene.place(user_id, 100)

        cursor = Cursor(first[-1].order.created_at_us, first[-1].order.id)
        second = await scene.store.queries.list_orders(user_id, limit=2, after=cursor)

        assert [v.order.id for v in (*first, *second)] == [o.id for o in reversed(placed)]

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

    async def test_assets_are_by_symbol(self) -> None:
        scene = await self.scene()
        await scene.list_asset("ETH")
        await scene.list_asset("ABAN")

        assets = await scene.store.queries.list_assets()

        assert [asset.symbol for asset in assets] == ["ABAN", "BTC", "ETH"]
        assert assets[1] == await scene.asset("BTC")

    async def test_every_currency_of_the_ledger_sums_to_zero(self) -> None:
        scene = await self.scene()
        await scene.list_asset("DOGE", scale=4, price=10**11)
        user_id = await scene.register(dollars=100)
        await scene.commit(cashier.fund({"USD": 10**15}, at_us=scene.tick()))
        await scene.place(user_id, 1001)
        await scene.settle(await scene.seal(), 15_000)
        await scene.place(user_id, 1100, "DOGE")
        await scene.settle(await scene.seal("DOGE"))
        await scene.place(user_id, 123)

        sums: dict[str, int] = defaultdict(int)
        for row in await scene.ledger():
            sums[row.currency] += row.balance

        assert sums == {"USD": 0, "BTC": 0, "DOGE": 0}

    async def test_the_ledger_names_every_account_that_has_moved(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=20)
        await scene.place(user_id, 1000)
        key = await scene.seal()
        await scene.settle(key)

        rows = await scene.ledger()

        assert rows == tuple(
            LedgerBalance(account, account.rpartition(":")[2], 8, balance)
            for account, balance in sorted(
                {
                    f"clearing:{key}:BTC": 0,
                    f"clearing:{key}:USD": 0,
                    "external:USD": -20 * 100 * CENT,
                    f"suspense:{user_id}:USD": 0,
                    f"user:{user_id}:BTC": 20_000,
                    f"user:{user_id}:USD": 1000 * CENT,
                    "venue:BTC": -20_000,
                    "venue:USD": 1000 * CENT,
                }.items()
            )
        )

    async def test_the_ledger_has_each_currency_in_its_own_scale(self) -> None:
        scene = await self.scene()
        await scene.list_asset("DOGE", scale=4, price=10**11)
        user_id = await scene.register(dollars=20)
        await scene.place(user_id, 1000, "DOGE")
        await scene.settle(await scene.seal("DOGE"))

        scales = {row.currency: row.scale for row in await scene.ledger()}

        assert scales == {"USD": 8, "DOGE": 4}

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

    async def test_at_most_200_batches_are_due_at_once(self) -> None:
        scene = await self.scene()
        batches = tuple(
            Batch(
                key=scene.store.ids.new_key(),
                asset="BTC",
                kind=BatchKind.DIRECT,
                due_at_us=START_US,
                created_at_us=START_US,
            )
            for _ in range(201)
        )
        await scene.commit(Change(new_batches=batches))

        due = await scene.store.queries.find_due(START_US)

        assert len(due.batches) == len(set(due.batches)) == 200

    async def test_a_holding_is_valued_with_the_last_price(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=10)
        await scene.place(user_id, 1000)
        await scene.settle(await scene.seal())
        await scene.store.market.save_prices({"BTC": 2 * PRICE}, scene.tick())

        (holding,) = await scene.store.queries.list_holdings(user_id)

        assert (holding.price, holding.scale) == (2 * PRICE, 8)


async def _order_pages(scene: Scene, user_id: int, *, limit: int) -> list[tuple[int, int]]:
    seen: list[tuple[int, int]] = []
    after: Cursor | None = None
    while page := await scene.store.queries.list_orders(user_id, limit=limit, after=after):
        assert len(page) <= limit
        seen.extend((view.order.created_at_us, view.order.id) for view in page)
        after = Cursor(*seen[-1])
    return seen


async def _transaction_pages(scene: Scene, user_id: int, *, limit: int) -> list[TransactionView]:
    seen: list[TransactionView] = []
    after: Cursor | None = None
    while page := await scene.store.queries.list_transactions(user_id, limit=limit, after=after):
        assert len(page) <= limit
        seen.extend(page)
        after = Cursor(seen[-1].created_at_us, seen[-1].id)
    return seen
