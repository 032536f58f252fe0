"""Orders and batches, in every state that they can be in, taken there by the domain's own transitions."""

from __future__ import annotations

from hypothesis import strategies as st

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
    release,
    seal,
)
from crypto_exchange.domain.policy import Policy, Pricing
from crypto_exchange.entrypoints.testing.strategies import amounts, market, people
from crypto_exchange.entrypoints.testing.strategies.reuse import reused

WAITED = frozenset({OrderState.AGGREGATED, OrderState.CANCELLED})
"""States in which no direct order ever is."""
UNSEALED_REASONS = frozenset({Reason.PRICE_MOVED, Reason.DEADLINE})


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
        return draw(st.sampled_from((placed, sealed))) if placed.direct else sealed
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
    reasons = [each for each in Reason if guarded or each is not Reason.PRICE_MOVED]
    reason = draw(st.sampled_from(reasons))
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
