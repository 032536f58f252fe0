"""Memory ports: the contracts of the project's own exchange and queue in memory, which no store brings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from crypto_exchange.adapters.memory import MemoryBroker, MemoryExchange, MemoryQueue, Silence
from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.ports import JobQueue
from crypto_exchange.entrypoints.override import override
from crypto_exchange.entrypoints.testing.contracts import (
    ExchangePortTests,
    ExchangeUnderTest,
    QueueTests,
)
from crypto_exchange.entrypoints.testing.contracts.scene import PRICE, RULE

BTC = Asset(symbol="BTC", rule=RULE, price=PRICE, priced_at_us=0)


class MemoryExchangeSuite(ExchangePortTests, port="exchange"):
    """The exchange in memory, at a moment that does not pass."""

    @override
    def make_exchange(self) -> ExchangeUnderTest:
        """A new one with plenty of dollars."""
        exchange = MemoryExchange([BTC], Policy(), lambda: 1_767_225_600_000)
        exchange.balances["USD"] = 10**7 * DOLLAR

        def lose_answers() -> AbstractContextManager[object]:
            return _answers_lost(exchange)

        return ExchangeUnderTest(exchange, BTC, lose_answers)


class MemoryQueueSuite(QueueTests, port="queue"):
    """The queue in memory; all ends of one check share a broker."""

    given_back_s = 5
    broker: MemoryBroker

    @pytest.fixture(autouse=True)
    def _new_broker(self) -> None:
        self.broker = MemoryBroker()

    @override
    def make_queue(self) -> JobQueue:
        """Another end."""
        return MemoryQueue(self.broker, workers=3)

    @override
    @contextmanager
    def broker_down(self) -> Iterator[None]:
        """Refuse everything for a while."""
        self.broker.down = True
        yield
        self.broker.down = False


@contextmanager
def _answers_lost(exchange: MemoryExchange) -> Iterator[None]:
    exchange.script.append(Silence.AFTER)
    yield
    exchange.script.clear()
