"""The kit over decisions and over the adapters in memory: what no test names, it has to find by searching.

Over Postgres and Valkey it searches in tests/integration/test_contracts_postgres.py.
"""

from __future__ import annotations

from crypto_exchange.entrypoints.override import override
from crypto_exchange.entrypoints.testing.adapters import Adapters, Sim, memory_adapters
from crypto_exchange.entrypoints.testing.audit_decisions import AuditDecisionTests
from crypto_exchange.entrypoints.testing.decisions import DecisionTests
from crypto_exchange.entrypoints.testing.suite import SearchTests


class TestDecisions(DecisionTests, port="decisions"):
    pass


class TestAuditDecisions(AuditDecisionTests):
    pass


class TestMemory(SearchTests, port="memory"):
    @override
    def make_adapters(self, sim: Sim) -> Adapters:
        return memory_adapters(sim)
