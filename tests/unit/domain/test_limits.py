"""Limits: what is exactly at one, a unit beyond it, and what people are told of it."""

from __future__ import annotations

from itertools import count

import msgspec
import pytest

from crypto_exchange.domain import cashier
from crypto_exchange.domain.access import (
    CommonPasswords,
    require_password,
    require_username,
    rotate,
)
from crypto_exchange.domain.aggregation import seal_book
from crypto_exchange.domain.asset import Asset, Inventory
from crypto_exchange.domain.attempt import give_up_absent
from crypto_exchange.domain.audit import LONGEST_EVIDENCE, compare_with_venue, require_evidence
from crypto_exchange.domain.batch import NEVER_US, BatchState, BatchTrigger, close
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import (
    AmountTooLarge,
    AmountTooSmall,
    Conflict,
    InvalidAmount,
    InvalidField,
    InvariantViolation,
    NotFound,
    PriceStale,
    Unauthenticated,
    UnknownAsset,
)
from crypto_exchange.domain.intent import Stamp
from crypto_exchange.domain.late_fill import ALWAYS_US, LATEST_US, is_asked_after
from crypto_exchange.domain.money import parse_units, require_dollars
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.placement import PlaceOrder, place_order
from crypto_exchange.domain.plan import Terms
from crypto_exchange.domain.policy import OnDeadline, Policy, Pricing
from crypto_exchange.domain.purchase import Absent
from crypto_exchange.domain.receipt import list_faults, make_receipt
from crypto_exchange.domain.retrial import retry
from crypto_exchange.domain.settlement import settle
from crypto_exchange.domain.state import State
from crypto_exchange.domain.views import Mirror, OpenBatch
from crypto_exchange.domain.wallet import Wallet
from tests.builders import (
    DAY_US,
    NOW,
    NOW_US,
    a_book,
    a_fill,
    a_simulation,
    an_asset,
    an_open_batch,
    an_order,
    coins,
    usd,
)

POLICY = Policy()


def sealed(
    *orders: Order, asset: Asset | None = None, inventory: Inventory | None = None
) -> Change:
    book = a_book(*orders, asset=asset, inventory=inventory)
    change = seal_book(book, keys=map(str, count()), policy=POLICY, stamp=NOW)
    assert change is not None
    return change


def bound(change: Change) -> list[Order]:
    return [move.before for move in change.orders if move.after.batch is not None]


def given_up(*orders: Order, asset: Asset | None = None) -> OpenBatch:
    """A batch whose last attempt ended without a purchase."""
    return an_open_batch(*orders, buy=None, live=False, asset=asset)


def place(asset: Asset, *, amount: int | None = None, spend: int | None = None) -> Order:
    change = place_order(
        PlaceOrder(user_id=1, asset="BTC", amount=amount, spend=spend),
        wallet=Wallet(1, usd("1000000")),
        asset=asset,
        policy=POLICY,
        order_id=1,
        at_us=NOW_US,
    )
    return change.new_orders[0]


def terms(asset: Asset, pricing: Pricing = Pricing.QUOTED) -> Terms:
    return Terms(pricing=pricing, asset=asset, price=asset.price or 0, policy=POLICY)


# ---- names, words and times ----------------------------------------------------------------------


def test_a_name_that_is_too_long_is_shown_to_its_64th_character() -> None:
    require_username("a" * 64)
    with pytest.raises(InvalidField) as refused:
        require_username("a" * 65)

    assert refused.value.field == "username"
    assert refused.value.expected == "3 to 64 characters of A-Z a-z 0-9 _ . @ -"
    assert refused.value.was == f"'{'a' * 64}' (65 characters)"


def test_a_password_that_is_too_long_is_counted_and_not_shown() -> None:
    with pytest.raises(InvalidField) as refused:
        require_password("p" * 129, username="bob", common=CommonPasswords())

    assert refused.value.field == "password"
    assert refused.value.expected == "8 to 128 characters"
    assert refused.value.was == "129 characters"


