"""The kit over decisions and over the adapters in memory: what no test names, it has to find by searching.

Over Postgres and Valkey it searches in tests/integration/test_contracts_postgres.py.
"""

from __future__ import annotations

import pytest

from crypto_exchange.entrypoints.override import override
from crypto_exchange.entrypoints.testing.adapters import Adapters, Sim, memory_adapters
from crypto_exchange.entrypoints.testing.audit_decisions import AuditDecisionTests
from crypto_exchange.entrypoints.testing.decisions import DecisionTests
from crypto_exchange.entrypoints.testing.reach import Reach
from crypto_exchange.entrypoints.testing.suite import SearchTests


class TestDecisions(DecisionTests, port="decisions"):
    pass


class TestAuditDecisions(AuditDecisionTests):
    pass


@pytest.mark.no_cover  # what it searches is measured where it is tested: that doubles the time
class TestMemory(SearchTests, port="memory"):
    every_corner = True

    @override
    def make_adapters(self, sim: Sim) -> Adapters:
        return memory_adapters(sim)

    @override
    def test_corners_find_nothing(self, request: pytest.FixtureRequest) -> None:
        """All of them, and together they meet what drawn traffic seldom meets."""
        with Reach() as reach:
            super().test_corners_find_nothing(request)

        met = {name for name, count in reach.counts.items() if count}
        assert met >= {
            "a batch of exactly the threshold",
            "a job done twice",
            "a purchase in quarantine",
            "a fill of what had been given up",
            "an answer that was heard much later",
            "a repeated command",
            "a key used for another command",
            "orders taken along",
            "a large order that left while those it took along waited on",
            "an order served from the inventory",
            "two workers at once",
        }
