"""Taking along: a large order brings waiting ones with it, and never suffers for it."""

from __future__ import annotations

from itertools import count

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_exchange.domain.aggregation import seal_book
from crypto_exchange.domain.asset import Inventory
from crypto_exchange.domain.attempt import reject
from crypto_exchange.domain.batch import BatchKind, BatchState
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import TooLate
from crypto_exchange.domain.events import (
    BatchRefunded,
    BatchReturned,
    OrdersFailed,
    OrdersReturned,
)
from crypto_exchange.domain.intent import take_along
from crypto_exchange.domain.order import Order, OrderState, Reason
from crypto_exchange.domain.plan import Terms
from crypto_exchange.domain.policy import OnDeadline, Policy, Pricing
from crypto_exchange.domain.purchase import Filled, Rejected, RejectionKind
from crypto_exchange.domain.retrial import retry
from crypto_exchange.domain.settlement import settle
from crypto_exchange.domain.views import Book, OpenBatch
from tests.builders import (
    DAY_US,
    KEY,
    NOW,
    NOW_US,
    a_book,
    a_fill,
    a_price,
    a_simulation,
    an_asset,
    an_open_batch,
    an_order,
    coins,
    usd,
)

POLICY = Policy()
REFUSED = Rejected(kind=RejectionKind.VENUE, code="-2010", message="insufficient balance")


def sealed(book: Book, policy: Policy = POLICY) -> Change:
    change = seal_book(book, keys=map(str, count()), policy=policy, stamp=NOW)
    assert change is not None
    return change


def members(change: Change, number: int = 0) -> list[Order]:
    """Who was bound to which of the new batches, as they were before."""
    key = change.new_batches[number].key
    return [move.before for move in change.orders if move.after.batch == key]


def after(change: Change) -> dict[int, tuple[OrderState, str | None, Reason | None]]:
    return {m.after.id: (m.after.state, m.after.batch, m.after.reason) for m in change.orders}


def ended(*orders: Order, price: str = "50000") -> OpenBatch:
    """A batch whose attempt ended without a purchase."""
    opened = an_open_batch(
        *orders, buy=None, live=False, kind=BatchKind.DIRECT, asset=an_asset(price)
    )
    return msgspec.structs.replace(opened, inventory=Inventory(asset="BTC"))


# ---- the first attempt ---------------------------------------------------------------------------


def test_a_large_order_takes_the_waiting_ones_along_in_one_purchase() -> None:
    first, second, large = an_order("3"), an_order("4"), an_order("20", direct=True)

    change = sealed(a_book(first, second, large))

    (batch,), (purchase,) = change.new_batches, change.new_purchases
    assert members(change) == [large, first, second]
    assert batch.kind is BatchKind.DIRECT
    assert purchase.quantity == coins("0.00054")
    assert {m.after.state for m in change.orders} == {OrderState.PENDING}


def test_at_most_499_are_taken_along_oldest_first() -> None:
    small, large = [an_order("0.01") for _ in range(503)], an_order("20", direct=True)

    change = sealed(a_book(*small, large))

    assert members(change) == [large, *small[:499]]


def test_the_first_large_order_takes_them_and_the_second_finds_none() -> None:
    small, large = an_order("5"), [an_order("20", direct=True), an_order("30", direct=True)]

    change = sealed(a_book(small, *large))

    assert [members(change, 0), members(change, 1)] == [[large[0], small], [large[1]]]


def test_those_that_fail_the_guard_are_passed_over_and_keep_waiting() -> None:
    cheap, good, large = an_order("5", price="40000"), an_order("5"), an_order("20", direct=True)

    change = sealed(a_book(cheap, good, large))

    assert members(change) == [large, good]
    assert cheap.id not in after(change)
    assert change.transfers == ()


def test_one_that_makes_the_plan_infeasible_is_passed_over_and_the_next_is_not() -> None:
    asset = an_asset(max_quantity=coins("0.0005"))
    much, little, large = an_order("6"), an_order("5"), an_order("20", direct=True)

    change = sealed(a_book(much, little, large, asset=asset))

    assert members(change) == [large, little]


def test_none_is_taken_if_the_large_order_itself_leaves_or_cannot_be_bought() -> None:
    small = an_order("5")
    gone, stuck = an_order("20", direct=True, price="40000"), an_order("100", direct=True)

    change = sealed(a_book(small, gone))
    blocked = a_book(small, stuck, asset=an_asset(max_quantity=coins("0.001")))

    assert after(change) == {gone.id: (OrderState.FAILED, None, Reason.PRICE_MOVED)}
    assert change.new_batches == ()
    assert seal_book(blocked, keys=map(str, count()), policy=POLICY, stamp=NOW) is None


