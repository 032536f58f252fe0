"""The simulated exchange: at which price a purchase is filled, what it costs, and what goes wrong."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from hashlib import sha256
from math import isqrt
from typing import NamedTuple

from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.ids import BatchKey
from crypto_exchange.domain.kind import Kind
from crypto_exchange.domain.money import (
    BPS,
    DEFAULT_ASSET_SCALE,
    PPM,
    ceil_div,
    pow10,
    quantity_worth,
    value_of,
)
from crypto_exchange.domain.purchase import Fill, Filled, Purchase
from crypto_exchange.entrypoints.backtest.amounts import duration_us, ratio, units
from crypto_exchange.entrypoints.backtest.market import Failures, Market, SquareRoot
from crypto_exchange.entrypoints.backtest.series import PriceSeries

DAY_US = 86_400_000_000
MONTH_US = 30 * DAY_US
THIRD_COIN = "FEE"
"""What a fee in another coin is booked in, a unit worth 10⁻⁸ dollars."""


class Fate(Kind):
    """What becomes of one attempt."""

    FILL = "fill"
    REJECT = "reject"
    TIMEOUT = "timeout"
    LOST = "lost"
    PARTIAL = "partial"
    LATE_FILL = "late_fill"


class Trade(NamedTuple):
    """What the exchange did: the fill, and what of its cost is due to spread and impact (10⁻⁸ dollars);
    `price` is the one that held.
    """

    filled: Filled
    price: int
    spread: int
    impact: int


class Venue:
    """One asset's market at work. Asked in the order of time."""

    def __init__(self, symbol: str, market: Market, series: PriceSeries, seed: int) -> None:
        self.latency_us = duration_us("latency", market.latency)
        self._symbol, self._market, self._series, self._seed = symbol, market, series, seed
        self._spread_ppm = units("spread_bps", market.spread_bps, 2)
        self._fee = market.fee
        self._rate_ppm = market.fee.rate_ppm
        self._fee_currency = {"quote": "USD", "coin": symbol}.get(market.fee_in, THIRD_COIN)
        self._minimum = units("minimum", market.fee.minimum, 8)
        self._per_order = units("per_order", market.fee.per_order, 8)
        self._bought: deque[tuple[int, int]] = deque()
        self._volume = 0
        self._fates = _thresholds(market.failures)
        self._activity = _Activity(market.impact, series) if market.impact else None

    def fate(self, batch: BatchKey, attempt: int) -> Fate:
        """What becomes of an attempt of a batch: drawn from the seed, whoever asks, and when."""
        if not self._fates:
            return Fate.FILL
        drawn = self._draw(batch, attempt, "fate")
        return next((fate for limit, fate in self._fates if drawn < limit), Fate.FILL)

    def trade(
        self, purchase: Purchase, asset: Asset, ask: int, at_us: int, part: Fraction | None = None
    ) -> Trade:
        """Fill a purchase at the price that holds, or a `part` of it (down to the lot).

        Costs are rounded down to 10⁻⁸ dollars, prices above the middle and fees up.
        """
        quantity, price = purchase.quantity, asset.price or 0
        if part is not None:
            lots = quantity // asset.rule.lot_step
            quantity = lots * part.numerator // part.denominator * asset.rule.lot_step
        ask = ask or ceil_div(price * (2 * PPM + self._spread_ppm), 2 * PPM)
        paid = ask
        if self._activity is not None:
            paid += self._activity.impact(ask, quantity, asset.scale, at_us)
        scale = asset.scale
        cost = value_of(quantity, paid, scale)
        at_ask = cost if paid == ask else value_of(quantity, ask, scale)
        spread = 0 if ask == price else at_ask - value_of(quantity, price, scale)
        fill = Fill(
            trade_id=purchase.client_order_id,
            quantity=quantity,
            cost=cost,
            fee=self._fee_of(quantity, cost, paid, scale, at_us),
            fee_currency=self._fee_currency,
        )
        return Trade(Filled(fills=(fill,) if quantity else ()), price, spread, cost - at_ask)

    def part(self, batch: BatchKey, attempt: int) -> Fraction:
        """How much of a purchase that is filled in part is filled."""
        return self._draw(batch, attempt, "part")

    def _fee_of(self, quantity: int, cost: int, price: int, scale: int, at_us: int) -> int:
        if quantity == 0:
            return 0
        rate_ppm = self._rate_ppm if not self._fee.tiers else self._tier(cost, at_us)
        fixed = max(self._minimum - ceil_div(cost * rate_ppm, PPM), 0) + self._per_order
        if self._market.fee_in == "coin":
            coins = quantity_worth(fixed, price, scale) if fixed else 0
            return min(ceil_div(quantity * rate_ppm, PPM) + coins, quantity)
        return ceil_div(cost * rate_ppm, PPM) + fixed

    def _tier(self, cost: int, at_us: int) -> int:
        """The rate by what was bought in the 30 days before."""
        while self._bought and self._bought[0][0] <= at_us - MONTH_US:
            self._volume -= self._bought.popleft()[1]
        rate = self._fee.tier_ppm(self._volume)
        self._bought.append((at_us, cost))
        self._volume += cost
        return rate

    def _draw(self, batch: BatchKey, attempt: int, what: str) -> Fraction:
        name = f"{self._seed}|{self._symbol}|{int(batch, 16)}|{attempt}|{what}"
        return Fraction(int.from_bytes(sha256(name.encode()).digest()[:8]), 2**64)


