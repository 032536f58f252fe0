"""The audit log: shown, and compared with its chain of hashes."""

from __future__ import annotations

import argparse
import json

from crypto_exchange.domain.audit_log import Action, LoggedEntry, text_of
from crypto_exchange.domain.errors import NotFound
from crypto_exchange.domain.ids import HOUSE, UserId
from crypto_exchange.domain.use_cases import audit_log
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.cli.connection import run_with_context
from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.entrypoints.http.schemas import instant
from crypto_exchange.settings import Settings

_MOST = 10_000
_ROW = "{:>8} {:<27} {:<22} {:>8} {:>8} {:<8} {:<15} {}"


def list_entries(settings: Settings, options: argparse.Namespace) -> int:
    """Print entries, the newest first."""
    if not 1 <= options.limit <= _MOST:
        raise CommandError(f"--limit: expected 1 to {_MOST}, was {options.limit}", 2)

    async def command(context: Context) -> tuple[LoggedEntry, ...]:
        user_id = options.user_id
        if options.user is not None:
            user_id = await _find_user_id(context, options.user)
        action = None if options.action is None else Action(options.action)
        return await context.queries.list_audit(
            limit=options.limit, after=None, user_id=user_id, action=action
        )

    entries = run_with_context(settings, command)
    if options.json:
        print(json.dumps([entry_as_json(entry) for entry in entries], indent=2))
        return 0
    print(_ROW.format("ID", "AT", "ACTION", "USER", "BY", "VIA", "FROM", "WHAT"))
    for entry in entries:
        print(_ROW.format(*_columns(entry)).rstrip())
    return 0


def verify(settings: Settings, options: argparse.Namespace) -> int:
    """Compute the chain again; exit code 1 if it does not fit, or was not made."""
    found = run_with_context(
        settings, lambda context: audit_log.verify_chain(context, kept=options.kept)
    )
    print(f"{found.links} links fit; the last hash is {found.hash}")
    print(f"{found.unchained} entries are not chained yet")
    if found.late:
        print(
            f"{found.late} of them are older than a minute: expected a worker to chain them within"
            " seconds; none runs, or something keeps it from that"
        )
    for fault in found.faults:
        print(f"position {fault.position} does not fit: {fault.sentence}")
    if found.misfits > len(found.faults):
        print(f"{found.misfits - len(found.faults)} more positions do not fit")
    if not found.kept:
        print(
            f"no link that fits has the hash {options.kept}: the log was cut off, or written anew"
        )
    return int(found.misfits > 0 or found.late > 0 or not found.kept)


def entry_as_json(entry: LoggedEntry) -> dict[str, object]:
    """An entry by the names of its columns, its time as RFC 3339."""
    return {
        "id": entry.id,
        "at": instant(entry.at_us),
        "actor_id": entry.actor_id,
        "via": text_of(entry.via),
        "address": entry.address,
        "request_id": entry.request_id,
        "action": text_of(entry.action),
        "user_id": entry.user_id,
        "subject": entry.subject,
        "details": entry.details,
    }


async def _find_user_id(context: Context, username: str) -> UserId:
    async with context.begin() as work:
        work.abandon()
        user = await work.find_user(username)
    if user is None:
        raise NotFound("user", repr(username[:64]))
    return user.id


def _columns(entry: LoggedEntry) -> tuple[object, ...]:
    details = (f"{name}={value}" for name, value in entry.details.items() if value != "")
    return (
        entry.id,
        instant(entry.at_us),
        text_of(entry.action),
        _id(entry.user_id),
        _id(entry.actor_id),
        text_of(entry.via),
        entry.address or "-",
        " ".join((entry.subject, *details)).strip(),
    )


def _id(user_id: UserId) -> str:
    return "-" if user_id == HOUSE else str(user_id)
