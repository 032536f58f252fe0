"""The schema: what migrations make is what the tables say, and what the statements believe."""

from __future__ import annotations

import asyncio
import sys

import asyncpg
import msgspec
import pytest
from sqlalchemy import Numeric
from sqlalchemy.ext.asyncio import create_async_engine

from crypto_exchange.adapters.embedded import EmbeddedPostgres, free_port
from crypto_exchange.adapters.postgres import EventLog, PostgresBegin, columns, schema
from crypto_exchange.adapters.postgres.ids import ORDER_BLOCK
from crypto_exchange.adapters.postgres.schema import current_revision, head_revision, migrate
from crypto_exchange.adapters.postgres.tables import metadata, order_ids
from crypto_exchange.domain.account_events import UserRegistered
from crypto_exchange.domain.adjustment import Adjustment
from crypto_exchange.domain.api_key import ApiKey
from crypto_exchange.domain.asset import Asset, Inventory, MarketRule
from crypto_exchange.domain.audit_chain import Link
from crypto_exchange.domain.audit_log import AuditEntry
from crypto_exchange.domain.batch import Batch
from crypto_exchange.domain.breaks import Break
from crypto_exchange.domain.change import StoredRequest
from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.domain.events import Deposited
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.policy import Pricing
from crypto_exchange.domain.purchase import Purchase, PurchaseState
from crypto_exchange.domain.review import Review
from crypto_exchange.domain.user import Session, User
from crypto_exchange.domain.wallet import Wallet
from tests.integration.postgres_store import opened_database
from tests.servers import run_sql

CATALOG = """
SELECT 'column', c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod)
       || CASE WHEN a.attnotnull THEN ' not null ' ELSE ' ' END
       || coalesce(pg_get_expr(d.adbin, d.adrelid), '') || ' ' || a.attnum
  FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
  LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
UNION ALL
SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT 'sequence', sequencename, concat_ws(' ', start_value, increment_by, max_value, cache_size)
  FROM pg_sequences WHERE schemaname = 'public'
UNION ALL SELECT 'trigger', tgname, '' FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'extension', extname, '' FROM pg_extension WHERE extname <> 'plpgsql'
 ORDER BY 1, 2"""


async def test_the_migrations_make_what_the_tables_say(postgres_dsn: str, empty_dsn: str) -> None:
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(empty_dsn)
    )
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()

    migrated, wanted = await _catalog(postgres_dsn), await _catalog(empty_dsn)

    assert [row for row in migrated if "alembic_version" not in "".join(row)] == wanted
    assert not {"trigger", "extension"} & {kind for kind, _, _ in wanted}


OF_THE_FIRST = """
INSERT INTO assets VALUES ('BTC', 1, 1, 0, 0, 0, 8, NULL, NULL, false, true, 0);
INSERT INTO users VALUES (1, 'ann', 'hash', 'user');
INSERT INTO wallets VALUES (1, 700, 2);
INSERT INTO orders VALUES (1, 2, 'BTC', 3, 4, 5, true, 'completed', 6, NULL, 'key', 3, 5, 1);
INSERT INTO batches VALUES ('key', 'BTC', 'direct', 'settled', 1, false, 0, 0, 0, 0, 6, 6, 1);
INSERT INTO purchases VALUES ('key', 1, 'BTC', 8, 3, 6, 7, 'filled', NULL, NULL)"""


async def test_what_was_written_before_a_migration_is_read_after_it(empty_dsn: str) -> None:
    await asyncio.to_thread(migrate, empty_dsn, "0001")
    run_sql(empty_dsn, OF_THE_FIRST)

    await asyncio.to_thread(migrate, empty_dsn)

    async with opened_database(empty_dsn) as database, PostgresBegin(database)() as work:
        work.abandon()
        order = await work.get_order(1, 2)
        purchase = await work.get_purchase("key", 1)
        wallet = await work.get_wallet(1)
    assert (order.pricing, order.batch, order.charged) == (Pricing.QUOTED, "key", 5)
    assert order.risk == ""
    assert wallet == Wallet(1, 700, 2)
    assert purchase.state is PurchaseState.FILLED
    assert run_sql(empty_dsn, "SELECT pricing FROM batches") == "quoted"


