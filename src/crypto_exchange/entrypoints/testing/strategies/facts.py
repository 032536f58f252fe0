"""Facts: every event of the log, and the changes that they are written with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
from hypothesis import strategies as st

from crypto_exchange.domain import account_events, cashier, events, placement
from crypto_exchange.domain.allocation import share
from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.event import Event
from crypto_exchange.domain.order import OrderState, Reason
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.purchase import PurchaseState, RejectionKind, fees
from crypto_exchange.entrypoints.testing.strategies import (
    amounts,
    books,
    market,
    orders,
    people,
    purchases,
)
from crypto_exchange.entrypoints.testing.strategies.reuse import reused

Strategy: TypeAlias = st.SearchStrategy[Any]


@reused
def event(kind: type[Event] | None = None) -> st.SearchStrategy[events.AnyEvent]:
    """An event of a kind (default: any); those of several orders tell of 1 to 5 different ones."""
    kinds = list(EVENTS) if kind is None else [kind]
    return st.sampled_from(kinds).flatmap(lambda each: EVENTS[each]())


@reused
@st.composite
def change(draw: st.DrawFn) -> Change:
    """What a deposit, a withdrawal or a new order of one user wants written."""
    user, at_us = draw(people.user_id()), draw(amounts.moment())
    wallet, amount = draw(people.wallet(user)), draw(amounts.usd())
    wallet = msgspec.structs.replace(wallet, balance=wallet.balance + amount)
    which = draw(st.integers(0, 2))
    if which == 0:
        command = cashier.Deposit(user_id=user, amount=amount)
        return cashier.deposit(command, wallet=wallet, at_us=at_us)
    if which == 1:
        taken = cashier.Withdraw(user_id=user, amount=amount)
        return cashier.withdraw(taken, wallet=wallet, at_us=at_us)
    price = draw(amounts.price(10**8, 10**18))  # a cent buys something, nothing buys too much
    rule = msgspec.structs.replace(draw(market.market_rule(price=price)), max_quantity=0)
    listed = Asset(symbol=draw(market.symbol()), rule=rule, price=price, priced_at_us=at_us)
    return placement.place_order(
        placement.PlaceOrder(user_id=user, asset=listed.symbol, spend=amount),
        wallet=wallet,
        asset=listed,
        policy=Policy(),
        order_id=draw(people.order_id()),
        at_us=at_us,
    )


def _of(kind: type[Event], **fields: Strategy) -> Callable[[], Strategy]:
    return lambda: st.builds(kind, at_us=amounts.moment(), **fields)


def _of_user(kind: type[Event], **fields: Strategy) -> Callable[[], Strategy]:
    return _of(kind, user_id=people.user_id(), **fields)


@reused
def _idents() -> st.SearchStrategy[tuple[tuple[int, int], ...]]:
    pairs = st.tuples(people.user_id(), people.order_id())
    return st.lists(pairs, min_size=1, max_size=5, unique_by=lambda pair: pair[1]).map(tuple)


@reused
@reused
@st.composite
def _order_placed(draw: st.DrawFn) -> events.OrderPlaced:
    listed, policy = draw(market.asset(tradable=True)), draw(market.policy())
    order = draw(orders.placed_order(listed, policy))
    return events.OrderPlaced(
        at_us=order.created_at_us,
        user_id=order.user_id,
        order_id=order.id,
        asset=order.asset,
        quantity=order.quantity,
        unit_price=order.unit_price,
        total=order.total,
        direct=order.direct,
        state=order.state.value,
        pricing=order.pricing.value,
        risk=draw(orders.risk()),
    )


@reused
@st.composite
def _order_cancelled(draw: st.DrawFn) -> events.OrderCancelled:
    order = draw(orders.order(OrderState.CANCELLED))
    return events.OrderCancelled(
        at_us=order.created_at_us + draw(st.integers(0, amounts.DAY_US)),
        user_id=order.user_id,
        order_id=order.id,
        refunded=order.refunded,
    )


@reused
@st.composite
def _purchase_intended(draw: st.DrawFn) -> events.PurchaseIntended:
    listed = draw(market.asset(tradable=True))
    sent = draw(purchases.purchase(PurchaseState.SUBMITTING, asset=listed))
    nothing = draw(st.sampled_from((False, False, False, True)))
    return events.PurchaseIntended(
        at_us=sent.timestamp_ms * 1_000,
        batch=sent.batch,
        attempt=sent.attempt,
        asset=sent.asset,
        price=listed.price or 0,
        quantity=0 if nothing else sent.quantity,
        used=sent.quantity if nothing else draw(amounts.quantity(0, sent.quantity)),
        timestamp_ms=sent.timestamp_ms,
        window_ms=sent.window_ms,
        orders=draw(_idents()),
    )


@reused
@st.composite
def _late_fill_bought(draw: st.DrawFn) -> events.LateFillBought:
    listed = draw(market.asset(tradable=True))
    sent = draw(purchases.purchase(PurchaseState.LATE, asset=listed))
    filled = draw(purchases.filled(asset=listed))
    return events.LateFillBought(
        at_us=sent.window_end_ms * 1_000 + draw(st.integers(30 * 10**6, amounts.DAY_US)),
        batch=sent.batch,
        attempt=sent.attempt,
        asset=sent.asset,
        bought=filled.quantity,
        cost=sum(each.cost for each in filled.fills),
        fees=fees(filled.fills),
    )


@reused
@st.composite
def _batch_settled(draw: st.DrawFn) -> events.BatchSettled:
    placed, statement = draw(purchases.settled())
    parts = zip(placed, share(statement), strict=True)
    return events.BatchSettled(
        at_us=draw(amounts.moment()),
        batch=statement.batch,
        asset=statement.asset,
        bought=statement.filled,
        cost=sum(each.cost for each in statement.fills),
        used=statement.used,
        outcomes=tuple(
            events.OrderOutcome(o.user_id, o.id, p.filled, p.charged, o.total - p.charged)
            for o, p in parts
        ),
        fees=fees(statement.fills),
    )


@reused
@st.composite
def _purchase_rejected(draw: st.DrawFn) -> events.PurchaseRejected:
    kind = draw(st.sampled_from(RejectionKind))
    sent = draw(purchases.purchase(PurchaseState.REJECTED))
    return events.PurchaseRejected(
        at_us=sent.timestamp_ms * 1_000 + draw(st.integers(0, 10**9)),
        batch=sent.batch,
        attempt=sent.attempt,
        asset=sent.asset,
        code=sent.code or "",
        message=sent.message or "",
        kind=kind.value,
    )


@reused
@st.composite
def _break_opened(draw: st.DrawFn) -> events.BreakOpened:
    what = draw(books.difference())
    return events.BreakOpened(
        at_us=draw(amounts.moment()),
        kind=what.kind.value,
        subject=what.subject,
        expected=what.expected,
        found=what.found,
    )


@reused
@st.composite
def _break_closed(draw: st.DrawFn) -> events.BreakClosed:
    what = draw(books.break_record())
    return events.BreakClosed(
        at_us=what.opened_at_us + draw(st.integers(1, amounts.DAY_US)),
        kind=what.kind.value,
        subject=what.subject,
        evidence=what.evidence or "counted again",
    )


_BATCH = {"batch": people.random_key(), "asset": market.symbol()}
_ATTEMPT = {**_BATCH, "attempt": st.integers(1, 6)}
_ORDERS = {"asset": market.symbol(), "orders": _idents()}
_EVIDENCE = st.sampled_from(("seen in the exchange's list of orders", "told by its support"))
_FUNDS: Strategy = st.one_of(
    st.builds(dict, currency=st.just("USD"), amount=amounts.usd()),
    st.builds(dict, currency=market.symbol(), amount=amounts.quantity()),
)

EVENTS: dict[type[Event], Callable[[], Strategy]] = {
    account_events.UserRegistered: _of_user(account_events.UserRegistered),
    account_events.SessionReuseDetected: _of_user(
        account_events.SessionReuseDetected,
        session_id=people.random_key(),
        generation=st.integers(0, 50),
        newest=st.integers(51, 100),
    ),
    account_events.PasswordChanged: _of_user(
        account_events.PasswordChanged, ended=st.integers(1, 100)
    ),
    account_events.SecondFactorEnrolled: _of_user(account_events.SecondFactorEnrolled),
    account_events.SecondFactorDisabled: _of_user(
        account_events.SecondFactorDisabled, by_operator=st.booleans()
    ),
    account_events.SecondFactorLocked: _of_user(
        account_events.SecondFactorLocked, wrong=st.integers(1, 100), until_us=amounts.moment()
    ),
    account_events.RecoveryCodeUsed: _of_user(
        account_events.RecoveryCodeUsed, left=st.integers(0, 9)
    ),
    events.Deposited: _of_user(events.Deposited, amount=amounts.usd()),
    events.Withdrawn: _of_user(events.Withdrawn, amount=amounts.usd(), risk=orders.risk()),
    events.BalanceAdjusted: books.balance_adjusted,
    events.OrderPlaced: _order_placed,
    events.OrderCancelled: _order_cancelled,
    events.OrderReleased: _of_user(
        events.OrderReleased,
        order_id=people.order_id(),
        asset=market.symbol(),
        state=st.sampled_from(("pending", "aggregated")),
    ),
    events.OrdersFailed: _of(events.OrdersFailed, reason=orders.reason(Reason.REFUSED), **_ORDERS),
    events.PurchaseIntended: _purchase_intended,
    events.OrdersReturned: _of(events.OrdersReturned, **_ORDERS),
    events.PurchaseLost: _of(events.PurchaseLost, **_ATTEMPT),
    events.PurchaseQuarantined: _of(events.PurchaseQuarantined, **_ATTEMPT),
    events.QuarantineResolved: _of(
        events.QuarantineResolved,
        outcome=st.sampled_from(("filled", "partially_filled", "not_placed")),
        evidence=_EVIDENCE,
        **_ATTEMPT,
    ),
    events.LateFillBought: _late_fill_bought,
    events.BreakOpened: _break_opened,
    events.BreakClosed: _break_closed,
    events.PurchaseRejected: _purchase_rejected,
    events.PurchaseNotPlaced: _of(
        events.PurchaseNotPlaced,
        answered_ms=amounts.moment().map(lambda at_us: at_us // 1_000),
        **_ATTEMPT,
    ),
    events.BatchSettled: _batch_settled,
    events.BatchReturned: _of(events.BatchReturned, **_BATCH),
    events.BatchRefunded: _of(
        events.BatchRefunded, reason=orders.reason(), batch=people.random_key(), **_ORDERS
    ),
    events.AssetHaltChanged: _of(
        events.AssetHaltChanged, asset=market.symbol(), halted=st.booleans()
    ),
    events.HouseFunded: lambda: _FUNDS.map(
        lambda funds: events.HouseFunded(at_us=amounts.START_US, **funds)
    ),
}
