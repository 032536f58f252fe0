"""Market: what the exchange asks for, and how it behaves."""

from __future__ import annotations

from typing import Literal

import msgspec

from crypto_exchange.domain.asset import MarketRule
from crypto_exchange.domain.money import DEFAULT_ASSET_SCALE, LARGEST_DOLLARS, PPM
from crypto_exchange.domain.policy import FeeIn
from crypto_exchange.entrypoints.backtest.amounts import (
    Amount,
    Duration,
    dollars,
    duration_us,
    ratio,
    sized,
    spread,
    units,
    whole,
)

LARGEST_SCALE = 18
LONGEST_LATENCY_US = 3_600_000_000


class FeeSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """What one purchase costs besides its coins: `max(minimum, rate × cost) + per_order`.

    `rate_bps` may have decimals ("7.5") and is below 10 000; dollars as text. `tiers` are (bought in the
    last 30 days in dollars, rate_bps): the last one that is reached holds; they begin above 0 and rise.
    """

    rate_bps: Amount = 10
    per_order: Amount = 0
    minimum: Amount = 0
    tiers: tuple[tuple[Amount, Amount], ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError or TypeError for what no exchange takes."""
        _rate_ppm("rate_bps", self.rate_bps)
        for name in ("per_order", "minimum"):
            if dollars(name, getattr(self, name)) > LARGEST_DOLLARS:
                raise ValueError(f"{name}: expected at most 10000000.00, was {getattr(self, name)}")
        if not isinstance(self.tiers, list | tuple):
            raise TypeError(f"tiers: expected pairs of dollars and rate_bps, was {self.tiers!r}")
        reached = 0
        for tier in self.tiers:
            try:
                given, rate = tier
            except (TypeError, ValueError):
                said = f"tiers: expected pairs of dollars and rate_bps, was {tier!r}"
                raise TypeError(said) from None
            above = dollars("tiers", given)
            if above <= reached:
                raise ValueError(f"tiers: expected sums above 0 that rise, was {given}")
            reached = above
            _rate_ppm("tiers", rate)

    @property
    def rate_ppm(self) -> int:
        """Parts per million of the cost, before any tier."""
        return _rate_ppm("rate_bps", self.rate_bps)

    def tier_ppm(self, volume: int) -> int:
        """The rate after so much was bought in 30 days (10⁻⁸ dollars)."""
        rate = self.rate_ppm
        for above, tier in self.tiers:
            if volume >= dollars("tiers", above):
                rate = _rate_ppm("tiers", tier)
        return rate


def _rate_ppm(name: str, rate_bps: Amount) -> int:
    rate = units(name, rate_bps, 2)
    if rate >= PPM:
        raise ValueError(f"{name}: expected less than 10000 basis points, was {rate_bps}")
    return rate


class SquareRoot(msgspec.Struct, frozen=True, kw_only=True):
    """How far a purchase moves the price: `y × daily volatility × √(quantity ÷ daily volume)`.

    The square-root law (Donier and Bonart 2015, arXiv:1412.4503). Both measures are taken from the
    prices seen in the last day, or are given: `daily_volatility_bps` (a whole number) and `daily_volume`
    in coins, which has to be given where prices come without volumes.
    """

    y: Amount = 1
    daily_volatility_bps: int | None = None
    daily_volume: Amount | None = None

    def __post_init__(self) -> None:
        """Raises ValueError or TypeError for what is no measure."""
        units("y", self.y, 6)
        if self.daily_volatility_bps is not None:
            whole("daily_volatility_bps", self.daily_volatility_bps, least=0)
        if self.daily_volume is not None and not units("daily_volume", self.daily_volume, 8):
            raise ValueError(f"daily_volume: expected more than 0, was {self.daily_volume}")


class Failures(msgspec.Struct, frozen=True, kw_only=True):
    """Which share of attempts goes wrong, and how: shares between 0 and 1, together at most 1.

    `reject`: refused by rules, tried again; `timeout`: executed, but the answer is lost and found by a
    look-up; `lost`: never arrived, which is proven before the next attempt; `partial`: only a part is
    filled; `late_fill`: proven absent, and executed after all, which is the house's.
    """

    reject: Amount = 0
    timeout: Amount = 0
    lost: Amount = 0
    partial: Amount = 0
    late_fill: Amount = 0

    def __post_init__(self) -> None:
        """Raises ValueError if the shares are more than 1 together."""
        total = sum(ratio(name, getattr(self, name)) for name in self.__struct_fields__)
        if total > 1:
            raise ValueError(f"failures: expected shares of at most 1 together, were {total}")

    def __bool__(self) -> bool:
        return any(ratio(name, getattr(self, name)) for name in self.__struct_fields__)


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """One asset's market. Quantities in coins and dollars as text.

    `spread_bps` is the whole distance between bid and ask, below 20 000: a buyer pays half of it above the
    price, unless the prices come with asks of their own. `latency` passes between the request and the fill at
    the price that holds then; the answer comes at the same moment.
    """

    fee: FeeSchedule = FeeSchedule()
    min_notional: Amount = "5.00"
    lot_step: Amount = "0.00001"
    min_quantity: Amount = 0
    max_quantity: Amount = 0
    scale: int = DEFAULT_ASSET_SCALE
    fee_in: Literal["quote", "coin", "other"] = "quote"
    spread_bps: Amount = 0
    impact: SquareRoot | None = None
    latency: Duration = "250ms"
    failures: Failures = Failures()

    def __post_init__(self) -> None:
        """Raises ValueError or TypeError for what no exchange would ask for."""
        for name, kinds in _PARTS.items():
            if not isinstance(getattr(self, name), kinds):
                raise TypeError(
                    f"{name}: expected {kinds[0].__name__}, was {getattr(self, name)!r}"
                )
        if not 0 <= whole("scale", self.scale) <= LARGEST_SCALE:
            raise ValueError(f"scale: expected 0 to {LARGEST_SCALE} digits, was {self.scale}")
        rule = self.rule()
        if rule.lot_step <= 0:
            raise ValueError(f"lot_step: expected more than 0, was {self.lot_step}")
        if rule.max_quantity and rule.max_quantity < max(rule.min_quantity, rule.lot_step):
            raise ValueError(
                f"max_quantity: expected at least a lot and min_quantity, was {self.max_quantity}"
            )
        if duration_us("latency", self.latency) > LONGEST_LATENCY_US:
            raise ValueError(f"latency: expected at most 1h, was {self.latency}")
        spread("spread_bps", self.spread_bps)
        if self.fee_in not in [each.value for each in FeeIn]:
            raise ValueError(f"fee_in: expected quote, coin or other, was {self.fee_in!r}")

    def rule(self) -> MarketRule:
        """What the domain plans with; of the fee only its rate."""
        return MarketRule(
            lot_step=sized("lot_step", self.lot_step, self.scale),
            min_notional=dollars("min_notional", self.min_notional),
            min_quantity=sized("min_quantity", self.min_quantity, self.scale),
            max_quantity=sized("max_quantity", self.max_quantity, self.scale),
            fee_ppm=self.fee.rate_ppm,
        )


_PARTS = {"fee": (FeeSchedule,), "impact": (SquareRoot, type(None)), "failures": (Failures,)}
