"""Watches over the books: late fills, attempts in quarantine, and differences.

Several workers may do so at once: a late fill is bought once, and at most one break of a kind and
subject is open.
"""

from __future__ import annotations

import asyncio
import logging

from crypto_exchange.domain import audit
from crypto_exchange.domain.breaks import Break, Difference
from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.domain.ids import BatchKey
from crypto_exchange.domain.money import format_units
from crypto_exchange.domain.use_cases import reconciliation
from crypto_exchange.domain.use_cases.context import Context

LOG = logging.getLogger(__name__)

_AGAIN_S = 5.0
"""Between a look that found something and the one that confirms it."""


class Watch:
    """What is found is told to the operators, who read the log, and recorded; nothing is corrected."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._told: set[tuple[BatchKey, int]] = set()

    async def tend_attempts(self) -> None:
        """Tell of attempts that have come into quarantine, and buy late fills."""
        held = await self._context.queries.list_quarantined()
        for each in held:
            if (each.batch, each.attempt) not in self._told:
                LOG.error(
                    "purchase %s of %s %s is in quarantine: nobody knows what became of it, and %s is"
                    " halted until somebody says so with `crypto-exchange resolve-quarantine %s`",
                    each.client_order_id,
                    format_units(each.quantity, each.scale, 0),
                    each.asset,
                    each.asset,
                    each.batch,
                )
        self._told = {(each.batch, each.attempt) for each in held}
        await self._buy_late_fills()

    async def look(self) -> None:
        """Audit the books, and the exchange's balances if it answers; record what two looks agree on."""
        await self._buy_late_fills()
        before = await reconciliation.look(self._context)
        if before.differences:
            await asyncio.sleep(_AGAIN_S)
            await self._buy_late_fills()  # one that came since would look like a difference
            now = await reconciliation.look(self._context)
            await self._record(audit.seen_twice(before.differences, now.differences))

    async def _record(self, differences: list[Difference]) -> None:
        for each in await reconciliation.record(self._context, differences):
            LOG.warning("the books have a break: %s", _sentence(each))

    async def _buy_late_fills(self) -> None:
        try:
            bought = await reconciliation.buy_late_fills(self._context)
        except Unavailable:
            return  # what cannot be asked now is asked again, and must not hinder the audit
        if bought:
            LOG.warning(
                "the exchange executed %d %s given up: the coins are the house's, and a break is"
                " recorded for each",
                bought,
                "purchase after it had been" if bought == 1 else "purchases after they had been",
            )


def _sentence(found: Break) -> str:
    expected, was = (format_units(n, found.scale, 0) for n in (found.expected, found.found))
    return f"{found.kind.value} {found.subject}: expected {expected}, was {was}"
