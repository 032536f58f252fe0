"""Relays what is due to the workers' queue, and does it here when the queue does not."""

from __future__ import annotations

import time

from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.use_cases import currencies, trading
from crypto_exchange.entrypoints.worker.parts import RESOLVE, TRADE, Job, WorkerParts
from crypto_exchange.entrypoints.worker.repetition import Outage
from crypto_exchange.entrypoints.worker.trader import Trader

_HOLD_S = 0.25
"""How long another wake-up for a job waits that was sent, and not yet taken here."""

_PATIENCE = 3
"""So many scans a job may be due before it is done here, whatever became of its message."""


class Relay:
    """Wake-ups tell quickly what is due, scans of the database completely."""

    def __init__(self, parts: WorkerParts, trader: Trader) -> None:
        self._context, self._queue, self._wakeups = parts.context, parts.queue, parts.wakeups
        self._trader = trader
        self._symbols: list[Symbol] = []
        self._held: list[Symbol] = []
        self._sent: dict[Job, float] = {}
        self._scans: dict[Job, int] = {}
        self._broker = Outage("the message broker")
        if self._queue is not None:
            self._queue.register(TRADE, lambda key: self._take(Job(TRADE, key)))
            self._queue.register(RESOLVE, lambda key: self._take(Job(RESOLVE, key)))

    async def listen(self) -> None:
        """Pass on the wake-ups since the last time."""
        taken = [] if self._wakeups is None else await self._wakeups.take_wakeups(self._symbols)
        symbols = dict.fromkeys((*self._held, *taken))
        self._held = []
        for symbol in symbols:
            job = Job(TRADE, symbol)
            if self._trader.is_doing(job):
                self._trader.begin(job)
            elif self._was_just_sent(job):
                self._held.append(symbol)
            else:
                await self._send(job)

    async def scan(self) -> None:
        """Pass on all that the database says is due."""
        symbols, batches = await trading.list_due(self._context)
        due = [*(Job(TRADE, s) for s in symbols), *(Job(RESOLVE, k) for k in batches)]
        now = time.monotonic()
        self._sent = {job: at for job, at in self._sent.items() if now - at < _HOLD_S}
        self._scans = {job: self._scans.get(job, 0) for job in due}
        for job in due:
            if not self._trader.is_doing(job):
                await self._pass_on(job)
        self._symbols = [asset.symbol for asset in await currencies.list_assets(self._context)]

    async def _pass_on(self, job: Job) -> None:
        """Send what a scan found for the first time, and do what was found again and again."""
        scans = self._scans.get(job, 0) + 1
        if scans > _PATIENCE:
            self._trader.begin(job)
            scans = 0
        elif scans == 1 and not self._was_just_sent(job) and not await self._send(job):
            scans = 0
        self._scans[job] = scans

    async def _send(self, job: Job) -> bool:
        """Send a job; if that is not possible, do it here and say so."""
        if self._queue is not None:
            self._sent[job] = time.monotonic()
            try:
                await self._queue.send(*job)
            except Unavailable as error:
                self._sent.pop(job, None)
                self._broker.failed(error)
            else:
                self._broker.ended()
                return True
        self._trader.begin(job)
        return False

    async def _take(self, job: Job) -> None:
        """Do a job that came from the queue."""
        self._sent.pop(job, None)
        self._scans.pop(job, None)
        await self._trader.do(job)

    def _was_just_sent(self, job: Job) -> bool:
        return time.monotonic() - self._sent.get(job, -_HOLD_S) < _HOLD_S
