"""The contract of `Begin` and `UnitOfWork`: subclass it and override `make_adapters`."""

from crypto_exchange.entrypoints.testing.contracts.adjustments import AdjustmentTests
from crypto_exchange.entrypoints.testing.contracts.administration import AdministrationTests
from crypto_exchange.entrypoints.testing.contracts.api_keys import ApiKeyTests
from crypto_exchange.entrypoints.testing.contracts.balances import BalanceTests
from crypto_exchange.entrypoints.testing.contracts.closing import ClosingTests
from crypto_exchange.entrypoints.testing.contracts.commits import CommitTests
from crypto_exchange.entrypoints.testing.contracts.event_order import EventOrderTests
from crypto_exchange.entrypoints.testing.contracts.fields import FieldTests
from crypto_exchange.entrypoints.testing.contracts.loads import LoadTests
from crypto_exchange.entrypoints.testing.contracts.locks import LockTests
from crypto_exchange.entrypoints.testing.contracts.refusals import RefusalTests
from crypto_exchange.entrypoints.testing.contracts.reviews import ReviewTests
from crypto_exchange.entrypoints.testing.contracts.second_factors import SecondFactorTests
from crypto_exchange.entrypoints.testing.contracts.sessions import SessionTests
from crypto_exchange.entrypoints.testing.contracts.trade_fields import TradeFieldTests

__all__ = ["UnitOfWorkTests"]


class UnitOfWorkTests(
    CommitTests,
    RefusalTests,
    LockTests,
    LoadTests,
    FieldTests,
    TradeFieldTests,
    BalanceTests,
    EventOrderTests,
    SessionTests,
    SecondFactorTests,
    AdministrationTests,
    AdjustmentTests,
    ApiKeyTests,
    ReviewTests,
    ClosingTests,
    port="unit_of_work",
):
    """Everything that use cases rely on when they load, decide and commit."""