def test_a_login_that_has_ended_says_what_to_do() -> None:
    expected = "expected one of a live session, was one that has ended; log in again"

    with pytest.raises(Unauthenticated, match=f"^refresh token: {expected}$"):
        rotate(None, 0, at_us=1, expires_at_us=2)


def test_evidence_may_be_2000_characters_long() -> None:
    assert LONGEST_EVIDENCE == 2_000
    assert len(require_evidence(" " + "e" * 2_000)) == 2_000
    with pytest.raises(InvalidField) as refused:
        require_evidence("e" * 2_001)

    assert refused.value.field == "evidence"
    assert refused.value.was == "2001 characters"


def test_never_is_later_than_any_date_and_fits_a_column() -> None:
    assert NEVER_US == 2**62


def test_late_fills_are_always_looked_for_in_15_minutes_and_never_after_a_day() -> None:
    assert ALWAYS_US == 15 * 60 * 1_000_000
    assert LATEST_US == 86_400 * 1_000_000
    assert is_asked_after(LATEST_US, LATEST_US // 1_024)
    assert not is_asked_after(LATEST_US + 1, LATEST_US // 1_024)


def test_a_price_of_this_moment_is_of_the_past() -> None:
    assert "a price 0 s old" in str(PriceStale("BTC", 0))


# ---- amounts -------------------------------------------------------------------------------------


def test_whole_units_have_no_decimals() -> None:
    assert parse_units("5", 0) == 5
    assert parse_units("5.0", 0) == 5
    with pytest.raises(ValueError, match=r"expected at most 0 decimals, was '5.5'"):
        parse_units("5.5", 0)


@pytest.mark.parametrize("text", ["1" * 39 + "x" + "1" * 9, "0." + "1" * 60])
def test_an_amount_that_is_no_good_is_shown_to_its_40th_character(text: str) -> None:
    with pytest.raises(ValueError, match=f"was '{text[:40]}'$"):
        parse_units(text, 8)


def test_what_is_wrong_with_a_deposit_or_withdrawal_is_its_amount() -> None:
    wallet = Wallet(1, usd("9"))

    with pytest.raises(InvalidAmount, match=r"^amount: "):
        cashier.deposit(cashier.Deposit(user_id=1, amount=0), wallet=wallet, at_us=1)
    with pytest.raises(InvalidAmount, match=r"^amount: "):
        cashier.withdraw(cashier.Withdraw(user_id=1, amount=0), wallet=wallet, at_us=1)


def test_a_symbol_that_nobody_knows_is_shown_to_its_64th_character() -> None:
    assert str(UnknownAsset("A" * 65)).endswith(f"was '{'A' * 64}'")


def test_nothing_is_signed_before_the_exchanges_clock_was_read() -> None:
    with pytest.raises(InvariantViolation, match=r"^nothing can be signed before the exchange's"):
        _ = Stamp(at_us=1, exchange_ms=None).signed_ms


def test_a_refused_sum_is_shown_in_dollars() -> None:
    with pytest.raises(InvalidAmount) as nothing:
        require_dollars("amount", 0)
    with pytest.raises(InvalidAmount) as fraction:
        require_dollars("spend", usd("1.005"))
    with pytest.raises(AmountTooLarge) as large:
        require_dollars("spend", usd("10000000.01"))

    assert (nothing.value.field, nothing.value.was) == ("amount", "0.00")
    assert (fraction.value.field, fraction.value.was) == ("spend", "1.005")
    assert fraction.value.expected == "a positive number of whole cents"
    assert (large.value.field, large.value.was) == ("spend", "10000000.01")
    assert large.value.largest == "10000000.00"


def test_as_much_as_the_exchange_takes_is_taken_and_a_unit_more_is_not() -> None:
    asset = an_asset(max_quantity=coins("0.5"))

    assert place(asset, amount=coins("0.5")).quantity == coins("0.5")
    with pytest.raises(AmountTooLarge) as amount:
        place(asset, amount=coins("0.50000001"))
    with pytest.raises(AmountTooLarge) as spend:
        place(asset, spend=usd("25000.01"))

    assert (amount.value.field, amount.value.was) == ("amount", "0.50000001")
    assert (spend.value.field, spend.value.largest) == ("spend", "0.5 BTC")


def test_an_amount_finer_than_the_asset_is_refused_as_the_amount() -> None:
    with pytest.raises(InvalidAmount) as refused:
        place(msgspec.structs.replace(an_asset(), scale=4), amount=1)

    assert (refused.value.field, refused.value.was) == ("amount", "0.00000001")


def test_a_refused_amount_or_spend_is_named() -> None:
    refused = []
    for amount, spend in ((0, None), (10**18, None), (None, 0), (1, 1)):
        with pytest.raises((InvalidAmount, InvalidField, AmountTooLarge)) as told:
            place(an_asset(), amount=amount, spend=spend)
        refused.append(str(told.value))

    assert refused == [
        "amount: expected a positive number, was 0",
        "amount: expected at most 1000000000, was 10000000000",
        "spend: expected a positive number of whole cents, was 0.00",
        "amount: expected exactly one of amount and spend, was both",
    ]


def test_a_spend_that_buys_no_unit_is_refused_as_the_spend() -> None:
    with pytest.raises(AmountTooSmall) as refused:
        place(msgspec.structs.replace(an_asset(), scale=4), spend=usd("1"))

    assert (refused.value.field, refused.value.was) == ("spend", "1.00")


def test_whole_coins_are_shown_without_decimals() -> None:
    with pytest.raises(AmountTooLarge) as refused:
        place(an_asset(max_quantity=coins("2")), amount=coins("3"))

    assert (refused.value.largest, refused.value.was) == ("2 BTC", "3")


def test_a_large_order_of_less_than_a_lot_is_direct_whatever_the_cap() -> None:
    assert place(an_asset(lot="0.001"), spend=usd("12")).direct


# ---- the exchange's maximum ----------------------------------------------------------------------


def test_without_a_maximum_nothing_exceeds_it() -> None:
    assert terms(an_asset()).exceeds_maximum(10**30, 0, Inventory(asset="BTC")) is False


def test_of_a_quoted_order_only_what_the_inventory_lacks_has_to_fit() -> None:
    asset, inventory = an_asset(max_quantity=500_000), Inventory(asset="BTC", quantity=100_000)

    assert not terms(asset).exceeds_maximum(600_000, 0, inventory)
    assert terms(asset).exceeds_maximum(600_001, 0, inventory)
    assert not terms(asset).exceeds_maximum(100_000, 0, inventory)
    assert terms(an_asset(max_quantity=999)).exceeds_maximum(1, 0, Inventory(asset="BTC"))


def test_of_an_average_order_what_its_total_buys_has_to_fit() -> None:
    asset, nothing = an_asset(max_quantity=coins("0.001")), Inventory(asset="BTC")
    average = terms(asset, Pricing.AVERAGE)

    assert not average.exceeds_maximum(10**30, usd("51.50"), nothing)
    assert average.exceeds_maximum(0, usd("51.51"), nothing)


def test_members_end_where_the_purchase_would_exceed_the_maximum() -> None:
    first, second = an_order("20", "0.0004"), an_order("20", "0.0004")
    after = an_order("1", "0.00002")

    change = sealed(first, second, after, asset=an_asset(max_quantity=coins("0.0005")))

    assert bound(change) == [first]


def test_one_that_is_too_large_by_itself_holds_up_nobody() -> None:
    huge, small = an_order("100", "0.002"), an_order("20", "0.0004")

    change = sealed(huge, small, asset=an_asset(max_quantity=coins("0.0005")))

    assert bound(change) == [small]


# ---- the next attempt ----------------------------------------------------------------------------


def test_small_orders_that_would_leave_more_than_the_cap_wait_again() -> None:
    opened = given_up(an_order("12", "0.00024"), asset=an_asset(lot="0.001"))

    change = retry(opened, policy=POLICY, stamp=NOW)

    assert change.batches[0].after.state is BatchState.RETURNED


def test_the_next_attempt_counts_its_looks_from_zero_and_raises_the_inventory_once() -> None:
    opened = given_up(an_order("12", "0.00024"))
    batch = msgspec.structs.replace(opened.batch, checks=3, counted=1)
    row = msgspec.structs.replace(opened.inventory, quantity=1_000, version=5)

    change = retry(
        msgspec.structs.replace(opened, batch=batch, inventory=row), policy=POLICY, stamp=NOW
    )

    after = change.batches[0].after
    assert (after.checks, after.counted, after.attempt, after.live) == (0, 1, 2, True)
    assert (after.used, after.surplus, after.version) == (1_000, 0, 1)
    assert change.inventory is not None
    assert change.inventory.after == msgspec.structs.replace(row, reserved=1_000, version=6)


def test_an_absence_takes_back_what_was_reserved_and_expected() -> None:
    opened = an_open_batch(an_order("12"), used="0.00003", surplus="0.00001")
    batch = msgspec.structs.replace(opened.batch, checks=3, counted=2, attempt=4)

    change = give_up_absent(
        msgspec.structs.replace(opened, batch=batch),
        Absent(answered_ms=1),
        policy=POLICY,
        at_us=NOW_US,
    )

    after = change.batches[0].after
    assert (after.used, after.surplus, after.checks, after.counted) == (0, 0, 0, 2)
    assert after.due_at_us == NOW_US + POLICY.backoff_us(4)


def test_members_below_the_threshold_that_were_sealed_are_tried_again_together() -> None:
    opened = given_up(an_order("6"))

    change = retry(opened, policy=POLICY, stamp=NOW)

    assert change.batches[0].after.live


def test_who_is_left_tries_again_from_the_threshold_on() -> None:
    old = an_order("5", age_us=DAY_US)
    enough, too_little = given_up(old, an_order("10")), given_up(old, an_order("9.99"))

    assert retry(enough, policy=POLICY, stamp=NOW).batches[0].after.live
    assert not retry(too_little, policy=POLICY, stamp=NOW).batches[0].after.live


def test_when_a_large_order_is_overdue_those_it_took_along_wait_again() -> None:
    large = an_order("20", direct=True, age_us=DAY_US)
    opened = given_up(large, an_order("6"), an_order("6"))

    change = retry(opened, policy=POLICY, stamp=NOW)

    assert change.batches[0].after.state is BatchState.RETURNED
    assert change.new_purchases == ()


def test_without_a_price_the_batch_waits_and_only_who_is_overdue_leaves() -> None:
    old, young = an_order("5", age_us=DAY_US), an_order("5")
    opened = given_up(old, young, asset=msgspec.structs.replace(an_asset(), halted=True))

    change = retry(opened, policy=POLICY, stamp=NOW)

    assert [move.before.id for move in change.orders] == [old.id]
    assert change.batches[0].after.state is BatchState.SEALED
    patient = Policy(on_deadline=OnDeadline.WAIT)
    assert retry(opened, policy=patient, stamp=NOW).orders == ()


# ---- the books -----------------------------------------------------------------------------------


def test_a_balance_that_only_one_of_both_mirrors_knows_is_compared_too() -> None:
    nothing = Mirror(balances={}, scales={}, in_flight=(), prices={})
    gone = Mirror(balances={"ZEC": 2}, scales={}, in_flight=(), prices={})
    come = Mirror(balances={"ZEC": 3}, scales={}, in_flight=(), prices={})

    (found,) = compare_with_venue({}, gone, come)

    assert (found.subject, found.expected, found.found) == ("venue:ZEC", 3, 0)
    assert list(compare_with_venue({}, gone, nothing)) == []


def test_evidence_of_one_character_is_some_and_of_spaces_none() -> None:
    assert require_evidence(" e ") == "e"
    with pytest.raises(InvalidField, match="was 0 characters"):
        require_evidence("  ")


def test_a_closed_batch_reserves_and_expects_nothing() -> None:
    opened = an_open_batch(an_order("10", "0.0002"), used="0.0001", surplus="0.0001")

    after = close(opened.batch, BatchTrigger.SETTLE)

    assert (after.used, after.surplus, after.live) == (0, 0, False)


def test_differences_come_in_the_order_of_their_currencies() -> None:
    nothing = Mirror(balances={"ZEC": 1, "ABAN": 1}, scales={}, in_flight=(), prices={})

    found = list(compare_with_venue({"USD": 2, "BTC": 3}, nothing, nothing))

    assert [(d.subject, d.expected, d.found) for d in found] == [
        ("venue:ABAN", 1, 0),
        ("venue:BTC", 0, 3),
        ("venue:USD", 0, 2),
        ("venue:ZEC", 1, 0),
    ]


def test_a_receipt_says_which_of_its_figures_is_wrong() -> None:
    order = an_order("10", "0.0002")
    change = settle(an_open_batch(order, buy="0.0002"), a_fill("0.0002", "10"), at_us=1)
    receipt = make_receipt(change.orders[0].after, change.new_statements[0])

    wrong = msgspec.structs.replace(receipt, filled=1, charged=2, refunded=3)

    assert list(list_faults(receipt)) == []
    assert list(list_faults(wrong)) == [
        "filled: the rules give 20000, the receipt says 1",
        "charged: the rules give 1000000000, the receipt says 2",
        "refunded: the rules give 0, the receipt says 3",
    ]


def test_an_order_that_was_no_member_has_no_receipt() -> None:
    order, other = an_order("10", "0.0002"), an_order("10")
    change = settle(an_open_batch(order, buy="0.0002"), a_fill("0.0002", "10"), at_us=1)

    with pytest.raises(NotFound, match=f"^expected an existing receipt of order, was {other.id}$"):
        make_receipt(other, change.new_statements[0])


def test_what_is_not_there_is_named() -> None:
    state = State()

    for ask, name in (
        (lambda: state.get_wallet(7), "wallet of user, was 7"),
        (lambda: state.get_user(7), "user, was 7"),
        (lambda: state.get_order(7, 8), "order, was 8"),
        (lambda: state.get_batch("k"), "batch, was k"),
        (lambda: state.get_purchase("k", 2), "attempt, was k-2"),
        (lambda: state.get_break("b"), "break, was b"),
    ):
        with pytest.raises(NotFound, match=f"^expected an existing {name}$"):
            ask()


def test_what_has_changed_meanwhile_is_named_in_the_conflict() -> None:
    simulation, (user_id,) = a_simulation()
    wallet = simulation.state.get_wallet(user_id)
    asset = an_asset()

    with pytest.raises(Conflict, match=r"^the wallet has changed$"):
        simulation.state.apply(Change(wallet=msgspec.structs.replace(wallet, version=9)))
    with pytest.raises(Conflict, match=r"^a row has changed$"):
        simulation.state.apply(Change(new_assets=(asset,)))


def test_an_inventory_that_changed_meanwhile_or_promises_more_than_there_is_is_not_written() -> (
    None
):
    state = State((an_asset(),))
    row = state.inventory["BTC"]
    stale = msgspec.structs.replace(row, version=7)
    short = msgspec.structs.replace(row, reserved=1, expected=5, version=1)

    with pytest.raises(Conflict, match=r"^a row has changed$"):
        state.apply(Change(inventory=Transition(stale, stale)))
    with pytest.raises(InvariantViolation, match="would become negative"):
        state.apply(Change(inventory=Transition(row, short)))

    assert state.inventory["BTC"] == row


def test_a_book_has_as_many_of_each_kind_as_are_asked_for() -> None:
    simulation, (user_id,) = a_simulation()
    for spend in ("5", "6", "20", "21"):
        command = PlaceOrder(user_id=user_id, asset="BTC", spend=usd(spend))
        state = simulation.state
        state.apply(
            place_order(
                command,
                wallet=state.get_wallet(user_id),
                asset=state.get_asset("BTC"),
                policy=POLICY,
                order_id=state.next_order_id(),
                at_us=NOW_US,
            )
        )

    book = simulation.state.get_book("BTC", limit=1)

    assert [order.total for order in book.waiting] == [usd("5")]
    assert [order.total for order in book.direct] == [usd("20")]
