"""Late fills: what an exchange executes after all is the house's, once, and somebody is told."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_exchange.domain.aggregation import seal_book
from crypto_exchange.domain.breaks import BreakKind
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.events import BreakOpened, LateFillBought
from crypto_exchange.domain.late_fill import buy_late, is_asked_after
from crypto_exchange.domain.ledger import balances
from crypto_exchange.domain.policy import SECOND_US, Policy
from crypto_exchange.domain.purchase import (
    GIVEN_UP,
    IN_FLIGHT,
    Fill,
    Filled,
    Purchase,
    PurchaseState,
)
from crypto_exchange.domain.settlement import settle
from crypto_exchange.domain.state import State
from tests.builders import (
    KEY,
    NOW,
    NOW_US,
    a_book,
    a_fill,
    a_purchase,
    an_asset,
    an_open_batch,
    an_order,
    coins,
    usd,
)


def given_up(state: PurchaseState = PurchaseState.NOT_PLACED) -> Purchase:
    return msgspec.structs.replace(a_purchase("0.0002"), state=state)


@pytest.mark.parametrize("state", [state for state in PurchaseState if state in GIVEN_UP])
def test_the_house_buys_what_came_late_and_no_member_pays(state: PurchaseState) -> None:
    purchase = given_up(state)

    change = buy_late(purchase, a_fill("0.0002", "10", usd("0.01")), key="b", at_us=NOW_US)

    assert {a.name: amount for a, amount in balances(change.transfers).items()} == {
        "house:inventory:BTC": coins("0.0002"),
        "house:pnl:USD": -usd("10.01"),
        "venue:BTC": -coins("0.0002"),
        "venue:USD": usd("10.01"),
    }
    assert change.purchases[0].after.state is PurchaseState.LATE
    assert [each for _, each in change.fills] == list(a_fill("0.0002", "10", usd("0.01")).fills)
    assert (change.orders, change.batches) == ((), ())


@pytest.mark.parametrize(
    ("currency", "fee", "account"),
    [("BTC", 20, "house:inventory:BTC"), ("BNB", 7, "house:fees:BNB")],
)
def test_its_fee_is_the_houses_too(currency: str, fee: int, account: str) -> None:
    change = buy_late(given_up(), a_fill("0.0002", "10", fee, currency), key="b", at_us=NOW_US)

    moved = {a.name: amount for a, amount in balances(change.transfers).items()}
    coins_in = coins("0.0002") if currency == "BTC" else 0
    assert moved[account] == coins_in - fee
    assert moved[f"venue:{currency}"] == fee - coins_in


def test_a_break_says_which_attempt_it_was() -> None:
    change = buy_late(given_up(), a_fill("0.0002", "10"), key="b", at_us=NOW_US)

    (found,) = change.new_breaks
    assert (found.key, found.kind, found.subject) == ("b", BreakKind.LATE_FILL, f"{KEY}-1")
    assert (found.expected, found.found, found.scale) == (0, coins("0.0002"), 8)
    assert [type(event) for event in change.events] == [LateFillBought, BreakOpened]


@pytest.mark.parametrize("state", [state for state in PurchaseState if state not in GIVEN_UP])
def test_it_is_booked_once_and_only_for_an_attempt_that_was_given_up(state: PurchaseState) -> None:
    with pytest.raises(InvariantViolation, match=f"cannot fill_late while {state.value}"):
        buy_late(given_up(state), a_fill("0.0002", "10"), key="b", at_us=NOW_US)
    assert not GIVEN_UP & IN_FLIGHT


def test_the_cap_does_not_hold_for_it_and_the_next_purchase_uses_it_first() -> None:
    state = State((an_asset(),))
    state.apply(buy_late_into(state, a_fill("0.01", "500")))
    row = state.inventory["BTC"]

    change = seal_book(
        a_book(an_order("20", direct=True), an_order("600", direct=True), inventory=row),
        keys=iter("xyz"),
        policy=Policy(),
        stamp=NOW,
    )

    assert row.quantity == coins("0.01")
    assert change is not None
    assert [batch.used for batch in change.new_batches] == [coins("0.0004"), coins("0.0096")]
    assert [p.quantity for p in change.new_purchases] == [coins("0.0024")]


def test_coins_that_come_while_a_seal_is_decided_are_not_lost() -> None:
    state = State((an_asset(),))
    order = an_order("20", direct=True)
    state.orders[order.id] = state.open_orders[order.id] = order
    book = state.get_book("BTC", limit=500)
    change = seal_book(book, keys=iter([KEY]), policy=Policy(), stamp=NOW)
    assert change is not None

    state.apply(buy_late_into(state, a_fill("0.01", "500")))
    state.apply(change)

    assert state.inventory["BTC"].quantity == coins("0.01")
    assert state.ledger()["house:inventory:BTC"] == coins("0.01")


def buy_late_into(state: State, filled: Filled) -> Change:
    """A late fill of some batch that the state knows."""
    purchase = msgspec.structs.replace(given_up(), batch="f" * 24)
    state.purchases[purchase.batch, 1] = purchase
    return buy_late(purchase, filled, key="b", at_us=NOW_US)


@given(st.integers(1, 600), st.integers(0, 600))
def test_an_attempt_is_asked_after_at_least_once_until_its_age_has_doubled(
    every_s: int, late_s: int
) -> None:
    """Whenever it came within twelve hours: before twice that age, and the time of a look."""
    age_us = (15 * 60 + late_s * 60) * SECOND_US
    every_us = every_s * SECOND_US

    looks = range(age_us, 2 * age_us + every_us, every_us)

    assert any(is_asked_after(look_us, every_us) for look_us in looks)


def test_at_first_every_look_asks_and_after_a_day_none() -> None:
    every_us = 30 * SECOND_US

    assert all(is_asked_after(n * every_us, every_us) for n in range(31))
    assert [n for n in range(31, 4_000) if is_asked_after(n * every_us, every_us)] == [
        2**power + second for power in range(5, 12) for second in (0, 1)
    ]


# ---- duplicates ----------------------------------------------------------------------------------


def test_a_trade_that_is_told_twice_counts_once() -> None:
    trade = Fill(trade_id="7", quantity=coins("0.0001"), cost=usd("5"))
    other = msgspec.structs.replace(trade, trade_id="8")

    filled = Filled(fills=(trade, other, trade, other, trade))

    assert Counter(each.trade_id for each in filled.fills) == {"7": 1, "8": 1}
    assert filled.quantity == coins("0.0002")


def test_neither_a_settlement_nor_a_late_fill_books_a_trade_twice() -> None:
    trade = Fill(trade_id="7", quantity=coins("0.0002"), cost=usd("10"))
    twice = Filled(fills=(trade, trade))
    opened = an_open_batch(an_order("10", "0.0002"), buy="0.0002")

    settled = settle(opened, twice, at_us=NOW_US)
    late = buy_late(given_up(), twice, key="b", at_us=NOW_US)

    for change in (settled, late):
        assert len(change.fills) == 1
        assert sum(t.amount for t in change.transfers if t.credit.name == "venue:USD") == usd("10")
