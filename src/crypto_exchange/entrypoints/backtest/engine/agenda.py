"""Agenda: everything that happens without an order, in the order of time.

At one moment prices come first, then answers of the exchange, then timers (and then orders, which the
engine places): so nobody acts on what is not known yet. What is left at the same moment goes by the
order in which it was put there; prices by the order of the assets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from heapq import heappop, heappush, merge
from itertools import count, repeat
from operator import itemgetter
from typing import TypeAlias

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.entrypoints.backtest.series import PriceSeries

Act: TypeAlias = Callable[[int], None]
"""What is to be done, told the time (µs)."""
SeePrice: TypeAlias = Callable[[Symbol, int, int, int], None]
"""Whom to tell (asset, price, ask, time)."""
NEVER_US = 2**63 - 1

_ANSWER, _TIMER = 1, 2


class Agenda:
    """Prices of all assets, and what was put here. `next_us` is when the next of it happens."""

    def __init__(self, prices: Mapping[Symbol, PriceSeries]) -> None:
        self._prices = _in_time(prices)
        self._price = next(self._prices, None)
        self._acts: list[tuple[int, int, int, Act]] = []
        self._numbers = count()
        self.next_us = self._earliest()

    def answer(self, at_us: int, act: Act) -> None:
        """Act when an answer of the exchange comes, or is asked for."""
        self._put(at_us, _ANSWER, act)

    def timer(self, at_us: int, act: Act) -> None:
        """Act when a time is over."""
        self._put(at_us, _TIMER, act)

    def run_until(self, end_us: int, see_price: SeePrice) -> None:
        """Let everything happen up to and including a moment, also what is put here meanwhile."""
        while self.next_us <= end_us:
            price = self._price
            if price is not None and price[0] == self.next_us:
                self._price = next(self._prices, None)
                self.next_us = self._earliest()
                at_us, symbol, value, ask = price
                see_price(symbol, value, ask, at_us)
            else:
                at_us, _, _, act = heappop(self._acts)
                self.next_us = self._earliest()
                act(at_us)

    def _put(self, at_us: int, priority: int, act: Act) -> None:
        heappush(self._acts, (at_us, priority, next(self._numbers), act))
        self.next_us = min(self.next_us, at_us)

    def _earliest(self) -> int:
        price_us = NEVER_US if self._price is None else self._price[0]
        return min(price_us, self._acts[0][0]) if self._acts else price_us


def _in_time(prices: Mapping[Symbol, PriceSeries]) -> Iterator[tuple[int, Symbol, int, int]]:
    """(time, asset, price, ask), those of one moment in the order of the assets."""
    seen = [
        zip(series.at_us, repeat(symbol), series.prices, series.asks or repeat(0), strict=False)
        for symbol, series in prices.items()
    ]
    return seen[0] if len(seen) == 1 else merge(*seen, key=itemgetter(0))
