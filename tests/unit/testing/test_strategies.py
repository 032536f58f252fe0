"""What the strategies draw is consistent within itself, and aims where it says."""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from crypto_exchange import domain
from crypto_exchange.domain import (
    asset,
    batch,
    breaks,
    events,
    ledger,
    order,
    policy,
    purchase,
    review,
    statement,
    user,
    wallet,
)
from crypto_exchange.domain.allocation import share
from crypto_exchange.domain.asset import Asset, AssetStatus, Inventory, MarketRule
from crypto_exchange.domain.batch import Batch, BatchState
from crypto_exchange.domain.breaks import Break
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.event import Event
from crypto_exchange.domain.ledger import USD, Transfer, TransferKind, balances
from crypto_exchange.domain.money import CENT, DOLLAR, value_of
from crypto_exchange.domain.order import FINAL_STATES, Order, OrderState, Reason
from crypto_exchange.domain.policy import Policy, Pricing
from crypto_exchange.domain.purchase import Filled, PurchaseState
from crypto_exchange.domain.state import State
from crypto_exchange.domain.statement import Statement
from crypto_exchange.domain.user import Session, User
from crypto_exchange.domain.wallet import Wallet
from crypto_exchange.entrypoints.testing import strategies
from crypto_exchange.entrypoints.testing.hypothesis_types import register
from crypto_exchange.entrypoints.testing.strategies.books import IN_DOLLARS, OF_ORDERS
from crypto_exchange.entrypoints.testing.strategies.registry import STRATEGIES
from crypto_exchange.entrypoints.testing.strategies.streams import GAPS_S
from crypto_exchange.entrypoints.testing.venue import Step, StepKind

register()

T = TypeVar("T")
FEW = settings(max_examples=30)
"""The kit's searches draw from all of them, by the thousand."""
ROWS = (
    asset, batch, breaks, events, ledger, order, policy, purchase, review, statement, user, wallet,
)  # fmt: skip
PLAIN = {
    purchase.Working,
    user.AccessClaims,
    user.Challenge,
    user.ChallengeClaims,
    user.RefreshClaims,
    user.TokenPair,
}
"""Types that Hypothesis can draw from their annotations alone."""


def _types() -> list[type]:
    """What has to have a strategy of its own, by name."""
    return sorted({*_public_types(), *_structs()} - PLAIN, key=lambda kind: kind.__name__)


def a_case_of(strategy: st.SearchStrategy[T], wanted: Callable[[T], bool]) -> T:
    """The first that is drawn like that, unless there is none."""
    first = settings(max_examples=2_000, phases=[Phase.generate], database=None)
    return find(strategy, wanted, settings=first)


def _public_types() -> list[type]:
    return [
        each
        for name in domain.__all__
        if inspect.isclass(each := getattr(domain, name)) and not issubclass(each, Exception)
    ]


def _structs() -> list[type]:
    return [
        each
        for module in ROWS
        for each in vars(module).values()
        if inspect.isclass(each)
        and issubclass(each, msgspec.Struct)
        and each.__module__ == module.__name__
    ]


@pytest.mark.parametrize("kind", _types(), ids=lambda kind: kind.__name__)
def test_every_type_is_drawn_by_a_strategy_of_its_own_and_no_health_check_fails(kind: type) -> None:
    drawn: list[Any] = []

    @settings(max_examples=6, suppress_health_check=[])
    @given(st.from_type(kind))
    def draw(each: Any) -> None:
        drawn.append(each)

    draw()

    assert kind in STRATEGIES or issubclass(kind, enum.Enum)
    assert all(isinstance(each, kind) for each in drawn)


@FEW
@given(st.from_type(Asset))
def test_an_assets_rule_fits_its_price(listed: Asset) -> None:
    rule = listed.rule

    assert (listed.price is None) == (listed.priced_at_us is None)
    assert listed.price is None or listed.price > 0
    assert rule.lot_step > 0
    assert rule.min_quantity % rule.lot_step == rule.max_quantity % rule.lot_step == 0
    assert not rule.max_quantity or rule.max_quantity > rule.min_quantity
    if listed.price and rule.max_quantity:
        largest = value_of(rule.max_quantity, listed.price, listed.scale)
        assert largest > 2 * rule.min_notional


@FEW
@given(strategies.market_rule())
def test_a_rule_for_bitcoin_has_small_lots(rule: MarketRule) -> None:
    assert value_of(rule.lot_step, 50_000 * 10**12, 8) <= 10 * DOLLAR


@FEW
@given(strategies.asset("BTC", tradable=True))
def test_a_tradable_asset_is_active_and_priced(listed: Asset) -> None:
    assert listed.symbol == "BTC"
    assert listed.status is AssetStatus.ACTIVE
    assert listed.price


