"""What each check of the model finds, in histories told by hand."""

from __future__ import annotations

from typing import Any

import pytest

from crypto_exchange.entrypoints.testing.model import ReferenceModel, checks
from tests.builders import DAY_US, KEY, NOW_US, a_price, usd

COIN = 10**8
BTC = {
    "symbol": "BTC",
    "scale": 8,
    "rule": {"lot_step": 1_000, "min_notional": usd("5"), "fee_ppm": 1_000},
    "price": a_price("50000"),
    "priced_at_us": NOW_US,
}


class Told:
    """A history told event by event; `said` are the checks that find fault with the last one."""

    def __init__(self, **policy: Any) -> None:
        self.model = ReferenceModel({"pricing": "quoted", **policy}, [BTC])
        self.at_us = NOW_US
        self.said: list[str] = []
        self.tell("UserRegistered", user_id=1)
        self.tell("Deposited", user_id=1, amount=usd("1000.00"))

    def tell(self, event: str, **fields: Any) -> list[str]:
        record = {"record": "event", "event": event, "at_us": self.at_us, "user_id": 0, **fields}
        self.said = [each.check for each in self.model.feed(record)]
        return self.said

    def pass_time(self, us: int) -> None:
        self.at_us += us
        self.price("50000")

    def price(self, dollars: str) -> None:
        price = {"asset": "BTC", "price": a_price(dollars), "at_us": self.at_us}
        assert self.model.feed({"record": "price", **price}) == []

    def place(self, number: int, dollars: str, *, direct: bool = False, **fields: Any) -> list[str]:
        """An order for so many dollars, at 50,000."""
        order = {
            "user_id": 1,
            "order_id": number,
            "asset": "BTC",
            "quantity": usd(dollars) // 50_000,
            "unit_price": a_price("50000"),
            "total": usd(dollars),
            "direct": direct,
            "state": "pending" if direct else "aggregated",
        }
        return self.tell("OrderPlaced", **{**order, **fields})

    def seal(self, *orders: int, quantity: int, used: int = 0, **fields: Any) -> list[str]:
        intent = {
            "batch": KEY,
            "attempt": 1,
            "asset": "BTC",
            "price": a_price("50000"),
            "quantity": quantity,
            "used": used,
            "timestamp_ms": self.at_us // 1_000,
            "window_ms": 5_000,
            "orders": [[1, order] for order in orders],
        }
        return self.tell("PurchaseIntended", **{**intent, **fields})

    def settle(self, bought: int, cost: str, *outcomes: list[Any], **fields: Any) -> list[str]:
        settled = {"batch": KEY, "asset": "BTC", "bought": bought, "cost": usd(cost), "used": 0}
        told = [[1, *each] for each in outcomes]
        return self.tell("BatchSettled", **settled, outcomes=told, **{"fees": [], **fields})

    def fail(self, reason: str, *orders: int) -> list[str]:
        pairs = [[1, order] for order in orders]
        return self.tell("OrdersFailed", asset="BTC", reason=reason, orders=pairs)

    def finish(self, **how: Any) -> list[str]:
        return [each.check for each in self.model.finish(**how)]


@pytest.fixture
def told() -> Told:
    return Told()


def test_exactly_ten_dollars_are_bought_at_once(told: Told) -> None:
    assert told.place(1, "10.00") == [checks.ROUTING]
    assert told.place(2, "10.00", direct=True) == []
    assert told.place(3, "9.99", direct=True) == [checks.ROUTING]
    assert told.place(4, "9.99") == []


def test_a_quote_may_come_from_the_coins_or_from_the_dollars(told: Told) -> None:
    assert told.place(1, "3.33", quantity=6_660) == []
    assert told.place(2, "3.33", quantity=6_659) == []  # 3.3295 dollars, rounded up to the cent
    assert told.place(3, "3.33", quantity=6_640) == [checks.QUOTE]
    assert told.place(4, "3.33", quantity=6_661) == [checks.QUOTE]


def test_nobody_spends_more_than_they_have(told: Told) -> None:
    assert told.tell("Withdrawn", user_id=1, amount=usd("1000.01")) == [checks.NEGATIVE]
    assert told.place(1, "5.00") == [checks.NEGATIVE]


def test_too_few_are_not_sealed_before_their_deadline(told: Told) -> None:
    told.place(1, "5.00")

    assert checks.ENOUGH in told.seal(1, quantity=11_000)


