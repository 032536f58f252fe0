"""Books: ledger rows between the accounts that they may move money between, and recorded differences."""

from __future__ import annotations

from hypothesis import strategies as st

from crypto_exchange.domain.adjustment import Adjustment, AdjustmentState
from crypto_exchange.domain.breaks import Break, BreakKind, Difference
from crypto_exchange.domain.events import BalanceAdjusted
from crypto_exchange.domain.ledger import (
    USD,
    Account,
    AccountKind,
    Transfer,
    TransferKind,
    clearing_account,
    house_account,
    suspense_account,
    user_account,
)
from crypto_exchange.entrypoints.testing.strategies import amounts, market, people
from crypto_exchange.entrypoints.testing.strategies.reuse import reused

HOUSE_KINDS: tuple[AccountKind, ...] = tuple(
    kind
    for kind in AccountKind
    if kind not in {AccountKind.USER, AccountKind.SUSPENSE, AccountKind.CLEARING}
)
OF_ORDERS = frozenset(
    {TransferKind.PURCHASE, TransferKind.REFUND, TransferKind.CHARGE, TransferKind.DELIVERY}
)
IN_DOLLARS = OF_ORDERS - {TransferKind.DELIVERY} | {
    TransferKind.DEPOSIT,
    TransferKind.WITHDRAWAL,
    TransferKind.COST,
    TransferKind.PNL,
    TransferKind.ADJUSTMENT,
}


@reused
def account() -> st.SearchStrategy[Account]:
    """A user's, a batch's, or one of the house's or the world's, in dollars or a coin."""
    currencies = st.one_of(st.just(USD), market.symbol())
    return st.one_of(
        st.builds(user_account, people.user_id(), currencies),
        st.builds(suspense_account, people.user_id()),
        st.builds(clearing_account, people.random_key(), currencies),
        st.builds(house_account, st.sampled_from(HOUSE_KINDS), currencies),
    )


@reused
@st.composite
def transfer(draw: st.DrawFn, kind: TransferKind | None = None) -> Transfer:
    """A row of a kind (default: any), between the accounts that such rows are between; dollars in whole cents
    where they are a user's. A row of an order names it.
    """
    kind = kind or draw(st.sampled_from(TransferKind))
    coins = kind in {TransferKind.DELIVERY, TransferKind.FILL, TransferKind.INVENTORY}
    currency = USD if kind in IN_DOLLARS else draw(market.symbol())
    if not coins and draw(st.booleans()):
        currency = USD
    debit, credit = draw(_sides(kind, currency))
    return Transfer(
        kind=kind,
        debit=debit,
        credit=credit,
        amount=draw(amounts.usd() if currency == USD else amounts.quantity()),
        at_us=draw(amounts.moment()),
        order_id=draw(people.order_id()) if kind in OF_ORDERS else None,
    )


@reused
@st.composite
def difference(draw: st.DrawFn) -> Difference:
    """Something other than what was expected, of any kind."""
    expected = draw(st.integers(-(10**12), 10**12))
    found = draw(st.integers(-(10**12), 10**12).filter(lambda units: units != expected))
    return Difference(
        kind=draw(st.sampled_from(BreakKind)),
        subject=draw(account()).name,
        expected=expected,
        found=found,
        scale=draw(st.sampled_from((0, 2, 8))),
    )


@reused
@st.composite
def break_record(draw: st.DrawFn) -> Break:
    """A recorded difference; with evidence and a later time if it is closed."""
    what, opened_at_us = draw(difference()), draw(amounts.moment())
    closed = draw(st.booleans())
    return Break(
        key=draw(people.random_key()),
        kind=what.kind,
        subject=what.subject,
        expected=what.expected,
        found=what.found,
        scale=what.scale,
        opened_at_us=opened_at_us,
        closed_at_us=opened_at_us + draw(st.integers(1, amounts.DAY_US)) if closed else None,
        evidence=draw(st.sampled_from(("found in the statement of the exchange", "see ticket 7")))
        if closed
        else None,
        version=int(closed),
    )


@reused
@st.composite
def adjustment(draw: st.DrawFn) -> Adjustment:
    """A payment to or from a user by two others; who decided it, and when, unless it still waits."""
    user, proposer, decider = draw(
        st.lists(people.user_id(), min_size=3, max_size=3, unique=True).map(tuple)
    )
    stored = [each for each in AdjustmentState if each is not AdjustmentState.EXPIRED]
    state, proposed_at_us = draw(st.sampled_from(stored)), draw(amounts.moment())
    decided = state is not AdjustmentState.PROPOSED
    return Adjustment(
        key=draw(people.random_key()),
        user_id=user,
        amount=draw(amounts.usd()) * draw(st.sampled_from((1, -1))),
        reason=draw(st.sampled_from(("a fee charged twice", "goodwill", "paid out by mistake"))),
        proposed_by=proposer,
        proposed_at_us=proposed_at_us,
        state=state,
        decided_by=decider if decided else None,
        decided_at_us=proposed_at_us + draw(st.integers(0, amounts.DAY_US)) if decided else None,
        version=int(decided),
    )


@reused
@st.composite
def balance_adjusted(draw: st.DrawFn) -> BalanceAdjusted:
    """What is told of an adjustment that was approved."""
    approved = draw(adjustment().filter(lambda each: each.decided_by is not None))
    return BalanceAdjusted(
        at_us=approved.decided_at_us or 0,
        user_id=approved.user_id,
        key=approved.key,
        amount=approved.amount,
        proposed_by=approved.proposed_by,
        approved_by=approved.decided_by or 0,
    )


@reused
@st.composite
def _sides(draw: st.DrawFn, kind: TransferKind, currency: str) -> tuple[Account, Account]:
    """(debit, credit)."""
    user, key = draw(people.user_id()), draw(people.random_key())
    wallet, suspense = user_account(user, currency), suspense_account(user)
    clearing, external = clearing_account(key, currency), AccountKind.EXTERNAL
    house = {each: house_account(each, currency) for each in HOUSE_KINDS}
    venue = house[AccountKind.VENUE]
    sides = {
        TransferKind.DEPOSIT: (house[external], wallet),
        TransferKind.WITHDRAWAL: (wallet, house[external]),
        TransferKind.PURCHASE: (wallet, suspense),
        TransferKind.REFUND: (suspense, wallet),
        TransferKind.CHARGE: (suspense, clearing),
        TransferKind.DELIVERY: (clearing, wallet),
        TransferKind.FILL: (venue, clearing),
        TransferKind.COST: (clearing, venue),
        TransferKind.FEE: (draw(st.sampled_from((clearing, house[AccountKind.FEES]))), venue),
        TransferKind.INVENTORY: (clearing, house[AccountKind.INVENTORY]),
        TransferKind.PNL: (clearing, house[AccountKind.PNL]),
        TransferKind.FUNDING: (venue, house[AccountKind.CAPITAL]),
        TransferKind.ADJUSTMENT: (house[AccountKind.PNL], wallet),
    }[kind]
    both_ways = kind in {
        TransferKind.INVENTORY,
        TransferKind.PNL,
        TransferKind.FUNDING,
        TransferKind.ADJUSTMENT,
    }
    return sides[::-1] if both_ways and draw(st.booleans()) else sides
