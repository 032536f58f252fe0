"""What leaves Postgres in order: the event log and the dump."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import msgspec

from crypto_exchange.adapters.postgres import Database, EventLog
from crypto_exchange.adapters.postgres.dump import dump_rows
from crypto_exchange.adapters.postgres.tables import metadata
from crypto_exchange.domain.account_events import UserRegistered
from crypto_exchange.domain.change import RequestKey
from crypto_exchange.domain.events import AnyEvent, Deposited, OrderPlaced
from crypto_exchange.domain.money import CENT
from crypto_exchange.entrypoints.testing.contracts.scene import START_US, Scene
from tests.integration.postgres_store import opened_database, store_over

INSERT = """INSERT INTO events (user_id, at_us, event, body)
            VALUES (0, 1, 'Deposited', '{"event":"Deposited","at_us":1,"amount":7}')"""


async def test_events_are_read_once_as_they_were_written(postgres_dsn: str) -> None:
    async with opened_database(postgres_dsn) as database:
        scene, log = await _scene(database), EventLog(database)
        user_id = await scene.register("alice", dollars=5)

        first = await _read(log)
        order = await scene.place(user_id, 123)
        second = await _read(log)

        registered = UserRegistered(at_us=order.created_at_us - 2_000, user_id=user_id)
        assert first[0] == registered
        assert [type(event) for event in first[1:]] == [Deposited]
        assert [type(event) for event in second] == [OrderPlaced]
        assert await _read(log) == []


async def test_an_event_of_a_transaction_under_way_is_read_when_that_has_ended(
    postgres_dsn: str,
) -> None:
    async with opened_database(postgres_dsn) as database, _under_way(postgres_dsn) as slow:
        scene, log = await _scene(database), EventLog(database)
        await slow.execute(INSERT)
        await scene.register("bob")

        before = await _read(log)
        await slow.execute("COMMIT")
        after = await _read(log)

        assert [type(event) for event in before] == [UserRegistered]
        assert [type(event) for event in after] == [Deposited]
        assert await _read(log) == []


async def test_events_are_in_the_order_of_decisions_and_not_of_transaction_numbers(
    postgres_dsn: str,
) -> None:
    async with opened_database(postgres_dsn) as database, _under_way(postgres_dsn) as slow:
        scene = await _scene(database)
        await slow.execute("SELECT pg_current_xact_id()")
        await scene.register("bob")
        await slow.execute(INSERT)
        await slow.execute("COMMIT")
        await scene.register("eve")

        told = [type(event) for event in await _read(EventLog(database))]
        assert told == [UserRegistered, Deposited, UserRegistered]


async def test_events_of_one_commit_are_read_together(postgres_dsn: str) -> None:
    async with opened_database(postgres_dsn) as database, _under_way(postgres_dsn) as slow:
        scene = await _scene(database)
        await slow.execute(INSERT)
        await scene.register("bob")
        await slow.execute(INSERT)
        await slow.execute("COMMIT")

        logged = [each async for each in EventLog(database).read()]

    assert [type(e.event) for e in logged] == [Deposited, Deposited, UserRegistered]
    assert logged[0].xid == logged[1].xid != logged[2].xid


async def test_a_dump_has_every_row_and_no_secret(postgres_dsn: str) -> None:
    async with opened_database(postgres_dsn) as database:
        scene = await _scene(database)
        user_id = await scene.register("carol", dollars=2000)
        await scene.deposit(user_id, 1, RequestKey("deposit", "k", "f"))
        await scene.place(user_id, 150_000)
        await scene.settle(await scene.seal())

        lines = [line async for line in dump_rows(database)]

        counts = {
            table.name: await database.fetchval(f"SELECT count(*) FROM {table.name}")
            for table in metadata.sorted_tables
        }
    rows = [msgspec.json.decode(line) for line in lines]
    assert Counter(row["table"] for row in rows) == Counter(counts) - Counter()
    assert b"hash" not in b"".join(lines)
    (wallet,) = [row["row"] for row in rows if row["table"] == "wallets"]
    assert wallet.pop("activity")["registered_at_us"] > START_US
    assert wallet == {"user_id": user_id, "balance": 50_001 * CENT, "version": 3}
    (statement,) = [row["row"]["body"] for row in rows if row["table"] == "statements"]
    assert (statement["asset"], len(statement["members"])) == ("BTC", 1)
    assert all(line.endswith(b"}\n") and line.count(b"\n") == 1 for line in lines)


async def _scene(database: Database) -> Scene:
    scene = Scene(store_over(database))
    await scene.list_asset()
    return scene


async def _read(log: EventLog) -> list[AnyEvent]:
    return [logged.event async for logged in log.read()]


@asynccontextmanager
async def _under_way(dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A transaction of somebody else."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("BEGIN")
        yield connection
    finally:
        await connection.close()