def test_the_oldest_are_sealed_first(told: Told) -> None:
    for number in (1, 2, 3):
        told.place(number, "6.00")
        told.pass_time(10_000_000)

    assert told.seal(2, 3, quantity=24_000) == [checks.OLDEST]


def test_a_purchase_is_the_smallest_that_covers_the_need(told: Told) -> None:
    told.place(1, "6.00")
    told.place(2, "6.01")

    assert told.seal(1, 2, quantity=26_000) == [checks.PLAN]


def test_coins_that_do_not_suffice_are_shared_by_largest_remainder(told: Told) -> None:
    for number in (1, 2, 3):
        told.place(number, "3.34")
    told.seal(1, 2, 3, quantity=21_000)

    told.settle(10_000, "5.00", [1, 3_333, 0, 0], [2, 3_333, 0, 0], [3, 3_333, 0, 0])

    assert told.said.count(checks.SHARES) == 3
    assert told.said.count(checks.CASH) == 3


def test_who_gets_the_odd_unit_is_decided_by_a_hash(told: Told) -> None:
    for number in (1, 2, 3):
        told.place(number, "3.34")
    told.seal(1, 2, 3, quantity=21_000)
    whole, part = usd("1.67"), 3_333  # ceil to the cent(3.34 × 3333 ÷ 6680)
    second = [2, part + 1, whole, whole]

    told.settle(10_000, "5.00", [1, part, whole, whole], second, [3, part, whole, whole])

    assert told.said == []
    assert told.model.orders[1].state == "partially_completed"
    assert told.model.holdings[1, "BTC"] == (10_000, 3 * whole)
    assert told.model.accounts()["house:pnl:USD"] == 3 * whole - usd("5.00")


def test_two_large_orders_or_two_pricings_are_no_batch(told: Told) -> None:
    told.place(1, "10.00", direct=True)
    told.place(2, "20.00", direct=True)
    told.place(3, "5.00", pricing="average")

    assert told.seal(1, 2, quantity=60_000) == [checks.MEMBERS]
    assert told.seal(1, 3, quantity=60_000) == [checks.MEMBERS]
    assert told.seal(quantity=11_000) == [checks.MEMBERS]


def test_no_more_is_reserved_than_is_free(told: Told) -> None:
    told.place(1, "10.00", direct=True)

    assert checks.RESERVED in told.seal(1, quantity=19_000, used=1_000)


def test_a_price_that_nobody_told_buys_nothing(told: Told) -> None:
    told.place(1, "10.00", direct=True)
    told.pass_time(60_000_000)
    told.price("50100")
    told.tell("Withdrawn", user_id=1, amount=usd("1.00"))
    told.at_us += 60_000_000

    assert checks.PRICE in told.seal(1, quantity=20_000)


@pytest.mark.parametrize("alone", [True, False])
def test_an_order_that_can_be_bought_is_not_refunded_at_its_deadline(
    told: Told, *, alone: bool
) -> None:
    told.model.alone = alone
    told.place(1, "6.00")
    told.place(2, "25.00", direct=True)
    told.pass_time(DAY_US)

    # Somebody else may have seen the price of the day before.
    assert told.fail("deadline", 1, 2) == ([checks.REASON] * 2 if alone else [])


def test_what_a_seal_leaves_over_is_not_refunded_at_its_deadline(told: Told) -> None:
    told.model.alone = True
    rule = {"lot_step": 1_000, "min_notional": usd("5"), "max_quantity": 24_000}
    for number in (1, 2, 3, 4):
        told.place(number, "6.00")
    told.model.feed({"record": "rule", "asset": "BTC", "rule": rule})
    told.pass_time(DAY_US)

    assert told.seal(1, 2, quantity=24_000) == []
    assert told.fail("deadline", 3, 4) == [checks.REASON] * 2


def test_small_orders_do_not_go_on_in_the_batch_of_a_large_one_that_leaves(told: Told) -> None:
    told.place(1, "20.00", direct=True)
    told.pass_time(DAY_US - 10_000_000)
    for number in (2, 3):
        told.place(number, "9.00")
    told.seal(1, 2, 3, quantity=76_000)
    told.pass_time(10_000_000)
    rejected = {"batch": KEY, "attempt": 1, "asset": "BTC", "code": "", "message": ""}
    told.tell("PurchaseRejected", **rejected, kind="rules")

    assert told.seal(2, 3, quantity=36_000, attempt=2) == [checks.MEMBERS]


def test_an_order_that_is_not_overdue_has_no_deadline(told: Told) -> None:
    told.place(1, "1.00")
    told.pass_time(DAY_US - 1)

    assert told.fail("deadline", 1) == [checks.REASON]


