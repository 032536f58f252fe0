"""Reach: which situations a run has been in, so that one that never got anywhere cannot pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

_ACTIVE: list[Counter[str]] = []

REQUIRED = (
    "a batch of exactly the threshold",
    "an order of exactly the threshold while others wait",
    "a balance spent to the cent",
    "three or more orders in a batch",
    "a remainder that does not divide",
    "a partial fill",
    "a fill of nothing",
    "a purchase that got lost on its way",
    "a purchase whose answer got lost",
    "a purchase that was executed later than its answer was due",
    "a next attempt after a proven absence",
    "a rejection by the venue",
    "a rejection by the rules",
    "a final rejection",
    "a trade told twice",
    "a job done twice",
    "a crash of a command",
    "a crash of a worker",
    "a lost race",
    "a commit whose answer got lost",
    "an order that left at its deadline",
    "an order that left because the price moved",
    "a large order that left while those it took along waited on",
    "a clock that went back",
    "two assets waiting at once",
    "an asset halted",
    "orders taken along",
    "an order served from the inventory",
    "a repeated command",
    "a key used for another command",
    "two workers at once",
    "an intent that was carried out too late",
)
"""What a full run must have met at least once."""
CORNERS_VISITED = "crypto_exchange_corners"
"""The property of a test that says how many corners it has visited, and of how many."""


def sometimes(name: str, *, happened: bool = True) -> None:
    """Note that a run has been in a situation. Costs next to nothing outside of a run."""
    if happened:
        for counter in _ACTIVE:
            counter[name] += 1


class Reach:
    """Counts situations while it is open; several may be open, one in another."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Reach:
        """Begin to count."""
        _ACTIVE.append(self.counts)
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        _ACTIVE[:] = [counter for counter in _ACTIVE if counter is not self.counts]

    def missing(self, required: Iterable[str] = REQUIRED) -> list[str]:
        """What was required and never met."""
        return [name for name in required if not self.counts[name]]