def test_it_can_be_switched_off() -> None:
    small, large = an_order("5"), an_order("20", direct=True)

    assert members(sealed(a_book(small, large), Policy(take_along=False))) == [large]


def test_what_is_left_over_is_sealed_by_itself_if_it_is_enough() -> None:
    policy = Policy(batch_limit=2)
    small, large = [an_order("6") for _ in range(3)], an_order("20", direct=True)

    change = sealed(a_book(*small, large), policy)

    assert members(change, 0) == [large, small[0]]
    assert members(change, 1) == small[1:]
    assert [b.kind for b in change.new_batches] == [BatchKind.DIRECT, BatchKind.AGGREGATED]


def test_a_small_order_at_its_deadline_is_taken_along_and_not_refunded() -> None:
    old, large = an_order("0.50", age_us=DAY_US), an_order("20", direct=True)

    assert members(sealed(a_book(old, large))) == [large, old]


def test_one_that_is_taken_along_can_be_cancelled_until_then() -> None:
    simulation, (user_id,) = a_simulation()
    first = simulation.place(user_id, "BTC", spend=usd("4"))
    second = simulation.place(user_id, "BTC", spend=usd("5"))
    simulation.place(user_id, "BTC", spend=usd("20"))

    assert simulation.cancel(first).state is OrderState.CANCELLED
    simulation.run()

    with pytest.raises(TooLate):
        simulation.cancel(second)
    assert simulation.order(second).state is OrderState.COMPLETED
    assert len(simulation.state.batches) == 1


# ---- settlement ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filled", "delivered"),
    [
        ("0.0005", ["0.0004", "0.00006", "0.00004"]),
        ("0.0003", ["0.0002", "0.00006", "0.00004"]),
        ("0.0001", ["0", "0.00006", "0.00004"]),
        ("0.00005", ["0", "0.00003", "0.00002"]),
    ],
)
def test_a_partial_fill_serves_those_taken_along_first(filled: str, delivered: list[str]) -> None:
    orders = an_order("20", direct=True), an_order("3"), an_order("2")
    opened = an_open_batch(*orders, buy="0.0005", kind=BatchKind.DIRECT)

    change = settle(opened, a_fill(filled, "1"), at_us=NOW_US)

    assert [m.after.filled for m in change.orders] == [coins(amount) for amount in delivered]
    for move in change.orders:
        if move.after.filled == 0:
            assert move.after.reason is Reason.UNFILLED


def test_coins_that_were_bought_before_count_before_anybody_is_cut_short() -> None:
    orders = an_order("20", direct=True), an_order("5")
    opened = an_open_batch(*orders, buy="0.0004", used="0.0001", kind=BatchKind.DIRECT)

    change = settle(opened, Filled(fills=()), at_us=NOW_US)

    assert [m.after.state for m in change.orders] == [OrderState.FAILED, OrderState.COMPLETED]


# ---- the next attempt ----------------------------------------------------------------------------


def test_an_exchange_at_fault_sends_the_small_ones_back_and_the_large_one_stays_pending() -> None:
    large, small = an_order("20", direct=True), an_order("5")
    opened = an_open_batch(large, small, buy="0.0005", kind=BatchKind.DIRECT)

    change = reject(opened, REFUSED, policy=POLICY, at_us=NOW_US)

    assert after(change) == {
        large.id: (OrderState.PENDING, None, None),
        small.id: (OrderState.AGGREGATED, None, None),
    }
    assert change.batches[0].after.state is BatchState.RETURNED


def test_the_next_attempt_takes_the_same_along_if_it_still_can() -> None:
    large, small = an_order("20", direct=True), an_order("5")

    change = retry(ended(large, small), policy=POLICY, stamp=NOW)

    assert change.new_purchases[0].quantity == coins("0.0005")
    assert change.orders == ()


def test_who_fails_the_guard_leaves_and_who_no_longer_fits_waits_again() -> None:
    large, fits, cheap = an_order("20", direct=True), an_order("5"), an_order("4", price="40000")
    much = an_order("6")
    opened = ended(large, cheap, much, fits)
    tight = an_asset(max_quantity=coins("0.0005"))

    change = retry(msgspec.structs.replace(opened, asset=tight), policy=POLICY, stamp=NOW)

    assert change.new_purchases[0].quantity == coins("0.0005")
    assert after(change) == {
        cheap.id: (OrderState.FAILED, KEY, Reason.PRICE_MOVED),
        much.id: (OrderState.AGGREGATED, None, None),
    }
    assert [t.amount for t in change.transfers] == [usd("4")]
    (returned,) = [e for e in change.events if isinstance(e, OrdersReturned)]
    assert returned.orders == ((much.user_id, much.id),)


