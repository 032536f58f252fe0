"""What the worker is made of; the composition root hands it in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import msgspec

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.ports import JobQueue
from crypto_exchange.domain.signal_store import Scorer, SignalStore
from crypto_exchange.domain.use_cases.context import Context

TRADE = "trade"
RESOLVE = "resolve"


class Job(NamedTuple):
    """One piece of work: to trade an asset (key: its symbol) or to resolve a batch (its key)."""

    name: str
    key: str


class Wakeups(Protocol):
    """Says which assets have just become due."""

    async def take_wakeups(self, symbols: Sequence[Symbol]) -> Sequence[Symbol]:
        """Those of some assets; never fails."""


@runtime_checkable
class SyncedClock(Protocol):
    """An exchange whose clock can be compared with ours."""

    async def sync_clock(self) -> None:
        """Compare the clocks."""


class SignalParts(msgspec.Struct, frozen=True, kw_only=True):
    """What signals are looked for with; without a scorer there is no learned score."""

    store: SignalStore
    scorer: Scorer | None = None
    interval_us: int = 60 * SECOND_US


class WorkerParts(msgspec.Struct, frozen=True, kw_only=True):
    """Without a queue or wake-ups the worker does everything itself, at most a scan later; without an
    interval between audits it makes none, and without parts for signals it looks for none.
    """

    context: Context
    queue: JobQueue | None = None
    wakeups: Wakeups | None = None
    scan_interval_us: int = SECOND_US
    audit_interval_us: int | None = None
    signals: SignalParts | None = None
