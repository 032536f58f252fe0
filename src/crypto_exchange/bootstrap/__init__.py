"""Composition root: the one module that knows every concrete class.

punq builds the singletons once, when a process opens its context; nothing looks anything up later.
Connections are opened before that and closed after it. What needs SQLAlchemy is imported by the
functions that need it: the API and the worker do without.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple, get_type_hints

import msgspec
import punq

from crypto_exchange.adapters.dramatiq import JobQueue
from crypto_exchange.adapters.faults import (
    CrashingBegin,
    CrashingExchange,
    CrashingQueue,
    CrashingTally,
    CrashPoints,
    SkewedClock,
)
from crypto_exchange.adapters.memory import FallbackLimiter, MemoryLimiter
from crypto_exchange.adapters.postgres import (
    Database,
    EventLog,
    PostgresBegin,
    PostgresIds,
    PostgresMarket,
    PostgresReadModels,
    open_database,
)
from crypto_exchange.adapters.redis import (
    RedisAssetCache,
    RedisConnection,
    RedisLimiter,
    RedisTally,
)
from crypto_exchange.adapters.security import (
    Argon2Passwords,
    FernetVault,
    JwtTokens,
    load_common_passwords,
)
from crypto_exchange.adapters.system import SystemClock
from crypto_exchange.bootstrap.addresses import postgres_dsn, redis_url
from crypto_exchange.bootstrap.exchange import make_exchange
from crypto_exchange.bootstrap.fraud import risk_policy
from crypto_exchange.domain import credentials, ports, queries
from crypto_exchange.domain.access import CommonPasswords
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.settings import Settings


class Opened(NamedTuple):
    """A process's ports, and what a worker needs beside them."""

    context: Context
    database: Database
    queue: JobQueue | CrashingQueue
    wakeups: RedisTally


@asynccontextmanager
async def open_context(
    settings: Settings, check: MigrationCheck | None = None
) -> AsyncIterator[Context]:
    """Connect what the use cases work with; Redis and the exchange need not be there.

    Raises:
        Unavailable: Postgres cannot be reached.
    """
    async with open_all(settings) as opened:
        if check is not None:
            check.database = opened.database
        yield opened.context


@asynccontextmanager
async def open_all(settings: Settings) -> AsyncIterator[Opened]:
    """Connect everything, the queue included (which sends and fetches nothing by itself)."""
    async with AsyncExitStack() as stack:
        database = await open_database(postgres_dsn(settings))
        stack.push_async_callback(database.close)
        redis = RedisConnection(redis_url(settings))
        stack.push_async_callback(redis.close)
        exchange = make_exchange(settings)
        stack.push_async_callback(exchange.aclose)
        passwords = Argon2Passwords()
        stack.callback(passwords.close)
        container = _container(settings, database, redis)
        container.register(ports.Exchange, instance=exchange)
        container.register(credentials.PasswordHasher, instance=passwords)
        opened = Opened(
            context=build(container),
            database=database,
            queue=JobQueue(redis_url(settings)),
            wakeups=container.resolve(RedisTally),
        )
        directory = settings.crash_points_dir
        yield opened if directory is None else _crashing(opened, directory)


def build(container: punq.Container) -> Context:
    """Fill every field of the context with what is registered for its type."""
    fields = get_type_hints(Context)
    return Context(**{name: container.resolve(kind) for name, kind in fields.items()})


def policy(settings: Settings) -> Policy:
    """The house's policy as the settings have it."""
    return Policy(
        threshold=settings.aggregation_threshold,
        max_wait_us=settings.max_wait,
        on_deadline=settings.on_deadline,
        spread_bps=settings.spread_bps,
        price_max_age_us=settings.price_max_age,
        price_tolerance_bps=settings.price_tolerance_bps,
        inventory_cap=settings.inventory_cap,
        fee_in=settings.exchange_fee,
        window_ms=settings.exchange_window // 1_000,
        pricing=settings.pricing.otherwise,
        asset_pricing=tuple(settings.pricing.by_asset.items()),
        take_along=settings.take_along,
        step_up_withdrawal=settings.step_up_withdrawal,
        largest_adjustment=settings.adjustment_max,
        risk=risk_policy(settings),
    )


