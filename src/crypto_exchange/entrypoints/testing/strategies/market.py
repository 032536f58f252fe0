"""Market: assets with prices and rules that fit each other, the house's inventory, and its policy."""

from __future__ import annotations

from hypothesis import strategies as st

from crypto_exchange.domain.asset import Asset, Inventory, MarketRule
from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.money import DOLLAR, pow10, quantity_worth
from crypto_exchange.domain.policy import SECOND_US, FeeIn, OnDeadline, Policy, Pricing
from crypto_exchange.entrypoints.testing.strategies import amounts
from crypto_exchange.entrypoints.testing.strategies.reuse import reused

SYMBOLS = ("BTC", "ETH", "ABAN", "SOL", "DOGE", "SHIB", "1INCH", "USDC")
FEES_PPM = (0, 100, 750, 1_000, 2_000, 10_000)
_SCALES = (8, 8, 8, 6, 2, 18)


@reused
def symbol() -> st.SearchStrategy[Symbol]:
    """The name of a crypto-currency, as exchanges write it."""
    return st.sampled_from(SYMBOLS)


@reused
@st.composite
def market_rule(draw: st.DrawFn, *, price: int = 50_000 * 10**12, scale: int = 8) -> MarketRule:
    """What an exchange accepts of an asset at a price (10⁻¹² dollars a coin): a lot is a power of ten of
    units worth less than $10 where units allow, the minimum notional 0 to 10 dollars, the limits are whole
    lots and far apart, the fee is at most 1 %.
    """
    coarsest = len(str(quantity_worth(10 * DOLLAR, price, scale))) - 1
    lot_step = pow10(draw(st.integers(0, coarsest)))
    most = quantity_worth(draw(st.integers(1_000, 100_000)) * DOLLAR, price, scale)
    return MarketRule(
        lot_step=lot_step,
        min_notional=draw(st.sampled_from((5, 5, 10, 1, 0))) * DOLLAR,
        min_quantity=lot_step * draw(st.sampled_from((0, 1, 1, 2))),
        max_quantity=-(-most // lot_step) * lot_step * draw(st.sampled_from((0, 1))),
        fee_ppm=draw(st.sampled_from(FEES_PPM)),
    )


@reused
@st.composite
def asset(draw: st.DrawFn, symbol: Symbol | None = None, *, tradable: bool = False) -> Asset:
    """A crypto-currency of 2 to 18 digits with a rule that fits its price. `tradable`: with a price, and
    active; otherwise it may have none, or be halted, now and then.
    """
    scale, price = draw(st.sampled_from(_SCALES)), draw(amounts.price())
    priced = tradable or draw(_mostly())
    return Asset(
        symbol=symbol or draw(st.sampled_from(SYMBOLS)),
        rule=draw(market_rule(price=price, scale=scale)),
        scale=scale,
        price=price if priced else None,
        priced_at_us=draw(amounts.moment()) if priced else None,
        halted=not (tradable or draw(_mostly())),
        trading=tradable or draw(_mostly()),
        version=draw(st.integers(0, 1_000)),
    )


@reused
@st.composite
def inventory(draw: st.DrawFn, listed: Asset | None = None) -> Inventory:
    """Coins of the house: worth up to about $10, sometimes more; reserved is part of them. After a
    failure there is a time to wait for.
    """
    of = listed or draw(asset(tradable=True))
    most = quantity_worth(12 * DOLLAR, of.price or 10**12, of.scale)
    quantity = draw(st.one_of(st.just(0), st.integers(0, most)))
    failures = draw(st.sampled_from((0, 0, 0, 1, 2, 7)))
    return Inventory(
        asset=of.symbol,
        quantity=quantity,
        reserved=draw(st.integers(0, quantity)),
        expected=draw(st.one_of(st.just(0), st.integers(0, most))),
        failures=failures,
        retry_at_us=draw(amounts.moment()) if failures else 0,
        version=draw(st.integers(0, 1_000)),
    )


@reused
def policy() -> st.SearchStrategy[Policy]:
    """The house's policy: the default half of the time, else each number one that a house might set. An
    asset priced `average` is named now and then; spreads are at most 5 %.
    """
    average = st.sampled_from(SYMBOLS).map(lambda name: ((name, Pricing.AVERAGE),))
    drawn = st.builds(
        Policy,
        threshold=st.sampled_from((10, 10, 5, 25, 100)).map(lambda dollars: dollars * DOLLAR),
        max_wait_us=st.sampled_from((60, 3_600, 24 * 3_600)).map(lambda s: s * SECOND_US),
        on_deadline=st.sampled_from(OnDeadline),
        spread_bps=st.sampled_from((0, 0, 1, 50, 500)),
        price_max_age_us=st.sampled_from((10, 180)).map(lambda s: s * SECOND_US),
        price_tolerance_bps=st.sampled_from((0, 50, 200, 1_000)),
        inventory_cap=st.sampled_from((0, 10, 10, 50)).map(lambda dollars: dollars * DOLLAR),
        fee_in=st.sampled_from(FeeIn),
        window_ms=st.sampled_from((1_000, 5_000, 60_000)),
        batch_limit=st.sampled_from((2, 5, 500)),
        max_counted_attempts=st.integers(1, 3),
        pricing=st.sampled_from(Pricing),
        asset_pricing=st.one_of(st.just(()), average),
        take_along=st.booleans(),
    )
    return st.one_of(st.just(Policy()), drawn)


@reused
def _mostly() -> st.SearchStrategy[bool]:
    return st.sampled_from((True, True, True, True, False))