def test_a_large_order_that_leaves_lets_the_small_ones_wait_again() -> None:
    large, small = an_order("20", direct=True, price="40000"), an_order("5", price="40000")

    change = retry(ended(large, small), policy=POLICY, stamp=NOW)

    assert after(change) == {
        large.id: (OrderState.FAILED, KEY, Reason.PRICE_MOVED),
        small.id: (OrderState.AGGREGATED, None, None),
    }
    assert change.batches[0].after.state is BatchState.RETURNED
    assert change.new_purchases == ()
    assert [t.amount for t in change.transfers] == [usd("20")]
    assert [type(event) for event in change.events] == [BatchReturned, OrdersFailed]


def test_a_large_order_at_its_deadline_lets_the_young_ones_wait_again() -> None:
    large = an_order("20", direct=True, age_us=DAY_US)
    old, young = an_order("5", age_us=DAY_US), an_order("5")

    change = retry(ended(large, old, young), policy=POLICY, stamp=NOW)

    assert after(change) == {
        large.id: (OrderState.FAILED, KEY, Reason.DEADLINE),
        old.id: (OrderState.FAILED, KEY, Reason.DEADLINE),
        young.id: (OrderState.AGGREGATED, None, None),
    }
    assert change.batches[0].after.state is BatchState.RETURNED


def test_a_small_order_at_its_deadline_leaves_and_the_large_one_goes_on() -> None:
    large, old = an_order("20", direct=True), an_order("5", age_us=DAY_US)

    change = retry(ended(large, old), policy=POLICY, stamp=NOW)

    assert after(change) == {old.id: (OrderState.FAILED, KEY, Reason.DEADLINE)}
    assert change.batches[0].after.live
    assert change.new_purchases[0].quantity == coins("0.0004")


def test_a_batch_whose_members_all_leave_is_refunded() -> None:
    orders = an_order("20", direct=True, age_us=DAY_US), an_order("5", age_us=DAY_US)

    change = retry(ended(*orders), policy=POLICY, stamp=NOW)

    assert change.batches[0].after.state is BatchState.REFUNDED
    assert [type(event) for event in change.events].count(BatchRefunded) == 1


def test_members_that_wait_for_ever_stay_together() -> None:
    orders = an_order("20", direct=True, age_us=DAY_US), an_order("5", age_us=DAY_US)

    change = retry(ended(*orders), policy=Policy(on_deadline=OnDeadline.WAIT), stamp=NOW)

    assert change.orders == ()
    assert len(change.new_purchases) == 1


def test_a_large_order_that_cannot_be_bought_now_keeps_its_batch() -> None:
    opened = ended(an_order("100", direct=True), an_order("5"))
    tight = an_asset(max_quantity=coins("0.001"))

    change = retry(msgspec.structs.replace(opened, asset=tight), policy=POLICY, stamp=NOW)

    assert change.orders == ()
    assert not change.batches[0].after.live


# ---- always --------------------------------------------------------------------------------------


@given(
    large=st.integers(10_00, 200_00),
    small=st.lists(st.integers(1, 9_99), max_size=20),
    lot=st.sampled_from(["0.00000001", "0.00001", "0.0003"]),
    maximum=st.sampled_from([0, coins("0.001"), coins("0.004")]),
    free=st.integers(0, coins("0.0002")),
    expected=st.integers(0, coins("0.0002")),
)
def test_taking_along_keeps_the_plan_feasible_and_passes_over_nobody_without_reason(
    large: int, small: list[int], lot: str, maximum: int, free: int, expected: int
) -> None:
    asset = an_asset(lot=lot, max_quantity=maximum)
    inventory = Inventory(asset="BTC", quantity=free, expected=expected)
    terms = Terms(pricing=Pricing.QUOTED, asset=asset, price=a_price("50000"), policy=POLICY)
    order = an_order(f"{large // 100}.{large % 100:02}", direct=True)
    waiting = [an_order(f"{cents // 100}.{cents % 100:02}") for cents in small]

    members, plan = take_along(order, waiting, terms, inventory)

    assert members[0] == order
    assert plan == terms.plan(members, inventory, direct=True)
    alone = terms.plan([order], inventory, direct=True)
    assert plan.feasible is alone.feasible
    assert [o for o in waiting if o in members] == members[1:], "oldest first"
    if not alone.feasible:
        assert members == [order]
        return
    for passed_over in (o for o in waiting if o not in members):
        before = [order, *(o for o in members[1:] if o.id < passed_over.id)]
        assert not terms.plan([*before, passed_over], inventory, direct=True).feasible
