"""`crypto-exchange check-history` and `export-history`: what has happened, against the rules."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.policy import Policy
from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.entrypoints.testing.model import HistoryError, ReferenceModel
from crypto_exchange.entrypoints.testing.violations import Violation
from crypto_exchange.settings import Settings

_LOOK_S = 0.2
"""How often somebody who follows the log looks for more."""


def check(_settings: Settings, options: argparse.Namespace) -> int:
    """Print every violation with its line, and how many there are; exit code 1 if there are any."""
    model, found = ReferenceModel(), 0
    with open_file(options.file, "rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            for violation in _feed(model, line, f"{options.file}, line {number}", options):
                found += 1
                print(f"line {number}: {violation.check}: {violation.message}")
    if not model.record:
        raise CommandError(f"{options.file}: expected a history, was an empty file", 2)
    for violation in model.finish():
        found += 1
        print(f"at the end: {violation.check}: {violation.message}")
    print(f"{model.record:,} records, {found or 'no'} violation{'' if found == 1 else 's'}")
    return int(bool(found))


def export(settings: Settings, options: argparse.Namespace) -> int:
    """Write the header and every event, each after those that its decision had seen; with `--follow` go
    on until Ctrl-C.
    """
    return asyncio.run(_export(settings, options))


async def _export(settings: Settings, options: argparse.Namespace) -> int:
    from crypto_exchange import bootstrap
    from crypto_exchange.entrypoints.cli.connection import reachable

    name, written = options.file, 0
    async with bootstrap.open_history(reachable(settings)) as (log, queries):
        with open_file(name, "wb") as file:
            header = _header(bootstrap.policy(settings), await queries.list_assets())
            file.write(msgspec.json.encode(header) + b"\n")
            try:
                async for record in read(log, follow=options.follow):
                    file.write(msgspec.json.encode(record) + b"\n")
                    written += 1
                    if options.follow:
                        file.flush()
            finally:
                print(f"{written:,} events written to {name}", file=sys.stderr)
    return 0


def _header(policy: Policy, assets: Sequence[Asset]) -> dict[str, Any]:
    """Prices of today say nothing about what was decided before; nor do rules, but what was decided
    before the first rule was told can be explained by nothing else.
    """
    return {
        "record": "header",
        "history": 1,
        "policy": msgspec.to_builtins(policy),
        "assets": [{"symbol": asset.symbol, "scale": asset.scale} for asset in assets],
        "rules": {asset.symbol: msgspec.to_builtins(asset.rule) for asset in assets},
    }


async def read(log: Any, *, follow: bool = False) -> AsyncIterator[dict[str, Any]]:
    """The log's events as records, each with the number of its transaction as `commit`; to `follow` is
    to wait for more at the end.
    """
    while True:
        async for each in log.read():
            yield {"record": "event", **msgspec.to_builtins(each.event), "commit": each.xid}
        if not follow:
            return
        await asyncio.sleep(_LOOK_S)


def _feed(
    model: ReferenceModel, line: bytes, where: str, options: argparse.Namespace
) -> list[Violation]:
    """Take in one line. Raises CommandError: it is not one of a history."""
    try:
        record = msgspec.json.decode(line, type=dict[str, Any])
        if options.no_policy and record.get("record") == "header":
            record["policy"] = None
        return model.feed(record)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CommandError(f"{where}: expected a JSON object: {error}", 2) from None
    except HistoryError as error:
        raise CommandError(f"{where}: {error}", 2) from None


@contextmanager
def open_file(name: str, mode: str) -> Iterator[BinaryIO]:
    """A file to read (`rb`) or to write (`wb`); standard input or output for `-`."""
    standard = sys.stdin.buffer if mode == "rb" else sys.stdout.buffer
    with ExitStack() as stack:
        try:
            file = (
                standard
                if name == "-"
                else cast(BinaryIO, stack.enter_context(Path(name).open(mode)))
            )
        except OSError as error:
            what = "read" if mode == "rb" else "write"
            said = f"expected a file to {what}, was {name}: {error.strerror}"
            raise CommandError(said, 2) from None
        yield file
        if mode == "wb":
            file.flush()
