"""Sealing: which orders are bought now, together or alone, and which leave."""

from __future__ import annotations

from itertools import count

import msgspec
import pytest

from crypto_exchange.domain.aggregation import is_due, needs_more, seal_book
from crypto_exchange.domain.asset import Asset, Inventory, lowest_quote
from crypto_exchange.domain.batch import BatchKind
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.events import OrdersFailed, PurchaseIntended
from crypto_exchange.domain.order import Order, OrderState, Reason
from crypto_exchange.domain.policy import SECOND_US, OnDeadline, Policy
from crypto_exchange.domain.views import Book, Waiting
from tests.builders import DAY_US, NOW, NOW_US, a_book, a_price, an_asset, an_order, coins, usd

TOP_UP = Policy(on_deadline=OnDeadline.TOP_UP)
WAIT = Policy(on_deadline=OnDeadline.WAIT)


def seal(book: Book, policy: Policy | None = None) -> Change | None:
    keys = (f"{number:024x}" for number in count(1))
    return seal_book(book, keys=keys, policy=policy or Policy(), stamp=NOW)


def sealed(book: Book, policy: Policy | None = None) -> Change:
    change = seal(book, policy)
    assert change is not None
    return change


def members(change: Change) -> list[Order]:
    """Orders that were bound, as they were before."""
    return [move.before for move in change.orders if move.after.batch is not None]


def left(change: Change) -> dict[int, Reason | None]:
    return {m.after.id: m.after.reason for m in change.orders if m.after.batch is None}


# ---- small orders --------------------------------------------------------------------------------


def test_below_the_threshold_orders_wait() -> None:
    assert seal(a_book(an_order("9.99"))) is None


def test_nine_ninety_nine_and_a_cent_seal() -> None:
    first, second = an_order("9.99"), an_order("0.01")

    change = sealed(a_book(first, second))

    (batch,), (purchase,) = change.new_batches, change.new_purchases
    assert members(change) == [first, second]
    assert {m.after.state for m in change.orders} == {OrderState.PENDING}
    assert {m.after.batch for m in change.orders} == {batch.key}
    assert batch.kind is BatchKind.AGGREGATED
    assert purchase.quantity == coins("0.0002")
    assert (purchase.batch, purchase.attempt) == (batch.key, 1)
    assert (purchase.timestamp_ms, purchase.window_ms) == (NOW.signed_ms, 5_000)
    assert batch.due_at_us == NOW_US + 5 * SECOND_US
    assert change.transfers == ()


def test_a_seal_writes_the_inventory_row_with_what_it_reserves_and_expects() -> None:
    inventory = Inventory(asset="BTC", quantity=coins("0.00005"), version=4)

    change = sealed(a_book(an_order("10.25", "0.000205"), inventory=inventory))

    (batch,) = change.new_batches
    assert change.inventory is not None
    after = change.inventory.after
    assert (batch.used, batch.surplus) == (coins("0.00005"), coins("0.000005"))
    assert (after.reserved, after.expected, after.version) == (batch.used, batch.surplus, 5)
    assert change.inventory.before == inventory


def test_what_the_inventory_covers_is_settled_without_a_purchase() -> None:
    inventory = Inventory(asset="BTC", quantity=coins("0.0002"))

    change = sealed(a_book(an_order("10"), inventory=inventory))

    assert change.new_purchases == ()
    assert change.new_batches[0].due_at_us == NOW_US
    (event,) = change.events
    assert isinstance(event, PurchaseIntended)
    assert (event.quantity, event.used) == (0, coins("0.0002"))


def test_an_infeasible_plan_is_not_sealed() -> None:
    book = a_book(an_order("6"), an_order("6"), asset=an_asset(lot="0.01"))

    assert seal(book) is None


def test_at_most_500_are_sealed_oldest_first() -> None:
    orders = [an_order("0.50") for _ in range(503)]

    change = sealed(a_book(*orders))

    assert members(change) == orders[:500]


