"""Standstills: workers that stop in the middle of their work, and go on as if nothing had been."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

import msgspec

from crypto_exchange.domain.errors import Conflict, Unavailable
from crypto_exchange.domain.ports import Exchange
from crypto_exchange.domain.purchase import Finding, Outcome, Purchase
from crypto_exchange.domain.use_cases import trading
from crypto_exchange.entrypoints.testing import steps
from crypto_exchange.entrypoints.testing.outside import leave
from crypto_exchange.entrypoints.testing.reach import sometimes
from crypto_exchange.entrypoints.testing.world import World

GoOn: TypeAlias = Callable[[], Awaitable[None]]


class Standstills:
    """Carries out the steps of workers that stand still in a world, and then go on."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._standing: list[GoOn] = []

    async def freeze(self, step: steps.Freeze) -> None:
        """Let a worker seal, send or ask, and stop."""
        symbol = steps.SYMBOLS[step.asset % len(steps.SYMBOLS)]
        if step.after == steps.Standing.LOOK_UP:
            await self._ask(symbol)
            return
        context = self._world.workers[-1].context
        try:
            sealed = await trading.seal_due(context, symbol)
        except (Conflict, Unavailable):
            return
        for key, purchase in sealed:
            if step.after == steps.Standing.ANSWER:
                await self._stop(trading.execute, key, purchase)
            else:
                self._standing.append(partial(self._send, key, purchase))

    async def wake(self, step: steps.Wake) -> None:
        """Let one of them go on."""
        if self._standing:
            await self._standing.pop(step.frozen % len(self._standing))()

    async def _ask(self, symbol: str) -> None:
        """Ask what became of the newest purchase of an asset that is under way, if there is one."""
        for batch in reversed(tuple(self._world.model.batches.values())):
            if batch.asset == symbol and batch.live and batch.last.state != "none":
                await self._stop(trading.resolve, batch.key)
                return

    async def _send(self, key: str, purchase: Purchase | None) -> None:
        world = self._world
        if purchase is not None:
            late = world.exchange.now_ms() > purchase.window_end_ms
            sometimes("an intent that was carried out too late", happened=late)
        await leave(trading.execute(world.workers[-1].context, key, purchase))

    async def _stop(self, work: Callable[..., Awaitable[None]], *given: object) -> None:
        """Begin some work that ends once the exchange has answered, or altogether if it is not asked."""
        context = self._world.workers[-1].context
        exchange = _SlowToHear(context.exchange)
        slow = msgspec.structs.replace(context, exchange=exchange)
        task = asyncio.ensure_future(leave(work(slow, *given)))
        task.add_done_callback(lambda _: exchange.answered.set())
        await exchange.answered.wait()
        if task.done():
            await task
        else:
            self._standing.append(partial(_go_on, exchange, task))


class _SlowToHear:
    """The exchange for a worker that stands still right after an answer."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.answered, self.awake = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)

    async def submit(self, purchase: Purchase) -> Outcome:
        """As the port's."""
        try:
            return await self._exchange.submit(purchase)
        finally:
            await self._stand_still()

    async def find(self, purchase: Purchase) -> Finding:
        """As the port's."""
        try:
            return await self._exchange.find(purchase)
        finally:
            await self._stand_still()

    async def _stand_still(self) -> None:
        self.answered.set()
        await self.awake.wait()


async def _go_on(exchange: _SlowToHear, task: asyncio.Future[None]) -> None:
    sometimes("an answer that was heard much later")
    exchange.awake.set()
    await task
