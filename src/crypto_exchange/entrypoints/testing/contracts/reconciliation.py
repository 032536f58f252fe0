"""The contract of what reconciliation loads, lists and commits."""

from __future__ import annotations

import pytest

from crypto_exchange.domain import attempt, audit, cashier
from crypto_exchange.domain.breaks import Break, BreakKind, Difference
from crypto_exchange.domain.errors import Conflict, NotFound
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.purchase import (
    Fill,
    Filled,
    PurchaseState,
)
from crypto_exchange.domain.quarantine import quarantine
from crypto_exchange.domain.receipt import list_faults, make_receipt
from crypto_exchange.domain.settlement import settle
from crypto_exchange.entrypoints.testing.contracts.attempts import LATE, NO, AttemptTests
from crypto_exchange.entrypoints.testing.contracts.commits import sealed
from crypto_exchange.entrypoints.testing.contracts.scene import PRICE, Scene, fill


class ReconciliationTests(AttemptTests):
    """Attempts, what a batch was shared out by, and differences that wait for somebody."""

    async def test_a_settled_order_has_the_statement_of_its_batch(self) -> None:
        scene = await self.scene()
        users = [await scene.register(dollars=10) for _ in range(2)]
        orders = [await scene.place(user_id, 600) for user_id in users]
        opened = await scene.batch(await scene.seal())
        change = settle(opened, fill(opened, 20_000), at_us=scene.tick())

        await scene.commit(change)

        for order in orders:
            view = await scene.store.queries.get_statement(order.user_id, order.id)
            assert view.order == await scene.order(order)
            assert view.statement == change.new_statements[0]
            assert list(list_faults(make_receipt(view.order, view.statement))) == []

    async def test_an_order_that_got_nothing_of_its_batch_has_a_statement_too(self) -> None:
        scene = await self.scene()
        order = await scene.place(await scene.register(dollars=10), 1000)
        await scene.settle(await scene.seal(), 0)

        view = await scene.store.queries.get_statement(order.user_id, order.id)

        assert (view.order.filled, view.statement.fills[0].quantity) == (0, 0)

    async def test_there_is_no_statement_of_somebody_elses_order(self) -> None:
        scene = await self.scene()
        order = await scene.place(await scene.register(dollars=10), 1000)
        await scene.settle(await scene.seal())
        get_statement = scene.store.queries.get_statement

        with pytest.raises(NotFound):
            await get_statement(await scene.register(), order.id)
        with pytest.raises(NotFound):
            await get_statement(order.user_id, order.id + 10**6)

    async def test_there_is_no_statement_of_an_order_that_was_not_settled(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=50)
        cancelled, waiting = await scene.place(user_id, 100), await scene.place(user_id, 200)
        await scene.cancel(cancelled)
        refused = await scene.place(user_id, 1000)
        opened = await scene.batch(await scene.seal())
        await scene.commit(attempt.reject(opened, NO, policy=scene.policy, at_us=scene.tick()))
        sealed_one = await scene.place(user_id, 1000)
        await scene.seal()

        for order in (cancelled, waiting, refused, sealed_one):
            with pytest.raises(NotFound):
                await scene.store.queries.get_statement(user_id, order.id)

    async def test_open_breaks_are_listed_oldest_first_and_found_by_key(self) -> None:
        scene = await self.scene()
        second = await _opened(scene, "user:2:USD", at_us=2)
        first = await _opened(scene, "user:1:USD", at_us=1, found=-(10**30))

        assert await scene.store.queries.list_breaks() == (first, second)
        async with scene.store.begin() as work:
            work.abandon()
            assert await work.get_break(first.key) == first
            with pytest.raises(NotFound):
                await work.get_break(scene.store.ids.new_key())

    async def test_of_a_kind_and_subject_one_break_is_open_at_a_time(self) -> None:
        scene = await self.scene()
        opened = await _opened(scene, "user:1:USD")

        with pytest.raises(Conflict):
            await _opened(scene, "user:1:USD")

        assert await scene.store.queries.list_breaks() == (opened,)
        await _opened(scene, "user:1:USD", kind=BreakKind.COST)

    async def test_what_was_closed_may_be_opened_again(self) -> None:
        scene = await self.scene()
        opened = await _opened(scene, "user:1:USD")
        change = audit.close_break(opened, "a typing error, ticket 7", at_us=scene.tick())
        await scene.commit(change)

        again = await _opened(scene, "user:1:USD")

        assert await scene.store.queries.list_breaks() == (again,)
        async with scene.store.begin() as work:
            work.abandon()
            assert await work.get_break(opened.key) == change.breaks[0].after

    async def test_a_stale_break_is_a_conflict(self) -> None:
        scene = await self.scene()
        opened = await _opened(scene, "user:1:USD")
        change = audit.close_break(opened, "first", at_us=scene.tick())
        await scene.commit(change)

        with pytest.raises(Conflict):
            await scene.commit(audit.close_break(opened, "second", at_us=scene.tick()))

        async with scene.store.begin(lock=True) as work:
            work.abandon()
            assert (await work.get_break(opened.key)).evidence == "first"

    async def test_the_mirror_of_nothing_is_empty(self) -> None:
        mirror = await (await self.scene()).store.queries.get_mirror()

        assert (mirror.balances, mirror.in_flight) == ({}, ())
        assert mirror.scales == {"USD": 8, "BTC": 8}

    async def test_the_mirror_is_what_was_moved_to_the_exchange_and_bought_there(self) -> None:
        scene = await self.scene()
        await scene.list_asset("DOGE", scale=4, price=10**11)
        await scene.commit(cashier.fund({"USD": 10**17, "DOGE": 5}, at_us=scene.tick()))
        await scene.place(await scene.register(dollars=20), 1000)
        opened = await scene.batch(await scene.seal())
        trade = Fill(trade_id="1", quantity=20_000, cost=1000 * CENT, fee=3, fee_currency="FEE")
        await scene.commit(settle(opened, Filled(fills=(trade,)), at_us=scene.tick()))

        mirror = await scene.store.queries.get_mirror()

        assert mirror.balances == {
            "BTC": 20_000,
            "DOGE": 5,
            "FEE": -3,
            "USD": 10**17 - 1000 * CENT,
        }
        assert mirror.scales == {"USD": 8, "BTC": 8, "DOGE": 4}
        assert mirror.prices == {"BTC": PRICE, "DOGE": 10**11}
        assert mirror.in_flight == ()

    async def test_the_mirror_has_what_is_in_flight(self) -> None:
        scene = await self.scene()
        submitting, lost, held, done, gone, late = [await sealed(scene) for _ in range(6)]
        change = attempt.note_lost(await scene.batch(lost), at_us=scene.tick())
        assert change is not None
        await scene.commit(change)
        await scene.commit(quarantine(await scene.batch(held), at_us=scene.tick()))
        await scene.settle(done)
        await scene.give_up(gone)
        await scene.buy_late(await scene.give_up(late), LATE)

        in_flight = (await scene.store.queries.get_mirror()).in_flight

        assert [(purchase.batch, purchase.state) for purchase in in_flight] == [
            (submitting, PurchaseState.SUBMITTING),
            (lost, PurchaseState.UNKNOWN),
            (held, PurchaseState.QUARANTINED),
        ]
        assert in_flight[0] == (await scene.batch(submitting)).purchase


async def _opened(
    scene: Scene,
    subject: str,
    *,
    kind: BreakKind = BreakKind.BALANCE,
    found: int = 1,
    at_us: int | None = None,
) -> Break:
    difference = Difference(kind=kind, subject=subject, expected=0, found=found, scale=8)
    keys = iter(scene.store.ids.new_key, None)
    change = audit.open_breaks([difference], [], keys=keys, at_us=at_us or scene.tick())
    assert change is not None
    await scene.commit(change)
    return change.new_breaks[0]
