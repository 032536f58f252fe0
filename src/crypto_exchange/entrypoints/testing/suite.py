"""The whole kit over one set of adapters, as a class to subclass: ten lines of a test file.

The contract suites of every port come first, then the state machine and simulated days. How much of
those is run, the fixture `kit_options` says, which the pytest plugin brings.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import count
from typing import Any, ClassVar

import msgspec
import pytest

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.ports import AssetCache
from crypto_exchange.entrypoints.override import override
from crypto_exchange.entrypoints.testing.contracts import (
    AccountsTests,
    AssetCacheTests,
    AuditTests,
    IdsTests,
    MarketTests,
    ReadModelsTests,
    ReconciliationTests,
    StoreSuite,
    TallyTests,
    TallyUnderTest,
    UnitOfWorkTests,
)
from crypto_exchange.entrypoints.testing.reach import CORNERS_VISITED

OVER_ADAPTERS = 2
"""The level at which the machine and the simulation run over somebody's adapters."""


class KitOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How much to run: `examples` of the machine with `steps` each, simulated runs of `hours`; of
    both one round after another, from `seed` on, for `budget_s` seconds and at least one. `faults`: "all", "none", or names
    separated by commas. `require_reach`: no budget is too small for a
    share of the corners. Below level 2 there are only the contract suites.
    """

    seed: int = 0
    examples: int = 20
    steps: int = 25
    faults: str = "all"
    level: int = OVER_ADAPTERS
    hours: int = 6
    budget_s: int = 0
    require_reach: bool = False

    @property
    def fault_names(self) -> str | list[str]:
        """What the machine and the simulation take."""
        return self.faults if self.faults in {"all", "none"} else self.faults.split(",")


CORNERS_S = 10
"""How long corners are looked into if no budget is given."""
CORNERS_SHARE = 4
"""One in so many is visited at least where every situation is required, however long that takes."""


class SearchTests(StoreSuite, port="kit"):
    """What nobody wrote down as a check: one round of searching after another.

    With `every_corner` no time is too long for all the corners.
    """

    every_corner: ClassVar[bool] = False

    def test_corners_find_nothing(self, request: pytest.FixtureRequest) -> None:
        """Scripted runs through what drawn traffic seldom gets into: in turn, from the seed on, as many as
        there is time for (without a budget: 10 s). How many they were, the run tells.
        """
        from crypto_exchange.entrypoints.testing.corners import CORNERS
        from crypto_exchange.entrypoints.testing.simulation import replay

        options = _options(request)
        if options.faults != "all":
            pytest.skip("corners need all faults")
        until_s = time.monotonic() + (options.budget_s or CORNERS_S)
        share = len(CORNERS) // CORNERS_SHARE if options.require_reach else 1
        least, visited = len(CORNERS) if self.every_corner else share, 0
        while visited < least or (visited < len(CORNERS) and time.monotonic() < until_s):
            corner = CORNERS[(options.seed + visited) % len(CORNERS)]
            history = replay(
                corner.steps, setup=corner.setup, seed=options.seed, adapters=self.make_adapters
            )
            history.require_sound()
            visited += 1
        request.node.user_properties.append((CORNERS_VISITED, [visited, len(CORNERS)]))

    def test_the_machine_finds_nothing(self, request: pytest.FixtureRequest) -> None:
        """Steps that Hypothesis draws and shrinks, compared with the reference model."""
        from crypto_exchange.entrypoints.testing.machine import run_machine

        options = _options(request)
        for seed in _seeds(options):
            run_machine(
                self.make_adapters,
                seed=seed,
                examples=options.examples,
                steps=options.steps,
                faults=options.fault_names,
            )

    def test_simulated_days_find_nothing(self, request: pytest.FixtureRequest) -> None:
        """Trading in virtual time, from a seed that gives the same steps every time."""
        from crypto_exchange.entrypoints.testing.simulation import simulate

        options = _options(request)
        for seed in _seeds(options):
            history = simulate(
                seed=seed,
                days=options.hours / 24,
                faults=options.fault_names,
                adapters=self.make_adapters,
            )
            history.require_sound()


class AggregationSuite(
    UnitOfWorkTests,
    ReadModelsTests,
    ReconciliationTests,
    AuditTests,
    MarketTests,
    IdsTests,
    AccountsTests,
    AssetCacheTests,
    TallyTests,
    SearchTests,
    port="kit",
):
    """Override `make_adapters`; `suite_version`, `supports` and `expected_failures` if need be.

    Adapters without a cache or tally of their own have the checks of those skipped.
    """

    @override
    async def make_cache(self) -> AssetCache:
        """The cache of new adapters."""
        cache = (await self.adapters()).cache
        if cache is None:
            pytest.skip("the adapters bring no cache")
        return cache

    @override
    async def make_tally(self, threshold: int) -> TallyUnderTest:
        """The tally of new adapters, which has to tell of its wake-ups by `take_wakeups`."""
        tally: Any = (await self.adapters(Policy(threshold=threshold))).tally
        if tally is None:
            pytest.skip("the adapters bring no tally")
        take: Callable[[Sequence[Symbol]], Awaitable[Sequence[Symbol]]] = tally.take_wakeups

        async def take_wake_ups() -> set[Symbol]:
            return set(await take(["BTC", "ETH"]))

        return TallyUnderTest(tally, take_wake_ups)


def _seeds(options: KitOptions) -> Iterator[int]:
    """The first seed, and further ones until the budget is used up."""
    end_s = time.monotonic() + options.budget_s
    for seed in count(options.seed):
        yield seed
        if time.monotonic() >= end_s:
            return


def _options(request: pytest.FixtureRequest) -> KitOptions:
    """The plugin's; its defaults where the plugin is not loaded."""
    try:
        options = request.getfixturevalue("kit_options")
    except pytest.FixtureLookupError:
        return KitOptions()
    assert isinstance(options, KitOptions)
    if options.level < OVER_ADAPTERS:
        pytest.skip(f"expected level {OVER_ADAPTERS} or higher, was {options.level}")
    return options
