"""Signal store: what the worker needs to find signals, as Protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from crypto_exchange.domain.activity import Signals
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.signals import Observation, Score, SignalRun


class SignalStore(Protocol):
    """Looks at everybody's sessions and orders, without a lock; each may raise `Unavailable`."""

    async def find_run(self) -> SignalRun | None:
        """The last run; None if there was none."""

    async def observe(
        self, *, at_us: int, moved_since_us: int, small: int
    ) -> tuple[Observation, ...]:
        """Users of whom there is something to say, by id: who came within a day from an address that
        others came from too, or whose wallet has moved at `moved_since_us` or later, or of whom
        something is kept. Orders are small below `small` (10⁻⁸ dollars) and count for an hour.
        Sessions that were ended count too.
        """

    async def save(
        self, found: Mapping[UserId, Signals], before: SignalRun | None, after: SignalRun
    ) -> None:
        """Keep a run and what it found, or nothing; what says nothing is not kept any longer.

        Raises:
            Conflict: the last run is not `before`.
        """


class Scorer(Protocol):
    """A model that learns what is usual, one case after the other."""

    @property
    def version(self) -> str:
        """What it is and how it was set up: what one version knows, another can't read."""

    async def score(
        self, memory: str, cases: Sequence[Mapping[str, int]]
    ) -> tuple[tuple[Score, ...], str]:
        """Score each case, then learn it, from what is known (empty: nothing yet); returns the scores,
        and what is known then. The same gives the same.
        """