class _Activity:
    """Volatility and volume of the last day, from the prices that were seen by then."""

    def __init__(self, law: SquareRoot, series: PriceSeries) -> None:
        self._series = series
        self._y_ppm = units("y", law.y, 6)
        self._volatility_ppm = None
        if law.daily_volatility_bps is not None:
            self._volatility_ppm = law.daily_volatility_bps * (PPM // BPS)
        self._given = None
        if law.daily_volume is not None:
            self._given = units("daily_volume", law.daily_volume, DEFAULT_ASSET_SCALE)
        self._first = self._next = 0
        self._squares = self._volume = 0

    def impact(self, price: int, quantity: int, scale: int, at_us: int) -> int:
        """How far the price moves, 10⁻¹² dollars, rounded up: `y × volatility × √(quantity ÷ volume)`."""
        self._see(at_us)
        sigma_ppm = self._volatility_ppm
        if sigma_ppm is None:
            sigma_ppm = isqrt(self._squares)
        volume = self._given if self._given is not None else self._volume
        if volume <= 0:
            return 0
        coins = quantity * pow10(DEFAULT_ASSET_SCALE) // pow10(scale)
        root_ppm = isqrt(coins * PPM * PPM // volume)
        return ceil_div(price * self._y_ppm * sigma_ppm * root_ppm, PPM**3)

    def _see(self, at_us: int) -> None:
        """Let prices in that are known by now, and those out that are older than a day."""
        series = self._series
        while self._next < len(series) and series.at_us[self._next] <= at_us:
            self._add(self._next, 1)
            self._next += 1
        while self._first < self._next and series.at_us[self._first] <= at_us - DAY_US:
            self._add(self._first, -1)
            self._first += 1

    def _add(self, row: int, sign: int) -> None:
        series = self._series
        if series.volumes:
            self._volume += sign * series.volumes[row]
        if row:
            before = series.prices[row - 1]
            change_ppm = (series.prices[row] - before) * PPM // before
            self._squares += sign * change_ppm * change_ppm


def _thresholds(failures: Failures) -> list[tuple[Fraction, Fate]]:
    """Shares summed up, so that one draw tells which."""
    if not failures:
        return []
    limits, reached = [], Fraction(0)
    for fate in (Fate.REJECT, Fate.TIMEOUT, Fate.LOST, Fate.PARTIAL, Fate.LATE_FILL):
        reached += ratio(fate.value, getattr(failures, fate.value))
        limits.append((reached, fate))
    return limits
