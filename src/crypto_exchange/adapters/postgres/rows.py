"""Rows to Structs and back: plain values, columns instead of rows for what goes to the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

import asyncpg
import msgspec

from crypto_exchange.adapters.postgres.statements import Move
from crypto_exchange.domain.activity import NO_ACTIVITY, Activity, Signals
from crypto_exchange.domain.api_key import ApiKey
from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.audit_log import Action, AuditEntry, LoggedEntry, Via, known
from crypto_exchange.domain.change import Transition
from crypto_exchange.domain.events import AnyEvent
from crypto_exchange.domain.ledger import Transfer
from crypto_exchange.domain.purchase import Fill, Purchase
from crypto_exchange.domain.second_factor import SecondFactor
from crypto_exchange.domain.statement import Statement
from crypto_exchange.domain.user import User
from crypto_exchange.domain.wallet import Wallet

Struct = TypeVar("Struct", bound=msgspec.Struct)
Row = TypeVar("Row", bound=msgspec.Struct)

_FOREIGN_WORDS = frozenset({"message", "evidence", "subject"})
"""What an exchange or a person has said."""

_LISTS_OF_WORDS = frozenset({"recovery", "scopes"})

_ACTIVITY = msgspec.json.Decoder(Activity)
_SIGNALS = msgspec.json.Decoder(Signals)
_DETAILS = msgspec.json.Decoder(dict[str, str | int])

Columns: TypeAlias = list[Sequence[object]]
"""The arrays of a statement, one per column."""


def read(kind: type[Struct], record: asyncpg.Record) -> Struct:
    """A row whose columns are named as the Struct's fields."""
    return msgspec.convert(dict(record), kind)


def read_asset(record: asyncpg.Record) -> Asset:
    """An asset; its rule is a part of its row."""
    row = dict(record)
    return msgspec.convert({**row, "rule": row}, Asset)


def read_second_factor(record: asyncpg.Record) -> SecondFactor:
    """A second factor, the hashes of whose recovery codes are one text."""
    row = dict(record)
    return msgspec.convert({**row, "recovery": row["recovery"].split()}, SecondFactor)


def read_api_key(record: asyncpg.Record) -> ApiKey:
    """An API key, whose scopes are one text."""
    row = dict(record)
    return msgspec.convert({**row, "scopes": row["scopes"].split()}, ApiKey)


def read_entry(record: asyncpg.Record) -> LoggedEntry:
    """An entry of the audit log, whatever somebody put there: nothing may hide it, or those beside it."""
    row = {name: record[name] for name in LoggedEntry.__struct_fields__}
    words = {"via": known(Via, row["via"]), "action": known(Action, row["action"])}
    return LoggedEntry(**{**row, **words, "details": _read_details(row["details"])})


def _read_details(text: str) -> dict[str, str | int]:
    """Details are JSON; what can be none is one of them, as a text."""
    try:
        return _DETAILS.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {"": text}


def read_wallet(
    user_id: int, balance: int, version: int, activity: str, signals: str | None = None
) -> Wallet:
    """A wallet; what its user has done, and what the worker found about them (None: nothing), are JSON."""
    return Wallet(user_id, balance, version, _ACTIVITY.decode(activity), read_signals(signals))


def read_signals(body: str | None) -> Signals | None:
    """What the worker found about a user; None if nothing."""
    return None if body is None else _SIGNALS.decode(body)


def write_activity(activity: Activity | None) -> str | None:
    """As it is kept; None if it is not to be written."""
    return None if activity is None else msgspec.json.encode(activity).decode()


def wallet_columns(users: Iterable[User], activity: Activity | None) -> Columns:
    """Columns of `WALLETS` for new users."""
    kept = write_activity(activity or NO_ACTIVITY)
    return _transpose((user.id, 0, 0, kept) for user in users)


def columns(rows: Iterable[msgspec.Struct]) -> Columns:
    """Columns of all fields, in their order."""
    return _transpose(plain(row).values() for row in rows)


def move_columns(move: Move, transitions: Sequence[Transition[Row]]) -> Columns:
    """Key and guard as loaded, and what is written; in the order of the keys, so that rows are
    locked in the same order by everybody.
    """
    pairs = [(plain(t.before), plain(t.after)) for t in transitions]
    pairs.sort(key=lambda pair: [pair[0][name] for name in move.key])
    was = [[before[name] for before, _ in pairs] for name in (*move.key, *move.guard)]
    new = [[after[name] for _, after in pairs] for name in move.writes]
    return [*was, *new]


def transfer_columns(transfers: Iterable[Transfer]) -> Columns:
    """Columns of `TRANSFERS`: accounts by name."""
    return _transpose(
        (
            t.user_id,
            t.kind.value,
            t.currency,
            t.debit.name,
            t.credit.name,
            t.amount,
            t.at_us,
            t.order_id,
        )
        for t in transfers
    )


def event_columns(events: Iterable[AnyEvent]) -> Columns:
    """Columns of `EVENTS`: the whole event as JSON beside what is asked for."""
    return _transpose(
        (event.user_id, event.at_us, type(event).__name__, msgspec.json.encode(event).decode())
        for event in events
    )


def audit_columns(entries: Iterable[AuditEntry]) -> Columns:
    """Columns of `AUDIT_LOG`: details as JSON."""
    rows = (plain(entry) for entry in entries)
    return _transpose(
        (*row.values(), msgspec.json.encode(details).decode())
        for row in rows
        for details in (row.pop("details"),)
    )


def fill_columns(fills: Iterable[tuple[Purchase, Fill]]) -> Columns:
    """Columns of `FILLS`: a trade beside the attempt that it belongs to."""
    return _transpose(
        (purchase.batch, purchase.attempt, purchase.asset, *plain(fill).values())
        for purchase, fill in fills
    )


def statement_columns(statements: Iterable[Statement]) -> Columns:
    """Columns of `STATEMENTS`: the whole statement as JSON beside its key."""
    return _transpose((s.batch, s.asset, msgspec.json.encode(s).decode()) for s in statements)


def plain(row: msgspec.Struct) -> dict[str, Any]:
    """A Struct's fields by name, enums by value, an asset's rule flat, recovery codes and scopes as one
    text; text that Postgres can hold.
    """
    fields: dict[str, Any] = msgspec.to_builtins(row)
    if "rule" in fields:
        fields = fields.pop("rule") | fields
    for name in _LISTS_OF_WORDS & fields.keys():
        fields[name] = " ".join(fields[name])
    for name in _FOREIGN_WORDS & fields.keys():
        # They may hold anything; text in Postgres has no NUL.
        fields[name] = fields[name] and fields[name].replace("\0", "")
    return fields


def _transpose(rows: Iterable[Iterable[object]]) -> Columns:
    return list(zip(*rows, strict=True))
