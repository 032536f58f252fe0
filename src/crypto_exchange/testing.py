"""The testing kit: checks any set of adapters, or any deployment, against the rules of this domain.

Everything is loaded when it is asked for. The simulation and the checker of histories need nothing but
this package; what uses Hypothesis or pytest needs `pip install 'crypto-exchange[testing]'`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crypto_exchange.entrypoints.testing import strategies
    from crypto_exchange.entrypoints.testing.adapters import (
        Adapters,
        Factory,
        Sim,
        Supports,
        memory_adapters,
    )
    from crypto_exchange.entrypoints.testing.contracts import (
        AccountsTests,
        AssetCacheTests,
        AuditTests,
        ClockTests,
        ExchangePortTests,
        ExchangeUnderTest,
        IdsTests,
        LimiterTests,
        MarketTests,
        PasswordHasherTests,
        QueueTests,
        ReadModelsTests,
        ReconciliationTests,
        RefusedOrderTests,
        ScorerTests,
        Script,
        ScriptedVenueTests,
        SignalStoreTests,
        TallyTests,
        TallyUnderTest,
        TokensTests,
        ToldOrder,
        ToldTrade,
        UnitOfWorkTests,
        VaultTests,
    )
    from crypto_exchange.entrypoints.testing.history import History
    from crypto_exchange.entrypoints.testing.http.machine import HttpMachine
    from crypto_exchange.entrypoints.testing.http.options import HttpOptions
    from crypto_exchange.entrypoints.testing.http.report import HttpReport
    from crypto_exchange.entrypoints.testing.http.run import run_http
    from crypto_exchange.entrypoints.testing.http.suite import HttpSuite
    from crypto_exchange.entrypoints.testing.machine import AggregationMachine, run_machine
    from crypto_exchange.entrypoints.testing.model import ReferenceModel, check_history
    from crypto_exchange.entrypoints.testing.mutants import MUTANTS, Mutant
    from crypto_exchange.entrypoints.testing.mutants.runner import run_mutants
    from crypto_exchange.entrypoints.testing.reach import Reach, sometimes
    from crypto_exchange.entrypoints.testing.simulation import replay, simulate
    from crypto_exchange.entrypoints.testing.steps import (
        Aim,
        Answer,
        Buy,
        Cancel,
        Clock,
        Deposit,
        Down,
        Flush,
        Freeze,
        Halt,
        Late,
        Pass,
        Price,
        Refuse,
        Repeat,
        Restart,
        Rule,
        Setup,
        Speak,
        Together,
        Wake,
        Withdraw,
        Work,
    )
    from crypto_exchange.entrypoints.testing.suite import AggregationSuite, KitOptions
    from crypto_exchange.entrypoints.testing.venue import SimExchange
    from crypto_exchange.entrypoints.testing.violations import Violation

__all__ = [
    "MUTANTS",
    "AccountsTests",
    "Adapters",
    "AggregationMachine",
    "AggregationSuite",
    "Aim",
    "Answer",
    "AssetCacheTests",
    "AuditTests",
    "Buy",
    "Cancel",
    "Clock",
    "ClockTests",
    "Deposit",
    "Down",
    "ExchangePortTests",
    "ExchangeUnderTest",
    "Factory",
    "Flush",
    "Freeze",
    "Halt",
    "History",
    "HttpMachine",
    "HttpOptions",
    "HttpReport",
    "HttpSuite",
    "IdsTests",
    "KitOptions",
    "Late",
    "LimiterTests",
    "MarketTests",
    "Mutant",
    "Pass",
    "PasswordHasherTests",
    "Price",
    "QueueTests",
    "Reach",
    "ReadModelsTests",
    "ReconciliationTests",
    "ReferenceModel",
    "Refuse",
    "RefusedOrderTests",
    "Repeat",
    "Restart",
    "Rule",
    "ScorerTests",
    "Script",
    "ScriptedVenueTests",
    "Setup",
    "SignalStoreTests",
    "Sim",
    "SimExchange",
    "Speak",
    "Supports",
    "TallyTests",
    "TallyUnderTest",
    "Together",
    "TokensTests",
    "ToldOrder",
    "ToldTrade",
    "UnitOfWorkTests",
    "VaultTests",
    "Violation",
    "Wake",
    "Withdraw",
    "Work",
    "check_history",
    "memory_adapters",
    "replay",
    "run_http",
    "run_machine",
    "run_mutants",
    "simulate",
    "sometimes",
    "strategies",
]

_PACKAGE = "crypto_exchange.entrypoints.testing"
_HOMES = {
    "adapters": "Adapters Factory Sim Supports memory_adapters",
    "contracts": (
        "AccountsTests AssetCacheTests AuditTests ClockTests ExchangePortTests ExchangeUnderTest "
        "IdsTests LimiterTests MarketTests PasswordHasherTests QueueTests ReadModelsTests "
        "ReconciliationTests RefusedOrderTests ScorerTests Script ScriptedVenueTests "
        "SignalStoreTests TallyTests TallyUnderTest "
        "TokensTests ToldOrder ToldTrade UnitOfWorkTests VaultTests"
    ),
    "history": "History",
    "http.machine": "HttpMachine",
    "http.options": "HttpOptions",
    "http.report": "HttpReport",
    "http.run": "run_http",
    "http.suite": "HttpSuite",
    "machine": "AggregationMachine run_machine",
    "model": "ReferenceModel check_history",
    "mutants": "MUTANTS Mutant",
    "mutants.runner": "run_mutants",
    "reach": "Reach sometimes",
    "simulation": "replay simulate",
    "steps": (
        "Aim Answer Buy Cancel Clock Deposit Down Flush Freeze Halt Late Pass Price "
        "Refuse Repeat Restart Rule Setup Speak Together Wake Withdraw Work"
    ),
    "suite": "AggregationSuite KitOptions",
    "venue": "SimExchange",
    "violations": "Violation",
}
_EXTRA = frozenset({"httpx", "hypothesis", "pytest", "schemathesis", "typing_extensions"})


def __getattr__(name: str) -> object:
    """Load what is asked for."""
    if name == "strategies":
        return _load("strategies")
    for home, names in _HOMES.items():
        if name in names.split():
            return getattr(_load(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What there is to ask for."""
    return __all__


def _load(home: str) -> object:
    try:
        return import_module(f"{_PACKAGE}.{home}")
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        raise ImportError(
            f"expected {error.name} to be installed, was not: pip install 'crypto-exchange[testing]'"
        ) from error
