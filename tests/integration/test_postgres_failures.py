"""Postgres that fails, hangs or goes away: nothing is written by half, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from crypto_exchange.adapters.embedded import EmbeddedPostgres, free_port
from crypto_exchange.adapters.postgres import Database, PostgresReadModels, open_database
from crypto_exchange.adapters.postgres.schema import migrate
from crypto_exchange.domain import cashier
from crypto_exchange.domain.attempt import reject
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import InvariantViolation, Unavailable
from crypto_exchange.domain.ledger import (
    AccountKind,
    Transfer,
    TransferKind,
    house_account,
    user_account,
)
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.purchase import Rejected, RejectionKind
from crypto_exchange.domain.settlement import settle
from crypto_exchange.entrypoints.testing.contracts.scene import Scene, fill
from tests.integration.postgres_store import opened_database, store_over
from tests.servers import run_sql

TERMINATE = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()"""


@pytest.fixture
async def database(postgres_dsn: str) -> AsyncIterator[Database]:
    async with opened_database(postgres_dsn, patience_s=1) as database:
        yield database


@pytest.fixture
async def scene(database: Database) -> Scene:
    scene = Scene(store_over(database))
    await scene.list_asset()
    return scene


async def test_a_settlement_whose_connection_breaks_leaves_no_trace_and_can_be_repeated(
    scene: Scene, postgres_dsn: str
) -> None:
    user_id = await scene.register(dollars=20)
    order = await scene.place(user_id, 1000)
    opened = await scene.batch(await scene.seal())
    change = settle(opened, fill(opened, 10_000), at_us=scene.tick())
    before = await scene.ledger()
    rival = await asyncpg.connect(postgres_dsn)

    async with rival.transaction():
        await rival.execute("SELECT 1 FROM orders WHERE id = $1 FOR UPDATE", order.id)
        task = asyncio.create_task(scene.commit(change))
        while not await rival.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
        await rival.fetch(TERMINATE)
    await rival.close()

    with pytest.raises(Unavailable):
        await task
    assert await scene.ledger() == before
    await scene.commit(change)
    assert (await scene.wallet(user_id)).balance == 1500 * CENT


@pytest.mark.parametrize("lock", [False, True])
async def test_a_row_that_stays_locked_is_unavailable_in_time(
    scene: Scene, postgres_dsn: str, lock: bool
) -> None:
    user_id = await scene.register(dollars=20)
    rival = await asyncpg.connect(postgres_dsn)

    async def deposit() -> None:
        async with scene.store.begin(lock=lock) as work:
            wallet = await work.get_wallet(user_id)
            command = cashier.Deposit(user_id=user_id, amount=CENT)
            await work.commit(cashier.deposit(command, wallet=wallet, at_us=1))

    async with rival.transaction():
        await rival.execute("SELECT 1 FROM wallets WHERE user_id = $1 FOR UPDATE", user_id)
        with pytest.raises(Unavailable):
            await deposit()
    await rival.close()

    await deposit()
    assert (await scene.wallet(user_id)).balance == 2001 * CENT


async def test_reads_go_on_over_new_connections_when_the_old_ones_were_cut(
    scene: Scene, postgres_dsn: str
) -> None:
    user_id = await scene.register(dollars=20)

    for _ in range(3):
        run_sql(postgres_dsn, TERMINATE)
        assert (await scene.wallet(user_id)).balance == 2000 * CENT


async def test_a_unit_of_work_that_lost_its_connection_is_unavailable(
    scene: Scene, postgres_dsn: str
) -> None:
    user_id = await scene.register(dollars=20)

    async def deposit() -> None:
        async with scene.store.begin(lock=True) as work:
            wallet = await work.get_wallet(user_id)
            run_sql(postgres_dsn, TERMINATE)
            command = cashier.Deposit(user_id=user_id, amount=CENT)
            await work.commit(cashier.deposit(command, wallet=wallet, at_us=1))

    with pytest.raises(Unavailable):
        await deposit()

    assert (await scene.wallet(user_id)).balance == 2000 * CENT


