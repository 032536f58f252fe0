"""What can go wrong with one record of a history: ways to alter it, each as somebody might have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from crypto_exchange.entrypoints.testing.model import ReferenceModel

Record: TypeAlias = dict[str, Any]
History: TypeAlias = list[Record]
AMOUNTS = ("amount", "total", "unit_price", "quantity", "price", "used", "bought", "cost", "found")
OTHER = {"BTC": "ABAN", "ABAN": "BTC"}


def alterations(history: History, index: int) -> Iterator[tuple[str, History]]:
    """Ways to alter one record, by name; the alteration and the history then."""
    record, before, after = history[index], history[:index], history[index + 1 :]
    yield "dropped", before + after
    yield "repeated", [*before, record, record, *after]
    for name, records in _changes(record):
        yield name, [*before, records, *after]


def first_violation(history: History, *, drained: bool = True) -> str | None:
    """The name of the first check that finds something; None if none does."""
    model = ReferenceModel()
    for record in history:
        for violation in model.feed(record):
            return violation.check
    return next((v.check for v in model.finish(drained=drained)), None)


def as_exported(history: History) -> History:
    """What is left of it in an export: no prices, rules or trades."""
    kept = [each for each in history if each["record"] in {"header", "event"}]
    assets = [{n: a[n] for n in ("symbol", "scale")} for a in kept[0]["assets"]]
    return [{**kept[0], "assets": assets}, *kept[1:]]


def decoded(records: Sequence[Mapping[str, Any]]) -> History:
    """As read from a file."""
    return msgspec.json.decode(msgspec.json.encode(records), type=History)


def _changes(record: Record) -> Iterator[tuple[str, Record]]:
    for field in AMOUNTS:
        if isinstance(record.get(field), int):
            yield "more", {**record, field: record[field] + 1}
            yield "less", {**record, field: record[field] - 1}
    for name, field, value in _other_values(record):
        yield name, {**record, field: value}
    for field in ("orders", "outcomes"):
        if record.get(field):
            for name, value in _other_members(record[field]):
                yield name, {**record, field: value}


def _other_values(record: Record) -> Iterator[tuple[str, str, Any]]:
    if record.get("user_id"):
        yield "other user", "user_id", record["user_id"] % 4 + 1
    if "asset" in record:
        yield "other asset", "asset", OTHER[record["asset"]]
    if "batch" in record:
        yield "other batch", "batch", "f" * 24
    if "attempt" in record:
        yield "other attempt", "attempt", record["attempt"] + 1
    if record.get("event") == "OrderCancelled":
        yield "other order", "order_id", record["order_id"] + 1
    if record.get("event") == "OrderPlaced":
        yield "other route", "direct", not record["direct"]
        yield "other state", "state", OTHER_STATE[record["state"]]
    if record.get("event") == "OrderReleased":
        yield "other state", "state", OTHER_STATE[record["state"]]
    if record.get("fees"):
        (currency, fee), *rest = record["fees"]
        yield "more", "fees", [[currency, fee + 1], *rest]


def _other_members(members: list[list[int]]) -> Iterator[tuple[str, list[list[int]]]]:
    (user, order, *parts), *rest = members
    yield "other user", [[user % 4 + 1, order, *parts], *rest]
    yield "other order", [[user, order + 1, *parts], *rest]
    yield "one less", rest
    yield "one twice", [*members, members[0]]
    if parts:
        filled, charged, refunded = parts
        for one in (1, -1):
            name = "more" if one > 0 else "less"
            yield name, [[user, order, filled + one, charged, refunded], *rest]
            yield name, [[user, order, filled, charged + one, refunded - one], *rest]
            yield name, [[user, order, filled, charged, refunded + one], *rest]


OTHER_STATE = {"pending": "aggregated", "aggregated": "pending"}
