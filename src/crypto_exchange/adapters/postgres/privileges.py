"""What the service may do in the database: a role without a login, which every connection of it takes.

So its statements, and whatever slips into them, can neither change nor remove what is never changed, nor
the schema. A table that is not named here cannot be used by the service at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import asyncpg

from crypto_exchange.adapters.postgres.columns import TABLES
from crypto_exchange.domain.errors import Unavailable

SERVICE_ROLE = "crypto_exchange_service"

_READ = "SELECT"
_WRITE = "SELECT, INSERT, UPDATE"
_REMOVE = "SELECT, INSERT, UPDATE, DELETE"

APPENDED = ("audit_log", "audit_chain", "events", "transfers", "statements", "fills", "requests")
"""What is never changed. Only columns that statements give can be given: not the numbers of rows."""

PRIVILEGES: Mapping[str, str] = {
    "alembic_version": _READ,
    **{table: f"SELECT, INSERT ({', '.join(TABLES[table])})" for table in APPENDED},
    "usernames": "SELECT, INSERT, DELETE",
    "users": _WRITE,
    "sessions": _REMOVE,
    "second_factors": _WRITE,
    "api_keys": _REMOVE,
    "wallets": _WRITE,
    "holdings": _WRITE,
    "assets": _WRITE,
    "inventory": _WRITE,
    "orders": _WRITE,
    "batches": _WRITE,
    "purchases": _WRITE,
    "breaks": _WRITE,
    "adjustments": _WRITE,
    "reviews": _WRITE,
    "user_signals": _REMOVE,
    "signal_runs": _WRITE,
}
"""By table. `DELETE` only where rows go that say who somebody was, or nothing any more."""

_LOCK = 4_921_550_838
"""Anything that nobody else uses."""
_WITH_SET = 16
# Roles are shared by all databases of a server, so somebody else may be first, or just now.
_CREATE = f"""
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{SERVICE_ROLE}') THEN
    CREATE ROLE {SERVICE_ROLE} NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$"""
# Owners of a database that a server's administrator made may not be able to: see `pool.py`.
_JOIN = f"""
DO $$ BEGIN
  IF NOT pg_has_role('{SERVICE_ROLE}', '%s') THEN
    GRANT {SERVICE_ROLE} TO CURRENT_USER;
  END IF;
EXCEPTION WHEN insufficient_privilege OR unique_violation THEN NULL;
END $$"""
_ENTER = f"""
DO $$ BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO {SERVICE_ROLE}', current_schema());
END $$"""
# A temporary table is found before one of its name: what is entered there is gone with its connection.
_NO_TEMPORARY = f"""
DO $$ BEGIN
  IF (SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()) THEN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC, {SERVICE_ROLE}', current_database());
  END IF;
END $$"""  # noqa: S608 - our own names
_OWN = """
SELECT relname, relkind = 'S' AS is_sequence FROM pg_class
 WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'S')
   AND pg_has_role(relowner, 'USAGE') ORDER BY relname"""


async def grant(dsn: str, *, timeout_s: float) -> None:
    """Give the service's role exactly what it needs; whoever does not own the tables changes nothing.

    Raises:
        Unavailable: the role is not there, and this login may not create it.
    """
    connection = await asyncpg.connect(dsn, timeout=timeout_s)
    try:
        async with connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
            await _create_role(connection)
            own = await connection.fetch(_OWN)
            await connection.execute(";".join([_ENTER, _NO_TEMPORARY, *_grants(own)]))
    finally:
        await connection.close()


async def _create_role(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    user = await connection.fetchval("SELECT quote_ident(current_user)")
    try:
        await connection.execute(_CREATE)
    except asyncpg.InsufficientPrivilegeError:
        raise Unavailable(
            f"Postgres: expected the role {SERVICE_ROLE}, or a login that may create it, was {user};"
            f" let an administrator run: CREATE ROLE {SERVICE_ROLE} NOLOGIN;"
            f" GRANT {SERVICE_ROLE} TO {user}"
        ) from None
    # Before Postgres 16, to be a member was to be allowed to become it.
    right = "SET" if connection.get_server_version().major >= _WITH_SET else "MEMBER"
    await connection.execute(_JOIN % right)


def _grants(own: Iterable[asyncpg.Record]) -> Iterator[str]:
    for name, is_sequence in own:
        which = f'{"SEQUENCE" if is_sequence else "TABLE"} "{name}"'
        yield f"REVOKE ALL ON {which} FROM {SERVICE_ROLE}"
        granted = "USAGE" if is_sequence else PRIVILEGES.get(name)
        if granted is not None:
            yield f"GRANT {granted} ON {which} TO {SERVICE_ROLE}"
