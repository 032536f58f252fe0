"""Contract suites: what every adapter of a port has to keep, as classes to subclass.

Each has one factory method to override. `checks.py` says how checks are named, left out, pinned and
expected to fail.
"""

from pkgutil import iter_modules

import pytest

# Their assertions are to say what they compared, whatever plugins are loaded.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in iter_modules(__path__)))

from crypto_exchange.entrypoints.testing.contracts.accounts import AccountsTests
from crypto_exchange.entrypoints.testing.contracts.asset_cache import AssetCacheTests
from crypto_exchange.entrypoints.testing.contracts.audit import AuditTests
from crypto_exchange.entrypoints.testing.contracts.books import Books, Row
from crypto_exchange.entrypoints.testing.contracts.checks import Suite, optional, requires, since
from crypto_exchange.entrypoints.testing.contracts.clock import ClockTests
from crypto_exchange.entrypoints.testing.contracts.credentials import (
    PasswordHasherTests,
    TokensTests,
    VaultTests,
)
from crypto_exchange.entrypoints.testing.contracts.exchange import (
    ExchangePortTests,
    ExchangeUnderTest,
)
from crypto_exchange.entrypoints.testing.contracts.exchange_answers import (
    RefusedOrderTests,
    ScriptedVenueTests,
)
from crypto_exchange.entrypoints.testing.contracts.limiter import LimiterTests
from crypto_exchange.entrypoints.testing.contracts.market import IdsTests, MarketTests
from crypto_exchange.entrypoints.testing.contracts.queue import QueueTests
from crypto_exchange.entrypoints.testing.contracts.read_models import ReadModelsTests
from crypto_exchange.entrypoints.testing.contracts.reconciliation import ReconciliationTests
from crypto_exchange.entrypoints.testing.contracts.scene import Scene, StoreSuite
from crypto_exchange.entrypoints.testing.contracts.signals import ScorerTests, SignalStoreTests
from crypto_exchange.entrypoints.testing.contracts.tally import TallyTests, TallyUnderTest
from crypto_exchange.entrypoints.testing.contracts.unit_of_work import UnitOfWorkTests
from crypto_exchange.entrypoints.testing.contracts.venue_script import Script, ToldOrder, ToldTrade

__all__ = [
    "AccountsTests",
    "AssetCacheTests",
    "AuditTests",
    "Books",
    "ClockTests",
    "ExchangePortTests",
    "ExchangeUnderTest",
    "IdsTests",
    "LimiterTests",
    "MarketTests",
    "PasswordHasherTests",
    "QueueTests",
    "ReadModelsTests",
    "ReconciliationTests",
    "RefusedOrderTests",
    "Row",
    "Scene",
    "ScorerTests",
    "Script",
    "ScriptedVenueTests",
    "SignalStoreTests",
    "StoreSuite",
    "Suite",
    "TallyTests",
    "TallyUnderTest",
    "TokensTests",
    "ToldOrder",
    "ToldTrade",
    "UnitOfWorkTests",
    "VaultTests",
    "optional",
    "requires",
    "since",
]