def test_more_than_500_are_sealed_while_they_total_less_than_the_threshold() -> None:
    orders = [an_order("0.01") for _ in range(1_100)]

    change = sealed(a_book(*orders))

    assert members(change) == orders[:1_000]


def test_more_than_500_are_sealed_while_their_plan_is_infeasible() -> None:
    policy = Policy(batch_limit=2)
    asset = an_asset(lot="0.001")  # 50 dollars
    orders = [an_order("7") for _ in range(9)]

    change = sealed(a_book(*orders, asset=asset), policy)

    assert members(change) == orders[:6]  # 42 dollars leave 8 over, 35 would leave 15


def test_no_more_is_sealed_than_the_exchange_takes_at_once() -> None:
    asset = an_asset(max_quantity=coins("0.0003"))
    orders = [an_order("5") for _ in range(4)]

    change = sealed(a_book(*orders, asset=asset))

    assert members(change) == orders[:3]


def test_an_order_that_the_exchange_no_longer_takes_holds_up_nobody() -> None:
    asset = an_asset(max_quantity=coins("0.0003"))
    large, *small = an_order("100"), an_order("5"), an_order("6")

    change = sealed(a_book(large, *small, asset=asset))

    assert members(change) == small
    assert seal(a_book(large, asset=asset)) is None


# ---- price guard ---------------------------------------------------------------------------------


def test_two_percent_more_than_quoted_pass_the_guard_and_no_more() -> None:
    quoted = a_price("50000")

    assert lowest_quote(a_price("51000"), Policy()) == quoted
    assert lowest_quote(a_price("51000") + 1, Policy()) == quoted + 1
    assert lowest_quote(1, Policy()) == 1
    assert lowest_quote(quoted + 1, Policy(price_tolerance_bps=0)) == quoted + 1


def test_orders_that_the_price_left_behind_leave_in_the_commit_of_the_intent() -> None:
    cheap = an_order("5", price="40000")
    good = [an_order("5"), an_order("5")]

    change = sealed(a_book(cheap, *good))

    assert members(change) == good
    assert left(change) == {cheap.id: Reason.PRICE_MOVED}
    assert [t.amount for t in change.transfers] == [usd("5")]
    assert any(isinstance(event, OrdersFailed) for event in change.events)


def test_orders_that_the_price_left_behind_stay_if_no_intent_is_made() -> None:
    assert seal(a_book(an_order("5", price="40000"), an_order("5"))) is None


def test_those_that_fail_the_guard_do_not_count_for_the_threshold() -> None:
    assert seal(a_book(an_order("9", price="40000"), an_order("9"))) is None


def test_a_direct_order_that_fails_the_guard_leaves_at_once() -> None:
    order = an_order("50", price="49000", direct=True)

    change = sealed(a_book(order))

    assert left(change) == {order.id: Reason.PRICE_MOVED}
    assert change.new_batches == ()
    assert change.inventory is not None
    assert change.inventory.after.version == change.inventory.before.version + 1


# ---- direct orders -------------------------------------------------------------------------------


def test_direct_orders_are_bought_one_by_one_before_the_small_ones() -> None:
    large = [an_order("10", direct=True), an_order("20", direct=True)]
    small = an_order("10")

    change = sealed(a_book(small, *large), Policy(take_along=False))

    kinds = [batch.kind for batch in change.new_batches]
    assert kinds == [BatchKind.DIRECT, BatchKind.DIRECT, BatchKind.AGGREGATED]
    assert members(change) == [*large, small]


def test_two_purchases_never_reserve_the_same_coins() -> None:
    inventory = Inventory(asset="BTC", quantity=coins("0.0003"))
    large = [an_order("10", direct=True), an_order("10", direct=True)]

    change = sealed(a_book(*large, inventory=inventory))

    assert [batch.used for batch in change.new_batches] == [coins("0.0002"), coins("0.0001")]
    assert change.inventory is not None
    assert change.inventory.after.reserved == coins("0.0003")


