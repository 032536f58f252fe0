"""The running total of what waits per asset, and the wake-ups that it gives to the worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crypto_exchange.adapters.redis.connection import RedisConnection
from crypto_exchange.domain.ids import Symbol

_ADD = """
local total = 0
if ARGV[2] == '0' then
  total = redis.call('INCRBY', KEYS[1], ARGV[1])
  if total < 0 then redis.call('SET', KEYS[1], 0) end
end
if ARGV[2] == '1' or total >= tonumber(ARGV[3]) then
  redis.call('SET', KEYS[2], 1, 'EX', 60)
end
return 1
"""


class RedisTally:
    """A `Tally`, and what its wake-ups are taken from. `threshold` in 10⁻⁸ dollars.

    A direct order waits for nobody: it wakes the worker up and is not counted.
    """

    def __init__(self, connection: RedisConnection, *, threshold: int) -> None:
        self._connection = connection
        self._threshold = threshold
        self._add = connection.client.register_script(_ADD)

    async def add(self, symbol: Symbol, total: int, *, direct: bool) -> None:
        keys = [_waiting_key(symbol), _wake_key(symbol)]
        await self._connection.attempt(self._add, keys, [total, int(direct), self._threshold])

    async def overwrite(self, symbol: Symbol, total: int) -> None:
        await self._connection.attempt(self._connection.client.set, _waiting_key(symbol), total)

    async def take_wakeups(self, symbols: Sequence[Symbol]) -> list[Symbol]:
        """Those assets whose worker is to be woken up; each wake-up is given to one caller only."""
        if not symbols:
            return []
        taken = await self._connection.attempt(self._take, symbols)
        return [] if taken is None else [s for s, flag in zip(symbols, taken, strict=True) if flag]

    async def _take(self, symbols: Sequence[Symbol]) -> list[Any]:
        async with self._connection.client.pipeline(transaction=False) as pipeline:
            for symbol in symbols:
                pipeline.getdel(_wake_key(symbol))
            return await pipeline.execute()


def _waiting_key(symbol: Symbol) -> str:
    return f"cx:{{{symbol}}}:waiting"


def _wake_key(symbol: Symbol) -> str:
    return f"cx:{{{symbol}}}:wake"
