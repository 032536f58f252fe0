"""The contract of what the fraud rules leave: activity, held orders, and reviews of what is held."""

from __future__ import annotations

import msgspec
import pytest

from crypto_exchange.domain import clearance
from crypto_exchange.domain.activity import Activity, Window
from crypto_exchange.domain.audit_log import SERVICE
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import Conflict, NotFound
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.placement import PlaceOrder, place_order
from crypto_exchange.domain.review import Review, ReviewKind, ReviewState
from crypto_exchange.domain.screening import hold_order, note_risk
from crypto_exchange.domain.views import Cursor
from crypto_exchange.entrypoints.testing.contracts.checks import requires, since
from crypto_exchange.entrypoints.testing.contracts.locks import started
from crypto_exchange.entrypoints.testing.contracts.samples import HUGE
from crypto_exchange.entrypoints.testing.contracts.scene import START_US, Scene, StoreSuite

_ACTIVITY = Activity(
    registered_at_us=1,
    deposited_at_us=2,
    deposited=HUGE,
    withdrawn=4,
    traded=5,
    orders=6,
    largest=7,
    minute=Window(8, 9, 10),
    hour=Window(11, 12, HUGE),
    day=Window(13, 14, 15),
    under=Window(16, 17, 18),
    withdrawals=Window(19, 20, 21),
    waiting=Window(22, 23, 24),
    waited=Window(25, 26, 27),
    denied=Window(28, 29, 30),
)
_HELD = "hold/1 structuring"