@FEW
@given(st.from_type(Inventory))
def test_inventory_never_promises_more_than_there_is(inventory: Inventory) -> None:
    assert 0 <= inventory.free <= inventory.quantity
    assert (inventory.retry_at_us == 0) == (inventory.failures == 0)


@FEW
@given(st.from_type(Policy))
def test_a_policy_has_no_negative_number(drawn: Policy) -> None:
    numbers = [value for value in msgspec.structs.astuple(drawn) if isinstance(value, int)]

    assert min(numbers) >= 0
    assert drawn.threshold >= 5 * DOLLAR


@FEW
@given(st.from_type(Wallet))
def test_a_wallet_holds_whole_cents_and_is_never_negative(drawn: Wallet) -> None:
    assert drawn.balance >= 0
    assert drawn.balance % CENT == 0
    assert drawn.user_id > 0


@FEW
@given(st.from_type(User))
def test_a_username_is_one_that_may_register(drawn: User) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.@-]{3,64}", drawn.username)
    assert 0 < drawn.id < 2**53


@FEW
@given(st.from_type(Session))
def test_a_session_is_named_by_24_digits(drawn: Session) -> None:
    assert re.fullmatch(r"[0-9a-f]{24}", drawn.id)


@FEW
@given(st.from_type(Order))
def test_an_order_is_charged_no_more_than_its_total_and_only_when_delivered(drawn: Order) -> None:
    delivered = drawn.state in {OrderState.COMPLETED, OrderState.PARTIALLY_COMPLETED}

    assert 0 <= drawn.charged <= drawn.total
    assert drawn.total % CENT == drawn.charged % CENT == 0
    assert drawn.quantity > 0
    assert drawn.total > 0
    assert drawn.refunded == (drawn.total - drawn.charged if drawn.state in FINAL_STATES else 0)
    assert (drawn.filled > 0) == delivered
    assert (drawn.reason is not None) == (drawn.held or drawn.state is OrderState.FAILED)
    if drawn.pricing is Pricing.QUOTED:
        assert drawn.filled <= drawn.quantity
        assert drawn.state is not OrderState.COMPLETED or drawn.charged == drawn.total


@FEW
@given(st.from_type(Order))
def test_an_order_is_in_a_batch_as_its_state_says(drawn: Order) -> None:
    waits = drawn.state in {OrderState.AGGREGATED, OrderState.CANCELLED}
    bought = drawn.filled > 0 or drawn.reason in {Reason.EXCHANGE_REJECTED, Reason.UNFILLED}

    assert not (waits and (drawn.direct or drawn.batch))
    assert drawn.batch or not bought
    assert drawn.batch or drawn.direct or drawn.state is not OrderState.PENDING


@pytest.mark.parametrize("state", OrderState)
def test_an_order_can_be_asked_for_in_every_state(state: OrderState) -> None:
    assert a_case_of(strategies.order(state), lambda each: True).state is state


@pytest.mark.no_cover  # others draw fewer
def test_orders_come_in_every_shape_that_there_is() -> None:
    shapes: dict[str, Callable[[Order], bool]] = {
        "direct": lambda each: each.direct and each.state is OrderState.COMPLETED,
        "not yet in a batch": lambda each: (
            each.direct and each.batch is None and each.state is OrderState.PENDING
        ),
        "waiting again": lambda each: each.state is OrderState.AGGREGATED and each.version == 2,
        "in part": lambda each: each.state is OrderState.PARTIALLY_COMPLETED and each.refunded > 0,
        "more than expected": lambda each: (
            each.pricing is Pricing.AVERAGE and each.filled > each.quantity
        ),
    }
    seen: set[str | Reason | None] = set()

    def is_the_last_shape(drawn: Order) -> bool:
        seen.update({name for name, has in shapes.items() if has(drawn)}, {drawn.reason})
        return seen >= {*shapes, *Reason}

    a_case_of(strategies.order(), is_the_last_shape)  # or there is none


@FEW
@given(st.from_type(Batch))
def test_only_a_live_batch_reserves_coins(drawn: Batch) -> None:
    assert drawn.live or (drawn.used, drawn.surplus) == (0, 0)
    assert not drawn.live or drawn.state is BatchState.SEALED
    assert drawn.due_at_us >= drawn.created_at_us
    assert drawn.counted < drawn.attempt


@FEW
@given(st.data())
def test_a_purchase_is_of_whole_lots_and_quotes_the_exchange_only_if_rejected(
    data: st.DataObject,
) -> None:
    listed = data.draw(strategies.asset(tradable=True))
    drawn = data.draw(strategies.purchase(asset=listed))

    assert drawn.quantity > 0
    assert drawn.quantity % listed.rule.lot_step == 0
    assert (drawn.code is None) == (drawn.state is not PurchaseState.REJECTED)


