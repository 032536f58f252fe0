"""The contract of what a unit of work loads."""

from __future__ import annotations

import pytest

from crypto_exchange.domain import access, attempt, retrial
from crypto_exchange.domain.batch import BatchKind, BatchState
from crypto_exchange.domain.change import Change, RequestKey, StoredRequest
from crypto_exchange.domain.errors import NotFound, UnknownAsset
from crypto_exchange.domain.intent import Stamp
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.order import OrderState
from crypto_exchange.domain.purchase import PurchaseState, Rejected, RejectionKind
from crypto_exchange.domain.user import Role, Session, User
from crypto_exchange.domain.wallet import Wallet
from crypto_exchange.entrypoints.testing.contracts.scene import (
    DAY_US,
    PRICE,
    RULE,
    START_US,
    StoreSuite,
)


class LoadTests(StoreSuite, port="unit_of_work"):
    """Rows come back as they were written, in the order that is promised."""

    async def test_a_new_user_has_an_empty_wallet(self) -> None:
        scene = await self.scene()

        user_id = await scene.register()

        wallet = await scene.wallet(user_id)
        assert wallet == Wallet(user_id, 0, 0, wallet.activity)

    async def test_a_wallet_that_nobody_has_is_not_found(self) -> None:
        scene = await self.scene()

        with pytest.raises(NotFound):
            await scene.wallet(10**9)

    async def test_a_user_is_found_by_name_without_case_and_by_id(self) -> None:
        scene = await self.scene()
        user = User(
            id=await scene.store.ids.next_user_id(),
            username="Alice@Example.org",
            password_hash="$argon2id$…",
            role=Role.ADMIN,
        )
        await scene.commit(access.register(user, None, at_us=scene.tick()))

        async with scene.store.begin() as work:
            work.abandon()
            assert await work.find_user("aLICE@example.ORG") == user
            assert await work.get_user(user.id) == user
            assert await work.find_user("bob") is None
            for pattern in ("%", "alice_example.org", "Alice@Example.or", ""):
                assert await work.find_user(pattern) is None
            with pytest.raises(NotFound):
                await work.get_user(10**9)

    async def test_a_session_is_found_by_its_owner_alone(self) -> None:
        scene = await self.scene()
        user_id, other_id = await scene.register(), await scene.register()
        key = scene.store.ids.new_key()
        session = Session(user_id=user_id, id=key, expires_at_us=scene.at_us + DAY_US)
        await scene.commit(Change(new_sessions=(session,)))

        async with scene.store.begin() as work:
            work.abandon()
            assert await work.find_session(user_id, session.id) == session
            assert await work.find_session(other_id, session.id) is None
            assert await work.find_session(user_id, scene.store.ids.new_key()) is None

    async def test_a_session_comes_with_its_user_in_one_commit(self) -> None:
        scene = await self.scene()
        user = User(id=await scene.store.ids.next_user_id(), username="carol", password_hash="x")
        key = scene.store.ids.new_key()
        session = Session(user_id=user.id, id=key, expires_at_us=scene.at_us + DAY_US)

        await scene.commit(access.register(user, session, at_us=scene.tick()))

        async with scene.store.begin() as work:
            work.abandon()
            assert await work.find_session(user.id, key) == session

    async def test_a_request_is_found_as_it_was_stored(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()
        await scene.deposit(user_id, 100, RequestKey("deposit", "a key~", "digest"))

        async with scene.store.begin() as work:
            work.abandon()
            found = await work.find_request(user_id, "deposit", "a key~")
            assert await work.find_request(user_id, "withdraw", "a key~") is None
            assert await work.find_request(user_id + 1, "deposit", "a key~") is None

        assert found == StoredRequest(user_id, "deposit", "a key~", "digest", 0)

    async def test_an_order_comes_back_as_it_was_placed_to_its_owner_alone(self) -> None:
        scene = await self.scene()
        user_id, other_id = await scene.register(dollars=20), await scene.register()

        order = await scene.place(user_id, 1234)

        assert await scene.order(order) == order
        async with scene.store.begin() as work:
            work.abandon()
            with pytest.raises(NotFound):
                await work.get_order(other_id, order.id)
            with pytest.raises(NotFound):
                await work.get_order(user_id, order.id + 10**6)

    async def test_an_asset_has_its_rule_and_price(self) -> None:
        scene = await self.scene()

        asset = await scene.asset("BTC")

        assert (asset.rule, asset.price, asset.priced_at_us) == (RULE, PRICE, START_US)
        for symbol in ("NONE", "btc", "BT_", "%", ""):
            with pytest.raises(UnknownAsset):
                await scene.asset(symbol)
        with pytest.raises(UnknownAsset):
            await scene.book("NONE")

    async def test_a_book_holds_direct_and_small_orders_oldest_first(self) -> None:
        scene = await self.scene()
        await scene.list_asset("ETH")
        users = [await scene.register(dollars=100) for _ in range(2)]
        small = [await scene.place(users[n % 2], 100 + n) for n in range(4)]
        large = [await scene.place(users[n % 2], 1000 + n) for n in range(3)]
        await scene.place(users[0], 100, "ETH")

        book = await scene.book()

        assert book.asset.symbol == book.inventory.asset == "BTC"
        assert book.waiting == tuple(small)
        assert book.direct == tuple(large)

    async def test_orders_of_one_moment_are_in_a_book_by_id(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=100)
        orders = []
        for _ in range(3):
            orders.append(await scene.place(user_id, 100))
            scene.at_us -= 1_000

        book = await scene.book()

        assert [o.id for o in book.waiting] == sorted(o.id for o in orders)

    async def test_a_book_is_in_the_order_of_time_also_where_that_is_not_the_order_of_ids(
        self,
    ) -> None:
        scene = await self.scene()
        users = [await scene.register(dollars=100) for _ in range(2)]
        placed = []
        for number in range(6):
            placed.append(await scene.place(users[number % 2], 100 if number % 3 else 1000))
            scene.tick(-5_000 if number % 2 else 3_000)

        book = await scene.book()

        ordered = sorted(placed, key=lambda order: (order.created_at_us, order.id))
        assert ordered != placed
        assert book.direct == tuple(order for order in ordered if order.direct)
        assert book.waiting == tuple(order for order in ordered if not order.direct)

    async def test_a_book_is_limited_for_direct_and_small_orders_each(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=100)
        small = [await scene.place(user_id, 100) for _ in range(3)]
        large = [await scene.place(user_id, 1000) for _ in range(3)]

        book = await scene.book(limit=2)

        assert book.waiting == tuple(small[:2])
        assert book.direct == tuple(large[:2])

    async def test_orders_that_are_sealed_or_have_ended_are_in_no_book(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=100)
        await scene.cancel(await scene.place(user_id, 100))
        await scene.place(user_id, 1000)
        await scene.place(user_id, 600)
        await scene.place(user_id, 600)

        await scene.seal()

        book = await scene.book()
        assert (book.waiting, book.direct) == ((), ())

    async def test_a_sealed_batch_has_its_purchase_members_asset_and_inventory(self) -> None:
        scene = await self.scene()
        users = [await scene.register(dollars=10) for _ in range(2)]
        orders = [await scene.place(user_id, 601) for user_id in users]

        change = await scene.decide_seal()
        await scene.commit(change)

        opened = await scene.batch(change.new_batches[0].key)
        assert opened.batch == change.new_batches[0]
        assert opened.batch.kind is BatchKind.AGGREGATED
        assert opened.purchase == change.new_purchases[0]
        assert sorted(o.id for o in opened.members) == [o.id for o in orders]
        assert {o.state for o in opened.members} == {OrderState.PENDING}
        assert {o.batch for o in opened.members} == {opened.batch.key}
        assert opened.asset == await scene.asset()
        assert opened.inventory == (await scene.book()).inventory
        assert opened.inventory.expected == opened.batch.surplus > 0

    async def test_a_batch_has_its_own_members_and_purchase_alone(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=100)
        orders = [await scene.place(user_id, cents) for cents in (1000, 2000, 3000)]
        change = await scene.decide_seal()
        await scene.commit(change)

        for batch, purchase in zip(change.new_batches, change.new_purchases, strict=True):
            opened = await scene.batch(batch.key)
            assert (opened.batch, opened.purchase) == (batch, purchase)
            assert [member.batch for member in opened.members] == [batch.key]
        assert len(change.new_batches) == len(orders)

    async def test_a_batch_that_nobody_sealed_is_not_found(self) -> None:
        scene = await self.scene()

        with pytest.raises(NotFound):
            await scene.batch(scene.store.ids.new_key())

    async def test_a_settled_batch_is_still_found_and_has_no_open_members(self) -> None:
        scene = await self.scene()
        await scene.place(await scene.register(dollars=10), 1000)
        key = await scene.seal()

        await scene.settle(key)

        opened = await scene.batch(key)
        assert opened.batch.state is BatchState.SETTLED
        assert opened.members == ()
        assert opened.purchase is not None
        assert opened.purchase.state is PurchaseState.FILLED

    async def test_a_batch_has_its_newest_purchase(self) -> None:
        scene = await self.scene()
        await scene.place(await scene.register(dollars=10), 1000)
        key = await scene.seal()
        no = Rejected(kind=RejectionKind.RULES, code="-1013", message="Filter failure: LOT_SIZE")
        first = await scene.batch(key)
        await scene.commit(attempt.reject(first, no, policy=scene.policy, at_us=scene.tick()))
        rejected = await scene.batch(key)
        stamp = Stamp(at_us=scene.tick(), exchange_ms=7)
        await scene.commit(retrial.retry(rejected, policy=scene.policy, stamp=stamp))

        second = await scene.batch(key)

        assert rejected.purchase is not None
        assert rejected.purchase.state is PurchaseState.REJECTED
        assert (rejected.purchase.code, rejected.purchase.message) == (no.code, no.message)
        assert (rejected.batch.live, rejected.batch.counted) == (False, 1)
        assert second.purchase is not None
        assert (second.purchase.attempt, second.purchase.timestamp_ms) == (2, 7)
        assert second.batch.live

    async def test_a_batch_that_the_inventory_covers_has_no_purchase(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=100)
        await scene.place(user_id, 1000)
        await scene.settle(await scene.seal(), 40_000)
        await scene.place(user_id, 100)
        scene.tick(DAY_US)

        opened = await scene.batch(await scene.seal())

        assert opened.purchase is None
        assert opened.batch.used == opened.inventory.reserved == 2_000

    async def test_members_of_a_returned_batch_wait_again_where_they_stood(self) -> None:
        scene = await self.scene()
        users = [await scene.register(dollars=10) for _ in range(2)]
        orders = [await scene.place(user_id, 600) for user_id in users]
        opened = await scene.batch(await scene.seal())
        no = Rejected(kind=RejectionKind.VENUE, code="-2010", message="insufficient balance")

        await scene.commit(attempt.reject(opened, no, policy=scene.policy, at_us=scene.tick()))

        book = await scene.book()
        assert [o.id for o in book.waiting] == [o.id for o in orders]
        assert {o.state for o in book.waiting} == {OrderState.AGGREGATED}
        assert {o.batch for o in book.waiting} == {None}
        assert (book.inventory.reserved, book.inventory.expected) == (0, 0)
        assert book.inventory.failures == 1
        assert (await scene.wallet(users[0])).balance == 400 * CENT
