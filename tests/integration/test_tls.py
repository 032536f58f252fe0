"""TLS to Postgres and Redis: spoken by every client, and nobody believed who shows another certificate.

The servers of the wheels have none, so a proxy speaks it before them.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from crypto_exchange.adapters.dramatiq import JobQueue
from crypto_exchange.adapters.embedded import EmbeddedValkey
from crypto_exchange.adapters.postgres import open_database, schema
from crypto_exchange.adapters.redis import RedisConnection
from crypto_exchange.bootstrap.addresses import postgres_dsn as dsn_of
from crypto_exchange.bootstrap.addresses import read_addresses
from crypto_exchange.bootstrap.addresses import redis_url as url_of
from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.settings import Settings
from tests.tls import Authority, tls_before

KEYS = dict.fromkeys(("SECRET_KEY", "JWT_SECRET_KEY"), "0123456789abcdef0123456789abcdef")
CANNOT = {
    "another authority": {"POSTGRES_SSLROOTCERT": "other.pem", "REDIS_CA": "other.pem"},
    "another name": {"POSTGRES_HOST": "localhost", "REDIS_HOST": "localhost"},
    "no TLS": {"POSTGRES_SSLMODE": "disable", "REDIS_TLS": "off"},
}


class Servers(NamedTuple):
    directory: Path
    given: dict[str, str]

    def settings(self, **other: str) -> Settings:
        files = {n: str(self.directory / text) for n, text in other.items() if ".pem" in text}
        return Settings.from_env({**self.given, **other, **files})


@pytest.fixture
async def servers(
    tmp_path: Path, postgres_dsn: str, valkey_server: EmbeddedValkey, valkey_url: str
) -> AsyncIterator[Servers]:
    ours = Authority(tmp_path, "ours")
    Authority(tmp_path, "other")
    context = ours.server_context()
    postgres = urlsplit(postgres_dsn).port or 0
    async with (
        tls_before(postgres, context, asked=True) as postgres_port,
        tls_before(valkey_server.port, context) as redis_port,
    ):
        given = {
            **read_addresses(postgres_dsn, valkey_url),
            **KEYS,
            "POSTGRES_PORT": str(postgres_port),
            "POSTGRES_SSLMODE": "verify-full",
            "POSTGRES_SSLROOTCERT": str(ours.certificate),
            "REDIS_PORT": str(redis_port),
            "REDIS_TLS": "on",
            "REDIS_CA": str(ours.certificate),
        }
        yield Servers(tmp_path, given)


async def answer(settings: Settings) -> int:
    database = await open_database(dsn_of(settings), patience_s=2)
    try:
        return int(await database.fetchval("SELECT 1"))
    finally:
        await database.close()


async def ping(settings: Settings) -> object:
    connection = RedisConnection(url_of(settings), timeout_s=2)
    try:
        return await connection.attempt(connection.client.ping)
    finally:
        await connection.close()


async def send(settings: Settings) -> None:
    queue = JobQueue(url_of(settings))

    async def job() -> None: ...

    queue.register("job", job)
    try:
        await queue.send("job")
    finally:
        await queue.stop(1)


async def test_every_client_speaks_tls_with_a_server_that_shows_its_certificate(
    servers: Servers,
) -> None:
    settings = servers.settings()

    await asyncio.to_thread(schema.migrate, dsn_of(settings))
    await send(settings)

    assert await answer(settings) == 1
    assert await ping(settings) is True


@pytest.mark.parametrize("why", CANNOT)
async def test_nobody_else_is_spoken_with(servers: Servers, why: str) -> None:
    settings = servers.settings(**CANNOT[why])

    with pytest.raises(Unavailable):
        await answer(settings)
    with pytest.raises(Unavailable):
        await asyncio.to_thread(schema.migrate, dsn_of(settings))
    with pytest.raises(Unavailable):
        await send(settings)
    assert await ping(settings) is None


async def test_where_it_is_required_alone_no_certificate_is_looked_at(servers: Servers) -> None:
    settings = servers.settings(POSTGRES_SSLMODE="require", POSTGRES_SSLROOTCERT="")

    assert await answer(settings) == 1
