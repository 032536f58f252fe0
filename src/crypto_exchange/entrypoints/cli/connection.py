"""Where a command finds the service: the settings, or the `serve` that runs on this DATA_DIR."""

from __future__ import annotations

import json
from urllib.parse import unquote, urlsplit

from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.entrypoints.cli.run_file import Addresses, find_addresses
from crypto_exchange.settings import Settings


def reachable(settings: Settings) -> Settings:
    """Settings with every address filled in.

    Raises:
        CommandError: an address is not given, and no `serve` runs on DATA_DIR to take it from.
    """
    if not settings.embedded_postgres and not settings.embedded_redis and settings.exchange_url:
        return settings
    addresses = running(settings)
    secrets = settings.data_dir / "secrets.json"
    kept = json.loads(secrets.read_text()) if secrets.exists() else {}
    given = settings.to_env()
    found = {**kept, **addresses_as_settings(addresses)}
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
    postgres, redis = urlsplit(addresses.postgres_dsn), urlsplit(addresses.redis_url)
    return {
        "POSTGRES_HOST": postgres.hostname or "",
        "POSTGRES_PORT": str(postgres.port),
        "POSTGRES_USER": unquote(postgres.username or ""),
        "POSTGRES_PASSWORD": unquote(postgres.password or ""),
        "POSTGRES_DB": postgres.path.lstrip("/"),
        "REDIS_HOST": redis.hostname or "",
        "REDIS_PORT": str(redis.port),
        "REDIS_PASSWORD": unquote(redis.password or ""),
        "EXCHANGE_URL": addresses.exchange_url,
        "EXCHANGE_API_KEY": addresses.exchange_api_key,
        "EXCHANGE_API_SECRET": addresses.exchange_api_secret,
    }
