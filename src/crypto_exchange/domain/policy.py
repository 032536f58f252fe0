"""The house's policy: the numbers that the decisions read (SPEC: settings)."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.kind import Kind
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.risk_policy import RiskPolicy

SECOND_US = 1_000_000
CLOCK_LEEWAY_US = 5 * SECOND_US
"""How far in the future a price may seem to be before it is refused: skew between two machines."""


class OnDeadline(Kind):
    """What becomes of orders that reached their deadline and cannot be bought by themselves."""

    REFUND = "refund"
    TOP_UP = "top_up"
    WAIT = "wait"


class FeeIn(Kind):
    """Where the exchange takes its fee from: the dollars, the coins bought, or a third coin."""

    QUOTE = "quote"
    COIN = "coin"
    OTHER = "other"


class Pricing(Kind):
    """What members of a batch pay: their quotes, or their share of what the batch cost."""

    QUOTED = "quoted"
    AVERAGE = "average"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts in 10⁻⁸ dollars, times in microseconds, rates in basis points.

    `threshold` is where an order or a batch is large enough to buy; `minimum_reserve_bps` is how much
    of the exchange's minimum a purchase must be worth (10 500 = 5 % more), so that a price that moves
    on its way does not get it refused. `pricing` holds for assets that `asset_pricing` does not name.
    An outcome unknown for `quarantine_us` is an operator's business. Above `step_up_withdrawal` a
    withdrawal needs a fresh code of the second factor, if there is one (None: none does). No adjustment
    of a balance is above `largest_adjustment`.
    """

    threshold: int = 10 * DOLLAR
    max_wait_us: int = 24 * 3600 * SECOND_US
    on_deadline: OnDeadline = OnDeadline.REFUND
    spread_bps: int = 0
    price_max_age_us: int = 180 * SECOND_US
    price_tolerance_bps: int = 200
    inventory_cap: int = 10 * DOLLAR
    fee_in: FeeIn = FeeIn.QUOTE
    window_ms: int = 5_000
    minimum_reserve_bps: int = 10_500
    batch_limit: int = 500
    group_limit: int = 20
    max_counted_attempts: int = 3
    absence_margin_ms: int = 30_000
    quarantine_us: int = 24 * 3600 * SECOND_US
    pricing: Pricing = Pricing.QUOTED
    asset_pricing: tuple[tuple[Symbol, Pricing], ...] = ()
    take_along: bool = True
    step_up_withdrawal: int | None = 1_000 * DOLLAR
    risk: RiskPolicy | None = None
    largest_adjustment: int = 10_000 * DOLLAR

    def pricing_of(self, asset: Symbol) -> Pricing:
        """How new orders of an asset are priced."""
        if not self.asset_pricing:
            return self.pricing
        return dict(self.asset_pricing).get(asset, self.pricing)

    def backoff_us(self, failures: int) -> int:
        """How long to wait after so many failures in a row: 1 s, 2 s, 4 s … at most 60 s."""
        return min(60, 1 << min(max(failures - 1, 0), 6)) * SECOND_US
