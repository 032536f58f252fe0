"""What the service may do in the database: its role can neither change nor remove what is never changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import msgspec
import pytest

from crypto_exchange.adapters.embedded import EmbeddedPostgres
from crypto_exchange.adapters.memory import memory_context
from crypto_exchange.adapters.postgres import Database, PostgresReadModels, open_database
from crypto_exchange.adapters.postgres.columns import TABLES
from crypto_exchange.adapters.postgres.privileges import (
    APPENDED,
    PRIVILEGES,
    SERVICE_ROLE,
    grant,
)
from crypto_exchange.adapters.postgres.schema import migrate
from crypto_exchange.adapters.postgres.tables import metadata
from crypto_exchange.adapters.postgres.writes import is_user_command
from crypto_exchange.domain.audit_log import SERVICE, Action, record
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.domain.use_cases import audit_log
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.wallet import Wallet
from tests.integration.postgres_store import PostgresBooks, opened_database, store_over
from tests.servers import run_sql

INSERT = (
    "INSERT INTO audit_log (at_us, actor_id, via, address, request_id, action, user_id, subject,"
    " details) VALUES (1, 0, '%s', '', '', '%s', 0, '', '%s')"
)


@pytest.fixture
async def database(postgres_dsn: str) -> AsyncIterator[Database]:
    async with opened_database(postgres_dsn) as database:
        yield database


def test_every_table_has_a_row() -> None:
    assert PRIVILEGES.keys() == {*metadata.tables, "alembic_version"}


@pytest.mark.parametrize("table", APPENDED)
async def test_what_is_never_changed_cannot_be(table: str, database: Database) -> None:
    column = next(iter(metadata.tables[table].columns)).name
    for sql in (
        f"UPDATE {table} SET {column} = {column}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table}",
        f"SELECT * FROM {table} FOR UPDATE",
        f"ALTER TABLE {table} ADD COLUMN more text",
        f"DROP TABLE {table}",
        f"CREATE TABLE {table}_too ()",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await database.fetch(sql)
    assert await database.fetch(f"SELECT * FROM {table}") == []


async def test_the_role_has_what_is_listed_and_nothing_else(database: Database) -> None:
    rows = await database.fetch(
        "SELECT table_name, string_agg(privilege_type, ', ') AS given"
        "  FROM information_schema.role_table_grants WHERE grantee = $1 GROUP BY table_name",
        SERVICE_ROLE,
    )

    given = {name: {*text.split(", ")} for name, text in rows}
    tables = {name: {*text.split(" (")[0].split(", ")} for name, text in PRIVILEGES.items()}
    assert given == {
        name: rights - {"INSERT"} if name in APPENDED else rights for name, rights in tables.items()
    }
    assert await database.fetchval("SELECT current_user") == SERVICE_ROLE


@pytest.mark.parametrize("table", APPENDED)
async def test_only_columns_that_statements_give_can_be_given(
    table: str, database: Database
) -> None:
    rows = await database.fetch(
        "SELECT column_name, privilege_type FROM information_schema.role_column_grants"
        " WHERE grantee = $1 AND table_name = $2 AND privilege_type = 'INSERT'",
        SERVICE_ROLE,
        table,
    )

    assert {row["column_name"] for row in rows} == TABLES[table].keys()
    for column in {"id", "seq", "xid"} & {*metadata.tables[table].columns.keys()} - {
        *TABLES[table]
    }:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await database.fetch(f"INSERT INTO {table} ({column}) VALUES (1)")


async def test_no_table_of_a_connection_hides_one_of_the_service(
    database: Database, postgres_dsn: str
) -> None:
    await grant(
        postgres_dsn, timeout_s=5
    )  # as `migrate` does: a copy of a database has not its rights
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.fetch("CREATE TEMP TABLE audit_log (LIKE public.audit_log)")

    run_sql(
        postgres_dsn,
        "DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC', current_database());"
        " END $$",
    )
    async with database.connection() as connection:
        await connection.execute(
            "CREATE TEMP TABLE audit_log (LIKE public.audit_log INCLUDING ALL)"
        )
        await connection.execute(INSERT % ("api", "logged_in", "{}"))

    assert run_sql(postgres_dsn, "SELECT count(*) FROM public.audit_log") == "1"


async def test_an_entry_that_nobody_would_write_is_read_as_it_is_and_chained(
    database: Database,
) -> None:
    context = context_over_store(database)
    strange = [
        ("api", "no_such", "{}"),
        ("nowhere", "logged_in", "[1]"),
        ("api", "logged_in", '{"a": 1.5}'),
        ("api", "logged_in", '{"a": "\\ud800"}'),
        ("api", "logged_in", '{"a": 1' + "0" * 400 + "}"),
    ]
    for words in strange:
        await database.fetch(INSERT % words)

    listed = await context.queries.list_audit(limit=9, after=None)
    await audit_log.extend_chain(context)
    found = await audit_log.verify_chain(context)

    assert [each.action for each in listed] == [Action.LOGGED_IN] * 4 + ["no_such"]
    assert listed[3].via == "nowhere"
    assert listed[3].details == {"": "[1]"}
    assert (found.links, found.faults, found.unchained) == (5, (), 0)


async def test_forged_links_are_told_and_keep_nothing_from_being_chained(
    database: Database, postgres_dsn: str
) -> None:
    context = context_over_store(database)
    words = INSERT % ("api", "logged_in", "{}")
    forged = "INSERT INTO audit_chain (position, entry_id, hash) VALUES ({}, {}, repeat('a', 64))"

    for position in (1, 2**63 - 2, 2**63 - 1):
        await database.fetch(forged.format(position, position))
        await database.fetch(f"{words}, {words.partition('VALUES')[2]}")
        await audit_log.extend_chain(context)
    run_sql(postgres_dsn, "UPDATE audit_log SET subject = 'x' WHERE id = 4")
    found = await audit_log.verify_chain(context)

    assert (found.unchained, found.misfits) == (0, 4)
    assert "entry 4 was changed" in " ".join(fault.sentence for fault in found.faults)


async def test_a_connection_stays_in_its_role_after_it_was_put_back(database: Database) -> None:
    for statement in ("RESET ROLE", "RESET ALL"):
        await database.fetch(statement)
        assert await database.fetchval("SELECT current_user") == SERVICE_ROLE


async def test_an_edit_by_the_owner_is_found_by_the_chain(
    database: Database, postgres_dsn: str
) -> None:
    context = context_over_store(database)
    for number in range(3):
        async with context.begin() as work:
            entry = record(SERVICE, Action.LOGGED_IN, at_us=number, n=number)
            await work.commit(Change(audit=(entry,)))
    await audit_log.extend_chain(context)
    whole = await audit_log.verify_chain(context)

    run_sql(postgres_dsn, "UPDATE audit_log SET details = '{\"n\":7}' WHERE id = 2")
    changed = await audit_log.verify_chain(context)
    run_sql(postgres_dsn, "UPDATE audit_log SET details = '{\"n\":1}' WHERE id = 2")
    run_sql(
        postgres_dsn,
        "INSERT INTO audit_log SELECT id, at_us, 9, via, address, request_id, action, 9, subject,"
        " details FROM audit_log WHERE id = 3",
    )
    doubled = await audit_log.verify_chain(context)
    run_sql(postgres_dsn, "DELETE FROM audit_log WHERE id = 3")
    removed = await audit_log.verify_chain(context)

    assert (whole.links, whole.faults) == (3, ())
    positions = [[fault.position for fault in each.faults] for each in (changed, doubled, removed)]
    assert positions == [[2], [3], [3]]


async def test_entries_are_chained_by_several_at_once_and_late_ones_when_they_come(
    database: Database, postgres_dsn: str
) -> None:
    context = context_over_store(database)
    slow = await asyncpg.connect(postgres_dsn)
    insert = INSERT % ("service", "logged_in", "{}")
    async with slow.transaction():
        await slow.execute(insert)
        run_sql(postgres_dsn, f"{insert}; {insert}")
        since = max(await asyncio.gather(*(audit_log.extend_chain(context) for _ in range(4))))
    await slow.close()

    await asyncio.gather(*(audit_log.extend_chain(context, since=since) for _ in range(4)))

    links = await database.fetch("SELECT position, entry_id FROM audit_chain ORDER BY position")
    assert [tuple(link) for link in links] == [(1, 2), (2, 3), (3, 1)]
    found = await audit_log.verify_chain(context)
    assert (found.links, found.faults, found.unchained) == (3, (), 0)


def test_a_command_with_an_entry_is_a_transaction_and_any_other_one_statement() -> None:
    entry = record(SERVICE, Action.LOGGED_IN, at_us=1)
    plain, told = Change(wallet=Wallet(1)), Change(wallet=Wallet(1), audit=(entry,))

    assert is_user_command(plain)
    assert not is_user_command(told)


# ---- logins that are not an administrator's -------------------------------------------------------


OWNER, APP = "an_owner", "an_app"


@pytest.fixture
def dsn_of_owner(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """A database whose owner may create no roles, on a server where the service's role is there."""
    dsn = postgres_server.dsn
    run_sql(dsn, f"CREATE ROLE {OWNER} LOGIN PASSWORD 'x'")
    run_sql(dsn, f"CREATE ROLE {APP} LOGIN PASSWORD 'x'")
    run_sql(dsn, f"CREATE DATABASE owned OWNER {OWNER}")
    yield _as(dsn, OWNER)
    run_sql(dsn, "DROP DATABASE owned WITH (FORCE)")
    run_sql(dsn, f"DROP ROLE {OWNER}")
    run_sql(dsn, f"DROP ROLE {APP}")


