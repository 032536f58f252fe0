"""What is told: each decision leaves the events that say exactly what it did, and when."""

from __future__ import annotations

from itertools import count

import msgspec
import pytest

from crypto_exchange.domain import access, audit, cashier, halting
from crypto_exchange.domain.account_events import UserRegistered
from crypto_exchange.domain.aggregation import seal_book
from crypto_exchange.domain.attempt import give_up_absent, note_lost, postpone, reject
from crypto_exchange.domain.breaks import Break, BreakKind
from crypto_exchange.domain.change import RequestKey, StoredRequest
from crypto_exchange.domain.events import (
    AssetHaltChanged,
    BatchRefunded,
    BatchReturned,
    BatchSettled,
    BreakClosed,
    BreakOpened,
    Deposited,
    HouseFunded,
    LateFillBought,
    OrderCancelled,
    OrderOutcome,
    OrderPlaced,
    OrdersFailed,
    OrdersReturned,
    PurchaseIntended,
    PurchaseLost,
    PurchaseNotPlaced,
    PurchaseQuarantined,
    PurchaseRejected,
    Withdrawn,
)
from crypto_exchange.domain.late_fill import buy_late
from crypto_exchange.domain.order import Order, Reason
from crypto_exchange.domain.placement import PlaceOrder, cancel_order, place_order
from crypto_exchange.domain.policy import Policy, Pricing
from crypto_exchange.domain.purchase import (
    Absent,
    Fill,
    Filled,
    PurchaseState,
    Rejected,
    RejectionKind,
    fees,
)
from crypto_exchange.domain.quarantine import quarantine
from crypto_exchange.domain.retrial import retry
from crypto_exchange.domain.settlement import settle
from crypto_exchange.domain.user import User
from crypto_exchange.domain.views import OpenBatch
from crypto_exchange.domain.wallet import Wallet
from tests.builders import (
    DAY_US,
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

POLICY = Policy()
RULE = {
    "lot_step": 1_000,
    "min_notional": usd("5"),
    "min_quantity": 0,
    "max_quantity": 0,
    "fee_ppm": 0,
}


def idents(*orders: Order) -> tuple[tuple[int, int], ...]:
    return tuple((order.user_id, order.id) for order in orders)


def given_up(*orders: Order, price: str = "50000") -> OpenBatch:
    """A batch whose last attempt ended without a purchase."""
    return an_open_batch(*orders, buy=None, live=False, asset=an_asset(price))


def test_a_registration_tells_no_name() -> None:
    user = User(id=7, username="bob", password_hash="x")

    change = access.register(user, None, at_us=9)

    assert change.events == (UserRegistered(at_us=9, user_id=7),)


def test_deposits_and_withdrawals_say_whose_and_how_much() -> None:
    wallet, request = Wallet(7, usd("9"), 3), RequestKey("wallet", "key", "digest")
    put = cashier.Deposit(user_id=7, amount=usd("5"), request=request)
    taken = cashier.Withdraw(user_id=7, amount=usd("4"), request=request)

    changes = [
        cashier.deposit(put, wallet=wallet, at_us=8),
        cashier.withdraw(taken, wallet=wallet, at_us=9),
    ]

    assert [change.events for change in changes] == [
        (Deposited(at_us=8, user_id=7, amount=usd("5")),),
        (Withdrawn(at_us=9, user_id=7, amount=usd("4")),),
    ]
    assert [change.wallet for change in changes] == [wallet, wallet]
    assert [change.transfers[0].at_us for change in changes] == [8, 9]
    stored = StoredRequest(7, "wallet", "key", "digest", 0)
    assert [change.request for change in changes] == [stored, stored]


def test_capital_says_of_which_currency_it_is_and_is_booked_once_per_key() -> None:
    change = cashier.fund({"BTC": 7, "USD": -8}, at_us=9, request=RequestKey("fund", "key", ""))

    assert change.events == (
        HouseFunded(at_us=9, currency="BTC", amount=7),
        HouseFunded(at_us=9, currency="USD", amount=-8),
    )
    assert [(t.amount, t.at_us) for t in change.transfers] == [(7, 9), (8, 9)]
    assert change.request == StoredRequest(0, "fund", "key", "", 0)


def test_an_order_that_was_placed_is_told_as_it_stands() -> None:
    command = PlaceOrder(user_id=7, asset="BTC", amount=coins("0.0001"))

    change = place_order(
        command,
        wallet=Wallet(7, usd("5")),
        asset=an_asset(),
        policy=POLICY,
        order_id=42,
        at_us=NOW_US,
    )

    (order,) = change.new_orders
    assert change.events == (
        OrderPlaced(
            at_us=NOW_US,
            user_id=7,
            order_id=42,
            asset="BTC",
            quantity=10_000,
            unit_price=order.unit_price,
            total=usd("5"),
            direct=False,
            state="aggregated",
            pricing="quoted",
        ),
    )
    assert change.transfers[0].at_us == NOW_US


def test_an_order_that_was_placed_is_told_with_its_pricing_and_that_it_is_direct() -> None:
    change = place_order(
        PlaceOrder(user_id=7, asset="BTC", spend=usd("20")),
        wallet=Wallet(7, usd("20")),
        asset=an_asset(),
        policy=Policy(pricing=Pricing.AVERAGE),
        order_id=42,
        at_us=NOW_US,
    )

    (event,) = change.events
    assert isinstance(event, OrderPlaced)
    assert (event.pricing, event.direct, event.state) == ("average", True, "pending")


def test_a_cancelled_order_says_what_came_back() -> None:
    order = an_order("9.99", user_id=7)

    change = cancel_order(order, wallet=Wallet(7), at_us=NOW_US)

    assert change.events == (
        OrderCancelled(at_us=NOW_US, user_id=7, order_id=order.id, refunded=usd("9.99")),
    )
    (back,) = change.transfers
    assert (back.at_us, back.order_id, back.amount) == (NOW_US, order.id, usd("9.99"))


def test_a_seal_tells_what_will_be_bought_for_whom_by_which_rule() -> None:
    kept, moved = an_order("12", user_id=7), an_order("3", price="40000", user_id=8)

    change = seal_book(a_book(kept, moved), keys=map(str, count()), policy=POLICY, stamp=NOW)

    assert change is not None
    assert change.events == (
        PurchaseIntended(
            at_us=NOW_US,
            batch="0",
            attempt=1,
            asset="BTC",
            price=an_asset().price or 0,
            quantity=coins("0.00024"),
            used=0,
            timestamp_ms=NOW.signed_ms,
            window_ms=5_000,
            orders=idents(kept),
            rule=RULE,
        ),
        OrdersFailed(at_us=NOW_US, asset="BTC", reason="price_moved", orders=idents(moved)),
    )
    assert [t.at_us for t in change.transfers] == [NOW_US]
    (batch,) = change.new_batches
    assert (batch.created_at_us, batch.asset) == (NOW_US, "BTC")


@pytest.mark.parametrize(
    ("kind", "follows"),
    [
        (RejectionKind.VENUE, BatchReturned(at_us=NOW_US, batch=KEY, asset="BTC")),
        (RejectionKind.RULES, None),
        (
            RejectionKind.FINAL,
            BatchRefunded(
                at_us=NOW_US,
                batch=KEY,
                asset="BTC",
                reason="exchange_rejected",
                orders=((7, 1), (8, 2)),
            ),
        ),
    ],
)
def test_a_rejection_is_told_in_the_exchanges_words_and_what_follows_after_it(
    kind: RejectionKind, follows: BatchReturned | BatchRefunded | None
) -> None:
    members = [
        msgspec.structs.replace(an_order("5", user_id=user_id), id=number)
        for number, user_id in ((1, 7), (2, 8))
    ]
    said = Rejected(kind=kind, code="-2010", message="no" * 400)

    change = reject(an_open_batch(*members), said, policy=POLICY, at_us=NOW_US)

    told = PurchaseRejected(
        at_us=NOW_US,
        batch=KEY,
        attempt=1,
        asset="BTC",
        code="-2010",
        message=("no" * 400)[:500],
        kind=kind.value,
    )
    assert change.events == ((told,) if follows is None else (told, follows))
    assert {t.at_us for t in change.transfers} <= {NOW_US}


def test_an_absence_says_when_the_exchange_knew_nothing() -> None:
    opened = an_open_batch(an_order("5"), used="0.00003", surplus="0.00001")

    change = give_up_absent(opened, Absent(answered_ms=99), policy=POLICY, at_us=NOW_US)

    assert change.events == (
        PurchaseNotPlaced(at_us=NOW_US, batch=KEY, attempt=1, asset="BTC", answered_ms=99),
    )
    (purchase,), (batch,) = change.purchases, change.batches
    assert purchase.before == opened.purchase
    assert purchase.after.state is PurchaseState.NOT_PLACED
    assert (batch.after.used, batch.after.surplus, batch.after.counted) == (0, 0, 0)
    assert (batch.after.live, batch.after.checks, batch.after.version) == (False, 0, 1)
    assert batch.after.due_at_us == NOW_US + POLICY.backoff_us(1)


def test_that_nobody_knows_is_told_once() -> None:
    opened = an_open_batch(an_order("5"))
    lost = PurchaseLost(at_us=NOW_US, batch=KEY, attempt=1, asset="BTC")

    noted = note_lost(opened, at_us=NOW_US)
    waited = postpone(opened, policy=POLICY, at_us=NOW_US)

    assert noted is not None
    assert (noted.events, waited.events) == ((lost,), (lost,))
    (move,) = noted.purchases
    known = msgspec.structs.replace(opened, purchase=move.after)
    assert note_lost(known, at_us=NOW_US) is None
    assert postpone(known, policy=POLICY, at_us=NOW_US).events == ()


def test_a_quarantine_tells_of_the_attempt_and_of_the_halt() -> None:
    change = quarantine(an_open_batch(an_order("5")), at_us=NOW_US)

    assert change.events == (
        PurchaseQuarantined(at_us=NOW_US, batch=KEY, attempt=1, asset="BTC"),
        AssetHaltChanged(at_us=NOW_US, asset="BTC", halted=True),
    )


def test_an_operators_halt_and_its_end_are_told() -> None:
    halted = halting.halt(an_asset(), halted=True, at_us=8)
    resumed = halting.halt(halted.assets[0].after, halted=False, at_us=9)

    assert halted.events == (AssetHaltChanged(at_us=8, asset="BTC", halted=True),)
    assert resumed.events == (AssetHaltChanged(at_us=9, asset="BTC", halted=False),)


def test_a_settlement_tells_what_was_bought_for_how_much_and_who_got_what() -> None:
    first, second = an_order("4", "0.00008", user_id=7), an_order("6", "0.00012", user_id=8)
    opened = an_open_batch(first, second, buy="0.0001", used="0.0001")
    filled = Filled(
        fills=(
            Fill(trade_id="1", quantity=coins("0.00004"), cost=usd("2"), fee=5),
            Fill(trade_id="2", quantity=coins("0.00001"), cost=usd("0.50"), fee=6),
        )
    )

    change = settle(opened, filled, at_us=NOW_US)

    assert change.events == (
        BatchSettled(
            at_us=NOW_US,
            batch=KEY,
            asset="BTC",
            bought=coins("0.00005"),
            cost=usd("2.50"),
            used=coins("0.0001"),
            outcomes=(
                OrderOutcome(7, first.id, coins("0.00006"), usd("3"), usd("1")),
                OrderOutcome(8, second.id, coins("0.00009"), usd("4.50"), usd("1.50")),
            ),
            fees=(("USD", 11),),
        ),
    )
    assert {t.at_us for t in change.transfers} == {NOW_US}
    assert [each for _, each in change.fills] == list(filled.fills)
    assert change.purchases[0].after.state is PurchaseState.PARTIALLY_FILLED


def test_fees_are_summed_by_currency_and_those_of_nothing_left_out() -> None:
    fills = [
        Fill(trade_id=str(number), quantity=1, cost=1, fee=fee, fee_currency=currency)
        for number, (fee, currency) in enumerate([(3, "USD"), (1, "BNB"), (4, "USD"), (0, "BTC")])
    ]

    assert fees(fills) == (("BNB", 1), ("USD", 7))
    assert fees([]) == ()


def test_a_late_fill_tells_what_the_house_bought_and_of_the_break() -> None:
    purchase = msgspec.structs.replace(a_purchase("0.001"), state=PurchaseState.NOT_PLACED)

    change = buy_late(purchase, a_fill("0.0005", "25", 3, "BNB"), key="b", at_us=NOW_US)

    subject = purchase.client_order_id
    assert change.events == (
        LateFillBought(
            at_us=NOW_US,
            batch=KEY,
            attempt=1,
            asset="BTC",
            bought=coins("0.0005"),
            cost=usd("25"),
            fees=(("BNB", 3),),
        ),
        BreakOpened(
            at_us=NOW_US, kind="late_fill", subject=subject, expected=0, found=coins("0.0005")
        ),
    )
    (found,) = change.new_breaks
    assert (found.key, found.kind, found.scale) == ("b", BreakKind.LATE_FILL, 8)
    assert found.opened_at_us == NOW_US
    assert {t.at_us for t in change.transfers} == {NOW_US}


def test_a_break_is_told_when_it_opens_and_when_it_is_explained() -> None:
    opened = Break(
        key="b",
        kind=BreakKind.VENUE,
        subject="venue:BTC",
        expected=1,
        found=2,
        scale=8,
        opened_at_us=8,
    )

    closed = audit.close_break(opened, "  counted again  ", at_us=9)

    assert audit.break_opened(opened) == BreakOpened(
        at_us=8, kind="venue", subject="venue:BTC", expected=1, found=2
    )
    assert closed.events == (
        BreakClosed(at_us=9, kind="venue", subject="venue:BTC", evidence="counted again"),
    )
    after = closed.breaks[0].after
    assert (after.closed_at_us, after.evidence, after.version) == (9, "counted again", 1)


def test_members_that_all_leave_are_told_of_as_a_refund_of_their_batch() -> None:
    old = an_order("5", age_us=DAY_US, user_id=7)
    opened = given_up(old)

    change = retry(opened, policy=POLICY, stamp=NOW)

    assert change.events == (
        BatchRefunded(at_us=NOW_US, batch=KEY, asset="BTC", reason="deadline", orders=idents(old)),
    )
    assert [(t.at_us, t.amount) for t in change.transfers] == [(NOW_US, usd("5"))]


def test_a_large_order_whose_price_has_moved_is_told_of_as_a_refund_for_that() -> None:
    large = an_order("20", price="40000", direct=True, user_id=7)

    change = retry(given_up(large), policy=POLICY, stamp=NOW)

    assert change.events == (
        BatchRefunded(
            at_us=NOW_US, batch=KEY, asset="BTC", reason="price_moved", orders=idents(large)
        ),
    )


def test_members_that_all_leave_for_two_reasons_are_told_of_by_each() -> None:
    old = an_order("5", age_us=DAY_US, user_id=7)
    large = an_order("20", price="40000", direct=True, user_id=8)

    change = retry(given_up(old, large), policy=POLICY, stamp=NOW)

    assert change.events == (
        BatchRefunded(at_us=NOW_US, batch=KEY, asset="BTC", reason="deadline", orders=idents(old)),
        OrdersFailed(at_us=NOW_US, asset="BTC", reason="price_moved", orders=idents(large)),
    )
    reasons = {m.after.id: m.after.reason for m in change.orders}
    assert reasons == {old.id: Reason.DEADLINE, large.id: Reason.PRICE_MOVED}


def test_members_that_wait_again_are_told_of_as_a_return_of_their_batch() -> None:
    old, young = an_order("5", age_us=DAY_US, user_id=7), an_order("5", user_id=8)

    change = retry(given_up(old, young), policy=POLICY, stamp=NOW)

    assert change.events == (
        BatchReturned(at_us=NOW_US, batch=KEY, asset="BTC"),
        OrdersFailed(at_us=NOW_US, asset="BTC", reason="deadline", orders=idents(old)),
    )


def test_the_next_attempt_is_told_and_then_who_waits_again_and_who_has_left() -> None:
    large = an_order("20", direct=True, user_id=7)
    small = an_order("5", "0.5", user_id=8)
    moved = an_order("5", price="40000", user_id=9)
    asset = an_asset(max_quantity=coins("0.1"))
    opened = msgspec.structs.replace(given_up(large, small, moved), asset=asset)

    change = retry(opened, policy=POLICY, stamp=NOW)

    assert change.events == (
        PurchaseIntended(
            at_us=NOW_US,
            batch=KEY,
            attempt=2,
            asset="BTC",
            price=asset.price or 0,
            quantity=coins("0.0004"),
            used=0,
            timestamp_ms=NOW.signed_ms,
            window_ms=5_000,
            orders=idents(large),
            rule=RULE | {"max_quantity": coins("0.1")},
        ),
        OrdersReturned(at_us=NOW_US, asset="BTC", orders=idents(small)),
        OrdersFailed(at_us=NOW_US, asset="BTC", reason="price_moved", orders=idents(moved)),
    )
    (batch,), (purchase,) = change.batches, change.new_purchases
    assert (batch.after.attempt, batch.after.live, batch.after.checks) == (2, True, 0)
    assert batch.after.due_at_us == NOW_US + 5_000_000
    assert (purchase.attempt, purchase.quantity, purchase.scale) == (2, coins("0.0004"), 8)
