"""Registry: which strategy draws which type of the domain, for `hypothesis.strategies.from_type`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from crypto_exchange.domain import events, ledger
from crypto_exchange.domain.activity import Activity
from crypto_exchange.domain.adjustment import Adjustment
from crypto_exchange.domain.api_key import ApiKey
from crypto_exchange.domain.asset import Asset, Inventory, MarketRule
from crypto_exchange.domain.batch import Batch
from crypto_exchange.domain.breaks import Break, Difference
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.event import Event
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.purchase import Absent, Fill, Filled, Purchase, Rejected
from crypto_exchange.domain.review import Review
from crypto_exchange.domain.second_factor import SecondFactor
from crypto_exchange.domain.simulation import FullFills, Simulation
from crypto_exchange.domain.state import State
from crypto_exchange.domain.statement import Member, Statement
from crypto_exchange.domain.user import Ended, Session, User
from crypto_exchange.domain.wallet import Wallet
from crypto_exchange.entrypoints.testing.strategies import (
    books,
    facts,
    market,
    orders,
    people,
    purchases,
)


def find_strategy(thing: object) -> st.SearchStrategy[Any] | None:
    """The strategy of a type of the domain; None if it needs none of its own."""
    make = STRATEGIES.get(thing) if isinstance(thing, type) else None
    return None if make is None else make()


def listings() -> st.SearchStrategy[tuple[Asset, ...]]:
    """One to four assets of different names, tradable."""
    drawn = st.lists(
        market.asset(tradable=True), min_size=1, max_size=4, unique_by=lambda each: each.symbol
    )
    return drawn.map(tuple)


STRATEGIES: dict[type, Callable[[], st.SearchStrategy[Any]]] = {
    Asset: market.asset,
    MarketRule: market.market_rule,
    Inventory: market.inventory,
    Policy: market.policy,
    User: people.user,
    Session: people.session,
    SecondFactor: people.second_factor,
    ApiKey: people.api_key,
    Ended: people.ended,
    Wallet: people.wallet,
    Activity: people.activity,
    Review: orders.review,
    Order: orders.order,
    Batch: orders.batch,
    Purchase: purchases.purchase,
    Fill: purchases.fill,
    Filled: purchases.filled,
    Rejected: purchases.rejected,
    Absent: purchases.absent,
    Statement: purchases.statement,
    Member: lambda: purchases.statement().flatmap(lambda each: st.sampled_from(each.members)),
    ledger.Account: books.account,
    ledger.Transfer: books.transfer,
    Break: books.break_record,
    Difference: books.difference,
    Adjustment: books.adjustment,
    Change: facts.change,
    Event: facts.event,
    events.OrderOutcome: lambda: facts.event(events.BatchSettled).flatmap(
        lambda each: st.sampled_from(getattr(each, "outcomes", ()))
    ),
    **facts.EVENTS,
    FullFills: lambda: st.builds(FullFills, market.policy()),
    State: lambda: st.builds(State, listings()),
    Simulation: lambda: st.builds(Simulation, listings(), policy=market.policy()),
}
