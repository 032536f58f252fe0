"""Connections to Postgres: a pool that gives up in time and recovers by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TypeAlias, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from crypto_exchange.adapters.postgres.failures import DRIVER_ERRORS, ConnectionLost, translated
from crypto_exchange.adapters.postgres.privileges import SERVICE_ROLE
from crypto_exchange.domain.errors import Unavailable

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"
Result = TypeVar("Result")

_PATIENCE_S = 5
_WAIT_S = 3
"""For a connection and for a lock: shorter, since a command may have to wait for both."""
_SERVER_SETTINGS = {
    "jit": "off",
    # Unless it is named, the schema of temporary tables comes first, and they hide those of the service.
    "search_path": "public, pg_temp",
    # One look-up by key for every row of an array, whatever the statistics say: so rows are locked in
    # the order of the array, which is that of their keys, and two settlements do not deadlock.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}


class Database:
    """A pool of connections to one database. Everything raises `Unavailable` when it is away."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], wait_s: int) -> None:
        self._pool = pool
        self._wait_s = wait_s
        self._may_hold_locks = asyncio.Semaphore(max(1, pool.get_max_size() // 2))

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection. Errors of what is done with it are the caller's to translate."""
        with translated():
            connection = await self._pool.acquire(timeout=self._wait_s)
        try:
            yield connection
        finally:
            # What was done is done; a connection that can't be put back is replaced.
            with suppress(*DRIVER_ERRORS):
                await self._pool.release(connection, timeout=self._wait_s)

    @asynccontextmanager
    async def locking_connection(self) -> AsyncIterator[Connection]:
        """A connection that locks rows while others wait for them. Half of the pool at most, so that
        who has a lock can always get a second connection, for an id or an asset, and go on.
        """
        with translated():
            await asyncio.wait_for(self._may_hold_locks.acquire(), self._wait_s)
        try:
            async with self.connection() as connection:
                yield connection
        finally:
            self._may_hold_locks.release()

    async def load(self, query: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Run a read; once more, on a new connection, if its own turns out to be dead: after a restart
        of the server all of them are.
        """
        try:
            return await self._run(query)
        except ConnectionLost:
            await self._pool.expire_connections()
            return await self._run(query)

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """All rows of a read."""
        return await self.load(lambda connection: connection.fetch(sql, *args))

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        """The first row of a read."""
        return await self.load(lambda connection: connection.fetchrow(sql, *args))

    async def fetchval(self, sql: str, *args: object) -> Any:
        """The first value of the first row of a read."""
        return await self.load(lambda connection: connection.fetchval(sql, *args))

    async def close(self) -> None:
        """Close all connections; those still busy after the patience are cut."""
        try:
            await asyncio.wait_for(self._pool.close(), self._wait_s)
        except TimeoutError:
            self._pool.terminate()

    async def _run(self, query: Callable[[Connection], Awaitable[Result]]) -> Result:
        async with self.connection() as connection:
            with translated():
                return await query(connection)


async def open_database(
    dsn: str,
    *,
    min_size: int = 1,
    max_size: int = 10,
    application_name: str = "crypto-exchange",
    patience_s: int = _PATIENCE_S,
    wait_s: int = _WAIT_S,
    role: str = SERVICE_ROLE,
) -> Database:
    """Connect. A connection or a lock is waited for `wait_s` seconds at most, a new connection or the
    end of a statement for `patience_s`. `max_size` is at least 2. Every connection acts as `role`.

    Raises:
        Unavailable: there is no answer in time, or the login may not act so.
    """
    settings = {
        "application_name": application_name,
        "role": role,
        "lock_timeout": f"{wait_s}s",
        "statement_timeout": f"{patience_s}s",
        # A process that was stopped or cut off in the middle must not keep an asset's lock.
        "idle_in_transaction_session_timeout": f"{2 * patience_s}s",
        **_SERVER_SETTINGS,
    }
    with translated(), _acting_as(role):
        pool = await asyncpg.create_pool(
            dsn,
            min_size=min_size,
            max_size=max_size,
            init=prepare_connection,
            reset=_keep,
            timeout=patience_s,
            # Longer than the server's, which is the one to end a slow statement.
            command_timeout=patience_s + 1,
            max_cached_statement_lifetime=0,
            server_settings=settings,
        )
    return Database(pool, wait_s)


async def prepare_connection(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """NUMERIC(38, 0) is an integer, exactly, also in arrays."""
    await connection.set_type_codec(
        "numeric", schema="pg_catalog", encoder=str, decoder=int, format="text"
    )


@contextmanager
def _acting_as(role: str) -> Iterator[None]:
    try:
        yield
    except (asyncpg.InvalidParameterValueError, asyncpg.InsufficientPrivilegeError) as error:
        raise Unavailable(
            f"Postgres: expected a login that may act as {role}, was one that may not ({error});"
            " `crypto-exchange migrate` creates that role, and an administrator of the server can"
            " grant it to the login"
        ) from error


async def _keep(_: asyncpg.Connection[asyncpg.Record]) -> None:
    """A connection goes back as it is: nothing here changes its settings."""
