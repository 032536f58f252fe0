"""Execution: carries a step out in a world."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Any

import msgspec

from crypto_exchange.domain.asset import MarketRule
from crypto_exchange.domain.errors import Conflict, Unavailable
from crypto_exchange.domain.use_cases import currencies, trading
from crypto_exchange.entrypoints.testing import steps
from crypto_exchange.entrypoints.testing.comparison import (
    NEWEST,
    compare,
    reconcile,
    require_known_near_by,
    require_outcomes,
)
from crypto_exchange.entrypoints.testing.outside import Outside, leave
from crypto_exchange.entrypoints.testing.people import People
from crypto_exchange.entrypoints.testing.reach import sometimes
from crypto_exchange.entrypoints.testing.recording import Crash
from crypto_exchange.entrypoints.testing.standstills import Standstills
from crypto_exchange.entrypoints.testing.steps import SYMBOLS, AnyStep
from crypto_exchange.entrypoints.testing.violations import Violation
from crypto_exchange.entrypoints.testing.world import LISTED, Process, World

RETRIES_US = 10 * 10**6
"""The longest between two tries to plan a next attempt."""
SEALS = 1_000
"""So often a worker looks at one asset before it says that it never ends."""


class Execution:
    """Carries out steps, one after the other, and checks after each."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._people, outside, standstills = People(world), Outside(world), Standstills(world)
        self._tried_us: dict[str, int] = {}
        self._acts: dict[type[steps.Step], Callable[[Any], Awaitable[None]]] = {
            steps.Deposit: self._people.deposit,
            steps.Withdraw: self._people.withdraw,
            steps.Buy: self._people.buy,
            steps.Cancel: self._people.cancel,
            steps.Repeat: self._people.repeat,
            steps.Pass: self._pass,
            steps.Price: self._price,
            steps.Rule: self._rule,
            steps.Halt: self._halt,
            steps.Work: self._work,
            steps.Freeze: standstills.freeze,
            steps.Wake: standstills.wake,
            steps.Answer: outside.answer,
            steps.Down: outside.down,
            steps.Late: outside.late,
            steps.Speak: outside.speak,
            steps.Clock: self._clock,
            steps.Flush: self._flush,
            steps.Restart: outside.restart,
            steps.Refuse: self._refuse,
            steps.Together: self._together,
        }

    async def do(self, step: AnyStep, *, look: bool = True) -> None:
        """Carry out a step; with `look`, compare all that the adapters say with the model."""
        world = self._world
        racing = isinstance(step, steps.Together | steps.Late) or getattr(step, "workers", 1) > 1
        world.model.alone = not racing
        world.store.pauses = random.Random(f"{world.sim.seed}:{step!r}")  # noqa: S311 - repeatable
        try:
            await self._acts[type(step)](step)
        except Exception as error:  # whatever a broken adapter raises is a finding
            told = f"expected none, was {type(error).__name__}: {error}"
            world.report([Violation("no unexpected error", f"{told} in {step!r}")])
        if not racing:
            world.claim("after a lost race what is loaded is locked", 0, world.store.careless)
        world.store.careless = 0
        if look:
            await compare(world)

    async def drain(self) -> None:
        """Take every fault away, let time pass, and see everything end."""
        world = self._world
        self._calm()
        await self._resume()
        wait_s = world.setup.max_wait
        for seconds in (40, 40, 70, 70, 70, wait_s, 40, 70, 70, 70, 70):
            for step in (steps.Pass(seconds=seconds), steps.Work(rounds=2), steps.Speak()):
                await self.do(step, look=False)
        await self.do(steps.Restart(), look=False)
        await self.do(steps.Work(rounds=2))
        drained = world.setup.on_deadline != "wait"
        world.report(world.model.finish(world.sim.clock.now_us(), drained=drained))
        await reconcile(world)

    def _calm(self) -> None:
        world = self._world
        world.exchange.script.clear()
        world.exchange.down = world.exchange.clock_unread = world.exchange.rules_unread = False
        world.model.signs = True
        world.store.refusals.clear()
        for process in world.processes.values():
            process.clock.offset_us = 0
            process.points.armed = None

    async def _resume(self) -> None:
        world = self._world
        for symbol, (_, _, rule) in LISTED.items():
            world.exchange.rules[symbol] = rule
            await currencies.halt_asset(world.api.context, symbol, halted=False)
        await world.refresh(world.api.context)

    # ---- time, prices, rules

    async def _pass(self, step: steps.Pass) -> None:
        world = self._world
        world.sim.clock.advance(step.seconds * 10**6)
        before = len(world.exchange.executed)
        world.exchange.advance()
        later = len(world.exchange.executed) > before
        sometimes("a purchase that was executed later than its answer was due", happened=later)
        if step.fresh and not world.exchange.down:
            await world.refresh(world.workers[0].context)

    async def _price(self, step: steps.Price) -> None:
        world, symbol = self._world, SYMBOLS[step.asset % len(SYMBOLS)]
        moved = world.exchange.prices[symbol] * step.ppm // 10**6
        world.exchange.prices[symbol] = min(max(moved, 10**9), 10**18)
        if not world.exchange.down:
            await world.refresh(world.workers[0].context)

    async def _rule(self, step: steps.Rule) -> None:
        world, symbol = self._world, SYMBOLS[step.asset % len(SYMBOLS)]
        first: MarketRule = LISTED[symbol][2]
        changed = msgspec.structs.replace(
            first,
            lot_step=first.lot_step * step.lots or 1,
            min_notional=first.min_notional * step.minimum_ppm // 10**6,
            max_quantity=first.max_quantity * step.maximum_ppm // 10**6,
        )
        world.exchange.rules[symbol] = changed if step.trading else None
        if step.told and not world.exchange.down:
            await world.refresh(world.workers[0].context)

    async def _halt(self, step: steps.Halt) -> None:
        world, symbol = self._world, SYMBOLS[step.asset % len(SYMBOLS)]
        sometimes("an asset halted", happened=step.halted)
        calm = self._people.alone and not (world.store.refusals or world.cache_is_old)
        await leave(currencies.halt_asset(world.api.context, symbol, halted=step.halted))
        if calm:
            await require_known_near_by(world)
        if not world.exchange.down:
            await world.refresh(world.workers[0].context)

    async def _clock(self, step: steps.Clock) -> None:
        process = list(self._world.processes.values())[step.process % 3]
        offset_us = step.offset_ms * 1_000
        sometimes("a clock that went back", happened=offset_us < process.clock.offset_us)
        process.clock.offset_us = offset_us
        self._world.turned_us = self._world.sim.clock.now_us()

    # ---- workers

    async def _work(self, step: steps.Work) -> None:
        workers = self._world.workers[: max(1, step.workers)]
        calm = self._people.alone and not self._world.store.refusals
        near_by_is_old = self._world.cache_is_old
        workers[0].points.armed = step.crash
        sometimes("two workers at once", happened=len(workers) > 1)
        resolved = [False]
        for _ in range(step.rounds):
            resolved = await asyncio.gather(*(self._round(worker, step) for worker in workers))
        workers[0].points.armed = None
        if calm and step.crash is None and not step.lost and len(workers) == 1:
            require_outcomes(self._world)
            if not near_by_is_old:
                self._world.cache_is_old = False
                await require_known_near_by(self._world)
            if resolved == [False]:
                await self._require_progress(workers[0])

    async def _round(self, worker: Process, step: steps.Work) -> bool:
        """Look once; tells whether a batch was resolved, which may let others be sealed next time."""
        keys: Sequence[str] = ()
        try:
            symbols, keys = await trading.list_due(worker.context)
            if self._world.model.alone:
                self._require_next_attempts(worker, keys)
            for number, symbol in enumerate(symbols):
                if not (step.lost and number % 2 == 0):
                    await self._trade(worker, symbol)
            for number, key in enumerate(keys):
                if not (step.lost and number % 2 == 0):
                    self._tried_us[key] = worker.clock.now_us()
                    await leave(trading.resolve(worker.context, key))
                    if step.twice:
                        sometimes("a job done twice")
                        await leave(trading.resolve(worker.context, key))
        except Crash:
            sometimes("a crash of a worker")
        except (Conflict, Unavailable):
            pass  # whatever is still due comes again
        return bool(keys)

    async def _trade(self, worker: Process, symbol: str) -> None:
        for _ in range(SEALS):
            before, all_seen = len(self._world.history), self._sees_all(symbol)
            sealed = await trading.seal_due(worker.context, symbol)
            if all_seen:
                self._require_total(symbol)
            if len(self._world.history) == before:  # else those who left may have made room
                return
            batches = self._world.model.batches
            large = sum(key in batches and batches[key].direct for key, _ in sealed)
            limit = self._world.policy.group_limit
            self._world.claim(f"I4 at most {limit} large orders at once", True, large <= limit)
            for key, purchase in sealed:
                calm = self._people.alone and not self._world.store.refusals
                await leave(trading.execute(worker.context, key, purchase))
                if calm and self._world.model.alone and worker.points.armed is None:
                    known = batches[key].last.state != "submitting"
                    self._world.claim(f"I6 what the sender of {key} knows is noted", True, known)
        self._world.claim("sealing ends", f"at most {SEALS} seals", "more")

    def _require_next_attempts(self, worker: Process, keys: Sequence[str]) -> None:
        """A next attempt is due after its back-off, not before; one that could not be planned is due
        again within 10 s.
        """
        world, now_us = self._world, worker.clock.now_us()
        for batch in islice(reversed(tuple(world.model.batches.values())), NEWEST):
            if world.is_on_time(batch.last):
                world.claim(f"I6 first look at {batch.key}", False, batch.key in keys)
            if batch.live or batch.state != "sealed":
                continue
            tried_us = self._tried_us.get(batch.key, 0)
            name = f"I6 back-off before the next attempt of {batch.key}"
            if now_us < batch.due_us:
                world.claim(name, False, batch.key in keys)
            elif now_us >= tried_us + RETRIES_US:
                world.claim(f"{name} is over", True, batch.key in keys)

    def _sees_all(self, symbol: str) -> bool:
        """Whether a look at an asset sees everything that waits of it."""
        model, limit = self._world.model, self._world.policy.batch_limit
        return model.alone and len(model.waiting(symbol)) < limit

    def _require_total(self, symbol: str) -> None:
        """The tally is told what waits after a look that saw all of it."""
        total = sum(order.total for order in self._world.model.waiting(symbol))
        told = self._world.tallied[-1]
        self._world.claim(f"I12 tally of {symbol}", (symbol, total, None), told)

    async def _require_progress(self, worker: Process) -> None:
        """An undisturbed worker leaves nothing that the rules say must be sealed now."""
        world = self._world
        if world.exchange.down or worker.clock.offset_us:
            return
        for symbol in SYMBOLS:
            must = world.model.must_seal(symbol, world.sim.clock.now_us())
            world.claim(f"I12 {symbol} is left waiting", False, must)

    # ---- the store and the cache

    async def _flush(self, step: steps.Flush) -> None:
        del step
        clear = getattr(self._world.cache, "clear", None)
        if clear is not None:
            clear()

    async def _refuse(self, step: steps.Refuse) -> None:
        sometimes("a commit whose answer got lost" if step.written else "a lost race")
        self._world.store.refusals.append(step.written)

    async def _together(self, step: steps.Together) -> None:
        if not self._world.adapters.supports.concurrency:
            for each in step.steps:
                await self._acts[type(each)](each)
            return
        self._people.alone = False
        try:
            await asyncio.gather(*(self._acts[type(each)](each) for each in step.steps))
        finally:
            self._people.alone = True
