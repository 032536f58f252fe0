"""Execution: carries a step out in a world."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from crypto_exchange.domain.asset import MarketRule
from crypto_exchange.domain.errors import Conflict, Unavailable
from crypto_exchange.domain.purchase import Absent, RejectionKind
from crypto_exchange.domain.use_cases import currencies, reconciliation, trading
from crypto_exchange.entrypoints.testing import steps, venue
from crypto_exchange.entrypoints.testing.comparison import compare, reconcile, require_outcomes
from crypto_exchange.entrypoints.testing.people import People
from crypto_exchange.entrypoints.testing.reach import sometimes
from crypto_exchange.entrypoints.testing.recording import Crash
from crypto_exchange.entrypoints.testing.steps import SYMBOLS, AnyStep
from crypto_exchange.entrypoints.testing.violations import Violation
from crypto_exchange.entrypoints.testing.world import LISTED, Process, World

SEALS = 50
"""So often a worker looks at one asset before it says that it never ends."""


class Execution:
    """Carries out steps, one after the other, and checks after each."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._people = People(world)
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
            steps.Freeze: self._freeze,
            steps.Wake: self._wake,
            steps.Answer: self._answer,
            steps.Down: self._down,
            steps.Late: self._late,
            steps.Speak: self._speak,
            steps.Clock: self._clock,
            steps.Flush: self._flush,
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
        await self.do(steps.Work(rounds=2))
        drained = world.setup.on_deadline != "wait"
        world.report(world.model.finish(world.sim.clock.now_us(), drained=drained))
        await reconcile(world)

    def _calm(self) -> None:
        world = self._world
        world.exchange.script.clear()
        world.exchange.down = world.exchange.clock_unread = False
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
            lot_step=first.lot_step * step.lots,
            min_notional=first.min_notional * step.minimum_ppm // 10**6,
        )
        world.exchange.rules[symbol] = changed if step.trading else None
        if step.told and not world.exchange.down:
            await world.refresh(world.workers[0].context)

    async def _halt(self, step: steps.Halt) -> None:
        world, symbol = self._world, SYMBOLS[step.asset % len(SYMBOLS)]
        sometimes("an asset halted", happened=step.halted)
        await self._guarded(currencies.halt_asset(world.api.context, symbol, halted=step.halted))
        if not world.exchange.down:
            await world.refresh(world.workers[0].context)

    async def _clock(self, step: steps.Clock) -> None:
        process = list(self._world.processes.values())[step.process % 3]
        offset_us = step.offset_ms * 1_000
        sometimes("a clock that went back", happened=offset_us < process.clock.offset_us)
        process.clock.offset_us = offset_us

    # ---- workers

    async def _work(self, step: steps.Work) -> None:
        workers = self._world.workers[: max(1, step.workers)]
        calm = self._people.alone and not self._world.store.refusals
        workers[0].points.armed = step.crash
        sometimes("two workers at once", happened=len(workers) > 1)
        resolved = [False]
        for _ in range(step.rounds):
            resolved = await asyncio.gather(*(self._round(worker, step) for worker in workers))
        workers[0].points.armed = None
        if calm and step.crash is None and not step.lost and len(workers) == 1:
            require_outcomes(self._world)
            if resolved == [False]:
                await self._require_progress(workers[0])

    async def _round(self, worker: Process, step: steps.Work) -> bool:
        """Look once; tells whether a batch was resolved, which may let others be sealed next time."""
        keys: Sequence[str] = ()
        try:
            symbols, keys = await trading.list_due(worker.context)
            for number, symbol in enumerate(symbols):
                if not (step.lost and number % 2 == 0):
                    await self._trade(worker, symbol)
            for number, key in enumerate(keys):
                if not (step.lost and number % 2 == 0):
                    await self._guarded(trading.resolve(worker.context, key))
                    if step.twice:
                        sometimes("a job done twice")
                        await self._guarded(trading.resolve(worker.context, key))
        except Crash:
            sometimes("a crash of a worker")
        except (Conflict, Unavailable):
            pass  # whatever is still due comes again
        return bool(keys)

    async def _trade(self, worker: Process, symbol: str) -> None:
        for _ in range(SEALS):
            sealed = await trading.seal_due(worker.context, symbol)
            if not sealed:
                return
            for key, purchase in sealed:
                await self._guarded(trading.execute(worker.context, key, purchase))
        self._world.claim("sealing ends", f"at most {SEALS} seals", "more")

    async def _guarded(self, work: Awaitable[object]) -> None:
        """What a worker leaves for later."""
        try:
            await work
        except (Conflict, Unavailable):
            return

    async def _require_progress(self, worker: Process) -> None:
        """An undisturbed worker leaves nothing that the rules say must be sealed now."""
        world = self._world
        if world.exchange.down or worker.clock.offset_us:
            return
        for symbol in SYMBOLS:
            must = world.model.must_seal(symbol, world.sim.clock.now_us())
            world.claim(f"I12 {symbol} is left waiting", False, must)

    async def _freeze(self, step: steps.Freeze) -> None:
        worker = self._world.workers[-1]
        symbol = SYMBOLS[step.asset % len(SYMBOLS)]
        try:
            sealed = await trading.seal_due(worker.context, symbol)
        except (Conflict, Unavailable):
            return
        self._world.frozen.extend(sealed)

    async def _wake(self, step: steps.Wake) -> None:
        world = self._world
        if not world.frozen:
            return
        key, purchase = world.frozen.pop(step.frozen % len(world.frozen))
        if purchase is not None:
            late = world.exchange.now_ms() > purchase.window_end_ms
            sometimes("an intent that was carried out too late", happened=late)
        await self._guarded(trading.execute(world.workers[-1].context, key, purchase))

    # ---- the exchange and the operator

    async def _answer(self, step: steps.Answer) -> None:
        self._world.exchange.script.append(
            venue.Step(
                kind=venue.StepKind(step.kind),
                fraction_ppm=step.fraction_ppm,
                trades=step.trades,
                rejection=None if step.rejection is None else RejectionKind(step.rejection),
                delay_ms=step.delay_ms,
            )
        )

    async def _down(self, step: steps.Down) -> None:
        self._world.exchange.down = step.down
        self._world.turned_us = self._world.sim.clock.now_us()

    async def _late(self, step: steps.Late) -> None:
        world = self._world
        since_ms = world.exchange.now_ms() - 15 * 60 * 1_000
        given_up = await world.api.context.queries.list_given_up(since_ms)
        if world.exchange.down or not given_up:
            return
        chosen = given_up[step.attempt % len(given_up)]
        if chosen.client_order_id in world.exchange.executed:
            return
        sometimes("a fill of what had been given up")
        world.exchange.execute_late(chosen, step.fraction_ppm)
        await asyncio.gather(
            *(self._guarded(reconciliation.buy_late_fills(w.context)) for w in world.workers)
        )

    async def _speak(self, step: steps.Speak) -> None:
        del step
        world, context = self._world, self._world.api.context
        if world.exchange.down:
            return
        for held in await context.queries.list_quarantined():
            sometimes("a purchase in quarantine")
            executed = world.exchange.executed.get(held.client_order_id)
            finding = Absent(answered_ms=world.exchange.now_ms())
            outcome = finding if executed is None else executed.filled
            await self._guarded(
                reconciliation.resolve_quarantine(context, held.batch, outcome, "seen there")
            )
        for asset in await context.queries.list_assets():
            if asset.halted:
                await self._guarded(currencies.halt_asset(context, asset.symbol, halted=False))
        await world.refresh(context)

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