def test_a_group_of_direct_orders_has_a_limit_and_one_that_cannot_be_bought_does_not_count() -> (
    None
):
    asset = an_asset(max_quantity=coins("0.001"))
    stuck = an_order("100", direct=True)
    large = [an_order("10", direct=True) for _ in range(3)]

    change = sealed(a_book(stuck, *large, asset=asset), Policy(group_limit=2))

    assert members(change) == large[:2]


def test_overdue_direct_orders_beyond_the_limit_of_a_group_are_bought_next_time() -> None:
    large = [an_order("50", direct=True, age_us=DAY_US) for _ in range(3)]
    policy = Policy(group_limit=2)

    change = sealed(a_book(*large), policy)

    assert members(change) == large[:2]
    assert left(change) == {}
    assert members(sealed(a_book(large[2]), policy)) == [large[2]]


# ---- without a price -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asset",
    [
        msgspec.structs.replace(an_asset(), halted=True),
        msgspec.structs.replace(an_asset(), trading=False),
        msgspec.structs.replace(an_asset(), price=None, priced_at_us=None),
        msgspec.structs.replace(an_asset(), priced_at_us=NOW_US - 181 * SECOND_US),
    ],
    ids=["halted", "not trading", "no price", "stale"],
)
def test_nothing_is_sealed_without_a_fresh_price_of_an_active_asset(asset: Asset) -> None:
    young = a_book(an_order("50"), an_order("50", direct=True), asset=asset)
    old = an_order("50", age_us=DAY_US)
    large = an_order("50", direct=True, age_us=DAY_US)

    assert seal(young) is None
    assert left(sealed(a_book(old, large, asset=asset))) == {
        old.id: Reason.DEADLINE,
        large.id: Reason.DEADLINE,
    }


def test_nothing_is_sealed_before_the_back_off_is_over() -> None:
    waiting = Inventory(asset="BTC", failures=1, retry_at_us=NOW_US + 1)
    over = Inventory(asset="BTC", failures=1, retry_at_us=NOW_US)
    order = an_order("10")

    assert seal(a_book(order, inventory=waiting)) is None
    assert members(sealed(a_book(order, inventory=over))) == [order]


# ---- deadline ------------------------------------------------------------------------------------


def test_a_moment_before_the_deadline_an_order_waits() -> None:
    assert seal(a_book(an_order("1", age_us=DAY_US - 1))) is None


def test_at_the_deadline_all_are_sealed_if_they_reach_the_minimum_by_themselves() -> None:
    old, young = an_order("5", age_us=DAY_US), an_order("0.25")

    change = sealed(a_book(old, young))

    assert members(change) == [old, young]


@pytest.mark.parametrize(
    ("asset", "policy"),
    [
        (an_asset(max_quantity=coins("0.00016")), Policy()),  # 8 dollars at once
        (an_asset(), Policy(batch_limit=1)),
    ],
    ids=["the exchange's maximum", "the limit of a batch"],
)
def test_at_the_deadline_those_that_are_too_many_for_one_purchase_come_next_time(
    asset: Asset, policy: Policy
) -> None:
    small = [an_order("6", age_us=DAY_US) for _ in range(3)]

    change = sealed(a_book(*small, asset=asset), policy)

    assert members(change) == small[:1]
    assert left(change) == {}
    assert members(sealed(a_book(*small[1:], asset=asset), policy)) == small[1:2]


def test_at_the_deadline_what_is_too_large_by_itself_leaves_when_nothing_else_is_bought() -> None:
    asset = an_asset(max_quantity=coins("0.0003"))
    large, small = an_order("100", age_us=DAY_US), an_order("6", age_us=DAY_US)

    both = sealed(a_book(large, small, asset=asset))
    alone = sealed(a_book(large, asset=asset))

    assert (members(both), left(both)) == ([small], {})
    assert left(alone) == {large.id: Reason.DEADLINE}


