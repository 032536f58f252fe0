"""What people and operators decide, once more: the command that an event tells of, given to the domain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import TypeAlias, TypeVar

from crypto_exchange.domain import access, audit, cashier, four_eyes
from crypto_exchange.domain.account_events import AccountEvent, UserRegistered
from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.breaks import Break, BreakKind, Difference
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import NotFound
from crypto_exchange.domain.events import (
    AnyEvent,
    AssetHaltChanged,
    BalanceAdjusted,
    BreakClosed,
    BreakOpened,
    Deposited,
    HouseFunded,
    OrderCancelled,
    OrderPlaced,
    Withdrawn,
)
from crypto_exchange.domain.halting import halt
from crypto_exchange.domain.ids import OrderId
from crypto_exchange.domain.money import DEFAULT_ASSET_SCALE, pow10
from crypto_exchange.domain.placement import PlaceOrder, cancel_order, place_order
from crypto_exchange.domain.screening import hold_order, note_risk
from crypto_exchange.domain.user import User
from crypto_exchange.entrypoints.backtest.parity.replay_records import Coming, Commit
from crypto_exchange.entrypoints.backtest.parity.replica import Replica

Decision: TypeAlias = Callable[[], Change | None]
"""A decision with everything that it is given; None says that there is nothing to do."""
Decisions: TypeAlias = Iterator[Decision]
"""Ways in which it may have been made, the likeliest first: a log does not tell all that was seen."""

Told = TypeVar("Told")


def registered(_replica: Replica, told: UserRegistered) -> Decisions:
    """A user and their wallet; a log knows no names."""
    user = User(id=told.user_id, username=f"user {told.user_id}", password_hash="")
    yield lambda: access.register(user, None, at_us=told.at_us)


def told_of_access(_replica: Replica, told: AccountEvent) -> Decisions:
    """Something about a user's logins, which no book is kept of: it is taken as it was told."""
    yield lambda: Change(events=(told,))


def deposited(replica: Replica, told: Deposited) -> Decisions:
    """Dollars from outside."""
    command = cashier.Deposit(user_id=told.user_id, amount=told.amount)
    yield lambda: cashier.deposit(
        command, wallet=replica.state.get_wallet(told.user_id), at_us=told.at_us
    )


def withdrawn(replica: Replica, told: Withdrawn) -> Decisions:
    """Dollars to outside."""
    command = cashier.Withdraw(user_id=told.user_id, amount=told.amount)
    yield lambda: note_risk(
        cashier.withdraw(command, wallet=replica.state.get_wallet(told.user_id), at_us=told.at_us),
        told.risk,
    )


def adjusted(replica: Replica, told: BalanceAdjusted) -> Decisions:
    """Dollars between the house and a user; who let them move is taken as it was told."""
    yield lambda: four_eyes.book(told, wallet=replica.state.get_wallet(told.user_id))


def placed(replica: Replica, told: OrderPlaced, coming: Coming) -> Decisions:
    """An order, for a sum or for coins: the log has both. Its rule is one of about that time; only the
    way that it goes depends on it, and if no rule that was told explains that, it is believed. What the
    fraud rules said is believed too: it rests on what other users did.
    """
    scale = replica.state.get_asset(told.asset).scale
    coins = told.quantity * pow10(DEFAULT_ASSET_SCALE) // pow10(scale)
    commands = (
        PlaceOrder(user_id=told.user_id, asset=told.asset, spend=told.total),
        PlaceOrder(user_id=told.user_id, asset=told.asset, amount=coins),
    )
    for rule in (*replica.rules(told.asset, coming), _rule_for(told)):
        asset = replica.asset(told.asset, told.unit_price, rule, told.at_us)
        for command in commands:
            yield partial(_place, replica, command, asset, told)


def cancelled(replica: Replica, told: OrderCancelled) -> Decisions:
    """An owner takes an order back."""
    yield lambda: cancel_order(
        replica.state.get_order(told.user_id, told.order_id),
        wallet=replica.state.get_wallet(told.user_id),
        at_us=told.at_us,
    )


def funded(_replica: Replica, told: HouseFunded, commit: Commit) -> Decisions:
    """The house's capital, in one commit for all currencies."""
    amounts = {each.currency: each.amount for each in only(commit.events, HouseFunded)}
    yield lambda: cashier.fund(amounts, at_us=told.at_us)


def halt_changed(replica: Replica, told: AssetHaltChanged) -> Decisions:
    """An operator halts an asset, or resumes it."""
    asset = replica.state.get_asset(told.asset)
    yield lambda: halt(asset, halted=told.halted, at_us=told.at_us)


def break_opened(replica: Replica, told: BreakOpened, commit: Commit) -> Decisions:
    """Differences that two looks agreed on: what they were is taken from the log."""
    differences = [
        Difference(
            kind=BreakKind(each.kind),
            subject=each.subject,
            expected=each.expected,
            found=each.found,
        )
        for each in only(commit.events, BreakOpened)
    ]
    keys = (f"break {number}" for number in count(len(replica.state.breaks)))
    yield lambda: audit.open_breaks(differences, _open_breaks(replica), keys=keys, at_us=told.at_us)


def break_closed(replica: Replica, told: BreakClosed) -> Decisions:
    """An operator explains a break."""
    opened = {(each.kind.value, each.subject): each for each in _open_breaks(replica)}
    if (told.kind, told.subject) not in opened:
        raise NotFound("open break", f"{told.kind} of {told.subject}")
    found = opened[told.kind, told.subject]
    yield lambda: audit.close_break(found, told.evidence, at_us=told.at_us)


def only(events: tuple[AnyEvent, ...], kind: type[Told]) -> list[Told]:
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]


def _place(replica: Replica, command: PlaceOrder, asset: Asset, told: OrderPlaced) -> Change:
    change = place_order(
        command,
        wallet=replica.state.get_wallet(told.user_id),
        asset=asset,
        policy=replica.policy,
        order_id=told.order_id,
        at_us=told.at_us,
    )
    noted = note_risk(change, told.risk)
    return hold_order(noted, review_of(told.order_id)) if told.held else noted


def review_of(order_id: OrderId) -> str:
    """The name of an order's review: a log knows none."""
    return f"review of {order_id}"


def _rule_for(told: OrderPlaced) -> MarketRule:
    """A rule by which an order goes the way that it did: anything can be bought, or nothing alone."""
    if told.direct:
        return MarketRule(lot_step=1, min_notional=0)
    return MarketRule(lot_step=told.quantity + 1, min_notional=0, max_quantity=told.quantity)


def _open_breaks(replica: Replica) -> list[Break]:
    return [each for each in replica.state.breaks.values() if each.closed_at_us is None]
