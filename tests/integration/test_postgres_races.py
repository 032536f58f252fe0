"""Commands that meet in Postgres: everybody is served, nothing counts twice or gets lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest

from crypto_exchange.adapters.postgres import Database, EventLog
from crypto_exchange.domain.audit_log import TERMINAL, Actor
from crypto_exchange.domain.cashier import Deposit, Withdraw
from crypto_exchange.domain.change import Change, RequestKey
from crypto_exchange.domain.errors import (
    AccountFrozen,
    Conflict,
    InsufficientFunds,
    TooLate,
    WrongState,
)
from crypto_exchange.domain.events import PurchaseIntended
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.ledger import (
    AccountKind,
    Transfer,
    TransferKind,
    house_account,
    user_account,
)
from crypto_exchange.domain.money import CENT, DOLLAR
from crypto_exchange.domain.order import Order, OrderState
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.ports import Begin, UnitOfWork
from crypto_exchange.domain.use_cases import (
    accounts,
    adjustments,
    administration,
    logins,
    orders,
    second_factor,
    trading,
    wallets,
)
from crypto_exchange.domain.use_cases.adjustments import Propose
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.user import Role
from crypto_exchange.domain.views import Book
from crypto_exchange.domain.wallet import Wallet
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


async def test_fifty_orders_of_one_wallet_at_once_are_all_placed(scene: Scene) -> None:
    user_id = await scene.register(dollars=100)
    context = context_over(scene)
    command = PlaceOrder(user_id=user_id, asset="BTC", spend=100 * CENT)

    placed = await asyncio.gather(*(orders.place(context, command) for _ in range(50)))

    assert len({order.id for order, _, _ in placed}) == 50
    assert (await scene.wallet(user_id)).balance == 50 * 100 * CENT
    assert len((await scene.book()).waiting) == 50


async def test_commands_that_wait_for_a_lock_leave_connections_for_the_one_that_has_it(
    scene: Scene,
) -> None:
    user_id = await scene.register()

    async def lock_and_take_ids() -> None:
        async with scene.store.begin(lock=True) as work:
            await work.get_wallet(user_id)
            for _ in range(60):
                await scene.store.ids.next_order_id()
            work.abandon()

    await asyncio.gather(*(lock_and_take_ids() for _ in range(30)))


async def test_an_adjustment_and_withdrawals_at_once_pay_out_what_there_is(scene: Scene) -> None:
    context = context_over(scene)
    (ann, ben), user_id = await _administrators(context), await scene.register(dollars=20)
    keys = []
    for _ in range(6):
        command = Propose(user_id=user_id, amount=-5 * DOLLAR, reason="paid by mistake")
        proposed, _ = await adjustments.propose(context, command, actor=ann)
        keys.append(proposed.key)
    withdrawal = Withdraw(user_id=user_id, amount=5 * DOLLAR)

    answers = await asyncio.gather(
        *(adjustments.approve(context, key, actor=ben) for key in keys * 2),
        *(wallets.withdraw(context, withdrawal) for _ in range(6)),
        return_exceptions=True,
    )

    refused = Counter(type(answer) for answer in answers if isinstance(answer, Exception))
    assert refused.keys() <= {InsufficientFunds, WrongState}
    assert refused.total() == len(answers) - 4
    assert (await scene.wallet(user_id)).balance == 0
    ledger = {row.account: row.balance for row in await scene.ledger()}
    approved = [each for each in await adjustments.list_adjustments(context) if each.decided_by]
    assert ledger.get("house:pnl:USD", 0) == 5 * DOLLAR * len(approved)
    assert await scene.store.queries.list_differences() == ()


async def test_when_an_officer_is_frozen_what_they_approve_or_proposed_is_not_paid(
    scene: Scene,
) -> None:
    context, halfway = context_over(scene), Halfway(scene.store.begin)
    slow = msgspec.structs.replace(context, begin=halfway)
    (ann, ben), user_id = await _administrators(context), await scene.register(dollars=20)
    command = Propose(user_id=user_id, amount=5 * DOLLAR, reason="goodwill")
    keys = [(await adjustments.propose(context, command, actor=by))[0].key for by in (ann, ben)]
    approvals = [
        asyncio.create_task(adjustments.approve(slow, key, actor=by))
        for key, by in zip(keys, (ben, ann), strict=True)
    ]

    await halfway.wait_for(2)
    await administration.freeze(context, ben.user_id, "a test", actor=TERMINAL)
    halfway.go_on.set()
    answers = await asyncio.gather(*approvals, return_exceptions=True)

    assert [type(answer) for answer in answers] == [AccountFrozen, WrongState]
    assert (await scene.wallet(user_id)).balance == 20 * DOLLAR


async def _administrators(context: Context) -> list[Actor]:
    pairs = [
        await accounts.register(context, name, "correct horse", role=Role.ADMIN)
        for name in ("ann", "ben")
    ]
    return [Actor(user_id=context.tokens.read_access(pair.access).user_id) for pair in pairs]


async def test_one_command_sent_ten_times_at_once_makes_one_order(scene: Scene) -> None:
    user_id = await scene.register(dollars=100)
    context = context_over(scene)
    request = RequestKey("order", "once", "digest")
    command = PlaceOrder(user_id=user_id, asset="BTC", spend=100 * CENT, request=request)

    placed = await asyncio.gather(*(orders.place(context, command) for _ in range(10)))

    assert len({order.id for order, _, _ in placed}) == 1
    assert sorted(repeated for _, _, repeated in placed) == [False] + [True] * 9
    assert (await scene.wallet(user_id)).balance == 99 * 100 * CENT


async def test_refunds_and_placements_of_one_wallet_both_count(scene: Scene) -> None:
    user_id = await scene.register(dollars=200)
    for _ in range(5):
        await scene.place(user_id, 1000)
    change = await scene.decide_seal()
    await scene.commit(change)
    context = context_over(scene)
    command = PlaceOrder(user_id=user_id, asset="BTC", spend=100 * CENT)

    await asyncio.gather(
        *(orders.place(context, command) for _ in range(20)),
        *(_settle_unfilled(scene, batch.key) for batch in change.new_batches),
    )

    assert (await scene.wallet(user_id)).balance == 180 * 100 * CENT


async def test_sealers_at_once_seal_every_order_once(scene: Scene, database: Database) -> None:
    users = [await scene.register(dollars=100) for _ in range(6)]
    placed = [await scene.place(user_id, 100 + 450 * n) for user_id in users for n in range(4)]
    context = context_over(scene)

    async def seal_until_nothing_is_left() -> None:
        while await trading.seal_due(context, "BTC"):
            pass

    await asyncio.gather(*(seal_until_nothing_is_left() for _ in range(4)))

    intents = [
        logged.event
        async for logged in EventLog(database).read()
        if isinstance(logged.event, PurchaseIntended)
    ]
    sealed = Counter(ident for intent in intents for _, ident in intent.orders)
    assert sealed == Counter(order.id for order in placed)
    book = await scene.book()
    assert (book.waiting, book.direct) == ((), ())
    assert {(await scene.order(order)).state for order in placed} == {OrderState.PENDING}


async def test_a_cancellation_and_a_seal_at_once_never_both_win(scene: Scene) -> None:
    context = context_over(scene)
    users = [await scene.register(dollars=100) for _ in range(8)]
    placed = [await scene.place(user_id, 300) for user_id in users]

    ends = await asyncio.gather(
        trading.seal_due(context, "BTC"),
        *(orders.cancel(context, order.user_id, order.id) for order in placed[:3]),
        return_exceptions=True,
    )

    states = Counter([(await scene.order(order)).state for order in placed])
    cancelled = sum(isinstance(end, Order) for end in ends[1:])
    assert (
        states
        == Counter({OrderState.CANCELLED: cancelled, OrderState.PENDING: 8 - cancelled}) - Counter()
    )
    for order in placed:
        ended = await scene.order(order)
        left = 10_000 if ended.state is OrderState.CANCELLED else 9_700
        assert (await scene.wallet(order.user_id)).balance == left * CENT


async def test_commits_that_touch_the_same_wallets_in_other_orders_do_not_deadlock(
    scene: Scene, postgres_dsn: str
) -> None:
    users = [await scene.register() for _ in range(40)]

    await asyncio.gather(
        *(scene.commit(_gifts(users if n % 2 else users[::-1])) for n in range(30))
    )

    assert {(await scene.wallet(user_id)).balance for user_id in users} == {30 * CENT}
    rows = await _query(postgres_dsn, "SELECT deadlocks FROM pg_stat_database WHERE datname = $1")
    assert rows == [(0,)]


async def test_the_victim_of_a_deadlock_is_decided_again(scene: Scene, postgres_dsn: str) -> None:
    first, second = await scene.register(), await scene.register()
    rival = await asyncpg.connect(postgres_dsn)
    await rival.execute("SET deadlock_timeout = '60s'")  # so it is not the rival that gives up
    attempts = []

    async def script(work: UnitOfWork) -> None:
        attempts.append(1)
        await work.commit(_gifts([first, second]))

    async with rival.transaction():
        await _lock_wallet(rival, second)
        task = asyncio.create_task(transact(context_over(scene), script))
        await _until_blocked(postgres_dsn)
        await _lock_wallet(rival, first)
    await rival.close()
    await task

    assert len(attempts) == 2
    assert (await scene.wallet(first)).balance == (await scene.wallet(second)).balance == CENT


async def test_an_order_that_is_cancelled_while_it_is_sealed_is_not_half_written(
    scene: Scene, postgres_dsn: str
) -> None:
    user_id = await scene.register(dollars=10)
    order = await scene.place(user_id, 100)
    rival = await asyncpg.connect(postgres_dsn)

    async with rival.transaction():
        await rival.execute("UPDATE orders SET version = version + 1 WHERE id = $1", order.id)
        task = asyncio.create_task(scene.cancel(order))
        await _until_blocked(postgres_dsn)
    await rival.close()

    with pytest.raises(Conflict):
        await task
    assert (await scene.order(order)).state is OrderState.AGGREGATED
    assert (await scene.wallet(user_id)).balance == 900 * CENT


async def test_an_order_is_not_cancelled_when_its_wallet_moves_in_between(
    scene: Scene, postgres_dsn: str
) -> None:
    user_id = await scene.register(dollars=10)
    order = await scene.place(user_id, 100)
    rival = await asyncpg.connect(postgres_dsn)

    async with rival.transaction():
        await rival.execute("UPDATE wallets SET version = version + 1 WHERE user_id = $1", user_id)
        task = asyncio.create_task(scene.cancel(order))
        await _until_blocked(postgres_dsn)
    await rival.close()

    with pytest.raises(Conflict):
        await task
    assert (await scene.order(order)).state is OrderState.AGGREGATED


async def test_a_command_of_several_rows_holds_to_the_version_of_its_wallet(scene: Scene) -> None:
    user_id = await scene.register(dollars=1)
    stale = await scene.wallet(user_id)
    gifts = _gifts([user_id, user_id])
    await scene.commit(msgspec.structs.replace(gifts, wallet=stale))

    with pytest.raises(Conflict):
        await scene.commit(msgspec.structs.replace(gifts, wallet=stale))

    assert await scene.wallet(user_id) == Wallet(
        user_id, 102 * CENT, stale.version + 1, stale.activity
    )


async def test_coins_put_into_an_inventory_that_was_not_loaded_are_added(scene: Scene) -> None:
    before = (await scene.book()).inventory
    transfer = Transfer(
        kind=TransferKind.INVENTORY,
        debit=house_account(AccountKind.CAPITAL, "BTC"),
        credit=house_account(AccountKind.INVENTORY, "BTC"),
        amount=7,
        at_us=1,
    )

    await scene.commit(Change(transfers=(transfer, transfer)))

    assert (await scene.book()).inventory == msgspec.structs.replace(before, quantity=14)


async def test_a_locked_book_waits_for_the_seal_before_it(scene: Scene) -> None:
    await scene.place(await scene.register(dollars=20), 1500)
    change = await scene.decide_seal()

    async def look() -> Book:
        async with scene.store.begin(lock=True) as work:
            work.abandon()
            return await work.get_book("BTC", limit=10)

    async with scene.store.begin(lock=True) as work:
        await work.get_book("BTC", limit=10)
        task = asyncio.create_task(look())
        await asyncio.sleep(0.05)
        await work.commit(change)

    assert (await task).direct == ()


async def _settle_unfilled(scene: Scene, key: str) -> None:
    """As the worker does: load again after a lost race."""
    while True:
        try:
            return await scene.settle(key, 0)
        except Conflict:
            continue


def _gifts(users: list[UserId]) -> Change:
    """A cent for everybody, in the order given."""
    return Change(
        transfers=tuple(
            Transfer(
                kind=TransferKind.DEPOSIT,
                debit=house_account(AccountKind.EXTERNAL),
                credit=user_account(user_id),
                amount=CENT,
                at_us=1,
            )
            for user_id in users
        )
    )


async def _lock_wallet(connection: asyncpg.Connection[asyncpg.Record], user_id: UserId) -> None:
    await connection.execute("SELECT 1 FROM wallets WHERE user_id = $1 FOR UPDATE", user_id)


async def _until_blocked(dsn: str) -> None:
    """Wait until somebody waits for a lock in this database."""
    blocked = """SELECT count(*) FROM pg_stat_activity
                  WHERE datname = $1 AND wait_event_type = 'Lock'"""
    while await _query(dsn, blocked) == [(0,)]:
        await asyncio.sleep(0.01)


async def _query(dsn: str, sql: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(sql, dsn.rpartition("/")[2])
    await connection.close()
    return [tuple(row) for row in rows]


async def test_who_places_and_cancels_all_the_time_keeps_nobody_from_being_sealed(
    scene: Scene,
) -> None:
    context = context_over(scene)
    patient = await scene.register(dollars=100)
    waiting = [await scene.place(patient, 300) for _ in range(4)]
    restless = [await scene.register(dollars=100) for _ in range(4)]
    stop = asyncio.Event()

    async def place_and_cancel(user_id: UserId) -> None:
        command = PlaceOrder(user_id=user_id, asset="BTC", spend=100 * CENT)
        while not stop.is_set():
            order, _, _ = await orders.place(context, command)
            with contextlib.suppress(TooLate):
                await orders.cancel(context, user_id, order.id)

    loops = [asyncio.create_task(place_and_cancel(user_id)) for user_id in restless]
    await asyncio.sleep(0.1)
    sealed = await trading.seal_due(context, "BTC")
    stop.set()
    await asyncio.gather(*loops)

    assert len(sealed) == 1
    assert {(await scene.order(order)).state for order in waiting} == {OrderState.PENDING}


async def test_when_a_freeze_is_answered_no_command_of_the_user_is_written_any_more(
    scene: Scene, database: Database
) -> None:
    """Guaranteed: what the database has when `freeze` returns is all that this user's commands have
    written, until they are unfrozen; also those that had loaded and decided everything before. One
    that was written just before may be answered later. Orders that wait are bought all the same.
    """
    context, halfway = context_over(scene), Halfway(scene.store.begin)
    pair = await accounts.register(context, "alice", "a long password")
    bearer = context.tokens.read_access(pair.access)
    user_id, session_id = bearer.user_id, bearer.session_id
    deposit = Deposit(user_id=user_id, amount=100 * DOLLAR)
    withdraw = Withdraw(user_id=user_id, amount=DOLLAR)
    buy = PlaceOrder(user_id=user_id, asset="BTC", spend=6 * DOLLAR)
    await wallets.deposit(context, deposit)
    (order, _, _), _ = [await orders.place(context, buy, session_id) for _ in range(2)]

    slow = msgspec.structs.replace(context, begin=halfway)
    commands = [
        asyncio.create_task(command)
        for command in (
            wallets.deposit(slow, deposit, session_id),
            wallets.withdraw(slow, withdraw, session_id),
            orders.place(slow, buy, session_id),
            orders.cancel(slow, user_id, order.id, session_id),
            second_factor.enroll(slow, bearer),
            logins.change_password(slow, bearer, "a long password", "another one"),
        )
    ]
    await halfway.wait_for(len(commands))
    await administration.freeze(context, user_id, "a test", actor=TERMINAL)
    at_once = await rows_of_user(database, user_id)
    halfway.go_on.set()
    answers = await asyncio.gather(*commands, return_exceptions=True)

    assert [type(answer) for answer in answers] == [AccountFrozen] * len(commands)
    assert await rows_of_user(database, user_id) == at_once
    assert len(await trading.seal_due(context, "BTC")) == 1


class Halfway:
    """Opens units of work that wait before they commit until they may go on."""

    def __init__(self, begin: Begin) -> None:
        self.go_on, self._begin, self._waiting = asyncio.Event(), begin, 0

    @contextlib.asynccontextmanager
    async def __call__(self, *, lock: bool = False) -> AsyncIterator[UnitOfWork]:
        async with self._begin(lock=lock) as work:
            commit = work.commit

            async def commit_later(change: Change) -> None:
                self._waiting += 1
                await self.go_on.wait()
                await commit(change)

            vars(work)["commit"] = commit_later
            yield work

    async def wait_for(self, count: int) -> None:
        while self._waiting < count:
            await asyncio.sleep(0.001)


async def rows_of_user(database: Database, user_id: UserId) -> list[asyncpg.Record]:
    tables = "wallets", "sessions", "second_factors", "orders", "transfers", "events"
    places = ("users AS t WHERE id", *(f"{table} AS t WHERE user_id" for table in tables))
    return [
        row
        for place in places
        for row in await database.fetch(
            f"SELECT t::text FROM {place} = $1 ORDER BY 1",
            user_id,
        )
    ]