def test_an_order_below_the_minimum_is_refunded_at_its_deadline(told: Told) -> None:
    told.place(1, "1.00")
    told.pass_time(DAY_US)

    assert told.fail("deadline", 1) == []
    assert told.model.orders[1].refunded == usd("1.00")


def test_a_small_order_leaves_for_its_price_only_when_others_are_sealed(told: Told) -> None:
    told.place(1, "1.00")
    told.price("60000")

    assert told.fail("price_moved", 1) == [checks.REASON]


def test_a_large_order_leaves_for_its_price_at_once_but_not_without_reason(told: Told) -> None:
    told.place(1, "10.00", direct=True)
    told.place(2, "10.00", direct=True)

    assert told.fail("price_moved", 1) == [checks.REASON]
    told.price("51001")
    assert told.fail("price_moved", 2) == []


def test_there_is_no_other_reason_to_fail(told: Told) -> None:
    told.place(1, "1.00")

    assert told.fail("bad_luck", 1) == [checks.REASON]
    assert told.fail("deadline") == [checks.REASON]


def test_a_held_order_is_pending_and_nothing_is_bought_for_it(told: Told) -> None:
    assert told.place(1, "3.00", state="aggregated", held=True) == [checks.ROUTING]
    assert told.place(2, "24.00", direct=True, held=True) == []
    assert told.place(3, "12.00", state="pending", held=True) == [checks.ROUTING]  # it is large
    assert not told.model.must_seal("BTC", told.at_us)
    assert checks.FINAL in told.seal(2, quantity=48_000)


def test_a_released_order_goes_on_and_only_a_held_one_is_released(told: Told) -> None:
    told.place(1, "24.00", direct=True, held=True)
    told.place(2, "3.00")
    released = {"user_id": 1, "asset": "BTC"}

    assert told.tell("OrderReleased", order_id=2, state="aggregated", **released) == [
        checks.OUTCOME
    ]
    assert told.tell("OrderReleased", order_id=1, state="pending", **released) == []
    assert told.seal(1, 2, quantity=54_000) == []


def test_held_orders_alone_are_refused_and_they_are_not_let_go_otherwise(told: Told) -> None:
    told.place(1, "24.00", direct=True, held=True)
    told.place(2, "3.00")
    told.place(3, "25.00", direct=True, held=True)

    assert told.fail("refused", 1) == []
    assert told.fail("refused", 2) == [checks.REASON]
    told.pass_time(DAY_US)
    assert checks.REASON in told.fail("deadline", 3)


def test_nobody_is_under_review_for_longer_than_orders_wait() -> None:
    told = Told(on_deadline="wait")
    told.place(1, "24.00", direct=True, held=True)
    told.place(2, "3.00")

    assert told.finish(at_us=NOW_US + DAY_US) == []
    assert told.finish(at_us=NOW_US + DAY_US + 6 * 10**6) == [checks.END]


def test_an_attempt_that_was_not_given_up_has_no_late_fill(told: Told) -> None:
    told.place(1, "10.00", direct=True)
    told.seal(1, quantity=20_000)
    late = {"batch": KEY, "attempt": 1, "asset": "BTC", "bought": 20_000, "cost": usd("10.00")}

    assert told.tell("LateFillBought", **late) == [checks.LATE]


def test_coins_that_came_late_are_the_houses(told: Told) -> None:
    told.place(1, "10.00", direct=True)
    told.seal(1, quantity=20_000)
    said = {"batch": KEY, "attempt": 1, "asset": "BTC"}
    told.tell("PurchaseRejected", **said, code="-1", message="no", kind="final")
    told.tell("BatchRefunded", batch=KEY, asset="BTC", reason="exchange_rejected", orders=[[1, 1]])

    told.tell("LateFillBought", **said, bought=20_000, cost=usd("10.00"), fees=[["BTC", 20]])
    assert told.said == []
    assert told.finish() == [checks.COMMIT]
    subject = f"{KEY}-1"
    told.tell("BreakOpened", kind="late_fill", subject=subject, expected=0, found=20_000)
    assert told.said == []
    assert told.model.inventory["BTC"].quantity == 19_980
    assert told.model.wallets[1] == usd("1000.00")