async def test_an_owner_migrates_and_a_member_of_the_role_serves(
    dsn_of_owner: str, postgres_server: EmbeddedPostgres, postgres_dsn: str
) -> None:
    app = _as(postgres_server.dsn, APP)

    await asyncio.to_thread(migrate, dsn_of_owner)
    with pytest.raises(Unavailable, match="expected a login that may act as"):
        await open_database(app)
    run_sql(postgres_server.dsn, f"GRANT {SERVICE_ROLE} TO {APP}")
    await asyncio.to_thread(migrate, app)  # as `serve` does; there is nothing to do, nor to grant

    async with opened_database(app) as database:
        assert await PostgresReadModels(database).list_assets() == ()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await PostgresBooks(database)._execute("DELETE FROM audit_log")


async def test_a_role_that_may_not_be_created_is_asked_for(
    dsn_of_owner: str, postgres_server: EmbeddedPostgres
) -> None:
    run_sql(postgres_server.dsn, f"ALTER ROLE {SERVICE_ROLE} RENAME TO nobodys")
    try:
        with pytest.raises(Unavailable, match=f"the role {SERVICE_ROLE}, .* was {OWNER}; let"):
            await grant(dsn_of_owner, timeout_s=5)
        with pytest.raises(Unavailable, match="`crypto-exchange migrate` creates that role"):
            await open_database(dsn_of_owner)
    finally:
        run_sql(postgres_server.dsn, f"ALTER ROLE nobodys RENAME TO {SERVICE_ROLE}")


def _as(dsn: str, user: str) -> str:
    return f"postgresql://{user}:x@{dsn.rpartition('@')[2].rpartition('/')[0]}/owned"


def context_over_store(database: Database) -> Context:
    store = store_over(database)
    return msgspec.structs.replace(memory_context(), begin=store.begin, queries=store.queries)