def check_exchange(settings: Settings) -> None:
    """See that the exchange can be used, before anything is started.

    Raises:
        InvalidSettingsError: ccxt does not know it, or it cannot do what we need.
        ModuleNotFoundError: ccxt is not installed.
    """
    make_exchange(settings)


def migrate(settings: Settings) -> str:
    """Bring the database to the newest migration; returns its name. Not within an event loop."""
    from crypto_exchange.adapters.postgres import schema

    schema.migrate(postgres_dsn(settings))
    return schema.head_revision()


class MigrationCheck:
    """Asks whether the database lacks a migration, over the connections of an opened process.

    Anybody may call `/health/ready`, so at most one question is under way. No answer is remembered:
    a process whose database has just gone must not say that it is ready.
    """

    def __init__(self) -> None:
        """Learn the newest migration, which takes a moment to import."""
        from crypto_exchange.adapters.postgres import schema

        self._schema = schema
        self._newest = schema.head_revision()
        self._asking = asyncio.Lock()
        self.database: Database | None = None

    async def __call__(self) -> str | None:
        """What is lacking, in one sentence, or None. Raises Unavailable."""
        if self.database is None:
            return "database: expected to be connected, was not yet"
        async with self._asking:
            current = await self._schema.current_revision(self.database)
        if current == self._newest:
            return None
        return f"database: expected migration {self._newest}, was {current or 'none'}"


async def dump_data(settings: Settings) -> AsyncIterator[bytes]:
    """Every row of every table as one line of JSON, without password hashes."""
    from crypto_exchange.adapters.postgres import dump

    database = await open_database(postgres_dsn(settings))
    try:
        async for line in dump.dump_rows(database):
            yield line
    finally:
        await database.close()


@asynccontextmanager
async def open_history(settings: Settings) -> AsyncIterator[tuple[EventLog, queries.ReadModels]]:
    """The event log, and what can be asked beside it. Raises Unavailable: Postgres is not reached."""
    database = await open_database(postgres_dsn(settings))
    try:
        yield EventLog(database), PostgresReadModels(database)
    finally:
        await database.close()


def _container(settings: Settings, database: Database, redis: RedisConnection) -> punq.Container:
    clock = _clock(settings)
    rules = policy(settings)
    tally = RedisTally(redis, threshold=rules.threshold)
    tokens = JwtTokens(keys=settings.jwt_secret_key or (), now_us=clock.now_us)
    common = load_common_passwords() if settings.common_passwords else frozenset()
    limiter = FallbackLimiter(RedisLimiter(redis), MemoryLimiter(SystemClock().monotonic_us))
    container = punq.Container()
    container.register(Policy, instance=rules)
    container.register(ports.Clock, instance=clock)
    container.register(ports.Begin, instance=PostgresBegin(database))
    container.register(ports.Ids, instance=PostgresIds(database))
    container.register(queries.ReadModels, instance=PostgresReadModels(database))
    container.register(ports.Market, instance=PostgresMarket(database))
    container.register(ports.AssetCache, instance=RedisAssetCache(redis))
    container.register(ports.Tally, instance=tally)
    container.register(RedisTally, instance=tally)
    container.register(ports.Limiter, instance=limiter)
    container.register(credentials.Tokens, instance=tokens)
    container.register(credentials.Vault, instance=FernetVault(settings.secret_key or ()))
    container.register(CommonPasswords, instance=CommonPasswords(common))
    return container


def _crashing(opened: Opened, directory: Path) -> Opened:
    """The same with crash points, for a process that is to be tested by its deaths."""
    points, context = CrashPoints(directory), opened.context
    wrapped = msgspec.structs.replace(
        context,
        begin=CrashingBegin(context.begin, points),
        exchange=CrashingExchange(context.exchange, points),
        tally=CrashingTally(context.tally, points),
    )
    return opened._replace(context=wrapped, queue=CrashingQueue(opened.queue, points))


def _clock(settings: Settings) -> ports.Clock:
    if settings.clock_skew == 0:
        return SystemClock()
    return SkewedClock(SystemClock(), within_us=settings.clock_skew, seed=os.getpid())
