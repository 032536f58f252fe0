"""The contract of what a commit does to wallets, holdings and inventory."""

from __future__ import annotations

import pytest

from crypto_exchange.domain import cashier
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import Conflict
from crypto_exchange.domain.ledger import (
    AccountKind,
    Transfer,
    TransferKind,
    house_account,
    user_account,
)
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.order import OrderState, Reason
from crypto_exchange.domain.views import HoldingView
from crypto_exchange.entrypoints.testing.contracts.scene import COIN, DAY_US, PRICE, StoreSuite


class BalanceTests(StoreSuite, port="unit_of_work"):
    """Balances move by transfers alone, added up per row; every write of a wallet is seen."""

    async def test_every_command_of_a_user_raises_the_wallets_version(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()
        versions = [0]

        await scene.deposit(user_id, 1000)
        versions.append((await scene.wallet(user_id)).version)
        order = await scene.place(user_id, 300)
        versions.append((await scene.wallet(user_id)).version)
        await scene.cancel(order)
        versions.append((await scene.wallet(user_id)).version)
        await scene.withdraw(user_id, 250)
        versions.append((await scene.wallet(user_id)).version)

        assert versions == [0, 1, 2, 3, 4]
        assert (await scene.wallet(user_id)).balance == 750 * CENT

    async def test_a_settlements_refund_raises_the_wallets_version(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=20)
        await scene.place(user_id, 1000)
        key = await scene.seal()
        loaded = await scene.wallet(user_id)

        await scene.settle(key, 0)

        assert (await scene.wallet(user_id)).version > loaded.version
        command = cashier.Deposit(user_id=user_id, amount=CENT)
        with pytest.raises(Conflict):
            await scene.commit(cashier.deposit(command, wallet=loaded, at_us=scene.tick()))

    async def test_a_settlement_without_a_refund_leaves_the_wallet_alone(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=20)
        await scene.place(user_id, 1000)
        key = await scene.seal()
        loaded = await scene.wallet(user_id)

        await scene.settle(key)

        assert await scene.wallet(user_id) == loaded

    async def test_two_refunds_of_one_user_in_one_commit_both_count(self) -> None:
        scene = await self.scene()
        user_id, other_id = await scene.register(dollars=10), await scene.register(dollars=10)
        orders = [await scene.place(u, c) for u, c in ((user_id, 111), (user_id, 222))]
        orders.append(await scene.place(other_id, 99))
        scene.tick(DAY_US)

        await scene.commit(await scene.decide_seal())

        assert (await scene.wallet(user_id)).balance == 1000 * CENT
        assert (await scene.wallet(other_id)).balance == 1000 * CENT
        ended = [await scene.order(order) for order in orders]
        assert {(o.state, o.reason) for o in ended} == {(OrderState.FAILED, Reason.DEADLINE)}

    async def test_two_equal_transfers_in_one_commit_both_count(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()
        paid = Transfer(
            kind=TransferKind.DEPOSIT,
            debit=house_account(AccountKind.EXTERNAL),
            credit=user_account(user_id),
            amount=CENT,
            at_us=scene.tick(),
        )

        await scene.commit(Change(transfers=(paid, paid)))

        assert (await scene.wallet(user_id)).balance == 2 * CENT
        views = await scene.store.queries.list_transactions(user_id, limit=9, after=None)
        assert [view.amount for view in views] == [CENT, CENT]
        assert {row.account: row.balance for row in await scene.ledger()} == {
            "external:USD": -2 * CENT,
            f"user:{user_id}:USD": 2 * CENT,
        }

    async def test_a_commit_that_names_no_wallet_moves_it_whatever_its_version(self) -> None:
        scene = await self.scene()
        user_id, other_id = await scene.register(dollars=1), await scene.register(dollars=2)
        paid = [
            Transfer(
                kind=TransferKind.DEPOSIT,
                debit=house_account(AccountKind.EXTERNAL),
                credit=user_account(owner),
                amount=CENT,
                at_us=scene.tick(),
            )
            for owner in (user_id, other_id)
        ]

        await scene.commit(Change(transfers=tuple(paid)))

        wallets = [await scene.wallet(user) for user in (user_id, other_id)]
        assert [(wallet.balance, wallet.version) for wallet in wallets] == [
            (101 * CENT, 2),
            (201 * CENT, 2),
        ]

    async def test_refunds_add_to_a_wallet_that_has_changed_meanwhile(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=20)
        await scene.place(user_id, 1000)
        key = await scene.seal()
        await scene.deposit(user_id, 7)

        await scene.settle(key, 10_000)

        assert (await scene.wallet(user_id)).balance == (1000 + 7 + 500) * CENT

    async def test_a_delivery_is_a_holding_with_what_it_cost(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=50)
        await scene.place(user_id, 1000)
        await scene.settle(await scene.seal())
        await scene.place(user_id, 2000)
        await scene.settle(await scene.seal(), 20_000)

        holdings = await scene.store.queries.list_holdings(user_id)

        bought = 1000 * CENT * COIN * 10**4 // PRICE + 20_000
        assert holdings == (
            HoldingView(asset="BTC", scale=8, quantity=bought, cost=2000 * CENT, price=PRICE),
        )
        assert (await scene.wallet(user_id)).balance == 3000 * CENT

    async def test_two_deliveries_to_one_user_in_one_commit_both_count(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=20)
        orders = [await scene.place(user_id, cents) for cents in (300, 400, 500)]

        await scene.settle(await scene.seal())

        (holding,) = await scene.store.queries.list_holdings(user_id)
        assert holding.quantity == sum(o.quantity for o in orders)
        assert holding.cost == 1200 * CENT

    async def test_what_lot_rounding_leaves_over_goes_to_the_inventory(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=20)
        order = await scene.place(user_id, 1001)
        key = await scene.seal()
        opened = await scene.batch(key)
        assert opened.purchase is not None

        await scene.settle(key)

        inventory = (await scene.book()).inventory
        assert inventory.quantity == opened.purchase.quantity - order.quantity > 0
        assert (inventory.reserved, inventory.expected) == (0, 0)

    async def test_reserved_inventory_is_used_up_by_its_settlement(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=100)
        await scene.place(user_id, 1000)
        await scene.settle(await scene.seal(), 25_000)
        await scene.place(user_id, 1000)
        key = await scene.seal()
        reserved = (await scene.book()).inventory

        await scene.settle(key)

        inventory = (await scene.book()).inventory
        assert (reserved.quantity, reserved.reserved) == (5_000, 5_000)
        assert (inventory.reserved, inventory.expected) == (0, 0)
        assert (await scene.batch(key)).batch.used == 0
        assert sum(row.balance for row in await scene.ledger() if row.currency == "BTC") == 0

    async def test_an_ended_order_says_what_it_got_and_what_that_cost(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=50)
        order = await scene.place(user_id, 2000)

        await scene.settle(await scene.seal(), 30_000)

        ended = await scene.order(order)
        assert ended.state is OrderState.PARTIALLY_COMPLETED
        assert (ended.filled, ended.charged, ended.refunded) == (30_000, 1500 * CENT, 500 * CENT)

    async def test_a_delivery_to_many_users_is_one_commit(self) -> None:
        scene = await self.scene()
        users = [await scene.register(dollars=10) for _ in range(12)]
        for user_id in users:
            await scene.place(user_id, 100)

        await scene.settle(await scene.seal())

        for user_id in users:
            (holding,) = await scene.store.queries.list_holdings(user_id)
            assert (holding.quantity, holding.cost) == (2_000, 100 * CENT)
