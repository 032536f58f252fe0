"""What leaves Postgres in order: the event log and the dump."""

from __future__ import annotations

from collections import Counter

import asyncpg
import msgspec

from crypto_exchange.adapters.postgres import Database, EventLog
from crypto_exchange.adapters.postgres.dump import dump_rows
from crypto_exchange.adapters.postgres.tables import metadata
from crypto_exchange.domain.change import RequestKey
from crypto_exchange.domain.events import Deposited, OrderPlaced, UserRegistered
from crypto_exchange.domain.money import CENT
from crypto_exchange.entrypoints.testing.contracts.scene import Scene
from tests.integration.postgres_store import opened_database, store_over

INSERT = """INSERT INTO events (user_id, at_us, event, body)
            VALUES (0, 1, 'Deposited', '{"event":"Deposited","at_us":1,"amount":7}')"""


async def test_events_are_read_in_pages_as_they_were_written(postgres_dsn: str) -> None:
    async with opened_database(postgres_dsn) as database:
        scene = await _scene(database)
        user_id = await scene.register("alice", dollars=5)
        order = await scene.place(user_id, 123)
        log = EventLog(database)

        first = await log.read(limit=2)
        second = await log.read(first[-1], limit=50)

        assert first[0].event == UserRegistered(
            at_us=order.created_at_us - 2_000, user_id=user_id, username="alice"
        )
        assert isinstance(first[1].event, Deposited)
        assert [type(logged.event) for logged in second] == [OrderPlaced]
        assert await log.read(second[-1], limit=50) == ()


async def test_an_event_of_a_transaction_under_way_is_waited_for_and_never_passed_over(
    postgres_dsn: str,
) -> None:
    slow = await asyncpg.connect(postgres_dsn)
    async with opened_database(postgres_dsn) as database:
        scene, log = await _scene(database), EventLog(database)
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute(INSERT)
        await scene.register("bob")

        before = await log.read(limit=50)
        await transaction.commit()
        after = await log.read(limit=50)

        assert before == ()
        assert [type(logged.event) for logged in after] == [Deposited, UserRegistered]
    await slow.close()


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
    assert wallet == {"user_id": user_id, "balance": 50_001 * CENT, "version": 3}
    (statement,) = [row["row"]["body"] for row in rows if row["table"] == "statements"]
    assert (statement["asset"], len(statement["members"])) == ("BTC", 1)
    assert all(line.endswith(b"}\n") and line.count(b"\n") == 1 for line in lines)


async def _scene(database: Database) -> Scene:
    scene = Scene(store_over(database))
    await scene.list_asset()
    return scene