def test_what_the_house_does_is_something(told: Told) -> None:
    assert told.tell("HouseFunded", currency="USD", amount=0) == [checks.BOOKS]
    assert told.tell("AssetHaltChanged", asset="BTC", halted=False) == [checks.BOOKS]
    subject = {"kind": "late_fill", "subject": "x-1"}
    assert told.tell("BreakOpened", **subject, expected=0, found=1) == [checks.BREAK]


def test_trades_are_booked_by_the_event_after_them(told: Told) -> None:
    trade = {"trade_id": "1", "quantity": 1, "cost": 1}
    told.model.feed({"record": "fills", "batch": KEY, "attempt": 1, "fills": [trade]})

    assert told.tell("Deposited", user_id=1, amount=usd("1.00")) == [checks.FILLS]
    told.model.feed({"record": "fills", "batch": KEY, "attempt": 1, "fills": [trade]})
    assert told.finish() == [checks.FILLS]


def test_a_trade_is_booked_once_and_with_its_fee(told: Told) -> None:
    told.place(1, "10.00", direct=True)
    told.seal(1, quantity=20_000)
    trade = {"trade_id": "1", "quantity": 10_000, "cost": usd("5.00"), "fee": 7}
    told.model.feed({"record": "fills", "batch": KEY, "attempt": 1, "fills": [trade, trade]})

    told.settle(20_000, "10.00", [1, 20_000, usd("10.00"), 0], fees=[["USD", 7]])

    assert told.said == [checks.FILLS, checks.FILLS]


def test_at_the_end_nothing_is_open_and_nobody_has_waited_too_long(told: Told) -> None:
    told.place(1, "1.00")
    told.place(2, "10.00", direct=True)
    told.seal(2, quantity=20_000)

    assert told.finish() == []
    assert told.finish(drained=True) == [checks.END, checks.END, checks.END]
    assert told.finish(at_us=NOW_US + DAY_US) == []
    assert told.finish(at_us=NOW_US + DAY_US + 6_000_000) == [checks.END]


def test_who_waits_for_ever_by_the_policy_may_do_so() -> None:
    told = Told(on_deadline="wait")
    told.place(1, "1.00")

    assert told.finish(at_us=NOW_US + 2 * DAY_US) == []


def test_a_worker_that_does_not_know_the_exchanges_clock_need_seal_nothing(told: Told) -> None:
    told.place(1, "10.00", direct=True)
    told.model.signs = False

    assert not told.model.signs
    assert not told.model.must_seal("BTC", NOW_US)
    told.model.signs = True
    assert told.model.must_seal("BTC", NOW_US)


def test_names_that_exports_told_once_are_not_looked_at() -> None:
    told = Told()

    assert told.tell("UserRegistered", user_id=2, username="ann") == []
    assert told.tell("UserRegistered", user_id=3, username="ANN") == []


def test_without_a_policy_what_it_decides_is_not_checked() -> None:
    told = Told()
    told.model = ReferenceModel()
    told.tell("UserRegistered", user_id=1)
    told.tell("Deposited", user_id=1, amount=usd("1000.00"))

    assert told.place(1, "10.00") == []
    assert told.seal(1, quantity=90_000) == []
    assert not told.model.must_seal("BTC", NOW_US)
    with pytest.raises(ValueError, match="expected a policy to quote with"):
        told.model.quote("BTC", spend=1, at_us=NOW_US, balance=0)


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, []),
        ({"amount": -usd("1000.00")}, []),
        ({"amount": -usd("1000.01")}, [checks.NEGATIVE]),
        ({"amount": 0}, [checks.CASH]),
        ({"amount": usd("0.001")}, [checks.CASH]),
        ({"user_id": 9}, [checks.KNOWN]),
        ({"approved_by": 2}, [checks.BOOKS]),
        ({"proposed_by": 1}, [checks.BOOKS]),
        ({"approved_by": 1}, [checks.BOOKS]),
    ],
)
def test_a_balance_is_adjusted_once_by_two_who_do_not_own_it(
    changed: dict[str, int], found: list[str]
) -> None:
    told = Told()
    fields = {"user_id": 1, "key": KEY, "amount": usd("5.00"), "proposed_by": 2, "approved_by": 3}

    said = told.tell("BalanceAdjusted", **{**fields, **changed})

    assert said == found
    assert told.tell("BalanceAdjusted", **fields) == [checks.BOOKS]
    moved = changed.get("amount", usd("5.00"))
    if not found:
        assert told.model.accounts()["house:pnl:USD"] == -moved - usd("5.00")
        assert told.model.wallets[1] == usd("1000.00") + moved + usd("5.00")
        assert told.model.finish() == []