class ReviewTests(StoreSuite, port="unit_of_work"):
    """What is held is decided on once, and nothing is bought for it before."""

    @since("2")
    async def test_every_field_of_a_review_is_kept(self) -> None:
        scene = await self.scene()
        for number, state in enumerate(ReviewState):
            review = a_review(scene, await scene.register(), amount=HUGE + number)
            after = msgspec.structs.replace(
                review, state=state, decided_at_us=START_US + 9, decided_by=11, version=12
            )
            await scene.commit(Change(new_reviews=(review,)))
            assert await load(scene, review) == review
            await scene.commit(Change(reviews=(Transition(review, after),)))
            assert await load(scene, review) == after

    @since("2")
    async def test_a_review_is_its_users_and_decided_once(self) -> None:
        scene = await self.scene()
        review = a_review(scene, await scene.register())
        await scene.commit(Change(new_reviews=(review,)))
        await scene.commit(clearance.release(review, None, SERVICE, at_us=scene.tick()))

        with pytest.raises(Conflict):
            await scene.commit(clearance.refuse(review, None, SERVICE, at_us=scene.tick()))
        with pytest.raises(NotFound):
            await load(scene, msgspec.structs.replace(review, user_id=await scene.register()))

        assert (await load(scene, review)).state is ReviewState.RELEASED

    @requires("row_locks", "concurrency")
    @since("2")
    async def test_a_review_that_is_locked_is_decided_by_nobody_else(self) -> None:
        scene = await self.scene()
        review = a_review(scene, await scene.register())
        await scene.commit(Change(new_reviews=(review,)))
        change = clearance.refuse(review, None, SERVICE, at_us=scene.tick())

        async with scene.store.begin(lock=True) as work:
            assert await work.get_review(review.user_id, review.id) == review
            task = await started(scene.commit(change))
            await work.commit(change)

        with pytest.raises(Conflict):
            await task

    @since("2")
    async def test_of_the_same_withdrawal_one_review_is_open_at_a_time(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()
        first, second = a_review(scene, user_id), a_review(scene, user_id)
        await scene.commit(Change(new_reviews=(first,)))

        with pytest.raises(Conflict):
            await scene.commit(Change(new_reviews=(second,)))
        await scene.commit(clearance.refuse(first, None, SERVICE, at_us=scene.tick()))
        await scene.commit(Change(new_reviews=(second,)))

        assert (await load(scene, second)).state is ReviewState.OPEN

    @since("2")
    async def test_a_users_open_reviews_and_released_withdrawals_are_listed_newest_first(
        self,
    ) -> None:
        scene = await self.scene()
        user_id, other_id = await scene.register(), await scene.register()
        refused, opened, released = (a_review(scene, user_id, amount=n * CENT) for n in (1, 2, 3))
        order, done = (a_review(scene, user_id, amount=4 * CENT, order_id=n) for n in (5, 6))
        theirs = a_review(scene, other_id, amount=5 * CENT)
        await scene.commit(Change(new_reviews=(refused, opened, released, order, done, theirs)))
        await scene.commit(clearance.refuse(refused, None, SERVICE, at_us=scene.tick()))
        for each in (released, done):
            await scene.commit(clearance.release(each, None, SERVICE, at_us=scene.tick()))

        async with scene.store.begin() as work:
            work.abandon()
            listed = await work.list_live_reviews(user_id)

        assert [review.id for review in listed] == [order.id, released.id, opened.id]

    @since("2")
    async def test_the_queue_is_what_is_open_the_oldest_first(self) -> None:
        scene = await self.scene()
        user_id = await scene.register()
        reviews = [a_review(scene, user_id, amount=number * CENT) for number in (1, 2, 3, 4)]
        await scene.commit(Change(new_reviews=tuple(reversed(reviews))))
        await scene.commit(clearance.refuse(reviews[1], None, SERVICE, at_us=scene.tick()))

        queues = [await scene.store.queries.list_reviews(limit=limit) for limit in (2, 9)]

        assert queues[0] == (reviews[0], reviews[2])
        assert queues[1] == (reviews[0], reviews[2], reviews[3])

    @since("2")
    async def test_a_page_of_the_queue_begins_where_the_one_before_has_ended(self) -> None:
        scene = await self.scene()
        users = [await scene.register() for _ in range(3)]
        first = [a_review(scene, user_id) for user_id in users]
        late = a_review(scene, users[0], amount=2 * CENT)
        same = [msgspec.structs.replace(r, opened_at_us=late.opened_at_us - 1) for r in first]
        await scene.commit(Change(new_reviews=(late, *reversed(same))))
        queries, listed = scene.store.queries, (*same, late)

        for place, review in enumerate(listed, start=1):
            end = Cursor(review.opened_at_us, review.user_id)
            assert await queries.list_reviews(limit=9, after=end) == listed[place:]
        assert await queries.list_reviews(limit=2, after=Cursor(0, 0)) == listed[:2]

    @since("2")
    async def test_a_held_order_waits_for_nobody_until_it_is_released(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=50)
        large, small = await hold(scene, user_id, 1_000), await hold(scene, user_id, 300)

        book, queries = await scene.book(), scene.store.queries
        assert (book.direct, book.waiting) == ((), ())
        assert (await queries.find_due(scene.at_us)).waiting == ()
        assert await queries.list_differences() == ()
        reviews = await queries.list_reviews(limit=9)
        assert [review.order_id for review in reviews] == [large.id, small.id]

        for review, order in zip(reviews, (large, small), strict=True):
            await scene.commit(clearance.release(review, order, SERVICE, at_us=scene.tick()))

        book = await scene.book()
        assert [[o.id for o in each] for each in (book.direct, book.waiting)] == [
            [large.id],
            [small.id],
        ]
        assert (await queries.find_due(scene.at_us)).waiting[0].direct == 1

    @since("2")
    async def test_a_held_order_that_is_refused_is_refunded(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=5)
        order = await hold(scene, user_id, 300)
        (review,) = await scene.store.queries.list_reviews(limit=9)

        await scene.commit(clearance.refuse(review, order, SERVICE, at_us=scene.tick()))

        ended = await scene.order(order)
        assert (ended.state.value, ended.reason and ended.reason.value) == ("failed", "refused")
        assert (await scene.wallet(user_id)).balance == 500 * CENT
        assert await scene.store.queries.list_differences() == ()

    @since("2")
    async def test_activity_is_written_with_the_wallet_and_else_left_alone(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=20)
        wallet = await scene.wallet(user_id)
        assert wallet.activity.registered_at_us > START_US

        for activity, review in (
            (_ACTIVITY, ()),
            (Activity(orders=1), (a_review(scene, user_id),)),
        ):
            change = Change(wallet=wallet, activity=activity, new_reviews=review)
            await scene.commit(change)
            assert (await scene.wallet(user_id)).activity == activity
        await scene.commit(Change(wallet=wallet, activity=_ACTIVITY))
        await scene.place(user_id, 1_000)
        await scene.settle(await scene.seal(), 10_000)

        after = await scene.wallet(user_id)
        assert after.activity == _ACTIVITY
        assert after == await scene.store.queries.get_wallet(user_id)

    @since("2")
    async def test_of_two_changes_of_activity_that_fence_their_wallet_one_is_written(self) -> None:
        scene = await self.scene()
        user_id = await scene.register(dollars=20)
        wallet = await scene.wallet(user_id)
        changes = [
            Change(
                wallet=wallet,
                fenced=(user_id,),
                activity=Activity(orders=number),
                new_reviews=(a_review(scene, user_id, amount=number * CENT),),
            )
            for number in (1, 2)
        ]
        await scene.commit(changes[0])

        with pytest.raises(Conflict):
            await scene.commit(changes[1])

        after = await scene.wallet(user_id)
        assert after.activity == Activity(orders=1)
        assert (after.balance, after.version) == (wallet.balance, wallet.version + 1)
        assert len(await scene.store.queries.list_reviews(limit=9)) == 1


def a_review(
    scene: Scene, user_id: UserId, *, amount: int = CENT, order_id: int | None = None
) -> Review:
    """An open review of a withdrawal, or of an order."""
    return Review(
        user_id=user_id,
        id=scene.store.ids.new_key(),
        kind=ReviewKind.WITHDRAWAL if order_id is None else ReviewKind.ORDER,
        order_id=order_id,
        amount=amount,
        risk=_HELD,
        opened_at_us=scene.tick(),
    )


async def hold(scene: Scene, user_id: UserId, cents: int) -> Order:
    """An order for so many cents, held for review."""
    placed = place_order(
        PlaceOrder(user_id=user_id, asset="BTC", spend=cents * CENT),
        wallet=await scene.wallet(user_id),
        asset=await scene.asset(),
        policy=scene.policy,
        order_id=await scene.store.ids.next_order_id(),
        at_us=scene.tick(),
    )
    change = hold_order(note_risk(placed, _HELD), scene.store.ids.new_key())
    await scene.commit(change)
    return change.new_orders[0]


async def load(scene: Scene, review: Review) -> Review:
    """A review as it is now."""
    async with scene.store.begin() as work:
        work.abandon()
        return await work.get_review(review.user_id, review.id)
