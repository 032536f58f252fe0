"""Asset cache and tally."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.ids import Symbol


class MemoryAssetCache:
    """Assets near by; empty until the first `put`."""

    def __init__(self) -> None:
        self._assets: dict[Symbol, Asset] = {}

    async def find(self, symbol: Symbol) -> Asset | None:
        return self._assets.get(symbol)

    async def list_all(self) -> tuple[Asset, ...] | None:
        return tuple(self._assets[symbol] for symbol in sorted(self._assets)) or None

    async def put(self, assets: Sequence[Asset]) -> None:
        for asset in assets:
            kept = self._assets.get(asset.symbol)
            if kept is None or _age(kept) <= _age(asset):
                self._assets[asset.symbol] = asset

    def clear(self) -> None:
        """Lose everything, as a cache may at any time."""
        self._assets.clear()


class MemoryTally:
    """Counts what waits; `wake_ups` holds every symbol that the worker was woken up for, in order."""

    def __init__(self, threshold: int) -> None:
        self._threshold = threshold
        self._totals: dict[Symbol, int] = defaultdict(int)
        self.wake_ups: list[Symbol] = []

    async def add(self, symbol: Symbol, total: int, *, direct: bool) -> None:
        if not direct:
            self._totals[symbol] = max(0, self._totals[symbol] + total)
        if direct or self._totals[symbol] >= self._threshold:
            self.wake_ups.append(symbol)

    async def overwrite(self, symbol: Symbol, total: int) -> None:
        self._totals[symbol] = total


def _age(asset: Asset) -> tuple[int, int]:
    return asset.version, -1 if asset.priced_at_us is None else asset.priced_at_us
