"""AggregationPolicy: the numbers that a backtest tries out, as people write them."""

from __future__ import annotations

import enum
from typing import Literal, TypeVar

import msgspec

from crypto_exchange.domain.money import BPS, CENT
from crypto_exchange.domain.policy import FeeIn, OnDeadline, Policy, Pricing
from crypto_exchange.entrypoints.backtest.amounts import (
    Amount,
    Duration,
    dollars,
    duration_us,
    whole,
)

Choice = TypeVar("Choice", bound=enum.Enum)


class AggregationPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Every number of the service's settings that changes what is decided (docs/configuration.md).

    Dollars as text, rates in basis points, times as "6h" or timedelta. `threshold` is where an order,
    or what waits of an asset together, is bought; `max_wait` how long an order waits at most, and
    `on_deadline` what becomes of it then. `price_max_age` None: twice the usual distance between two
    prices, and at least 180 s.
    """

    threshold: Amount = "10.00"
    max_wait: Duration = "24h"
    on_deadline: Literal["refund", "top_up", "wait"] = "refund"
    pricing: Literal["quoted", "average"] = "quoted"
    spread_bps: int = 0
    price_tolerance_bps: int = 200
    inventory_cap: Amount = "10.00"
    price_max_age: Duration | None = None
    take_along: bool = True
    minimum_reserve_bps: int = 10_500
    max_attempts: int = 3

    def __post_init__(self) -> None:
        """Raises ValueError or TypeError for a number that no broker could run with."""
        self.domain(fee_in=FeeIn.QUOTE, usual_us=0)

    def domain(self, *, fee_in: FeeIn, usual_us: int) -> Policy:
        """The same as the domain's policy; `usual_us` is the usual distance between two prices."""
        age_us = max(2 * usual_us, 180_000_000)
        if self.price_max_age is not None:
            age_us = duration_us("price_max_age", self.price_max_age)
        threshold = dollars("threshold", self.threshold)
        if threshold <= 0 or threshold % CENT:
            raise ValueError(f"threshold: expected whole cents above 0, was {self.threshold}")
        if not duration_us("max_wait", self.max_wait):
            raise ValueError(f"max_wait: expected more than 0, was {self.max_wait}")
        if not isinstance(self.take_along, bool):
            raise TypeError(f"take_along: expected True or False, was {self.take_along!r}")
        for name in ("spread_bps", "price_tolerance_bps", "minimum_reserve_bps", "max_attempts"):
            whole(name, getattr(self, name), least=0)
        for name in ("spread_bps", "price_tolerance_bps"):
            if getattr(self, name) > BPS:
                raise ValueError(
                    f"{name}: expected at most 10000 basis points, was {getattr(self, name)}"
                )
        return Policy(
            threshold=threshold,
            max_wait_us=duration_us("max_wait", self.max_wait),
            on_deadline=_one_of("on_deadline", self.on_deadline, OnDeadline),
            pricing=_one_of("pricing", self.pricing, Pricing),
            spread_bps=self.spread_bps,
            price_tolerance_bps=self.price_tolerance_bps,
            inventory_cap=dollars("inventory_cap", self.inventory_cap),
            price_max_age_us=age_us,
            fee_in=fee_in,
            take_along=self.take_along,
            minimum_reserve_bps=self.minimum_reserve_bps,
            max_counted_attempts=self.max_attempts,
        )


def _one_of(name: str, value: str, kind: type[Choice]) -> Choice:
    allowed = [member.value for member in kind]
    if value not in allowed:
        raise ValueError(f"{name}: expected one of {', '.join(allowed)}, was {value!r}")
    return kind(value)
