"""Half-space trees: cases are strange where few were seen of late.

The trees cut the space of all features at random; a case is the stranger, the fewer others fell into its
parts. (Tan, Ting, Liu: Fast Anomaly Detection for Streaming Data, IJCAI 2011; by river.) Numbers with
fractions are used in this package alone: what comes in and goes out are integers.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from threading import Lock
from typing import Any, TypeAlias

import msgspec
from river.anomaly import HalfSpaceTrees

from crypto_exchange.domain.signals import TOP, WORST, Score

_EXPLAINED = 9_000
"""From this score on, the features that make it are looked for."""
_RECENT = 2_000
"""A score is compared with so many before it."""
_MILLION = 1_000_000
_STEP = 2_000
"""How far a median moves with each case, in millionths: it is an estimate that needs no memory."""

# From so much on, more of a feature makes no difference. The scale below that is logarithmic.
_MOST = {
    "account_age_hours": 20_000,
    "minutes_since_deposit": 100_000,
    "orders_in_minute": 30,
    "orders_in_hour": 200,
    "orders_in_day": 1_000,
    "dollars_in_day": 100_000,
    "largest_to_usual_percent": 10_000,
    "orders_under_threshold": 50,
    "withdrawals_in_day": 20,
    "withdrawn_percent": 100,
    "untraded_percent": 100,
    "accounts_on_address": 100,
    "linked_orders": 500,
}


Trees: TypeAlias = Any
"""`HalfSpaceTrees`, whose methods have no types."""


class _Memory(msgspec.Struct):
    """All that is known: two masses of every node of each tree, how many cases this window has seen and
    whether it is the first, the recent scores, and the medians of the features (both in millionths).
    """

    masses: list[list[int]]
    counter: int
    first: bool
    recent: list[int]
    medians: dict[str, int]


class HalfSpaceScorer:
    """Implements `Scorer`. Between two calls it keeps where the trees cut, and nothing that it learned.

    A score says where a case stands among the last 2,000; the first `window` get 0.
    """

    def __init__(
        self, *, trees: int = 25, height: int = 8, window: int = 250, seed: int = 1
    ) -> None:
        self._trees, self._height, self._window, self._seed = trees, height, window, seed
        self._grown: Trees | None = None
        self._turns = Lock()

    @property
    def version(self) -> str:
        return f"hst1-{self._trees}x{self._height}-{self._window}-{self._seed}"

    async def score(
        self, memory: str, cases: Sequence[Mapping[str, int]]
    ) -> tuple[tuple[Score, ...], str]:
        """In a thread: a case takes about a millisecond."""
        if not cases:
            return (), memory
        return await asyncio.to_thread(self._score, memory, cases)

    def _score(
        self, memory: str, cases: Sequence[Mapping[str, int]]
    ) -> tuple[tuple[Score, ...], str]:
        with self._turns:
            model = self._grown = self._grown or self._grow(cases[0])
            known = self._restore(model, memory)
            scores = tuple(_Case(model, known, case).score() for case in cases)
            known.masses = [_masses(nodes) for nodes in model._tree_nodes]  # noqa: SLF001 - as below
            known.counter, known.first = model.counter, model._first_window  # noqa: SLF001 - river can be saved by pickle alone, which runs what it reads
            return scores, msgspec.json.encode(known).decode()

    def _grow(self, case: Mapping[str, int]) -> Trees:
        """The trees: the seed says where they cut, and the first case what."""
        model: Trees = HalfSpaceTrees(
            n_trees=self._trees, height=self._height, window_size=self._window, seed=self._seed
        )
        model.learn_one(_scaled(case))
        return model

    def _restore(self, model: Trees, text: str) -> _Memory:
        """Give the trees the masses that are known, or none."""
        memory = _Memory([], 0, True, [], {})
        if text:
            memory = msgspec.json.decode(text, type=_Memory)
        model.counter, model._first_window = memory.counter, memory.first  # noqa: SLF001 - as above
        nothing = [0] * (2 ** (self._height + 2) - 2)
        for nodes, masses in zip_longest(model._tree_nodes, memory.masses, fillvalue=nothing):  # noqa: SLF001 - as above
            pairs = zip(masses[::2], masses[1::2], strict=True)
            for node, (left, right) in zip(nodes, pairs, strict=True):
                node.l_mass, node.r_mass = left, right
        return memory


class _Case:
    """One case, and the model that it is scored with and then changes."""

    def __init__(self, model: Trees, memory: _Memory, case: Mapping[str, int]) -> None:
        self._model, self._memory = model, memory
        self._point = _scaled(case)

    def score(self) -> Score:
        """Compare, explain, learn."""
        memory, raw = self._memory, self._raw(self._point)
        known = not self._model._first_window  # noqa: SLF001 - as above
        value = 0
        if known and memory.recent:
            less = sum(each < raw for each in memory.recent)
            value = less * WORST // len(memory.recent)
        top = self._explain(raw) if value >= _EXPLAINED else ()
        self._learn(raw if known else None)
        return Score(value, top)

    def _explain(self, raw: int) -> tuple[str, ...]:
        """Features without whose strangeness, so with their medians, the score would fall most."""
        medians = self._memory.medians.items()
        without = {name: self._raw(self._point | {name: m / _MILLION}) for name, m in medians}
        falls = sorted((less, name) for name, less in without.items() if less < raw)
        return tuple(name for _, name in falls[:TOP])

    def _learn(self, raw: int | None) -> None:
        self._model.learn_one(self._point)
        medians = self._memory.medians
        for name, value in self._point.items():
            median, here = medians.get(name, 0), round(value * _MILLION)
            medians[name] = median + max(-_STEP, min(_STEP, here - median))
        if raw is not None:
            self._memory.recent.append(raw)
            del self._memory.recent[:-_RECENT]

    def _raw(self, point: Mapping[str, float]) -> int:
        """What the trees say, in millionths."""
        return round(float(self._model.score_one(point)) * _MILLION)


def _scaled(case: Mapping[str, int]) -> dict[str, float]:
    """Each feature from 0 to 1, by its name."""
    return {
        name: min(math.log1p(value) / math.log1p(_MOST.get(name, 1_000)), 1.0)
        for name, value in sorted(case.items())
    }


def _masses(nodes: Sequence[Any]) -> list[int]:
    return [mass for node in nodes for mass in (node.l_mass, node.r_mass)]
