"""What the model knows of the house's policy and of the market, also of a moment ago."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

import msgspec

Value = TypeVar("Value")
SECOND_US = 1_000_000
AHEAD_US = 5 * SECOND_US
"""How far a price may seem to be from the future."""


class House(msgspec.Struct, frozen=True, kw_only=True):
    """The policy of the house. Dollars in 10⁻⁸, times in microseconds, rates in basis points."""

    threshold: int = 1_000_000_000
    max_wait_us: int = 86_400 * SECOND_US
    on_deadline: str = "refund"
    spread_bps: int = 0
    price_max_age_us: int = 180 * SECOND_US
    price_tolerance_bps: int = 200
    inventory_cap: int = 1_000_000_000
    fee_in: str = "quote"
    window_ms: int = 5_000
    minimum_reserve_bps: int = 10_500
    batch_limit: int = 500
    max_counted_attempts: int = 3
    absence_margin_ms: int = 30_000
    pricing: str = "quoted"
    asset_pricing: tuple[tuple[str, str], ...] = ()
    take_along: bool = True

    def pricing_of(self, symbol: str) -> str:
        """How orders of an asset are priced when they are placed."""
        return next((how for name, how in self.asset_pricing if name == symbol), self.pricing)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange accepts; 0 for a quantity means no limit."""

    lot_step: int
    min_notional: int
    min_quantity: int = 0
    max_quantity: int = 0
    fee_ppm: int = 0


class Price(msgspec.Struct, frozen=True):
    """A price and when it was seen."""

    price: int
    at_us: int


class Past(Generic[Value]):
    """Values in the order in which they came, with the record that brought each: the last 256."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, Value]] = deque(maxlen=256)

    def __bool__(self) -> bool:
        return bool(self._seen)

    def put(self, record: int, value: Value) -> None:
        """A new value."""
        self._seen.append((record, value))

    @property
    def now(self) -> Value | None:
        """The newest."""
        return self._seen[-1][1] if self._seen else None

    def since(self, record: int) -> Iterator[Value]:
        """Every value that held at some time since a record, newest first."""
        for came, value in reversed(self._seen):
            yield value
            if came <= record:
                return

    def records(self) -> Iterator[tuple[int, Value]]:
        """All that are remembered with their records, newest first."""
        return reversed(self._seen)


class Asset:
    """A crypto-currency: its scale, and its prices, rules and states as they came."""

    def __init__(self, symbol: str, scale: int | None = None) -> None:
        self.symbol = symbol
        self.scale = scale
        self.prices: Past[Price] = Past()
        self.rules: Past[Rule] = Past()
        self.active: Past[bool] = Past()
        self.active.put(0, value=True)
        self.halted = False
        self.trading = True
        self.changed = 0
        """The record of the last change of its inventory row."""
        self.left = 0
        """The record in which a waiting order last left by its owner's wish."""

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Asset:
        """An asset as headers have it: only the symbol is needed."""
        asset = cls(fields["symbol"], fields.get("scale", 8))
        if fields.get("rule") is not None:
            asset.rules.put(0, msgspec.convert(fields["rule"], Rule))
        if fields.get("price") and fields.get("priced_at_us") is not None:
            asset.prices.put(0, Price(fields["price"], fields["priced_at_us"]))
        asset.halted, asset.trading = fields.get("halted", False), fields.get("trading", True)
        asset.active.put(0, value=not asset.halted and asset.trading)
        return asset

    def see_price(self, record: int, price: int, at_us: int) -> None:
        """One older than what is kept is ignored, unless that is too far in the future."""
        kept = self.prices.now
        if kept is None or not at_us < kept.at_us <= at_us + AHEAD_US:
            self.prices.put(record, Price(price, at_us))

    def see_rule(self, record: int, rule: Mapping[str, Any] | None) -> None:
        """None says that the exchange does not trade it now."""
        if rule is not None:
            self.rules.put(record, msgspec.convert(rule, Rule))
        self.trading = rule is not None
        self.active.put(record, value=not self.halted and self.trading)

    def prices_seen(self, record: int, told_us: int) -> Iterator[Price]:
        """Every price that held at some time since a record and since a time, newest first."""
        for came, price in self.prices.records():
            yield price
            if came <= record or price.at_us <= told_us:
                return

    def halt(self, record: int, *, halted: bool) -> None:
        """An operator's word."""
        self.halted = halted
        self.active.put(record, value=not self.halted and self.trading)


def back_off_us(failures: int) -> int:
    """How long to wait after so many failures in a row: 1 s, 2 s, 4 s … at most 60 s."""
    return min(60, 1 << min(failures - 1, 6)) * SECOND_US


def is_fresh(price: Price, house: House, at_us: int) -> bool:
    """Whether it may be used at a time."""
    return price.price > 0 and -AHEAD_US <= at_us - price.at_us <= house.price_max_age_us


def passes(quoted: int, price: int, house: House) -> bool:
    """The price guard: fresh ≤ quoted × (1 + tolerance)."""
    return price * 10_000 <= quoted * (10_000 + house.price_tolerance_bps)
