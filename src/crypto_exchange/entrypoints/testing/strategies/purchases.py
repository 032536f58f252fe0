"""Purchases, what exchanges answer to them, and the statements of what was made of that."""

from __future__ import annotations

from hypothesis import strategies as st

from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.money import ceil_div, pow10, quantity_worth
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.policy import FeeIn, Policy, Pricing
from crypto_exchange.domain.purchase import (
    Absent,
    Fill,
    Filled,
    Purchase,
    PurchaseState,
    Rejected,
    RejectionKind,
)
from crypto_exchange.domain.statement import Statement, member
from crypto_exchange.entrypoints.testing import venue_trades
from crypto_exchange.entrypoints.testing.strategies import amounts, market, orders, people
from crypto_exchange.entrypoints.testing.strategies.reuse import reused
from crypto_exchange.entrypoints.testing.strategies.streams import execution
from crypto_exchange.entrypoints.testing.venue_trades import Terms

NAMED_REJECTIONS = tuple(venue_trades.REJECTIONS.values())


@reused
@st.composite
def purchase(
    draw: st.DrawFn, state: PurchaseState | None = None, *, asset: Asset | None = None
) -> Purchase:
    """An attempt in a state (default: any): whole lots of an asset worth a dollar to 10 000, or one lot if
    that is worth more; the exchange's words only if it was rejected.
    """
    state = state or draw(st.sampled_from(PurchaseState))
    listed = asset or draw(market.asset(tradable=True))
    wanted = quantity_worth(draw(amounts.usd(pow10(8))), listed.price or 10**12, listed.scale)
    lot = listed.rule.lot_step
    rejected = state is PurchaseState.REJECTED
    code, message = draw(st.sampled_from(NAMED_REJECTIONS)) if rejected else (None, None)
    return Purchase(
        batch=draw(people.random_key()),
        attempt=draw(st.integers(1, 6)),
        asset=listed.symbol,
        scale=listed.scale,
        quantity=ceil_div(wanted, lot) * lot,
        timestamp_ms=draw(amounts.moment()) // 1_000,
        window_ms=draw(st.sampled_from((1_000, 5_000, 60_000))),
        state=state,
        code=code,
        message=message,
    )


@reused
@st.composite
def filled(draw: st.DrawFn, *, asset: Asset | None = None, fee_in: FeeIn | None = None) -> Filled:
    """What an exchange delivered: nothing, a part or all of a purchase in up to 5 trades at about the price,
    with fees in dollars, coins or a third coin, the same for all.
    """
    listed = asset or draw(market.asset(tradable=True))
    bought = draw(purchase(asset=listed))
    return Filled(fills=draw(_fills(bought, listed, fee_in)))


@reused
def fill() -> st.SearchStrategy[Fill]:
    """One trade of at least one unit."""
    return filled().filter(lambda each: each.fills).flatmap(lambda e: st.sampled_from(e.fills))


@reused
def rejected() -> st.SearchStrategy[Rejected]:
    """A definite no of any kind, in words that an exchange might use."""
    return st.sampled_from(RejectionKind).map(venue_trades.reject)


@reused
def absent() -> st.SearchStrategy[Absent]:
    """A look-up that found nothing."""
    return st.builds(Absent, answered_ms=amounts.moment().map(lambda at_us: at_us // 1_000))


@reused
def statement(members: int = 5) -> st.SearchStrategy[Statement]:
    """What decides who gets what of a settled batch of up to `members` orders of one asset, at most one of
    them direct (the last); coins suffice, or not. With pricing `average` none come from the inventory.
    """
    return settled(members).map(lambda pair: pair[1])


@reused
@st.composite
def settled(draw: st.DrawFn, members: int = 5) -> tuple[list[Order], Statement]:
    """Orders of a batch as they were placed, and its statement."""
    pricing, listed = draw(st.sampled_from(Pricing)), draw(market.asset(tradable=True))
    policy, average = Policy(pricing=pricing), pricing is Pricing.AVERAGE
    small = orders.placed_order(listed, policy, waits=True)
    placed = draw(st.lists(small, min_size=1, max_size=members - 1, unique_by=lambda o: o.id))
    last = draw(orders.placed_order(listed, policy))
    if not (last.direct and average) and last.id not in {each.id for each in placed}:
        placed.append(last)
    needed = sum(each.quantity for each in placed)
    used = 0 if average else draw(st.one_of(st.just(0), st.just(needed), st.integers(0, needed)))
    lot = listed.rule.lot_step
    bought = ceil_div(needed - used, lot) * lot
    attempt = Purchase(
        batch=draw(people.random_key()),
        attempt=1,
        asset=listed.symbol,
        scale=listed.scale,
        quantity=bought,
        timestamp_ms=draw(amounts.moment()) // 1_000,
        window_ms=policy.window_ms,
    )
    return placed, Statement(
        batch=attempt.batch,
        asset=listed.symbol,
        scale=listed.scale,
        pricing=pricing,
        bought=bought,
        used=used,
        members=tuple(member(attempt.batch, each) for each in placed),
        fills=draw(_fills(attempt, listed, None)),
    )


@reused
@st.composite
def _fills(
    draw: st.DrawFn, bought: Purchase, listed: Asset, fee_in: FeeIn | None
) -> tuple[Fill, ...]:
    terms = Terms(
        rule=listed.rule,
        price=listed.price or 10**12,
        fee_in=fee_in or draw(st.sampled_from(FeeIn)),
        slippage_ppm=draw(st.sampled_from((0, 0, 1, 5_000, 20_000))),
    )
    return venue_trades.trade(bought, draw(execution()), terms)
