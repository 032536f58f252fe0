"""Histories to which everything happens, with the number of its commit on each event, as in an export."""

from __future__ import annotations

from functools import cache
from typing import Any
from unittest import mock

from typing_extensions import override

from crypto_exchange.domain.change import Change
from tests.unit.testing import histories
from tests.unit.testing.histories import Broker, Record, RecordingState, a_history


class NumberingState(RecordingState):
    """A state that counts its commits."""

    commits = 0

    @override
    def apply(self, change: Change) -> None:
        self.commits += 1
        super().apply(change)

    @override
    def note(self, kind: str, /, **fields: Any) -> None:
        commit = {"commit": self.commits} if kind == "event" else {}
        super().note(kind, **fields, **commit)


@cache
def a_broker(seed: int) -> Broker:
    """A broker after 150 things that may happen, and after everything has ended."""
    with mock.patch.object(histories, "RecordingState", NumberingState):
        return a_history(seed, 150)


def exported(broker: Broker) -> list[Record]:
    """What an export says: the header and the events, each a copy that may be changed."""
    kept = [record for record in broker.records if record["record"] in {"header", "event"}]
    return [dict(record) for record in kept]
