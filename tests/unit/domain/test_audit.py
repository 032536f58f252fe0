"""Audit: which differences become break records, and which are only a commit on its way."""

from __future__ import annotations

from itertools import count

import msgspec
import pytest

from crypto_exchange.domain.audit import (
    close_break,
    compare_with_venue,
    open_breaks,
    require_evidence,
    seen_twice,
)
from crypto_exchange.domain.breaks import Break, BreakKind, Difference
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import Conflict, InvalidField
from crypto_exchange.domain.events import BreakClosed, BreakOpened
from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.domain.state import State
from crypto_exchange.domain.views import Mirror
from tests.builders import NOW_US, a_price, a_purchase, coins, usd


def a_difference(
    expected: int = 0,
    found: int = 1,
    subject: str = "venue:USD",
    kind: BreakKind = BreakKind.VENUE,
) -> Difference:
    return Difference(kind=kind, subject=subject, expected=expected, found=found, scale=8)


def opened(*differences: Difference, known: tuple[Break, ...] = ()) -> Change | None:
    return open_breaks(differences, known, keys=map(str, count()), at_us=NOW_US)


def a_mirror(*in_flight: Purchase, price: str = "50000", **balances: int) -> Mirror:
    return Mirror(
        balances=balances,
        scales={"USD": 8, "BTC": 8, "ABAN": 4},
        in_flight=in_flight,
        prices={"BTC": a_price(price)},
    )


def compared(found: dict[str, int], before: Mirror, after: Mirror | None = None) -> list[str]:
    return [d.subject for d in compare_with_venue(found, before, after or before)]


# ---- two looks -----------------------------------------------------------------------------------


def test_only_what_two_looks_agree_on_is_true() -> None:
    gone, stays, grows = (a_difference(subject=name) for name in ("gone", "stays", "grows"))
    more = msgspec.structs.replace(grows, found=2)
    new = a_difference(subject="new")

    assert seen_twice([gone, stays, grows], [stays, more, new]) == [stays]
    assert seen_twice([], [new]) == []
    assert seen_twice([gone], []) == []


def test_a_difference_that_stays_while_its_account_moves_is_the_same() -> None:
    before, now = a_difference(expected=100, found=101), a_difference(expected=250, found=251)

    assert seen_twice([before], [now]) == [now]


def test_the_same_subject_broken_in_another_way_is_another_difference() -> None:
    assert seen_twice([a_difference()], [a_difference(kind=BreakKind.CURRENCY)]) == []


# ---- the exchange's balances ---------------------------------------------------------------------


def test_balances_that_are_as_the_mirror_says_are_no_difference() -> None:
    assert compared({"USD": 5, "BTC": 7}, a_mirror(USD=5, BTC=7)) == []
    assert compared({}, a_mirror(USD=0)) == []
    assert compared({"USD": 0, "DUST": 0}, a_mirror()) == []


def test_a_unit_more_or_less_and_a_currency_of_which_nobody_knows_are_differences() -> None:
    mirror = a_mirror(USD=5, BTC=7)

    assert compared({"USD": 6, "BTC": 7}, mirror) == ["venue:USD"]
    assert compared({"USD": 5, "BTC": 6}, mirror) == ["venue:BTC"]
    assert compared({"USD": 5}, mirror) == ["venue:BTC"]
    assert compared({"USD": 5, "BTC": 7, "DOGE": 1}, mirror) == ["venue:DOGE"]


def test_a_difference_says_what_the_newest_mirror_expects_in_its_own_units() -> None:
    (found,) = compare_with_venue({"ABAN": 9}, a_mirror(ABAN=7), a_mirror(ABAN=8))
    (unknown,) = compare_with_venue({"DOGE": 1}, a_mirror(), a_mirror())

    assert (found.kind, found.expected, found.found, found.scale) == (BreakKind.VENUE, 8, 9, 4)
    assert (unknown.expected, unknown.found, unknown.scale) == (0, 1, 8)


def test_a_balance_that_the_mirror_before_or_after_explains_is_no_difference() -> None:
    before, after = a_mirror(USD=10), a_mirror(USD=7)

    assert compared({"USD": 10}, before, after) == []
    assert compared({"USD": 7}, before, after) == []
    assert compared({"USD": 8}, before, after) == ["venue:USD"]


@pytest.mark.parametrize(
    ("dollars", "bought", "explained"),
    [
        ("1000", "0", True),  # not executed yet
        ("950", "0.001", True),  # executed
        ("950.01", "0.0005", True),  # in part
        ("500", "0.001", True),  # at ten times the price
        ("499.99", "0.001", False),
        ("1000.01", "0.001", False),
        ("950", "0.00100001", False),
        ("950", "-0.0002", True),  # a fee of two percent of that
        ("950", "-0.00020001", False),
    ],
)
def test_a_purchase_in_flight_may_have_come_or_not(
    dollars: str, bought: str, *, explained: bool
) -> None:
    mirror = a_mirror(a_purchase("0.001"), USD=usd("1000"), BTC=coins("1"))
    more = -coins(bought[1:]) if bought.startswith("-") else coins(bought)

    differences = compared({"USD": usd(dollars), "BTC": coins("1") + more}, mirror)

    assert (differences == []) is explained


def test_a_fee_may_have_gone_in_any_third_coin_but_none_can_have_come() -> None:
    flying, idle = a_mirror(a_purchase("0.001"), BNB=100), a_mirror(BNB=100)

    assert compared({"BNB": 60}, flying) == []
    assert compared({"BNB": 101}, flying) == ["venue:BNB"]
    assert compared({"BNB": 60}, idle) == ["venue:BNB"]


