"""What `export-history` wrote, read commit by commit, each with those that come soon after it."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from crypto_exchange.domain.asset import MarketRule
from crypto_exchange.domain.events import AnyEvent
from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.policy import CLOCK_LEEWAY_US, Policy

LEEWAY_US = 2 * CLOCK_LEEWAY_US
"""Within so long of a decision others may have committed what it did not see: a unit of work is given
up after 5 s, and two clocks may differ by as much.
"""

Record: TypeAlias = Mapping[str, Any]


class HistoryError(ValueError):
    """A record is not one of an export."""


class ListedAsset(msgspec.Struct, frozen=True, kw_only=True):
    """What a header says of an asset."""

    symbol: Symbol
    scale: int


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """An export's first record. `rules` are those of the time of the export, by asset."""

    history: int
    policy: Policy
    assets: tuple[ListedAsset, ...]
    rules: dict[Symbol, MarketRule] = {}


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one transaction, with the number of the record that each is told by."""

    events: tuple[AnyEvent, ...]
    records: tuple[int, ...]

    @property
    def at_us(self) -> int:
        """When the first of it was decided."""
        return self.events[0].at_us


Coming: TypeAlias = Collection[Commit]
"""Commits that come at most the leeway later than another one."""


def read_history(path: str | Path) -> Iterator[Record]:
    """The records of a file of JSON lines. Raises HistoryError and OSError."""
    with Path(path).open("rb") as lines:
        yield from parse_lines(lines)


def parse_lines(lines: Iterable[bytes]) -> Iterator[Record]:
    """Records from JSON lines. Raises HistoryError, naming the line."""
    for number, line in enumerate(lines, 1):
        try:
            yield msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise HistoryError(f"record {number}: expected a JSON object: {error}") from None


def read_header(records: Iterator[Record]) -> Header:
    """Take the first record. Raises HistoryError: it is not the header of an export."""
    try:
        first = next(records)
    except StopIteration:
        raise HistoryError("record 1: expected a header, was nothing") from None
    if first.get("record") != "header" or first.get("history") != 1:
        was = f"{first.get('record')!r} of version {first.get('history')!r}"
        raise HistoryError(f"record 1: expected a header of version 1, was {was}")
    header: Header = _converted(1, first, Header)
    return header


def read_commits(records: Iterator[Record]) -> Iterator[Commit]:
    """Take the rest of the records. Raises HistoryError: an event is not one, or has no commit."""
    numbered = ((n, r) for n, r in enumerate(records, 2) if r.get("record") == "event")
    for _, group in groupby(numbered, key=_commit_of):
        told = list(group)
        yield Commit(
            events=tuple(read_event(number, record) for number, record in told),
            records=tuple(number for number, _ in told),
        )


def read_event(number: int, record: Record) -> AnyEvent:
    """One event. Raises HistoryError, naming the record."""
    event: AnyEvent = _converted(number, record, AnyEvent)
    return event


def with_next(commits: Iterator[Commit]) -> Iterator[tuple[Commit, Coming]]:
    """Each commit, and those behind it that were decided at most the leeway later."""
    ahead: deque[Commit] = deque()
    for commit in commits:
        ahead.append(commit)
        while ahead[0].at_us + LEEWAY_US < commit.at_us:
            yield ahead.popleft(), ahead
    while ahead:
        yield ahead.popleft(), ahead


def _commit_of(numbered: tuple[int, Record]) -> int:
    number, record = numbered
    commit = record.get("commit")
    if not isinstance(commit, int):
        said = f"record {number}: expected the number of its commit, was {commit!r}"
        raise HistoryError(f"{said}; export the history again")
    return commit


def _converted(number: int, record: Record, kind: Any) -> Any:
    try:
        return msgspec.convert(record, kind)
    except msgspec.ValidationError as error:
        raise HistoryError(f"record {number}: {error}") from None
