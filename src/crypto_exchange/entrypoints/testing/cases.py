"""Cases: the whole kit over what the options name, for a run without test files of one's own."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import ClassVar

import msgspec
import pytest
from typing_extensions import override

from crypto_exchange.entrypoints.testing import session
from crypto_exchange.entrypoints.testing.adapters import Adapters, Factory, Sim
from crypto_exchange.entrypoints.testing.audit_decisions import AuditDecisionTests
from crypto_exchange.entrypoints.testing.contracts.checks import Suite
from crypto_exchange.entrypoints.testing.decisions import DecisionTests
from crypto_exchange.entrypoints.testing.http.suite import HttpSuite
from crypto_exchange.entrypoints.testing.memory_ports import MemoryExchangeSuite, MemoryQueueSuite
from crypto_exchange.entrypoints.testing.memory_suite import MemorySuite
from crypto_exchange.entrypoints.testing.suite import AggregationSuite, KitOptions

SEARCHES = 6
"""The budget is shared by so many."""


@pytest.fixture(scope="session")
def kit_options(kit_options: KitOptions, pytestconfig: pytest.Config) -> KitOptions:
    """A share of the budget each."""
    return msgspec.structs.replace(
        kit_options,
        level=session.OVER_ADAPTERS,
        budget_s=kit_options.budget_s // SEARCHES,
        require_reach=pytestconfig.getoption("cx_require_reach") is not False,
    )


class TestDecisions(DecisionTests, port="decisions"):
    """The pure rules."""

    level: ClassVar[int] = session.PURE


class TestAuditDecisions(AuditDecisionTests):
    """Those of the audit."""

    level: ClassVar[int] = session.PURE


class TestMemory(MemorySuite):
    """The decisions, use cases and the project's own adapters in memory."""

    level: ClassVar[int] = session.SIMULATED


class TestMemoryExchange(MemoryExchangeSuite):
    """The exchange in memory."""

    level: ClassVar[int] = session.SIMULATED


class TestMemoryQueue(MemoryQueueSuite):
    """The queue in memory."""

    level: ClassVar[int] = session.SIMULATED


class TestAdapters(AggregationSuite):
    """The adapters that are named."""

    level: ClassVar[int] = session.OVER_ADAPTERS
    factory: Factory

    @pytest.fixture(autouse=True)
    def _named(self, pytestconfig: pytest.Config) -> None:
        self.factory = pytestconfig.stash[session.FACTORY]

    @override
    def make_adapters(self, sim: Sim) -> Adapters | Awaitable[Adapters]:
        return self.factory(sim)


class TestDeployment(HttpSuite):
    """A deployment, through its API."""

    level: ClassVar[int] = session.OVER_HTTP

    @pytest.fixture
    def kit_options(self, kit_options: KitOptions, pytestconfig: pytest.Config) -> KitOptions:
        """Half of the budget for people, half for the protocol."""
        budget_s = pytestconfig.getoption("cx_budget") // 2
        return msgspec.structs.replace(kit_options, budget_s=budget_s)

    @pytest.fixture(autouse=True)
    def _reach(self, pytestconfig: pytest.Config) -> None:
        if pytestconfig.getoption("cx_require_reach") is False:
            vars(self)["require_reach"] = False


class TestMutants(Suite, port="mutants"):
    """The kit itself: seeded bugs that it has to find."""

    level: ClassVar[int] = session.SEEDED

    def test_every_seeded_bug_is_found(self, kit_options: KitOptions) -> None:
        """One process for each; a run without a bug finds nothing."""
        from crypto_exchange.entrypoints.testing.mutants import MUTANTS
        from crypto_exchange.entrypoints.testing.mutants.runner import run_mutants, table

        results = run_mutants(seed=kit_options.seed)
        missed = [result for result in results if not result.is_good]
        titles = {mutant.name: mutant.title for mutant in MUTANTS}
        assert not missed, "\n".join(["expected all of these to be found:", *table(missed, titles)])
