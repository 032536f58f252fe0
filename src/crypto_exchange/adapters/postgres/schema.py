"""The schema's migrations, run from code."""

from __future__ import annotations

import asyncio
import threading
from functools import cache, partial
from pathlib import Path

import asyncpg
from advanced_alchemy.alembic.commands import AlembicCommands
from advanced_alchemy.config import AlembicAsyncConfig, SQLAlchemyAsyncConfig
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from crypto_exchange.adapters.postgres.pool import Database
from crypto_exchange.adapters.postgres.privileges import grant
from crypto_exchange.domain.errors import Unavailable

_MIGRATIONS = Path(__file__).parent / "migrations"
_CONNECT_PATIENCE_S = 5
# Alembic keeps what it is doing in globals. Other processes wait at the lock in env.py.
_ONE_AT_A_TIME = threading.Lock()


def migrate(dsn: str, revision: str = "head") -> None:
    """Bring a database to the newest schema, or up to an older one, and say what the service may do
    there. Blocks: call it in a thread where a loop runs.

    Raises:
        Unavailable: the database cannot be reached, is locked by somebody for too long, or lacks the
            service's role.
    """
    try:
        with _ONE_AT_A_TIME:
            _commands(dsn).upgrade(revision)
            asyncio.run(grant(dsn, timeout_s=_CONNECT_PATIENCE_S))
    except (DBAPIError, asyncpg.PostgresError, OSError) as error:
        raise Unavailable(f"Postgres could not be migrated: {error}") from error


@cache
def head_revision() -> str:
    """The newest migration of this version of the program."""
    return ScriptDirectory(str(_MIGRATIONS)).get_current_head() or ""


async def current_revision(database: Database) -> str | None:
    """The migration that a database is at; None if it has none."""
    if await database.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    revision: str | None = await database.fetchval("SELECT version_num FROM alembic_version")
    return revision


def _commands(dsn: str) -> AlembicCommands:
    connect = partial(asyncpg.connect, dsn, timeout=_CONNECT_PATIENCE_S)
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    config = SQLAlchemyAsyncConfig(
        engine_instance=engine,
        alembic_config=AlembicAsyncConfig(
            script_location=str(_MIGRATIONS), version_table_name="alembic_version"
        ),
    )
    return AlembicCommands(config)
