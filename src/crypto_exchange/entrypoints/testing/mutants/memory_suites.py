"""The suites of the kit over the decisions and the project's own adapters in memory; run by path."""

from __future__ import annotations

import pytest

from crypto_exchange.entrypoints.testing.audit_decisions import AuditDecisionTests
from crypto_exchange.entrypoints.testing.decisions import DecisionTests
from crypto_exchange.entrypoints.testing.memory_ports import MemoryExchangeSuite, MemoryQueueSuite
from crypto_exchange.entrypoints.testing.memory_suite import MemorySuite
from crypto_exchange.entrypoints.testing.suite import KitOptions


@pytest.fixture
def kit_options() -> KitOptions:
    """The contracts alone."""
    return KitOptions(level=1)


class TestAuditDecisions(AuditDecisionTests):
    """Those of the audit."""


class TestMemoryExchange(MemoryExchangeSuite):
    """An exchange."""


class TestMemoryQueue(MemoryQueueSuite):
    """A queue."""


class TestDecisions(DecisionTests, port="decisions"):
    """The pure rules."""


class TestMemory(MemorySuite):
    """The store, a cache and a tally."""
