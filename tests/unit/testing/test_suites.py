"""How checks are named, left out, pinned and expected to fail."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typing_extensions import override

from crypto_exchange.adapters.memory import MemoryAssetCache
from crypto_exchange.entrypoints.testing.adapters import Adapters, Sim, Supports, memory_adapters
from crypto_exchange.entrypoints.testing.contracts import (
    AssetCacheTests,
    AuditTests,
    MarketTests,
    QueueTests,
    Suite,
    TallyTests,
    UnitOfWorkTests,
    checks,
    optional,
    requires,
    since,
)
from crypto_exchange.entrypoints.testing.suite import AggregationSuite

A_TEST_FILE = """
from crypto_exchange.entrypoints.testing.adapters import memory_adapters
from crypto_exchange.entrypoints.testing.contracts import Suite

class Shipped(Suite, port="shipped"):
    async def test_what_holds(self): ...

    async def test_what_does_not_hold(self):
        assert 1 == 2

class TestMine(Shipped):
    expected_failures = {expected}
"""


def names_of(suite: type[Suite]) -> set[str]:
    """The checks that pytest would collect."""
    methods = [getattr(suite, name) for name in dir(suite) if name.startswith("test_")]
    return {checks.check_of(method).name for method in methods if method is not None}


class Shipped(Suite, port="shipped"):
    @optional
    def way_in(self) -> None:
        raise NotImplementedError

    async def test_plain(self) -> None:
        pass

    @requires("row_locks")
    async def test_locks(self) -> None:
        pass

    @requires("way_in")
    async def test_from_inside(self) -> None:
        pass


def test_a_check_is_named_after_its_port_and_its_rule() -> None:
    class StopwatchTests(Suite):
        def test_time_passes(self) -> None:
            pass

    assert names_of(StopwatchTests) == {"stopwatch.time_passes"}
    assert "unit_of_work.a_batch_is_settled_once" in names_of(UnitOfWorkTests)
    assert "asset_cache.an_empty_cache_is_a_miss" in names_of(AssetCacheTests)


def test_checks_that_need_what_is_not_there_are_left_out_and_come_back_in_a_subclass() -> None:
    class Weak(Shipped):
        supports = Supports(row_locks=False)

    class Strong(Weak):
        supports = Supports()

        @override
        def way_in(self) -> None:
            pass

    assert names_of(Shipped) == {"shipped.plain", "shipped.locks"}
    assert names_of(Weak) == {"shipped.plain"}
    assert names_of(Strong) == {"shipped.plain", "shipped.locks", "shipped.from_inside"}


def test_a_class_says_by_true_or_false_what_it_can_be_made_to_do() -> None:
    class Able(Shipped):
        can_lie = True

        @requires("can_lie")
        async def test_lies(self) -> None:
            pass

    class Unable(Able):
        can_lie = False

    assert "able.lies" in names_of(Able)
    assert names_of(Unable) == names_of(Shipped)


def test_a_check_may_need_what_the_adapters_alone_know_of_themselves() -> None:
    class Mine(UnitOfWorkTests):
        @override
        def make_adapters(self, sim: Sim) -> Adapters:
            made = memory_adapters(sim)
            return Adapters(
                begin=made.begin,
                queries=made.queries,
                market=made.market,
                ids=made.ids,
                supports=Supports(concurrency=False),
            )

    with pytest.raises(pytest.skip.Exception, match="do not support: concurrency"):
        Mine().test_a_locked_wallet_cannot_conflict()  # type: ignore[unused-coroutine] # it is run
    Mine().test_a_batch_is_settled_once()  # type: ignore[unused-coroutine] # it is run


def test_a_pinned_suite_gains_no_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "VERSIONS", ("1", "2"))

    class Grown(Shipped):
        suite_version = "2"

        @since("2")
        async def test_later(self) -> None:
            pass

    class Pinned(Grown):
        suite_version = "1"

    assert "grown.later" in names_of(Grown)
    assert names_of(Pinned) == names_of(Shipped)


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(TypeError, match="Mine: expected a suite_version of 1, 2, was '7'"):

        class Mine(Shipped):
            suite_version = "7"


def test_an_unknown_name_of_an_expected_failure_is_refused_with_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"was 'shipped\.look'; the nearest are shipped\.locks"):

        class Mine(Shipped):
            expected_failures = {"shipped.look": "we have none"}  # noqa: RUF012 - as users write it


def test_two_checks_of_one_name_are_refused() -> None:
    class Other(Suite):
        async def test_plain(self) -> None:
            pass

    with pytest.raises(TypeError, match="expected one check test_plain, was one of Shipped and"):

        class Both(Shipped, Other):
            pass


def test_what_a_check_opens_is_closed_in_its_event_loop() -> None:
    loops = []

    async def note() -> None:
        loops.append(asyncio.get_running_loop())

    class Mine(AssetCacheTests):
        @override
        def make_cache(self) -> MemoryAssetCache:
            self.resources.push_async_callback(note)
            loops.append(asyncio.get_running_loop())
            return MemoryAssetCache()

    Mine().test_an_empty_cache_is_a_miss()  # type: ignore[unused-coroutine] # it is run

    assert len(loops) == 2
    assert loops[0] is loops[1]


@pytest.mark.parametrize(
    ("expected", "ended"),
    [
        ("{}", "1 failed, 1 passed"),
        ("{'shipped.what_does_not_hold': 'our own way'}", "1 passed, 1 xfailed"),
        ("{'shipped.what_holds': 'wrongly'}", "2 failed"),
    ],
)
def test_an_expected_failure_has_to_fail_also_without_any_plugin(
    tmp_path: Path, expected: str, ended: str
) -> None:
    (tmp_path / "test_mine.py").write_text(A_TEST_FILE.replace("{expected}", expected))
    plain = ["-p", "no:cacheprovider", "-c", str(tmp_path / "none.ini")]
    plain_environment = {k: v for k, v in os.environ.items() if k != "COVERAGE_PROCESS_CONFIG"}
    (tmp_path / "none.ini").write_text("[pytest]\n")

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plain, str(tmp_path)],
        env={**plain_environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.stdout.splitlines()[-1].startswith(ended)
    assert ("assert 1 == 2" in run.stdout) == (ended != "1 passed, 1 xfailed")


def test_the_whole_kit_has_the_checks_of_every_port_over_a_store() -> None:
    class Mine(AggregationSuite):
        """Of the newest version."""

    for port in (UnitOfWorkTests, MarketTests, AuditTests, AssetCacheTests, TallyTests):
        assert names_of(port) <= names_of(Mine)
    assert names_of(QueueTests).isdisjoint(names_of(Mine))
    assert {"kit.the_machine_finds_nothing", "kit.simulated_days_find_nothing"} <= names_of(Mine)
