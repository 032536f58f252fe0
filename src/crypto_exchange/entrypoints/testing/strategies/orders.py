"""Orders and batches, in every state that they can be in, taken there by the domain's own transitions."""

from __future__ import annotations

from hypothesis import strategies as st

from crypto_exchange.domain.activity import Signals
from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.batch import Batch, BatchKind, BatchState
from crypto_exchange.domain.money import CENT, ceil_div, quantity_for, total_for
from crypto_exchange.domain.order import (
    Order,
    OrderState,
    Reason,
    cancel,
    deliver,
    fail,
    hold,
    release,
    seal,
)
from crypto_exchange.domain.policy import Policy, Pricing
from crypto_exchange.domain.review import Review, ReviewKind, ReviewState
from crypto_exchange.domain.risk import RULES, Assessment, Verdict
from crypto_exchange.entrypoints.testing.strategies import amounts, market, people
from crypto_exchange.entrypoints.testing.strategies.reuse import reused

WAITED = frozenset({OrderState.AGGREGATED, OrderState.CANCELLED})
"""States in which no direct order ever is."""
UNSEALED_REASONS = (Reason.PRICE_MOVED, Reason.DEADLINE)
SEALED_REASONS = (Reason.EXCHANGE_REJECTED, Reason.UNFILLED)


@reused
@st.composite
def order(
    draw: st.DrawFn,
    state: OrderState | None = None,
    *,
    asset: Asset | None = None,
    policy: Policy | None = None,
) -> Order:
    """An order in a state (default: any), of an asset (tradable) and under a policy (default: any).

    Quantity and total are quoted by the policy at the asset's price, a cent to 10 000 dollars; what was
    filled and charged is what the state allows: `charged` ≤ `total` in whole cents, nothing unless it was
    delivered. Direct is an order from the threshold up, but not always.
    """
    state = state or draw(st.sampled_from(OrderState))
    listed = asset or draw(market.asset(tradable=True))
    placed = draw(placed_order(listed, policy or draw(market.policy()), waits=state in WAITED))
    key = draw(people.random_key())
    if state is OrderState.FAILED:
        return draw(_failed(placed, key))
    if state is OrderState.CANCELLED:
        return cancel(placed)
    if state is OrderState.AGGREGATED:
        return draw(st.sampled_from((placed, release(seal(placed, key)))))
    if state is OrderState.PENDING:
        sealed = seal(placed, key)
        loose = (placed,) if placed.direct else ()
        pending: Order = draw(st.sampled_from((sealed, hold(placed), *loose)))
        return pending
    whole = state is OrderState.COMPLETED
    return draw(_delivered(seal(placed, key), whole=whole))


@reused
@st.composite
def placed_order(draw: st.DrawFn, listed: Asset, policy: Policy, *, waits: bool = False) -> Order:
    """A new order at the asset's price; `waits`: surely not direct."""
    pricing = policy.pricing_of(listed.symbol)
    spread_bps = 0 if pricing is Pricing.AVERAGE else policy.spread_bps
    price, total = listed.price or 10**12, draw(amounts.usd())
    quantity = quantity_for(total, price, listed.scale, spread_bps)
    if quantity < 2 or draw(st.booleans()):
        quantity = max(quantity, 2)  # so that a part of it can be delivered
        total = total_for(quantity, price, listed.scale, spread_bps)
    direct = total >= policy.threshold and not waits and draw(st.sampled_from((True, True, False)))
    return Order(
        user_id=draw(people.user_id()),
        id=draw(people.order_id()),
        asset=listed.symbol,
        quantity=quantity,
        unit_price=price,
        total=total,
        direct=direct,
        pricing=pricing,
        state=OrderState.PENDING if direct else OrderState.AGGREGATED,
        created_at_us=draw(amounts.moment()),
        risk=draw(risk()),
    )


def reason(*others: Reason) -> st.SearchStrategy[str]:
    """Why orders end that were never sealed or whose batch did, and the others."""
    reasons = (*UNSEALED_REASONS, *SEALED_REASONS, *others)
    return st.sampled_from([each.value for each in reasons])


@reused
def risk() -> st.SearchStrategy[str]:
    """What the fraud rules said, if they were asked."""
    said = st.builds(
        Assessment,
        verdict=st.sampled_from(Verdict),
        reasons=st.lists(st.sampled_from(RULES), max_size=3, unique=True).map(tuple),
        signals=st.sampled_from((Signals(), Signals(linked=3, linked_orders=40, score=9_910))),
    )
    return st.one_of(st.just(""), said.map(lambda assessment: assessment.text))


@reused
def review() -> st.SearchStrategy[Review]:
    """A review of a withdrawal, in any state, its times in any order."""
    return st.builds(
        Review,
        user_id=people.user_id(),
        id=people.random_key(),
        kind=st.just(ReviewKind.WITHDRAWAL),
        amount=amounts.usd(),
        risk=risk(),
        state=st.sampled_from(ReviewState),
        opened_at_us=amounts.moment(),
        decided_at_us=st.one_of(st.just(0), amounts.moment()),
        decided_by=people.user_id(),
        version=st.integers(0, 2),
    )


@reused
@st.composite
def batch(draw: st.DrawFn, state: BatchState | None = None) -> Batch:
    """A batch in a state (default: any). Only a live one reserves coins; what has ended is not live. One
    rejection at most was counted for each attempt before the newest.
    """
    state = state or draw(st.sampled_from(BatchState))
    live = state is BatchState.SEALED and draw(st.booleans())
    attempt, created_at_us = draw(st.integers(1, 6)), draw(amounts.moment())
    return Batch(
        key=draw(people.random_key()),
        asset=draw(market.symbol()),
        kind=draw(st.sampled_from(BatchKind)),
        pricing=draw(st.sampled_from(Pricing)),
        state=state,
        attempt=attempt,
        live=live,
        used=draw(amounts.quantity(0, 10**9)) if live else 0,
        surplus=draw(amounts.quantity(0, 10**9)) if live else 0,
        counted=draw(st.integers(0, min(2, attempt - 1))),
        checks=draw(st.integers(0, 20)),
        due_at_us=created_at_us + draw(st.integers(0, amounts.DAY_US)),
        created_at_us=created_at_us,
        version=draw(st.integers(0, 100)),
    )


@reused
@st.composite
def _failed(draw: st.DrawFn, placed: Order, key: str) -> Order:
    """Price and deadline also end orders that were never in a batch; averages have no guard."""
    guarded = placed.pricing is Pricing.QUOTED
    ended = (*UNSEALED_REASONS, *SEALED_REASONS, Reason.REFUSED)
    reasons = [each for each in ended if guarded or each is not Reason.PRICE_MOVED]
    reason = draw(st.sampled_from(reasons))
    if reason is Reason.REFUSED:
        return fail(hold(placed), reason)
    unsealed = reason in UNSEALED_REASONS and draw(st.booleans())
    return fail(placed if unsealed else seal(placed, key), reason)


@reused
@st.composite
def _delivered(draw: st.DrawFn, sealed: Order, *, whole: bool) -> Order:
    if sealed.pricing is Pricing.AVERAGE:
        filled = draw(st.integers(1, 2 * sealed.quantity))
        charged = draw(st.integers(0, sealed.total // CENT)) * CENT
    elif whole:
        filled, charged = sealed.quantity, sealed.total
    else:
        filled = draw(st.integers(1, sealed.quantity - 1))
        charged = ceil_div(sealed.total * filled, sealed.quantity * CENT) * CENT
    return deliver(sealed, filled, charged, whole=whole)
