"""The contract of `ReadModels.list_differences`: subclass it and override `make_adapters`, and
`make_books` if there is a way into the tables.
"""

from __future__ import annotations

from crypto_exchange.domain.breaks import BreakKind, Difference
from crypto_exchange.domain.money import CENT, DOLLAR
from crypto_exchange.domain.order import OrderState
from crypto_exchange.domain.policy import Policy, Pricing
from crypto_exchange.domain.purchase import Fill, Filled, PurchaseState
from crypto_exchange.entrypoints.testing.adapters import Adapters
from crypto_exchange.entrypoints.testing.contracts.books import Books, Row
from crypto_exchange.entrypoints.testing.contracts.checks import optional, requires
from crypto_exchange.entrypoints.testing.contracts.history import MIXED_POLICY, History
from crypto_exchange.entrypoints.testing.contracts.scene import POLICY, Scene, StoreSuite

AMOUNTS = {
    ("wallets", "balance"): ["user:{user_id}:USD"],
    ("holdings", "quantity"): ["user:{user_id}:{asset}"],
    ("holdings", "cost"): ["user:{user_id}:{asset}"],
    ("inventory", "quantity"): ["house:inventory:{asset}"],
    ("inventory", "reserved"): ["house:inventory:{asset} reserved"],
    ("inventory", "expected"): ["house:inventory:{asset} expected"],
    ("batches", "used"): ["house:inventory:{asset} reserved"],
    ("batches", "surplus"): ["house:inventory:{asset} expected"],
    ("orders", "total"): ["order:{user_id}:{id}"],
    ("orders", "charged"): ["order:{user_id}:{id}"],
    ("orders", "filled"): ["order:{user_id}:{id}"],
    ("fills", "quantity"): ["venue:{asset}"],
    ("fills", "cost"): ["venue:USD"],
    ("fills", "fee"): ["venue:{fee_currency}"],
    ("transfers", "amount"): ["{debit}", "{credit}"],
}
"""Every amount of the books, and what a difference may call it: one of these is enough."""


