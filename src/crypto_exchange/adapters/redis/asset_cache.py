"""The cache of assets with their prices: one hash in Redis, and a short memory in the process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

import msgspec

from crypto_exchange.adapters.redis.connection import RedisConnection
from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.ids import Symbol

KEY = "cx:{assets}:1"
"""All assets under one key, so that one script puts them and one command lists them, all in one slot
of a cluster. The number names the form of the values: raise it when `Asset` changes.
"""

EXPIRES_S = 60
"""Counted from the last accepted `put`. Should all that comes be older than what is kept (somebody
restored a database), the kept ends by itself; and the dead worker's prices do not stay for ever.
"""

_RANK_DIGITS = 38

_PUT = """
local accepted = 0
for i = 2, #ARGV, 2 do
  local kept = redis.call('HGET', KEYS[1], ARGV[i])
  if not kept or string.sub(kept, 1, 38) <= string.sub(ARGV[i + 1], 1, 38) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    accepted = accepted + 1
  end
end
if accepted > 0 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return accepted
"""


class RedisAssetCache:
    """An `AssetCache`. What was read or put less than `memory_s` ago is answered without Redis."""

    def __init__(self, connection: RedisConnection, *, memory_s: float = 0.25) -> None:
        self._connection = connection
        self._put = connection.client.register_script(_PUT)
        self._memory_s = memory_s
        self._remembered: dict[Symbol, Asset] = {}
        self._fresh_until = 0.0
        self._reading = asyncio.Lock()

    async def find(self, symbol: Symbol) -> Asset | None:
        return (await self._load()).get(symbol)

    async def list_all(self) -> tuple[Asset, ...] | None:
        return tuple((await self._load()).values()) or None

    async def put(self, assets: Sequence[Asset]) -> None:
        if not assets:
            return
        known = self._remembered
        newest = [max(asset, known.get(asset.symbol, asset), key=_rank) for asset in assets]
        self._remember([*known.values(), *newest], time.monotonic())
        fields = [part for asset in assets for part in (asset.symbol, _pack(asset))]
        await self._connection.attempt(self._put, [KEY], [EXPIRES_S, *fields])

    async def _load(self) -> Mapping[Symbol, Asset]:
        """All assets by symbol, none for a miss; of many callers at once only one reads."""
        if self._is_fresh():
            return self._remembered
        async with self._reading:
            if self._is_fresh():
                return self._remembered
            started = time.monotonic()
            stored = await self._connection.attempt(self._connection.client.hgetall, KEY)
            try:
                assets = [_unpack(packed) for packed in (stored or {}).values()]
            except msgspec.DecodeError:  # the next `put` replaces what another version has written
                assets = []
            if assets:
                self._remember(assets, started)
            return self._remembered if assets else {}

    def _is_fresh(self) -> bool:
        return time.monotonic() < self._fresh_until

    def _remember(self, assets: Sequence[Asset], at: float) -> None:
        self._remembered = {a.symbol: a for a in sorted(assets, key=lambda a: a.symbol)}
        self._fresh_until = at + self._memory_s


def _rank(asset: Asset) -> tuple[int, int]:
    return asset.version, asset.priced_at_us or 0


def _pack(asset: Asset) -> bytes:
    """JSON after the rank in fixed width, which compares as text."""
    version, priced_at_us = _rank(asset)
    return f"{version:019d}{priced_at_us:019d}".encode() + msgspec.json.encode(asset)


def _unpack(packed: bytes | str) -> Asset:
    return msgspec.json.decode(packed[_RANK_DIGITS:], type=Asset)
