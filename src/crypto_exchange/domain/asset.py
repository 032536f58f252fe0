"""Asset: a crypto-currency, its price and market rule; and the house's inventory of it."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.errors import AssetHalted, PriceStale
from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.kind import Kind
from crypto_exchange.domain.money import BPS, DEFAULT_ASSET_SCALE, ceil_div
from crypto_exchange.domain.policy import CLOCK_LEEWAY_US, Policy


class AssetStatus(Kind):
    """Whether the asset can be bought."""

    ACTIVE = "active"
    HALTED = "halted"


class MarketRule(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the exchange accepts of one asset.

    Quantities in the asset's units, multiples of `lot_step`; `max_quantity` 0 means no limit.
    `min_notional` in 10⁻⁸ dollars; `fee_ppm` is the fee of a market order in parts per million.
    """

    lot_step: int
    min_notional: int
    min_quantity: int = 0
    max_quantity: int = 0
    fee_ppm: int = 0


class Asset(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One crypto-currency. `price` in 10⁻¹² dollars a coin, seen at `priced_at_us`.

    `halted` is the operator's word, `trading` the exchange's; `scale` never changes after creation.
    """

    symbol: Symbol
    rule: MarketRule
    scale: int = DEFAULT_ASSET_SCALE
    price: int | None = None
    priced_at_us: int | None = None
    halted: bool = False
    trading: bool = True
    version: int = 0

    @property
    def status(self) -> AssetStatus:
        """Active unless an operator halted it or the exchange does not trade it."""
        return AssetStatus.HALTED if self.halted or not self.trading else AssetStatus.ACTIVE


class Inventory(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The house's own coins of one asset; the row whose lock makes sealing serial per asset.

    `reserved` of `quantity` is promised to purchases under way, which will leave `expected` more.
    After `failures` exchange-wide rejections in a row nothing is sealed before `retry_at_us`.
    """

    asset: Symbol
    quantity: int = 0
    reserved: int = 0
    expected: int = 0
    failures: int = 0
    retry_at_us: int = 0
    version: int = 0

    @property
    def free(self) -> int:
        """What a new purchase may use."""
        return self.quantity - self.reserved


def repriced(asset: Asset, price: int, at_us: int) -> Asset:
    """The asset with a price (10⁻¹² dollars) seen at a time; as it was if it has a later one, unless that
    is from the future: a clock was wrong.
    """
    kept_at_us = asset.priced_at_us
    if kept_at_us is not None and at_us < kept_at_us <= at_us + CLOCK_LEEWAY_US:
        return asset
    return msgspec.structs.replace(asset, price=price, priced_at_us=at_us)


def require_active(asset: Asset) -> None:
    """Refuse a halted asset.

    Raises:
        AssetHalted: the operator or the exchange stopped it.
    """
    if asset.halted or not asset.trading:
        raise AssetHalted(asset.symbol)


def fresh_price(asset: Asset, policy: Policy, at_us: int) -> int:
    """The price to quote with, in 10⁻¹² dollars.

    Raises:
        PriceStale: there is none (or 0), it is older than the policy allows, or from the future.
    """
    if not asset.price or asset.priced_at_us is None:
        raise PriceStale(asset.symbol, None)
    age_us = at_us - asset.priced_at_us
    if not -CLOCK_LEEWAY_US <= age_us <= policy.price_max_age_us:
        raise PriceStale(asset.symbol, age_us)
    return asset.price


def find_buyable_price(asset: Asset, policy: Policy, at_us: int) -> int | None:
    """The fresh price of an active asset, or None: then nothing of it is sealed or sent."""
    try:
        require_active(asset)
        return fresh_price(asset, policy, at_us)
    except (AssetHalted, PriceStale):
        return None


def lowest_quote(price: int, policy: Policy) -> int:
    """Price guard: the lowest price quoted (10⁻¹² dollars) that may still be bought at a fresh one, by
    `fresh ≤ quoted × (1 + tolerance)`, both without the spread.
    """
    return ceil_div(price * BPS, BPS + policy.price_tolerance_bps)