def test_a_loss_that_no_fee_explains_is_told_though_a_purchase_is_in_flight() -> None:
    mirror = with_price("ETH", "2000", a_mirror(a_purchase("0.0002"), ETH=coins("3")))

    assert compared({"ETH": coins("2.999")}, mirror) == []  # 2 dollars: 2 % of ten times 10 dollars
    assert compared({"ETH": coins("2.999") - 1}, mirror) == ["venue:ETH"]
    assert compared({}, mirror) == ["venue:ETH"]


def test_a_fee_may_have_gone_in_the_very_coin_that_another_purchase_will_bring() -> None:
    bitcoin = a_purchase("0.0002")
    bnb = msgspec.structs.replace(bitcoin, asset="BNB", batch="f" * 24)
    mirror = with_price("BNB", "600", a_mirror(bitcoin, bnb, USD=usd("1000"), BNB=coins("1")))

    kept = {"USD": usd("990"), "BTC": coins("0.0002")}

    assert compared({**kept, "BNB": coins("0.99998")}, mirror) == []
    assert compared({**kept, "BNB": coins("1.0002")}, mirror) == []
    assert compared({**kept, "BNB": coins("0.99")}, mirror) == ["venue:BNB"]


def test_a_price_that_has_halved_since_makes_no_difference_of_a_purchase() -> None:
    mirror = a_mirror(a_purchase("0.0002"), price="24000", USD=usd("1000"))

    assert compared({"USD": usd("990"), "BTC": coins("0.0002")}, mirror) == []


def test_of_a_coin_without_a_price_no_more_can_have_gone_than_there_was() -> None:
    mirror = a_mirror(a_purchase("0.001"), BNB=-5)

    assert compared({"BNB": -5}, mirror) == []
    assert compared({"BNB": -6}, mirror) == ["venue:BNB"]


def with_price(symbol: str, dollars: str, mirror: Mirror) -> Mirror:
    prices = {**mirror.prices, symbol: a_price(dollars)}
    return msgspec.structs.replace(mirror, prices=prices)


def test_several_purchases_in_flight_are_added_up() -> None:
    mirror = a_mirror(a_purchase("0.001"), a_purchase("0.002"), USD=usd("2000"))

    assert compared({"USD": usd("500"), "BTC": coins("0.003")}, mirror) == []
    assert compared({"USD": usd("499"), "BTC": coins("0.003")}, mirror) == ["venue:USD"]


def test_what_was_in_flight_and_has_been_booked_meanwhile_is_explained() -> None:
    before = a_mirror(a_purchase("0.001"), USD=usd("1000"))
    after = a_mirror(USD=usd("950"), BTC=coins("0.001"))

    assert compared({"USD": usd("950"), "BTC": coins("0.001")}, before, after) == []


def test_without_a_price_no_dollar_may_be_missing() -> None:
    mirror = msgspec.structs.replace(a_mirror(a_purchase("0.001"), USD=100), prices={})

    assert compared({"USD": 100}, mirror) == []
    assert compared({"USD": 99}, mirror) == ["venue:USD"]


# ---- break records -------------------------------------------------------------------------------


def test_every_difference_opens_one_break_with_an_event() -> None:
    change = opened(a_difference(expected=5, found=4), a_difference(subject="venue:BTC"))

    assert change is not None
    first, second = change.new_breaks
    assert (first.key, first.kind, first.subject) == ("0", BreakKind.VENUE, "venue:USD")
    assert (first.expected, first.found, first.scale, first.opened_at_us) == (5, 4, 8, NOW_US)
    assert second.subject == "venue:BTC"
    assert [type(event) for event in change.events] == [BreakOpened, BreakOpened]
    assert (change.transfers, change.inventory) == ((), None), "nothing is corrected by itself"


def test_what_an_open_break_tells_of_opens_no_other() -> None:
    change = opened(a_difference())
    assert change is not None

    assert opened(a_difference(found=7), known=change.new_breaks) is None
    assert opened(a_difference(kind=BreakKind.CURRENCY), known=change.new_breaks) is not None
    assert opened() is None


def test_a_break_is_open_once_and_may_be_opened_again_when_it_is_closed() -> None:
    state = State()
    first, again = opened(a_difference()), opened(a_difference())
    assert first is not None
    assert again is not None
    state.apply(first)

    with pytest.raises(Conflict):
        state.apply(again)
    (found,) = first.new_breaks
    state.apply(close_break(found, "explained", at_us=NOW_US))
    renamed = msgspec.structs.replace(again.new_breaks[0], key="other")
    state.apply(msgspec.structs.replace(again, new_breaks=(renamed,)))

    assert [b.closed_at_us for b in state.breaks.values()] == [NOW_US, None]


def test_a_break_is_closed_with_evidence_and_told() -> None:
    change = opened(a_difference())
    assert change is not None

    closing = close_break(change.new_breaks[0], "  a test transfer, ticket 7 ", at_us=NOW_US + 1)

    after = closing.breaks[0].after
    assert (after.closed_at_us, after.evidence) == (NOW_US + 1, "a test transfer, ticket 7")
    assert after.version == closing.breaks[0].before.version + 1
    (event,) = closing.events
    assert isinstance(event, BreakClosed)
    assert event.evidence == "a test transfer, ticket 7"


@pytest.mark.parametrize("evidence", ["", "   ", "x" * 2_001])
def test_an_operators_word_rests_on_something(evidence: str) -> None:
    with pytest.raises(InvalidField, match="1 to 2000 characters"):
        require_evidence(evidence)
    assert require_evidence("x" * 2_000) == "x" * 2_000