async def test_a_task_that_is_cancelled_in_the_middle_leaves_no_lock(
    scene: Scene, postgres_dsn: str
) -> None:
    user_id = await scene.register(dollars=20)
    entered = asyncio.Event()

    async def never_done() -> None:
        async with scene.store.begin(lock=True) as work:
            await work.get_wallet(user_id)
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(never_done())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await scene.deposit(user_id, 1)


async def test_an_error_of_the_block_is_not_taken_for_one_of_postgres(scene: Scene) -> None:
    with pytest.raises(ConnectionRefusedError):
        async with scene.store.begin(lock=True):
            raise ConnectionRefusedError


async def test_a_pool_with_nothing_to_give_is_unavailable_in_time(database: Database) -> None:
    taken = [database.connection() for _ in range(8)]
    for connection in taken:
        await connection.__aenter__()

    with pytest.raises(Unavailable):
        await PostgresReadModels(database).list_assets()

    for connection in taken:
        await connection.__aexit__(None, None, None)
    assert await PostgresReadModels(database).list_assets() == ()


@pytest.mark.parametrize("cents", [2001, 10**30])
async def test_a_balance_that_would_become_negative_is_a_bug_and_is_not_written(
    scene: Scene, cents: int
) -> None:
    user_id = await scene.register(dollars=20)
    transfer = Transfer(
        kind=TransferKind.WITHDRAWAL,
        debit=user_account(user_id),
        credit=house_account(AccountKind.EXTERNAL),
        amount=cents * CENT,
        at_us=1,
    )
    wallet = await scene.wallet(user_id)

    for change in (Change(wallet=wallet, transfers=(transfer,)), Change(transfers=(transfer,))):
        with pytest.raises(InvariantViolation):
            await scene.commit(change)

    assert await scene.wallet(user_id) == wallet


async def test_a_row_that_is_refused_is_not_shown_in_the_error(database: Database) -> None:
    wrong = "INSERT INTO users VALUES (1, 'dave', '$argon2id$secret', 'wizard', 0, 'active')"

    with pytest.raises(InvariantViolation) as caught:
        await database.fetch(wrong)

    shown = "".join(traceback.format_exception(caught.value))
    assert "ck_users_role" in shown
    assert "argon2id" not in shown.replace(wrong, "")


async def test_words_of_the_exchange_that_postgres_cannot_hold_are_kept_without_them(
    scene: Scene,
) -> None:
    await scene.place(await scene.register(dollars=20), 1000)
    opened = await scene.batch(await scene.seal())
    no = Rejected(kind=RejectionKind.FINAL, code="-1", message="why\0not")

    await scene.commit(reject(opened, no, policy=scene.policy, at_us=scene.tick()))

    purchase = (await scene.batch(opened.batch.key)).purchase
    assert purchase is not None
    assert purchase.message == "whynot"


@pytest.mark.parametrize(
    "username", ["", "no\0body", "\u212aelvin", "\ud800", "a'; --", "x" * 9999]
)
async def test_a_name_that_nobody_can_have_is_not_found(scene: Scene, username: str) -> None:
    await scene.register("kelvin")

    async with scene.store.begin() as work:
        work.abandon()
        assert await work.find_user(username) is None


async def test_a_server_that_is_not_there_or_knows_us_not_is_unavailable(
    postgres_server: EmbeddedPostgres,
) -> None:
    server, _, _ = postgres_server.dsn.rpartition("/")
    for dsn in (
        f"postgresql://nobody:secret@127.0.0.1:{free_port()}/nothing",
        f"{server}/nothing",
        postgres_server.dsn.replace("only-for", "wrong"),
    ):
        with pytest.raises(Unavailable):
            await open_database(dsn)


async def test_a_pool_outlives_a_restart_of_the_server(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path, password="secret", durable=False)
    server.start()
    try:
        await asyncio.to_thread(migrate, server.dsn)
        async with opened_database(server.dsn, patience_s=1) as database:
            scene = Scene(store_over(database))
            user_id = await scene.register(dollars=1)

            server.stop()
            with pytest.raises(Unavailable):
                await scene.wallet(user_id)
            server.start()

            await scene.deposit(user_id, 1)
            assert (await scene.wallet(user_id)).balance == 101 * CENT
    finally:
        server.stop()
