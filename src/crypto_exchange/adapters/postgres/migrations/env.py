"""How Alembic runs here: over asyncpg, one migrator at a time, giving up on locked tables."""

import asyncio

from advanced_alchemy.alembic.commands import AlembicCommandConfig
from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from crypto_exchange.adapters.postgres.tables import metadata

_LOCK = 4_921_550_837
"""Anything that nobody else uses."""


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()


async def _migrate_alone(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SET lock_timeout = '60s'"))
        await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        # Waiting for a table holds up everybody who comes after: better to fail and be tried again.
        await connection.execute(text("SET lock_timeout = '10s'"))
        await connection.commit()
        await connection.run_sync(_migrate)
    # The connection is closed, and the lock with it.
    await engine.dispose()


config = context.config
if isinstance(config, AlembicCommandConfig) and isinstance(config.engine, AsyncEngine):
    asyncio.run(_migrate_alone(config.engine))
