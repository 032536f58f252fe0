"""Whatever is ordered, bought and filled: nothing appears, nothing vanishes, nobody pays too much."""

from __future__ import annotations

from collections import defaultdict

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from crypto_exchange.domain.allocation import share
from crypto_exchange.domain.batch import BatchKind
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.ledger import balances
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.order import Order, OrderState
from crypto_exchange.domain.policy import Pricing
from crypto_exchange.domain.purchase import Fill, Filled
from crypto_exchange.domain.receipt import list_faults, make_receipt
from crypto_exchange.domain.settlement import settle
from crypto_exchange.domain.statement import hashed_id
from crypto_exchange.domain.views import OpenBatch
from tests.builders import KEY, NOW_US, an_open_batch, an_order


class Case(msgspec.Struct):
    """A batch, and what the exchange made of it."""

    opened: OpenBatch
    filled: Filled


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Members of either pricing, some inventory for `quoted`, up to three trades with any fees."""
    pricing = draw(st.sampled_from(Pricing))
    wanted = draw(
        st.lists(
            st.tuples(st.integers(1, 2_000), st.integers(1, 10**6), st.integers(1, 3)),
            min_size=1,
            max_size=8,
        )
    )
    has_large = pricing is Pricing.QUOTED and draw(st.booleans())
    orders = [
        msgspec.structs.replace(
            an_order("1", user_id=user, pricing=pricing, direct=has_large and place == 0),
            quantity=quantity,
            total=cents * CENT,
        )
        for place, (cents, quantity, user) in enumerate(wanted)
    ]
    needed = sum(o.quantity for o in orders)
    used = draw(st.integers(0, needed)) if pricing is Pricing.QUOTED else 0
    opened = an_open_batch(
        *orders,
        buy="0",
        kind=BatchKind.DIRECT if has_large else BatchKind.AGGREGATED,
        pricing=pricing,
    )
    assert opened.purchase is not None
    opened = msgspec.structs.replace(
        opened,
        batch=msgspec.structs.replace(opened.batch, used=used),
        purchase=msgspec.structs.replace(opened.purchase, quantity=max(1, needed - used)),
        inventory=msgspec.structs.replace(opened.inventory, quantity=used, reserved=used),
    )
    return Case(opened, draw(fills(needed)))


@st.composite
def fills(draw: st.DrawFn, needed: int) -> Filled:
    """Up to three trades; a fee in coin is at most what was bought."""
    quantities = draw(st.lists(st.integers(1, needed + 10), max_size=3))
    trades = []
    for number, quantity in enumerate(quantities):
        currency = draw(st.sampled_from(["USD", "BTC", "BNB"]))
        most = quantity if currency == "BTC" else 10**7
        trades.append(
            Fill(
                trade_id=str(number),
                quantity=quantity,
                cost=draw(st.integers(0, 10**11)),
                fee=draw(st.integers(0, most)),
                fee_currency=currency,
            )
        )
    return Filled(fills=tuple(trades))


def settled(case: Case) -> Change:
    return settle(case.opened, case.filled, at_us=NOW_US)


def ended(change: Change) -> list[Order]:
    return [move.after for move in change.orders]


@given(cases())
def test_every_currency_sums_to_zero_and_nothing_stays_in_clearing(case: Case) -> None:
    change = settled(case)

    sums: dict[str, int] = defaultdict(int)
    for account, amount in balances(change.transfers).items():
        sums[account.currency] += amount
        assert account.owner != KEY or amount == 0
    assert not any(sums.values())


@given(cases())
def test_nobody_pays_more_than_their_total_and_the_rest_comes_back(case: Case) -> None:
    change = settled(case)

    moved = balances(change.transfers)
    refunded: dict[int, int] = defaultdict(int)
    for order in ended(change):
        assert 0 <= order.charged <= order.total
        assert order.charged % CENT == 0
        assert order.refunded + order.charged == order.total
        assert (order.state is OrderState.FAILED) == (order.filled == 0)
        assert order.filled or order.charged == 0, "no coins, no charge"
        refunded[order.user_id] += order.refunded
    wallets = {a.owner: n for a, n in moved.items() if a.name.endswith(":USD") and "user" in a.name}
    assert {user: n for user, n in wallets.items() if n} == {u: n for u, n in refunded.items() if n}


@given(cases())
def test_no_more_is_delivered_than_there_is_and_the_house_keeps_the_rest(case: Case) -> None:
    change = settled(case)

    (statement,) = change.new_statements
    delivered = sum(o.filled for o in ended(change))
    left = balances(change.transfers)
    inventory = sum(n for a, n in left.items() if a.name == "house:inventory:BTC")
    assert 0 <= delivered <= statement.available
    assert inventory + statement.used == statement.available - delivered
    if statement.pricing is Pricing.AVERAGE:
        assert delivered == statement.available


@given(cases())
def test_quoted_members_are_whole_if_the_coins_suffice_and_the_small_ones_first(
    case: Case,
) -> None:
    change = settled(case)

    (statement,) = change.new_statements
    if statement.pricing is Pricing.AVERAGE:
        return
    for group in (False, True), (False,):
        orders = [o for o in ended(change) if o.direct in group]
        if sum(o.quantity for o in orders) <= statement.available:
            assert all((o.filled, o.charged) == (o.quantity, o.total) for o in orders)
            assert {o.state for o in orders} <= {OrderState.COMPLETED}
    small_whole = all(o.filled == o.quantity for o in ended(change) if not o.direct)
    assert small_whole or not any(o.filled for o in ended(change) if o.direct)


@given(cases())
def test_average_members_are_charged_the_cost_together_and_at_most_their_totals(
    case: Case,
) -> None:
    change = settled(case)

    (statement,) = change.new_statements
    if statement.pricing is Pricing.QUOTED:
        return
    orders = ended(change)
    whole_cents = -(-statement.cost // CENT) * CENT
    together = min(whole_cents, sum(o.total for o in orders))
    charged = sum(o.charged for o in orders)
    if all(o.filled for o in orders):
        assert charged == together
    assert charged <= together
    for order in orders:
        fair = together * order.total
        weight = sum(o.total for o in orders)
        assert abs(order.charged * weight - fair) < CENT * weight or not order.filled
        ideal = statement.available * order.total
        assert abs(order.filled * weight - ideal) < weight


@given(cases())
def test_the_shares_are_what_a_receipt_computes_again(case: Case) -> None:
    change = settled(case)

    (statement,) = change.new_statements
    parts = share(statement)
    for order, part in zip(ended(change), parts, strict=True):
        assert (order.filled, order.charged) == (part.filled, part.charged)
        assert list(list_faults(make_receipt(order, statement))) == []


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_members_changes_nothing(case: Case, random: object) -> None:
    (statement,) = settled(case).new_statements
    by_name = dict(zip((m.hashed_id for m in statement.members), share(statement), strict=True))
    members = list(statement.members)
    random.shuffle(members)  # type: ignore[attr-defined]  # Hypothesis gives a random.Random

    shuffled = msgspec.structs.replace(statement, members=tuple(members))

    assert [by_name[m.hashed_id] for m in members] == share(shuffled)
    assert all(hashed_id(KEY, o.id) in by_name for o in case.opened.members)
