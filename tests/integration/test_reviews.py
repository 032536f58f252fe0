"""What the fraud rules hold, over Postgres: decided once, used once, and nothing of it is bought before."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import msgspec
import pytest

from crypto_exchange.adapters.postgres import Database
from crypto_exchange.domain.audit_log import TERMINAL
from crypto_exchange.domain.cashier import Withdraw
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import Denied, WrongState
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.order import Order, OrderState
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.review import ReviewKind
from crypto_exchange.domain.risk_policy import RiskMode, RiskPolicy
from crypto_exchange.domain.screening import MOST_OPEN
from crypto_exchange.domain.use_cases import orders, reviews, trading, wallets
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import Session
from crypto_exchange.entrypoints.testing.contracts.scene import POLICY, Scene
from tests.integration.postgres_store import context_over, opened_database, store_over

HOLD_ALL = RiskPolicy(mode=RiskMode.ENFORCE, dollars_per_day=0, new_account_withdrawal=0)
ENFORCED: Policy = msgspec.structs.replace(POLICY, risk=HOLD_ALL)


@pytest.fixture
async def database(postgres_dsn: str) -> AsyncIterator[Database]:
    async with opened_database(postgres_dsn) as database:
        yield database


@pytest.fixture
async def scene(database: Database) -> Scene:
    scene = Scene(store_over(database), ENFORCED)
    await scene.list_asset()
    return scene


async def place(context: Context, user_id: int, dollars: int, session_id: str) -> Order:
    command = PlaceOrder(user_id=user_id, asset="BTC", spend=dollars * DOLLAR)
    order, _, _ = await orders.place(context, command, session_id)
    return order


async def a_session(scene: Scene, user_id: int) -> str:
    session = Session(user_id=user_id, id=scene.store.ids.new_key(), expires_at_us=2**60)
    await scene.commit(Change(new_sessions=(session,)))
    return session.id


async def test_of_two_operators_and_a_deadline_at_once_one_decides(scene: Scene) -> None:
    context, user_id = context_over(scene), await scene.register(dollars=100)
    session_id = await a_session(scene, user_id)
    held = [await place(context, user_id, dollars, session_id) for dollars in (20, 5, 30, 4)]
    assert all(order.held for order in held)
    assert (await scene.book()).direct == (await scene.book()).waiting == ()
    assert await trading.seal_due(context, "BTC") == ()
    late = msgspec.structs.replace(context, policy=msgspec.structs.replace(ENFORCED, max_wait_us=0))

    answers = await asyncio.gather(
        *(
            decide(context, user_id, review.id, actor=TERMINAL)
            for review in await reviews.list_open(context)
            for decide in (reviews.release, reviews.refuse)
        ),
        reviews.expire_due(late),
        reviews.expire_due(late),
        return_exceptions=True,
    )

    expired = sum(answer for answer in answers if isinstance(answer, int))
    decided = [answer for answer in answers if isinstance(answer, tuple)]
    assert all(isinstance(answer, tuple | int | WrongState) for answer in answers)
    assert len(decided) + expired == len(held)
    assert await reviews.list_open(context) == ()
    assert await scene.store.queries.list_differences() == ()
    now = [await scene.order(order) for order in held]
    refunded = sum(order.total for order in now if order.state is OrderState.FAILED)
    assert (await scene.wallet(user_id)).balance == 41 * DOLLAR + refunded


async def test_a_release_is_used_once_by_many_withdrawals_at_once(scene: Scene) -> None:
    context, user_id = context_over(scene), await scene.register(dollars=100)
    command = Withdraw(user_id=user_id, amount=30 * DOLLAR)
    refused = await asyncio.gather(
        *(wallets.withdraw(context, command) for _ in range(6)), return_exceptions=True
    )
    assert all(isinstance(answer, Denied) for answer in refused)
    (review,) = await reviews.list_open(context)
    await reviews.release(context, user_id, review.id, actor=TERMINAL)

    answers = await asyncio.gather(
        *(wallets.withdraw(context, command) for _ in range(6)), return_exceptions=True
    )

    assert sum(isinstance(answer, tuple) for answer in answers) == 1
    assert sum(isinstance(answer, Denied) for answer in answers) == 5
    wallet = await scene.wallet(user_id)
    assert (wallet.balance, wallet.activity.withdrawn) == (70 * DOLLAR, 30 * DOLLAR)
    assert wallet.activity.withdrawals.count == 1


async def test_as_many_wait_for_review_as_may_also_when_many_ask_at_once(scene: Scene) -> None:
    context, user_id = context_over(scene), await scene.register(dollars=100)
    session_id = await a_session(scene, user_id)

    asked = await asyncio.gather(
        *(
            wallets.withdraw(context, Withdraw(user_id=user_id, amount=(20 + number) * DOLLAR))
            for number in range(12)
        ),
        *(place(context, user_id, 1, session_id) for _ in range(12)),
        return_exceptions=True,
    )

    held = sum(isinstance(answer, Order) for answer in asked)
    assert held == MOST_OPEN
    assert sum(isinstance(answer, Denied) for answer in asked) == len(asked) - held
    opened = Counter(review.kind for review in await reviews.list_open(context))
    assert opened[ReviewKind.ORDER] == MOST_OPEN
    assert 1 <= opened[ReviewKind.WITHDRAWAL] <= MOST_OPEN


async def test_rules_ask_the_database_nothing_more(scene: Scene, database: Database) -> None:
    enforced = RiskPolicy(mode=RiskMode.ENFORCE)
    user_id = await scene.register(dollars=100)
    session_id = await a_session(scene, user_id)
    withdrawal = Withdraw(user_id=user_id, amount=DOLLAR)
    asked: list[list[str]] = [[]]
    placed: list[Order] = []
    async with database.connection() as connection:
        connection.add_query_logger(lambda record: asked[-1].append(record.query))

    for risk in (None, None, enforced):
        policy = msgspec.structs.replace(POLICY, risk=risk)
        context = msgspec.structs.replace(context_over(scene), policy=policy)
        asked.append([])
        placed.append(await place(context, user_id, 2, session_id))
        await wallets.withdraw(context, withdrawal, session_id)

    assert [order.risk for order in placed] == ["", "", "allow/1"]
    assert asked[2] == asked[3]
    assert len(asked[3]) >= 4


async def test_fifty_orders_at_once_are_all_counted_as_activity(scene: Scene) -> None:
    observed = msgspec.structs.replace(
        ENFORCED, risk=msgspec.structs.replace(HOLD_ALL, mode=RiskMode.OBSERVE)
    )
    context = msgspec.structs.replace(context_over(scene), policy=observed)
    user_id = await scene.register(dollars=100)
    session_id = await a_session(scene, user_id)

    placed = await asyncio.gather(*(place(context, user_id, 1, session_id) for _ in range(50)))

    activity = (await scene.wallet(user_id)).activity
    assert (activity.orders, activity.traded) == (50, 50 * DOLLAR)
    assert activity.minute.count == 50
    assert {order.risk.partition(" ")[0] for order in placed} == {"hold/1"}