class AuditTests(StoreSuite):
    """Books that only decisions have written agree with themselves; no amount of them can be changed
    by hand without being named.
    """

    @optional
    def make_books(self, adapters: Adapters) -> Books:
        """Give a hook into the tables of a store."""
        raise NotImplementedError

    async def test_whatever_happens_the_books_agree(self) -> None:
        for seed in range(5):
            scene = await self.scene(MIXED_POLICY)

            await History(scene, seed).run(120)

            assert await differences(scene) == (), f"seed {seed}"

    @requires("make_books")
    async def test_an_amount_that_is_changed_by_hand_is_named_wherever_it_is(self) -> None:
        scene, books = await self._opened(MIXED_POLICY)
        history = History(scene, 1)
        await history.run(120)
        unnamed, changed = [], set()

        for (table, column), names in AMOUNTS.items():
            for row in await books.rows(table):
                change = _change(table, column, row)
                if change == 0:
                    continue
                changed.add((table, column))
                await books.change(table, row, column, row[column] + change)
                found = {difference.subject for difference in await differences(scene)}
                if found.isdisjoint(name.format_map(row) for name in names):
                    unnamed.append((table, column, dict(row), found))
                await books.change(table, row, column, row[column])

        assert unnamed == []
        assert changed == AMOUNTS.keys()
        assert await differences(scene) == ()
        assert history.met.keys() >= _INTERESTING

    @requires("make_books")
    async def test_a_cent_in_a_wallet_is_found_at_its_account(self) -> None:
        scene, books = await self._opened()
        user_id = await scene.register(dollars=5)
        (row,) = await books.rows("wallets")

        await books.change("wallets", row, "balance", 501 * CENT)

        assert await differences(scene) == (
            _difference(BreakKind.BALANCE, f"user:{user_id}:USD", 500 * CENT, 501 * CENT, 8),
        )

    @requires("make_books")
    async def test_rows_that_are_gone_are_found(self) -> None:
        scene, books = await self._opened()
        user_id = await scene.register(dollars=20)
        await scene.place(user_id, 1000)
        await scene.settle(await scene.seal())
        (row,) = await books.rows("holdings")

        await books.drop("holdings", row)

        name = f"user:{user_id}:BTC"
        assert await differences(scene) == (
            _difference(BreakKind.BALANCE, name, 20_000, 0, 8),
            _difference(BreakKind.COST, name, 1000 * CENT, 0, 8),
        )

    @requires("make_books")
    async def test_a_transfer_that_is_gone_is_found_at_both_of_its_ends(self) -> None:
        scene, books = await self._opened()
        user_id = await scene.register(dollars=20)
        order = await scene.place(user_id, 600)
        (row,) = [row for row in await books.rows("transfers") if row["kind"] == "purchase"]

        await books.drop("transfers", row)

        assert await differences(scene) == (
            _difference(BreakKind.BALANCE, f"user:{user_id}:USD", 20 * DOLLAR, 14 * DOLLAR, 8),
            _difference(BreakKind.ORDER, f"order:{user_id}:{order.id}", 0, 6 * DOLLAR, 8),
            _difference(BreakKind.SUSPENSE, f"suspense:{user_id}:USD", 6 * DOLLAR, 0, 8),
        )

    @requires("make_books")
    async def test_a_transfer_to_an_account_of_another_currency_is_found(self) -> None:
        scene, books = await self._opened()
        user_id = await scene.register(dollars=5)
        (row,) = await books.rows("transfers")

        await books.change("transfers", row, "credit", f"user:{user_id}:BTC")

        found = [d for d in await differences(scene) if d.kind is BreakKind.CURRENCY]
        assert found == [
            _difference(BreakKind.CURRENCY, "BTC", 0, 5 * DOLLAR, 8),
            _difference(BreakKind.CURRENCY, "USD", 0, -5 * DOLLAR, 8),
            _difference(BreakKind.CURRENCY, f"user:{user_id}:BTC", 0, 5 * DOLLAR, 8),
        ]

    @requires("make_books")
    async def test_a_transfer_to_somebody_else_is_found_at_both_accounts(self) -> None:
        scene, books = await self._opened()
        user_id, other_id = await scene.register(dollars=5), await scene.register()
        (row,) = await books.rows("transfers")

        await books.change("transfers", row, "credit", f"user:{other_id}:USD")

        assert {(d.subject, d.expected, d.found) for d in await differences(scene)} == {
            (f"user:{user_id}:USD", 0, 5 * DOLLAR),
            (f"user:{other_id}:USD", 5 * DOLLAR, 0),
        }

    @requires("make_books")
    async def test_the_transfers_of_an_order_that_nobody_has_are_found(self) -> None:
        scene, books = await self._opened()
        user_id = await scene.register(dollars=5)
        order = await scene.place(user_id, 300)
        await scene.cancel(order)
        (row,) = await books.rows("orders")

        await books.drop("orders", row)

        assert await differences(scene) == (
            _difference(BreakKind.ORDER, f"order:{user_id}:{order.id}", 3 * DOLLAR, 0, 8),
        )

    @requires("make_books")
    async def test_an_order_is_one_difference_with_its_own_scale(self) -> None:
        scene, books = await self._opened()
        await scene.list_asset("DOGE", scale=4, price=10**11)
        user_id = await scene.register(dollars=20)
        order = await scene.place(user_id, 1000, "DOGE")
        await scene.settle(await scene.seal("DOGE"))
        (row,) = await books.rows("orders")

        await books.change("orders", row, "filled", order.quantity - 1)

        name = f"order:{user_id}:{order.id}"
        assert await differences(scene) == (
            _difference(BreakKind.ORDER, name, order.quantity, order.quantity - 1, 4),
        )

    @requires("make_books")
    async def test_a_trade_is_found_at_the_exchange_and_in_the_clearing_of_its_batch(self) -> None:
        scene, books = await self._opened()
        await scene.place(await scene.register(dollars=20), 1000)
        key = await scene.seal()
        await scene.settle(key)
        (row,) = await books.rows("fills")

        await books.change("fills", row, "cost", row["cost"] + CENT)

        cost = row["cost"]
        assert await differences(scene) == (
            _difference(BreakKind.BALANCE, "venue:USD", cost + CENT, cost, 8),
            _difference(BreakKind.CLEARING, f"clearing:{key}:USD", -cost - CENT, -cost, 8),
        )

    @requires("make_books")
    async def test_a_reservation_is_found_at_its_inventory(self) -> None:
        scene, books = await self._opened()
        await scene.place(await scene.register(dollars=20), 1001)
        await scene.seal()
        (row,) = await books.rows("inventory")

        await books.change("inventory", row, "expected", row["expected"] + 1)

        expected = row["expected"]
        assert await differences(scene) == (
            _difference(
                BreakKind.RESERVATION, "house:inventory:BTC expected", expected, expected + 1, 8
            ),
        )

    @requires("make_books")
    async def test_capital_shows_in_the_mirror_alone_which_the_exchange_is_compared_with(
        self,
    ) -> None:
        scene, books = await self._opened()
        history = History(scene, 0)
        await history.run(0)
        (row,) = [row for row in await books.rows("transfers") if row["kind"] == "funding"]

        await books.change("transfers", row, "amount", row["amount"] + CENT)

        assert (await scene.store.queries.get_mirror()).balances == {"USD": row["amount"] + CENT}
        assert await differences(scene) == ()

    async def test_a_late_fill_is_the_houses_and_breaks_no_rule_of_the_books(self) -> None:
        scene = await self.scene()
        await scene.place(await scene.register(dollars=20), 1000)
        purchase = await scene.give_up(await scene.seal())
        trade = Fill(trade_id="1", quantity=20_000, cost=10 * DOLLAR, fee=7, fee_currency="FEE")

        await scene.buy_late(purchase, Filled(fills=(trade,)))

        assert await differences(scene) == ()

    async def _opened(self, policy: Policy = POLICY) -> tuple[Scene, Books]:
        scene = await self.scene(policy)
        return scene, self.make_books(scene.store)


_INTERESTING = frozenset(
    {
        PurchaseState.SUBMITTING,
        PurchaseState.UNKNOWN,
        PurchaseState.LATE,
        OrderState.PENDING,
        OrderState.AGGREGATED,
        OrderState.COMPLETED,
        OrderState.PARTIALLY_COMPLETED,
        OrderState.FAILED,
        OrderState.CANCELLED,
        Pricing.QUOTED,
        Pricing.AVERAGE,
    }
)
"""What a history must have met to show anything."""


async def differences(scene: Scene) -> tuple[Difference, ...]:
    """What contradicts itself in a scene's store."""
    return await scene.store.queries.list_differences()


def _difference(kind: BreakKind, subject: str, expected: int, found: int, scale: int) -> Difference:
    return Difference(kind=kind, subject=subject, expected=expected, found=found, scale=scale)


def _change(table: str, column: str, row: Row) -> int:
    """By how much to change an amount: a unit, as its checks allow; 0 for what is nobody's to find."""
    if table == "transfers" and row["kind"] == "funding":
        return 0
    if column == "reserved":
        return -1 if row["reserved"] else int(row["quantity"] > 0)
    if column == "charged":
        return -1 if row["charged"] else 1
    if table == "batches":
        return int(row["live"])
    return -1 if table == "transfers" and row["amount"] > 1 else 1
