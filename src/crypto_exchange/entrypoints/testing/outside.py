"""Outside: what the exchange and the operator do, whatever the broker thinks of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import suppress
from itertools import islice

from crypto_exchange.domain.breaks import Break
from crypto_exchange.domain.errors import Conflict, DomainError, Unavailable
from crypto_exchange.domain.purchase import Absent, Purchase, RejectionKind
from crypto_exchange.domain.use_cases import currencies, house, reconciliation
from crypto_exchange.entrypoints.testing import steps, venue
from crypto_exchange.entrypoints.testing.reach import sometimes
from crypto_exchange.entrypoints.testing.venue_trades import reject
from crypto_exchange.entrypoints.testing.world import World

MINUTE_MS = 60 * 1_000
YOUNG_MS = 15 * MINUTE_MS
"""So long every look asks after what had been given up."""
OLDEST_MS = 120 * MINUTE_MS
UNTOLD = 4
"""Of so many others the exchange says nothing while it is asked after one."""
LOOKS_MS = 5 * MINUTE_MS
"""How often somebody looks, where the kit waits until an age has doubled."""


class Outside:
    """Carries out steps of the exchange and the operator in a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def answer(self, step: steps.Answer) -> None:
        """Say what becomes of the next purchase."""
        self._world.exchange.script.append(
            venue.Step(
                kind=venue.StepKind(step.kind),
                fraction_ppm=step.fraction_ppm,
                trades=step.trades,
                rejection=None if step.rejection is None else RejectionKind(step.rejection),
                delay_ms=step.delay_ms,
            )
        )

    async def down(self, step: steps.Down) -> None:
        """Fall silent, or speak again."""
        world, exchange = self._world, self._world.exchange
        if step.what == steps.Silent.RULES:
            exchange.rules_unread = step.down
        elif step.what == steps.Silent.CLOCK:
            exchange.clock_unread = step.down
            world.model.signs = not step.down
        else:
            exchange.down = step.down
        world.turned_us = world.sim.clock.now_us()

    async def late(self, step: steps.Late) -> None:
        """Execute what had been given up. The next look finds what is young; what is older is found
        by the time that it is twice as old.
        """
        world = self._world
        given_up = list(self._given_up())
        if world.exchange.down or world.exchange.clock_unread or not given_up:
            return
        chosen = given_up[step.attempt % len(given_up)]
        filled = world.exchange.execute_late(chosen, step.fraction_ppm)
        if filled is None:
            return
        if not filled.quantity:
            await self._look_for_late_fills(reconciliation.LOOK_US)
            return
        sometimes("a fill of what had been given up")
        others = (p.client_order_id for p in given_up if p is not chosen)
        world.exchange.untold = set(islice(others, UNTOLD))
        age_ms = world.exchange.now_ms() - chosen.timestamp_ms
        if age_ms <= YOUNG_MS:
            await self._look_for_late_fills(reconciliation.LOOK_US)
        else:
            sometimes("a fill of what had been given up long ago")
            for _ in range(0, age_ms, LOOKS_MS):
                world.sim.clock.advance(LOOKS_MS * 1_000)
                world.exchange.advance()
                await self._look_for_late_fills(LOOKS_MS * 1_000)
        world.exchange.untold.clear()
        state = world.model.batches[chosen.batch].attempts[chosen.attempt - 1].state
        world.claim(f"I11 {chosen.client_order_id} is looked for", "late", state)
        opened = await world.api.context.queries.list_breaks()
        found = {(each.kind.value, each.subject) for each in opened}
        world.claim("I11 breaks that are kept", world.model.breaks, found)

    async def speak(self, step: steps.Speak) -> None:
        """Say what became of all that is in quarantine, after a slip of the tongue; explain breaks;
        resume all.
        """
        del step
        world, context = self._world, self._world.api.context
        if world.exchange.down or world.exchange.clock_unread:
            return
        for held in await context.queries.list_quarantined():
            sometimes("a purchase in quarantine")
            await self._slip(held)
            executed = world.exchange.executed.get(held.client_order_id)
            finding = Absent(answered_ms=world.exchange.now_ms())
            outcome = finding if executed is None else executed.filled
            await leave(
                reconciliation.resolve_quarantine(context, held.batch, outcome, "seen there")
            )
        for opened in await context.queries.list_breaks():
            await self._explain(opened)
        for asset in await context.queries.list_assets():
            if asset.halted:
                await leave(currencies.halt_asset(context, asset.symbol, halted=False))
        await world.refresh(context)

    async def restart(self, step: steps.Restart) -> None:
        """I10: what was found at the exchange when the broker began is its capital, and nothing later."""
        del step
        world, context = self._world, self._world.api.context
        scales = {asset.symbol: asset.scale for asset in await context.queries.list_assets()}
        with suppress(Unavailable):
            world.claim("I4 assets listed again", (), await house.list_new_assets(context, scales))
            world.claim("I10 capital booked again", {}, await house.book_capital(context))

    def _given_up(self) -> Iterator[Purchase]:
        """What reached the exchange, and by the books was not executed; the newest first."""
        world = self._world
        since_ms = world.sim.clock.now_us() // 1_000 - OLDEST_MS
        for received in reversed(world.exchange.received):
            purchase = received.purchase
            batch = world.model.batches.get(purchase.batch)
            if received.at_ms < since_ms:
                return
            if batch is not None and batch.attempts[purchase.attempt - 1].state in {
                "rejected",
                "not_placed",
            }:
                yield purchase

    async def _look_for_late_fills(self, every_us: int) -> None:
        looks = (
            leave(reconciliation.buy_late_fills(worker.context, every_us))
            for worker in self._world.workers
        )
        await asyncio.gather(*looks)

    async def _explain(self, opened: Break) -> None:
        """I11: a break is closed with words, once."""
        world, context = self._world, self._world.api.context
        silent = reconciliation.close_break(context, opened.key, " ")
        world.claim("I11 a break without an explanation", "invalid_field", await _refusal(silent))
        await leave(reconciliation.close_break(context, opened.key, "seen there"))
        if (opened.kind.value, opened.subject) not in world.model.breaks:
            again = reconciliation.close_break(context, opened.key, "seen again")
            world.claim("I11 a break that is closed", "not_found", await _refusal(again))

    async def _slip(self, held: Purchase) -> None:
        """I6: what the exchange says it executed is not given up at anybody's word."""
        world = self._world
        known = await world.exchange.find_late(held)
        if known is None or not known.quantity:
            return
        sometimes("an operator's slip")
        before = len(world.history)
        for untrue in (Absent(answered_ms=world.exchange.now_ms()), reject(RejectionKind.FINAL)):
            said = reconciliation.resolve_quarantine(
                world.api.context, held.batch, untrue, "hearsay"
            )
            world.claim("I6 an operator's slip", "invalid_field", await _refusal(said))
        world.claim("I6 an operator's slip writes", 0, len(world.history) - before)


async def leave(work: Awaitable[object]) -> None:
    """Do what a worker leaves for later if it cannot be done now."""
    try:
        await work
    except (Conflict, Unavailable):
        return


async def _refusal(work: Awaitable[object]) -> str:
    try:
        await work
    except DomainError as error:
        return error.code
    return "none"
