"""The worker by itself: what nobody sees from outside, because the next scan makes up for it."""

from __future__ import annotations

import pytest

from crypto_exchange.adapters.memory import MemoryBroker, MemoryQueue
from crypto_exchange.domain.policy import Policy
from crypto_exchange.entrypoints.worker.parts import TRADE, Job, WorkerParts
from crypto_exchange.entrypoints.worker.relay import Relay
from crypto_exchange.entrypoints.worker.trader import Trader
from tests.integration.test_worker import GatedTally, Service

HOUR_US = 3_600 * 10**6


async def test_a_second_wake_up_during_a_look_that_finds_nothing_makes_it_look_again() -> None:
    tally = GatedTally(Policy().threshold)
    service = Service(tally=tally)
    await service.prepare()
    trader, job = Trader(service.context), Job(TRADE, "BTC")
    tally.open.clear()

    looking = trader.begin(job)
    await tally.knocked.wait()
    (placed,) = await service.place(25)
    trader.begin(job)
    tally.open.set()
    await looking
    await trader.finish(10.0)

    assert not service.is_open(placed)


@pytest.mark.parametrize("by_wake_up", [False, True])
async def test_while_the_broker_is_away_what_is_due_is_done_here(*, by_wake_up: bool) -> None:
    tally, broker = GatedTally(Policy().threshold), MemoryBroker()
    service = Service(tally=tally)
    await service.prepare()
    broker.down = True
    parts = WorkerParts(
        context=service.context,
        queue=MemoryQueue(broker),
        wakeups=tally,
        scan_interval_us=HOUR_US,
        audit_interval_us=None,
    )
    relay = Relay(parts, trader := Trader(service.context))

    placed = await service.place(25)
    await (relay.listen() if by_wake_up else relay.scan())

    await service.completed(placed)
    await trader.finish(10.0)