IN_BLOCKS = """
INSERT INTO events (user_id, seq, xid, at_us, event, body) VALUES
       (1, 1, 702, 9, 'third', '1'), (1, 2, 702, 9, 'fourth', '1'),
       (1, 51, 701, 9, 'first', '1'), (2, 52, 701, 9, 'second', '1');
SELECT setval('event_ids', 100)"""


async def test_events_that_were_numbered_in_blocks_keep_the_order_of_their_transactions(
    empty_dsn: str,
) -> None:
    await asyncio.to_thread(migrate, empty_dsn, "0002")
    run_sql(empty_dsn, IN_BLOCKS)

    await asyncio.to_thread(migrate, empty_dsn)

    run_sql(empty_dsn, "INSERT INTO events (user_id, at_us, event, body) VALUES (1, 9, 'new', '1')")
    in_order = "SELECT string_agg(event, ' ' ORDER BY seq) FROM events"
    assert run_sql(empty_dsn, in_order) == "first second third fourth new"


DAY_14 = 14 * 24 * 3600 * 10**6


async def test_sessions_from_before_are_as_good_as_they_were(empty_dsn: str) -> None:
    await asyncio.to_thread(migrate, empty_dsn, "0003")
    run_sql(empty_dsn, "INSERT INTO users VALUES (1, 'ann', 'hash', 'user')")
    run_sql(
        empty_dsn,
        f"INSERT INTO sessions VALUES (1, 'a', 2, {DAY_14 + 9}, false), (1, 'b', 0, 9, true)",
    )

    await asyncio.to_thread(migrate, empty_dsn)

    async with opened_database(empty_dsn) as database, PostgresBegin(database)() as work:
        work.abandon()
        assert (await work.get_user(1)).version == 0
        live = Session(
            user_id=1,
            id="a",
            generation=2,
            created_at_us=9,
            used_at_us=9,
            expires_at_us=DAY_14 + 9,
        )
        assert await work.list_sessions(1) == (live,)
        ended = await work.find_session(1, "b")
    assert ended is not None
    assert ended.revoked


WITH_A_NAME = """
INSERT INTO events (user_id, at_us, event, body) VALUES
       (1, 9, 'UserRegistered', '{"event":"UserRegistered","at_us":9,"user_id":1,"username":"ann"}'),
       (1, 9, 'Deposited', '{"event":"Deposited","at_us":9,"user_id":1,"amount":7}')"""


async def test_the_event_log_forgets_the_names_that_it_told(empty_dsn: str) -> None:
    await asyncio.to_thread(migrate, empty_dsn, "0011")
    run_sql(empty_dsn, WITH_A_NAME)

    await asyncio.to_thread(migrate, empty_dsn)

    async with opened_database(empty_dsn) as database:
        told = [logged.event async for logged in EventLog(database).read()]
    assert told == [
        UserRegistered(at_us=9, user_id=1),
        Deposited(at_us=9, user_id=1, amount=7),
    ]
    assert run_sql(empty_dsn, "SELECT count(*) FROM events WHERE body::text LIKE '%ann%'") == "0"


async def test_a_migration_can_be_taken_back(empty_dsn: str) -> None:
    await asyncio.to_thread(migrate, empty_dsn, "0001")
    first = await _catalog(empty_dsn)
    await asyncio.to_thread(migrate, empty_dsn)

    await asyncio.to_thread(lambda: schema._commands(empty_dsn).downgrade("0001"))

    after = await _catalog(empty_dsn)
    assert [row for row in after if "pg.dropped" not in row[1]] == first


async def test_a_database_knows_the_migration_that_it_is_at(
    postgres_dsn: str, empty_dsn: str
) -> None:
    async with opened_database(postgres_dsn) as database:
        assert await current_revision(database) == head_revision()
    async with opened_database(empty_dsn) as database:
        assert await current_revision(database) is None


