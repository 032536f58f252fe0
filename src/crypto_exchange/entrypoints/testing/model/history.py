"""Checking a whole history, as it was recorded or exported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from crypto_exchange.entrypoints.testing.model.reference import ReferenceModel
from crypto_exchange.entrypoints.testing.violations import Violation


def check_history(
    records: Iterable[Any],
    *,
    policy: Mapping[str, Any] | None = None,
    assets: Iterable[Mapping[str, Any]] | None = None,
    drained: bool = False,
) -> list[Violation]:
    """What is wrong with a history, from the very beginning of its books; nothing if it is right.

    Records are mappings as in a history file, or events (Structs or their builtins). A header's policy
    and assets are used, else those given; what they would decide is otherwise not checked. `drained`
    says that everything had the time to end.

    Raises:
        HistoryError: a record is not one.
    """
    return list(iter_violations(records, policy=policy, assets=assets, drained=drained))


def iter_violations(
    records: Iterable[Any],
    *,
    policy: Mapping[str, Any] | None = None,
    assets: Iterable[Mapping[str, Any]] | None = None,
    drained: bool = False,
) -> Iterator[Violation]:
    """The same, one by one as they are found."""
    model = ReferenceModel(policy, assets or ())
    for record in records:
        yield from model.feed(_as_record(record))
    yield from model.finish(drained=drained)


def _as_record(record: Any) -> Mapping[str, Any]:
    fields = record if isinstance(record, Mapping) else msgspec.to_builtins(record)
    return fields if "record" in fields else {"record": "event", **fields}