def test_at_the_deadline_those_that_are_overdue_are_refunded_if_all_are_too_little() -> None:
    old, young = an_order("5", age_us=DAY_US), an_order("0.24")

    change = sealed(a_book(old, young))

    assert left(change) == {old.id: Reason.DEADLINE}
    assert [t.amount for t in change.transfers] == [usd("5")]


def test_at_the_deadline_what_the_inventory_covers_is_sealed_however_little() -> None:
    inventory = Inventory(asset="BTC", quantity=coins("0.00002"))
    old = an_order("1", age_us=DAY_US)

    change = sealed(a_book(old, inventory=inventory))

    assert members(change) == [old]
    assert change.new_purchases == ()


def test_topping_up_buys_the_difference_for_the_house() -> None:
    old = an_order("1", age_us=DAY_US)

    change = sealed(a_book(old), TOP_UP)

    assert members(change) == [old]
    assert change.new_purchases[0].quantity == coins("0.00011")  # 5.25 dollars, rounded up to a lot
    assert change.new_batches[0].surplus == coins("0.00009")


def test_topping_up_refunds_if_even_that_is_infeasible() -> None:
    old = an_order("1", age_us=DAY_US)

    change = sealed(a_book(old, asset=an_asset(minimum="50")), TOP_UP)

    assert left(change) == {old.id: Reason.DEADLINE}


def test_waiting_on_refunds_nobody_but_seals_what_reaches_the_minimum() -> None:
    old, enough = an_order("1", age_us=2 * DAY_US), an_order("6", age_us=2 * DAY_US)

    assert seal(a_book(old), WAIT) is None
    assert members(sealed(a_book(enough), WAIT)) == [enough]
    assert seal(a_book(an_order("50", direct=True, age_us=2 * DAY_US)), WAIT) is not None


def test_an_overdue_direct_order_gets_a_last_chance_but_not_after_the_exchange_refused() -> None:
    old = an_order("50", direct=True, age_us=DAY_US)
    refused = Inventory(asset="BTC", failures=1)

    assert members(sealed(a_book(old))) == [old]
    assert left(sealed(a_book(old, inventory=refused))) == {old.id: Reason.DEADLINE}


def test_one_that_leaves_after_the_exchange_refused_brings_nobody_below_the_threshold() -> None:
    old, young = an_order("1", age_us=DAY_US), an_order("6")
    refused = Inventory(asset="BTC", failures=1)

    change = sealed(a_book(old, young, inventory=refused))

    assert left(change) == {old.id: Reason.DEADLINE}
    assert members(change) == []


@pytest.mark.parametrize(
    ("direct", "total", "age_us", "due"),
    [
        (0, "9.99", 0, False),
        (0, "10", 0, True),
        (1, "0", 0, True),
        (0, "0.01", DAY_US - 1, False),
        (0, "0.01", DAY_US, True),
    ],
)
def test_an_asset_is_due_for_direct_orders_the_threshold_or_the_deadline(
    direct: int, total: str, age_us: int, *, due: bool
) -> None:
    waiting = Waiting(asset="BTC", direct=direct, total=usd(total), oldest_us=NOW_US - age_us)

    assert is_due(waiting, Policy(), NOW_US) is due


def test_an_empty_book_is_left_alone() -> None:
    assert seal(a_book()) is None


def test_a_book_is_looked_into_further_only_if_more_orders_could_be_sealed() -> None:
    full = a_book(an_order("0.01"), an_order("0.01"))
    halted = msgspec.structs.replace(full, asset=msgspec.structs.replace(full.asset, halted=True))
    resting = msgspec.structs.replace(
        full, inventory=msgspec.structs.replace(full.inventory, retry_at_us=NOW_US + 1)
    )

    assert needs_more(full, 2, Policy(), NOW)
    assert not needs_more(full, 3, Policy(), NOW)
    assert not needs_more(halted, 2, Policy(), NOW)
    assert not needs_more(resting, 2, Policy(), NOW)
