"""Recording: the ports of one process, with everything that is committed noted in commit order, and
with the faults that a store, a machine and a network have.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from crypto_exchange.adapters.faults import CrashPoints
from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import Conflict, Unavailable
from crypto_exchange.domain.ids import OrderId, Symbol, UserId
from crypto_exchange.domain.ports import Begin, Clock, Ids, Market, Tally, UnitOfWork
from crypto_exchange.entrypoints.override import override

Record = Mapping[str, Any]
"""One line of a history; see `history.py`."""


class Crash(BaseException):
    """A process ended here. Nobody may catch it but who started the process."""


class RaisingPoints(CrashPoints):
    """Crash points of which the one that is armed ends what runs, and not this process."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.armed: str | None = None

    @override
    def reach(self, name: str) -> None:
        """End what runs, if it is its turn."""
        if name == self.armed:
            self.armed = None
            raise Crash(name)


class Store:
    """One store as all processes see it: what is committed in it, and what goes wrong with it next."""

    def __init__(self, begin: Begin, tell: Callable[[Change], None]) -> None:
        self._begin, self._tell = begin, tell
        self.refusals: list[bool] = []
        self.careless = 0
        """How often nothing was locked right after a race that was lost by the kit's wish."""
        self._lost = False
        self.pauses = random.Random(0)  # noqa: S311 - repeatable

    @asynccontextmanager
    async def __call__(self, *, lock: bool = False) -> AsyncIterator[RecordedUnitOfWork]:
        """Open a unit of work, after others had their turn."""
        await self.pause()
        self.careless += self._lost and not lock
        self._lost = False
        async with self._begin(lock=lock) as work:
            yield RecordedUnitOfWork(work, self)

    async def pause(self) -> None:
        """Let others run, for how long the seed says: this is what orders those that race."""
        for _ in range(self.pauses.randrange(4)):
            await asyncio.sleep(0)

    async def commit(self, work: UnitOfWork, change: Change) -> None:
        """Commit and note it; or fail as a store may."""
        await self.pause()
        refusal = self.refusals.pop(0) if self.refusals else None
        if refusal is False:
            self._lost = True
            work.abandon()
            raise Conflict("somebody else was first, by the kit's wish")
        await work.commit(change)
        self._tell(change)
        if refusal:
            raise Unavailable("the answer to a commit got lost, by the kit's wish")


class RecordedUnitOfWork:
    """A `UnitOfWork` whose commits are noted."""

    def __init__(self, work: UnitOfWork, store: Store) -> None:
        self._work, self._store = work, store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)

    async def commit(self, change: Change) -> None:
        """As the port's."""
        await self._store.commit(self._work, change)


class RecordedMarket:
    """A `Market` whose rules are noted when they are kept: workers reload them by themselves."""

    def __init__(
        self, market: Market, tell: Callable[[Mapping[Symbol, MarketRule | None]], None]
    ) -> None:
        self._market, self._tell = market, tell

    async def save_prices(self, prices: Mapping[Symbol, int], at_us: int) -> tuple[Asset, ...]:
        """As the port's."""
        return await self._market.save_prices(prices, at_us)

    async def save_rules(self, rules: Mapping[Symbol, MarketRule | None]) -> None:
        """As the port's."""
        await self._market.save_rules(rules)
        self._tell(rules)


class RecordedTally:
    """A `Tally` of which is kept what it is told: (symbol, total, direct); None says what all wait for."""

    def __init__(self, tally: Tally, told: list[tuple[Symbol, int, bool | None]]) -> None:
        self._tally, self._told = tally, told

    async def add(self, symbol: Symbol, total: int, *, direct: bool) -> None:
        """As the port's."""
        self._told.append((symbol, total, direct))
        await self._tally.add(symbol, total, direct=direct)

    async def overwrite(self, symbol: Symbol, total: int) -> None:
        """As the port's."""
        self._told.append((symbol, total, None))
        await self._tally.overwrite(symbol, total)


class OffsetClock:
    """A process's clock, which may be wrong."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.offset_us = 0

    def now_us(self) -> int:
        """What the process believes."""
        return self._clock.now_us() + self.offset_us


class CountedKeys:
    """Ids of the store, and keys that follow from a seed, so that a run can be repeated."""

    def __init__(self, ids: Ids, seed: int) -> None:
        self._ids = ids
        self._random = random.Random(seed)  # noqa: S311 - repeatable

    async def next_user_id(self) -> UserId:
        """As the port's."""
        return await self._ids.next_user_id()

    async def next_order_id(self) -> OrderId:
        """As the port's."""
        return await self._ids.next_order_id()

    def new_key(self) -> str:
        """24 hexadecimal characters."""
        return f"{self._random.getrandbits(96):024x}"


def records_of(change: Change) -> list[Record]:
    """What a history says of a commit: the trades it booked, then its events."""
    booked: dict[tuple[str, int], list[Any]] = {}
    for purchase, fill in change.fills:
        booked.setdefault((purchase.batch, purchase.attempt), []).append(msgspec.to_builtins(fill))
    return [
        *(
            {"record": "fills", "batch": batch, "attempt": attempt, "fills": fills}
            for (batch, attempt), fills in booked.items()
        ),
        *({"record": "event", **msgspec.to_builtins(event)} for event in change.events),
    ]
