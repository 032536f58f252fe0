"""Which crash points are armed, and how often each was reached."""

import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

_RARE = frozenset(
    {
        *("register", "expire", "lose", "return", "reject", "give_up", "late", "retry", "refund"),
        "resolve",
    }
)
"""What seldom happens, most of it only after something went wrong."""
_PEOPLES = frozenset({"wallet", "order", "cancel", "tally"})
_HASTE = 0.6
_AT_ONCE = 3
_AGAIN_S = 20.0


class Armoury:
    """Arms crash points by their files; one that is gone was reached.

    Rare ones are armed always, but not again at once. Of the others those of the API's processes and
    those of the workers are armed at a pace at which all are reached `times` within `within_s`: what
    always dies at once does nothing, and reaches nothing.
    """

    def __init__(
        self,
        directory: Path,
        points: Sequence[str],
        draw: random.Random,
        *,
        times: int,
        within_s: float,
    ) -> None:
        self.reached: Counter[str] = Counter(dict.fromkeys(points, 0))
        self._directory, self._draw = directory, draw
        self._times, self._within_s = times, within_s
        self._rare = [name for name in points if _beginning(name) in _RARE]
        usual = [name for name in points if name not in self._rare]
        self._groups = [
            [name for name in usual if _beginning(name) in _PEOPLES],
            [name for name in usual if _beginning(name) not in _PEOPLES],
        ]
        self._armed: set[str] = set()
        self._again: dict[str, float] = {}

    def count(self) -> None:
        """Note which points were reached since the last time."""
        for name in sorted(self._armed):
            if not (self._directory / name).exists():
                self._armed.discard(name)
                self.reached[name] += 1
                if name in self._rare:
                    self._rest([name])

    def arm(self) -> None:
        """Arm what was not reached often enough, and may be armed by now."""
        for group in (*([name] for name in self._rare), *self._groups):
            free = [n for n in group if n not in self._armed and self.reached[n] < self._times]
            crowded = len(self._armed.intersection(group)) >= _AT_ONCE
            if free and not crowded and self._again.get(group[0], 0.0) <= time.monotonic():
                self._arm_one(free, group)

    def lay_down(self) -> None:
        """Disarm everything; what was reached until now counts."""
        self.count()
        for name in sorted(self._armed):
            try:
                (self._directory / name).unlink()
            except FileNotFoundError:
                self.reached[name] += 1
        self._armed.clear()

    def lacking(self, times: int) -> list[str]:
        """The points that were reached less often."""
        return [name for name, count in self.reached.items() if count < times]

    def _arm_one(self, free: Sequence[str], group: Sequence[str]) -> None:
        """Arm the one that was reached least."""
        least = min(self.reached[name] for name in free)
        name = self._draw.choice([n for n in free if self.reached[n] == least])
        (self._directory / name).touch()
        self._armed.add(name)
        self._rest(group)

    def _rest(self, group: Sequence[str]) -> None:
        """Arm nothing more of a group for a while."""
        if group[0] in self._rare:
            pause_s = min(_AGAIN_S, self._within_s / self._times / 3)
        else:
            pause_s = self._within_s / (len(group) * self._times) * _HASTE
        self._again[group[0]] = time.monotonic() + pause_s * self._draw.uniform(0.5, 1.5)


def _beginning(name: str) -> str:
    return name.partition(".")[0]