@FEW
@given(st.from_type(Filled))
def test_trades_of_one_fill_have_different_names_and_one_fee_currency(drawn: Filled) -> None:
    assert all(each.quantity > 0 and each.cost >= 0 and each.fee >= 0 for each in drawn.fills)
    assert len({each.trade_id for each in drawn.fills}) == len(drawn.fills)
    assert len({each.fee_currency for each in drawn.fills}) <= 1


@FEW
@given(st.from_type(Statement))
def test_a_statement_can_be_shared_out_exactly(drawn: Statement) -> None:
    shares = share(drawn)

    assert sum(each.filled for each in shares) <= drawn.available
    assert all(each.charged <= of.total for each, of in zip(shares, drawn.members, strict=True))
    assert drawn.filled <= drawn.bought
    assert sum(each.direct for each in drawn.members) <= 1
    assert drawn.pricing is Pricing.QUOTED or drawn.used == 0


@FEW
@given(st.from_type(Transfer))
def test_a_transfer_moves_a_positive_amount_of_one_currency_and_touches_one_user(
    drawn: Transfer,
) -> None:
    owners = {a.owner for a in (drawn.debit, drawn.credit) if isinstance(a.owner, int)}

    assert drawn.amount > 0
    assert drawn.debit.currency == drawn.credit.currency
    assert drawn.debit != drawn.credit
    assert len(owners) <= 1
    assert (drawn.order_id is not None) == (drawn.kind in OF_ORDERS)
    assert drawn.kind not in IN_DOLLARS or drawn.currency == USD
    assert drawn.kind is not TransferKind.DELIVERY or drawn.currency != USD


@FEW
@given(st.from_type(Break))
def test_a_break_is_a_difference_and_has_evidence_if_it_is_closed(drawn: Break) -> None:
    assert drawn.expected != drawn.found
    assert (drawn.evidence is None) == (drawn.closed_at_us is None)
    assert drawn.closed_at_us is None or drawn.closed_at_us > drawn.opened_at_us


@FEW
@given(st.from_type(Change))
def test_a_change_is_one_that_the_state_takes(drawn: Change) -> None:
    assert drawn.wallet is not None
    state = State()
    owner = drawn.wallet.user_id
    state.wallets[owner] = drawn.wallet

    state.apply(drawn)

    moved = balances(drawn.transfers)[ledger.user_account(owner)]
    assert state.get_wallet(owner).balance == drawn.wallet.balance + moved >= 0


@pytest.mark.parametrize("kind", events.AnyEvent.__args__, ids=lambda kind: kind.__name__)
def test_every_event_survives_the_log(kind: type[Event]) -> None:
    @settings(max_examples=20)
    @given(strategies.event(kind))
    def check(each: events.AnyEvent) -> None:
        assert type(each) is kind
        assert msgspec.convert(msgspec.to_builtins(each), events.AnyEvent) == each

    check()


@FEW
@given(strategies.event(events.BatchSettled))
def test_a_settled_batch_gives_out_no_more_than_it_has(event: events.AnyEvent) -> None:
    assert isinstance(event, events.BatchSettled)
    assert all(each.filled > 0 or each.charged == 0 for each in event.outcomes)
    assert sum(each.filled for each in event.outcomes) <= event.bought + event.used


@FEW
@given(strategies.order_stream())
def test_a_stream_of_orders_goes_by_time(stream: list[tuple[int, Any]]) -> None:
    assert all(one < other for (one, _), (other, _) in pairwise(stream))
    assert all(0 < each.spend <= 1_000 * DOLLAR for _, each in stream)
    assert {each.asset for _, each in stream} <= {"BTC", "ETH"}
    assert {each.user_id for _, each in stream} <= {1, 2, 3, 4}


@FEW
@given(strategies.price_path(50_000 * 10**12))
def test_a_path_of_prices_goes_by_time_in_steps_of_at_most_thirty_percent(
    path: list[tuple[int, int]],
) -> None:
    assert path[0][1] == 50_000 * 10**12
    for (before_us, before), (after_us, after) in pairwise(path):
        assert (after_us - before_us) // 10**6 in GAPS_S
        assert 700_000 * before // 10**6 <= after <= 1_300_000 * before // 10**6


@FEW
@given(strategies.fill_plan())
def test_a_plan_of_fills_answers_everything(plan: list[Step]) -> None:
    assert {step.kind for step in plan} <= {StepKind.FILL, StepKind.PART, StepKind.ZERO}


@pytest.mark.parametrize("kind", StepKind)
def test_every_kind_of_step_is_in_some_script(kind: StepKind) -> None:
    a_case_of(strategies.fault_script(), lambda each: kind in {step.kind for step in each})


@FEW
@given(strategies.usd(3 * CENT, 7 * DOLLAR), strategies.quantity(5, 9), strategies.price())
def test_amounts_keep_their_ranges(usd: int, units: int, price: int) -> None:
    assert 3 * CENT <= usd <= 7 * DOLLAR
    assert usd % CENT == 0
    assert 5 <= units <= 9
    assert 10**6 <= price <= 10**18
