"""Commands of the database: migrate it, dump it."""

from __future__ import annotations

import argparse
import asyncio
import sys

from crypto_exchange import bootstrap
from crypto_exchange.entrypoints.cli.connection import reachable
from crypto_exchange.settings import Settings


def migrate(settings: Settings, _options: argparse.Namespace) -> int:
    """Bring the database to the newest migration."""
    revision = bootstrap.migrate(reachable(settings))
    print(f"the database is at migration {revision}")
    return 0


def dump_data(settings: Settings, _options: argparse.Namespace) -> int:
    """Write every row as one line of JSON."""

    async def dump() -> None:
        async for line in bootstrap.dump_data(reachable(settings)):
            sys.stdout.buffer.write(line)

    asyncio.run(dump())
    sys.stdout.flush()
    return 0