async def test_several_migrators_at_once_take_turns(empty_dsn: str) -> None:
    program = "import sys; from crypto_exchange.adapters.postgres import schema\n"
    program += "schema.migrate(sys.argv[1])"
    argv = [sys.executable, "-c", program, empty_dsn]
    rivals = [await asyncio.create_subprocess_exec(*argv) for _ in range(2)]
    await asyncio.gather(*(asyncio.to_thread(migrate, empty_dsn) for _ in range(2)))

    assert [await rival.wait() for rival in rivals] == [0, 0]
    async with opened_database(empty_dsn) as database:
        assert await current_revision(database) == head_revision()


def test_migrating_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        migrate(f"postgresql://nobody:secret@127.0.0.1:{free_port()}/nothing")


@pytest.mark.parametrize("table", list(columns.TABLES))
def test_statements_and_tables_agree_on_columns(table: str) -> None:
    known = {column.name: column for column in metadata.tables[table].columns}
    drawn = {name for name, column in known.items() if column.server_default is not None}

    for name, kind in columns.TABLES[table].items():
        sql = "NUMERIC" if isinstance(known[name].type, Numeric) else str(known[name].type)
        assert sql.lower() == kind
    assert set(columns.TABLES[table]) == set(known) - drawn


@pytest.mark.parametrize(
    ("struct", "names"),
    [
        (User, columns.USERS),
        (Session, columns.SESSIONS),
        (ApiKey, columns.API_KEYS),
        (MarketRule, columns.RULE),
        (Inventory, columns.INVENTORY),
        (Order, columns.ORDERS),
        (Batch, columns.BATCHES),
        (Purchase, columns.PURCHASES),
        (Break, columns.BREAKS),
        (Adjustment, columns.ADJUSTMENTS),
        (Review, columns.REVIEWS),
        (StoredRequest, columns.REQUESTS),
        (AuditEntry, columns.AUDIT_LOG),
        (Link, columns.AUDIT_CHAIN),
    ],
)
def test_rows_have_the_fields_of_the_domain_in_their_order(
    struct: type[msgspec.Struct], names: dict[str, str]
) -> None:
    assert tuple(names) == struct.__struct_fields__


def test_a_row_of_a_wallet_is_all_of_it_but_what_the_worker_found() -> None:
    assert (*columns.WALLETS, "signals") == Wallet.__struct_fields__


def test_a_row_of_an_asset_begins_with_its_rule() -> None:
    own = [name for name in Asset.__struct_fields__ if name != "rule"]

    assert list(columns.ASSETS) == [*columns.RULE, *own]


def test_a_number_of_the_sequence_is_a_block_of_order_ids() -> None:
    assert order_ids.increment == ORDER_BLOCK


async def test_the_first_order_id_is_one(postgres_dsn: str) -> None:
    from crypto_exchange.adapters.postgres import PostgresIds

    async with opened_database(postgres_dsn) as database:
        ids = PostgresIds(database)
        first = [await ids.next_order_id() for _ in range(ORDER_BLOCK + 1)]
        other = await PostgresIds(database).next_order_id()

    assert first == list(range(1, ORDER_BLOCK + 2))
    assert other == 2 * ORDER_BLOCK + 1


def test_what_users_own_is_keyed_by_user_first() -> None:
    """So that a distributed Postgres can spread it by user."""
    for table in metadata.tables.values():
        if "user_id" not in table.columns or table.name == "usernames":
            continue
        assert next(iter(table.primary_key)).name == "user_id"
        for index in table.indexes:
            assert not index.unique or index.columns.keys()[0] == "user_id"
        for key in table.foreign_key_constraints:
            assert next(iter(key.columns)).name == "user_id"


@pytest.fixture
def empty_dsn(postgres_server: EmbeddedPostgres) -> str:
    run_sql(postgres_server.dsn, "DROP DATABASE IF EXISTS empty WITH (FORCE)")
    run_sql(postgres_server.dsn, "CREATE DATABASE empty")
    return f"{postgres_server.dsn.rpartition('/')[0]}/empty"


async def _catalog(dsn: str) -> list[tuple[str, str, str]]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(CATALOG)
    await connection.close()
    return [(kind, name, text) for kind, name, text in rows]
