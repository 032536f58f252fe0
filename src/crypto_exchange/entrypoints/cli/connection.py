"""Where a command finds the service: the settings, or the `serve` that runs on this DATA_DIR."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

from crypto_exchange.bootstrap import open_context
from crypto_exchange.bootstrap.addresses import read_addresses
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.entrypoints.cli.run_file import Addresses, find_addresses
from crypto_exchange.settings import Settings

Result = TypeVar("Result")


def run_with_context(settings: Settings, command: Callable[[Context], Awaitable[Result]]) -> Result:
    """Connect to the service, and run a command with its ports.

    Raises:
        CommandError: as `reachable`.
        Unavailable: the database cannot be reached.
    """

    async def connected() -> Result:
        async with open_context(reachable(settings)) as context:
            return await command(context)

    return asyncio.run(connected())


def reachable(settings: Settings) -> Settings:
    """Settings with every address filled in.

    Raises:
        CommandError: an address is not given, and no `serve` runs on DATA_DIR to take it from.
    """
    if (
        not settings.embedded_postgres
        and not settings.embedded_redis
        and not settings.embedded_exchange
    ):
        return settings
    addresses = running(settings)
    secrets = settings.data_dir / "secrets.json"
    kept = json.loads(secrets.read_text()) if secrets.exists() else {}
    given = settings.to_env()
    found = {**kept, **addresses_as_settings(addresses)}
    if settings.embedded_postgres:
        found["COMMON_PASSWORDS"] = "off"
    return settings.replaced({n: t for n, t in found.items() if n not in given})


def running(settings: Settings) -> Addresses:
    """Where the `serve` on DATA_DIR is reached.

    Raises:
        CommandError: none runs there.
    """
    addresses = find_addresses(settings.data_dir)
    if addresses is None:
        raise CommandError(
            f"expected a running server on DATA_DIR {settings.data_dir}, but there is none: start"
            " `crypto-exchange serve` (make runserver), or set POSTGRES_HOST, REDIS_HOST and"
            " EXCHANGE_URL",
            3,
        )
    return addresses


def addresses_as_settings(addresses: Addresses) -> dict[str, str]:
    """The texts of the settings that say the same."""
    return {
        **read_addresses(addresses.postgres_dsn, addresses.redis_url),
        "EXCHANGE_ID": addresses.exchange_id,
        "EXCHANGE_URL": addresses.exchange_url,
        "EXCHANGE_API_KEY": addresses.exchange_api_key,
        "EXCHANGE_API_SECRET": addresses.exchange_api_secret,
        "EXCHANGE_API_PASSPHRASE": addresses.exchange_api_passphrase,
    }
