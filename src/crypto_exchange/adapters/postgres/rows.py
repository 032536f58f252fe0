"""Rows to Structs and back: plain values, columns instead of rows for what goes to the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

import asyncpg
import msgspec

from crypto_exchange.adapters.postgres.statements import Move
from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.change import Transition
from crypto_exchange.domain.events import AnyEvent
from crypto_exchange.domain.ledger import Transfer
from crypto_exchange.domain.purchase import Fill, Purchase
from crypto_exchange.domain.second_factor import SecondFactor
from crypto_exchange.domain.statement import Statement

Struct = TypeVar("Struct", bound=msgspec.Struct)
Row = TypeVar("Row", bound=msgspec.Struct)

_FOREIGN_WORDS = frozenset({"message", "evidence"})
"""What an exchange or a person has said."""

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
    """A Struct's fields by name, enums by value, an asset's rule flat, recovery codes as one text; text that
    Postgres can hold.
    """
    fields: dict[str, Any] = msgspec.to_builtins(row)
    if "rule" in fields:
        fields = fields.pop("rule") | fields
    if "recovery" in fields:
        fields["recovery"] = " ".join(fields["recovery"])
    for name in _FOREIGN_WORDS & fields.keys():
        # They may hold anything; text in Postgres has no NUL.
        fields[name] = fields[name] and fields[name].replace("\0", "")
    return fields


def _transpose(rows: Iterable[Iterable[object]]) -> Columns:
    return list(zip(*rows, strict=True))
