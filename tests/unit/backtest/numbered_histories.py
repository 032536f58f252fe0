"""Histories to which everything happens, with the number of its commit on each event, as in an export."""

from __future__ import annotations

from functools import cache
from typing import Any
from unittest import mock

from typing_extensions import override

from crypto_exchange.domain.account_events import (
    PasswordChanged,
    RecoveryCodeUsed,
    SecondFactorDisabled,
    SecondFactorEnrolled,
    SecondFactorLocked,
    SessionReuseDetected,
)
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.events import AnyEvent
from tests.unit.testing import histories
from tests.unit.testing.histories import Broker, Record, RecordingState, a_history

OF_LOGINS: tuple[AnyEvent, ...] = (
    SessionReuseDetected(at_us=1, user_id=1, session_id="f" * 24, generation=1, newest=2),
    PasswordChanged(at_us=2, user_id=1, ended=3),
    SecondFactorEnrolled(at_us=3, user_id=1),
    SecondFactorLocked(at_us=4, user_id=1, wrong=5, until_us=9),
    RecoveryCodeUsed(at_us=5, user_id=1, left=9),
    SecondFactorDisabled(at_us=6, user_id=1),
)
"""What is told of users and moves nothing."""


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
    """A broker after 150 things that may happen, after everything has ended and somebody's logins."""
    with mock.patch.object(histories, "RecordingState", NumberingState):
        broker = a_history(seed, 150)
    for event in OF_LOGINS:
        broker.state.apply(Change(events=(event,)))
    return broker


def exported(broker: Broker) -> list[Record]:
    """What an export says: the header and the events, each a copy that may be changed."""
    kept = [record for record in broker.records if record["record"] in {"header", "event"}]
    return [dict(record) for record in kept]
