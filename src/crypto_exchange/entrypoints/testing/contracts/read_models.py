"""The contract of `ReadModels`: subclass it and override `make_adapters`."""

from __future__ import annotations

from collections import defaultdict

import msgspec
import pytest

from crypto_exchange.domain import cashier
from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import NotFound
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.order import OrderState
from crypto_exchange.domain.views import (
    Cursor,
    HoldingView,
    LedgerBalance,
)
from crypto_exchange.entrypoints.testing.contracts.adjustments import AdjustmentQueryTests
from crypto_exchange.entrypoints.testing.contracts.administration import AccountQueryTests
from crypto_exchange.entrypoints.testing.contracts.api_keys import ApiKeyQueryTests
from crypto_exchange.entrypoints.testing.contracts.audit_log import AuditLogTests
from crypto_exchange.entrypoints.testing.contracts.checks import since
from crypto_exchange.entrypoints.testing.contracts.closing import KeptTests
from crypto_exchange.entrypoints.testing.contracts.due import DueTests
from crypto_exchange.entrypoints.testing.contracts.samples import an_order
from crypto_exchange.entrypoints.testing.contracts.scene import (
    PRICE,
    RULE,
    START_US,
    Scene,
)
from crypto_exchange.entrypoints.testing.contracts.sessions import SessionQueryTests
from crypto_exchange.entrypoints.testing.contracts.transactions import TransactionTests


class ReadModelsTests(
    DueTests,
    TransactionTests,
    SessionQueryTests,
    AccountQueryTests,
    ApiKeyQueryTests,
    AdjustmentQueryTests,
    AuditLogTests,
    KeptTests,
):
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
        for symbol, cents in (("ETH", 1000), ("BTC", 2000)):
            await scene.place(user_id, cents, symbol)
            await scene.settle(await scene.seal(symbol))
        await scene.place(other_id, 1000, "ABAN")
        await scene.settle(await scene.seal("ABAN"))

        holdings = await scene.store.queries.list_holdings(user_id)

        assert [(h.asset, h.quantity, h.cost) for h in holdings] == [
            ("BTC", 40_000, 2000 * CENT),
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

    async def test_a_holding_without_a_price_has_none(self) -> None:
        scene = await self.scene()
        await scene.commit(Change(new_assets=(Asset(symbol="NEW", rule=RULE, scale=3),)))
        user_id = await scene.register()

        await scene.give_coins(user_id, 1, "NEW")

        assert await scene.store.queries.list_holdings(user_id) == (
            HoldingView(asset="NEW", scale=3, quantity=1, cost=0, price=None),
        )
        assert await scene.ledger() == (
            LedgerBalance("clearing:nobody:NEW", "NEW", 3, -1),
            LedgerBalance(f"user:{user_id}:NEW", "NEW", 3, 1),
        )

    async def test_orders_are_listed_as_they_are_shown_one_by_one(self) -> None:
        scene = await self.scene()
        await scene.list_asset("DOGE", scale=4, price=10**11)
        user_id = await scene.register(dollars=100)
        await scene.cancel(await scene.place(user_id, 300))
        await scene.place(user_id, 1000)
        await scene.settle(await scene.seal(), 10_000)
        await scene.place(user_id, 250, "DOGE")
        await scene.place(user_id, 1000)
        await scene.seal()
        queries = scene.store.queries

        views = await queries.list_orders(user_id, limit=9, after=None)

        assert list(views) == [await queries.get_order(user_id, v.order.id) for v in views]
        assert [(v.order.state, v.scale) for v in views] == [
            (OrderState.PENDING, 8),
            (OrderState.AGGREGATED, 4),
            (OrderState.PARTIALLY_COMPLETED, 8),
            (OrderState.CANCELLED, 8),
        ]

    async def test_a_page_of_orders_holds_as_many_as_it_may(self) -> None:
        scene = await self.scene()
        one = await an_order(scene)
        orders = tuple(
            msgspec.structs.replace(one, id=one.id + number, created_at_us=START_US + number)
            for number in range(201)
        )
        await scene.commit(Change(new_orders=orders))
        list_orders = scene.store.queries.list_orders

        views = await list_orders(one.user_id, limit=200, after=None)

        assert [v.order for v in views] == list(reversed(orders[1:]))
        assert len(await list_orders(one.user_id, limit=1, after=None)) == 1

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

    @since("2")
    async def test_orders_are_in_the_order_of_time_also_where_that_is_not_the_order_of_ids(
        self,
    ) -> None:
        """Processes take their ids in blocks: of two orders the later one may have the lower id."""
        scene = await self.scene()
        one = await an_order(scene)
        orders = [
            msgspec.structs.replace(
                one, id=one.id + 4 - number, created_at_us=START_US + number // 2
            )
            for number in range(5)
        ]
        await scene.commit(Change(new_orders=tuple(orders)))

        for limit in (1, 2, 5):
            seen = await _order_pages(scene, one.user_id, limit=limit)

            assert seen == sorted(((o.created_at_us, o.id) for o in orders), reverse=True)

    async def test_an_order_placed_between_two_pages_moves_nothing(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=100)
        placed = [await scene.place(user_id, 100) for _ in range(4)]
        first = await scene.store.queries.list_orders(user_id, limit=2, after=None)
        await scene.place(user_id, 100)

        cursor = Cursor(first[-1].order.created_at_us, first[-1].order.id)
        second = await scene.store.queries.list_orders(user_id, limit=2, after=cursor)

        assert [v.order.id for v in (*first, *second)] == [o.id for o in reversed(placed)]

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

    async def test_the_ledger_names_every_account_that_has_moved_but_closed_clearing(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=20)
        await scene.place(user_id, 1000)
        await scene.settle(await scene.seal())

        rows = await scene.ledger()

        assert rows == tuple(
            LedgerBalance(account, account.rpartition(":")[2], 8, balance)
            for account, balance in sorted(
                {
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

    async def test_a_holding_is_valued_with_the_last_price(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=10)
        await scene.place(user_id, 1000)
        await scene.settle(await scene.seal())
        await scene.store.market.save_prices({"BTC": 2 * PRICE}, scene.tick())

        (holding,) = await scene.store.queries.list_holdings(user_id)

        assert (holding.price, holding.scale) == (2 * PRICE, 8)


_MANY = 100


async def _order_pages(scene: Scene, user_id: int, *, limit: int) -> list[tuple[int, int]]:
    seen: list[tuple[int, int]] = []
    after: Cursor | None = None
    while page := await scene.store.queries.list_orders(user_id, limit=limit, after=after):
        assert len(page) <= limit
        assert len(seen) < _MANY, "the pages do not end"
        seen.extend((view.order.created_at_us, view.order.id) for view in page)
        after = Cursor(*seen[-1])
    return seen
