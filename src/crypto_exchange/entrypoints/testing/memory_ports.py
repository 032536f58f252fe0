"""Memory ports: the contracts of the project's own exchange and queue in memory, which no store brings."""

from __future__ import annotations

import asyncio
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
from crypto_exchange.entrypoints.testing.contracts.queue import Record
from crypto_exchange.entrypoints.testing.contracts.scene import PRICE, RULE

GIVEN_BACK_S = 5
"""The most that it takes until a job that was cut off runs again: nobody is far away."""
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

    async def test_a_job_that_is_cut_off_runs_elsewhere(self) -> None:
        """Whoever stops waits no longer for it, and it is given back."""
        first, second = await self.queue(), await self.queue()
        begun, record, never = Record(), Record(), asyncio.Event()

        async def hang(*ids: str) -> None:
            await begun(*ids)
            await never.wait()

        first.register("trade", hang)
        second.register("trade", record)
        await first.start()
        await first.send("trade", "BTC")
        await begun.meets(("BTC",))

        await first.stop(0)
        await second.start()

        async with asyncio.timeout(GIVEN_BACK_S):
            await record.meets(("BTC",))


@contextmanager
def _answers_lost(exchange: MemoryExchange) -> Iterator[None]:
    exchange.script.append(Silence.AFTER)
    yield
    exchange.script.clear()
