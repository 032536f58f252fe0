"""Settlement: who gets which coins, what they pay, and where the rest goes."""

from __future__ import annotations

from collections import defaultdict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_exchange.domain.batch import BatchState
from crypto_exchange.domain.change import Change, balance_deltas
from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.events import BatchSettled
from crypto_exchange.domain.ledger import balances
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.order import Order, OrderState, Reason
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.purchase import Fill, Filled, PurchaseState
from crypto_exchange.domain.settlement import settle
from tests.builders import KEY, NOW_US, a_fill, an_open_batch, an_order, coins, usd


def ended(change: Change) -> list[Order]:
    return [move.after for move in change.orders]


def moved(change: Change) -> dict[str, int]:
    return {a.name: amount for a, amount in balances(change.transfers).items() if amount}


def test_a_full_fill_gives_everyone_exactly_what_was_quoted() -> None:
    orders = [an_order("4", "0.00008"), an_order("6", "0.00012", user_id=2)]
    opened = an_open_batch(*orders, buy="0.00021", surplus="0.00001")

    change = settle(opened, a_fill("0.00021", "10.50", usd("0.01")), at_us=NOW_US)

    assert [(o.state, o.filled, o.charged) for o in ended(change)] == [
        (OrderState.COMPLETED, coins("0.00008"), usd("4")),
        (OrderState.COMPLETED, coins("0.00012"), usd("6")),
    ]
    assert moved(change) == {
        "suspense:1:USD": -usd("4"),
        "suspense:2:USD": -usd("6"),
        "user:1:BTC": coins("0.00008"),
        "user:2:BTC": coins("0.00012"),
        "house:inventory:BTC": coins("0.00001"),
        "house:pnl:USD": -usd("0.51"),
        "venue:BTC": -coins("0.00021"),
        "venue:USD": usd("10.51"),
    }
    assert change.batches[0].after.state is BatchState.SETTLED
    assert change.purchases[0].after.state is PurchaseState.FILLED
    assert change.inventory is not None
    assert (change.inventory.after.reserved, change.inventory.after.expected) == (0, 0)
    assert change.wallet is None


def test_a_purchase_below_the_quote_is_the_houses_gain() -> None:
    change = settle(
        an_open_batch(an_order("10", "0.0002"), buy="0.0002"), a_fill("0.0002", "9.80"), at_us=1
    )

    assert moved(change)["house:pnl:USD"] == usd("0.20")


def test_a_partial_fill_is_shared_and_charged_up_to_the_cent() -> None:
    orders = [an_order("1.00", "0.00002"), an_order("2.00", "0.00004"), an_order("7", "0.00014")]
    opened = an_open_batch(*orders, buy="0.0002")

    change = settle(opened, a_fill("0.00007", "3.50"), at_us=NOW_US)

    assert [(o.filled, o.charged, o.refunded) for o in ended(change)] == [
        (700, usd("0.35"), usd("0.65")),
        (1_400, usd("0.70"), usd("1.30")),
        (4_900, usd("2.45"), usd("4.55")),
    ]
    assert {o.state for o in ended(change)} == {OrderState.PARTIALLY_COMPLETED}
    assert moved(change).get("house:pnl:USD", 0) == 0


def test_coins_that_cannot_be_split_go_to_the_largest_remainders() -> None:
    orders = [an_order("1", "0.00000003"), an_order("1", "0.00000003")]
    opened = an_open_batch(*orders, buy="0.00000006")

    change = settle(opened, a_fill("0.00000003", "1.00"), at_us=NOW_US)

    assert sorted(o.filled for o in ended(change)) == [1, 2]
    assert sorted(o.charged for o in ended(change)) == [usd("0.34"), usd("0.67")]
    assert moved(change)["house:pnl:USD"] == usd("0.01")


def test_who_gets_nothing_has_failed_and_is_refunded_whole() -> None:
    orders = [an_order("0.01", "0.00000001"), an_order("9.99", "0.00019999")]
    opened = an_open_batch(*orders, buy="0.0002")

    change = settle(opened, a_fill("0.0001", "5.00"), at_us=NOW_US)

    small, large = ended(change)
    halves = {(small.filled, large.filled)}
    assert halves <= {(0, 10_000), (1, 9_999)}
    nothing = [o for o in ended(change) if o.filled == 0]
    assert all((o.state, o.reason) == (OrderState.FAILED, Reason.UNFILLED) for o in nothing)
    assert all(o.refunded == o.total for o in nothing)


def test_a_fill_of_nothing_refunds_everybody() -> None:
    opened = an_open_batch(an_order("5"), an_order("5"), buy="0.0002")

    change = settle(opened, Filled(fills=()), at_us=NOW_US)

    assert {(o.state, o.reason) for o in ended(change)} == {(OrderState.FAILED, Reason.UNFILLED)}
    assert moved(change) == {"suspense:1:USD": -usd("10"), "user:1:USD": usd("10")}
    assert change.purchases[0].after.state is PurchaseState.PARTIALLY_FILLED
    assert change.fills == ()


def test_reserved_inventory_is_delivered_along_with_what_was_bought() -> None:
    opened = an_open_batch(an_order("10", "0.0002"), buy="0.00015", used="0.00005")

    change = settle(opened, a_fill("0.00015", "7.50"), at_us=NOW_US)

    assert ended(change)[0].state is OrderState.COMPLETED
    assert moved(change)["house:inventory:BTC"] == -coins("0.00005")
    assert change.inventory is not None
    assert change.inventory.after.reserved == 0


def test_reserved_inventory_is_shared_if_nothing_was_bought() -> None:
    opened = an_open_batch(an_order("10", "0.0002"), buy="0.00015", used="0.00005")

    change = settle(opened, Filled(fills=()), at_us=NOW_US)

    assert (ended(change)[0].filled, ended(change)[0].charged) == (coins("0.00005"), usd("2.50"))
    assert ended(change)[0].state is OrderState.PARTIALLY_COMPLETED


def test_what_the_inventory_covers_settles_without_a_purchase() -> None:
    opened = an_open_batch(an_order("10", "0.0002"), buy=None, used="0.0002")
    waiting = msgspec.structs.replace(opened.inventory, failures=2, retry_at_us=NOW_US)
    opened = msgspec.structs.replace(opened, inventory=waiting)

    change = settle(opened, None, at_us=NOW_US)

    assert ended(change)[0].state is OrderState.COMPLETED
    assert change.purchases == ()
    assert change.fills == ()
    assert moved(change)["house:pnl:USD"] == usd("10")
    assert change.inventory is not None
    assert change.inventory.after.failures == 2  # the exchange has not sold anything


def test_an_exchange_that_sells_needs_no_back_off() -> None:
    opened = an_open_batch(an_order("10", "0.0002"), buy="0.0002")
    refused = msgspec.structs.replace(
        opened.inventory, failures=2, retry_at_us=NOW_US + 9 * SECOND_US
    )

    change = settle(
        msgspec.structs.replace(opened, inventory=refused), a_fill("0.0002", "10"), at_us=NOW_US
    )

    assert change.inventory is not None
    assert (change.inventory.after.failures, change.inventory.after.retry_at_us) == (0, 0)


def test_a_fee_in_coin_is_taken_from_what_is_delivered() -> None:
    opened = an_open_batch(an_order("10", "0.0002"), buy="0.00021", surplus="0.0000079")

    change = settle(opened, a_fill("0.00021", "10.50", 210, "BTC"), at_us=NOW_US)

    assert ended(change)[0].state is OrderState.COMPLETED
    assert moved(change)["house:inventory:BTC"] == 790
    assert moved(change)["venue:BTC"] == -coins("0.00021") + 210


def test_a_fee_in_coin_that_leaves_too_little_is_a_partial_fill() -> None:
    opened = an_open_batch(an_order("10", "0.0002"), buy="0.0002")

    change = settle(opened, a_fill("0.0002", "10", 20, "BTC"), at_us=NOW_US)

    assert ended(change)[0].filled == coins("0.0002") - 20
    assert ended(change)[0].refunded == usd("0.01")
    assert ended(change)[0].state is OrderState.PARTIALLY_COMPLETED


def test_a_fee_in_a_third_coin_is_the_houses_and_not_the_members() -> None:
    opened = an_open_batch(an_order("10", "0.0002"), buy="0.0002")

    change = settle(opened, a_fill("0.0002", "10", 1_234, "BNB"), at_us=NOW_US)

    assert ended(change)[0].state is OrderState.COMPLETED
    assert (moved(change)["house:fees:BNB"], moved(change)["venue:BNB"]) == (-1_234, 1_234)


def test_a_late_fill_of_more_than_was_asked_goes_to_the_inventory() -> None:
    opened = an_open_batch(an_order("10", "0.0002"), buy="0.0002")

    change = settle(opened, a_fill("1", "50000"), at_us=NOW_US)

    assert moved(change)["house:inventory:BTC"] == coins("0.9998")


def test_more_fees_than_coins_are_a_bug_not_a_debt() -> None:
    opened = an_open_batch(an_order("10", "0.0002"), buy="0.0002")

    with pytest.raises(InvariantViolation):
        settle(opened, a_fill("0.0002", "10", coins("0.0003"), "BTC"), at_us=NOW_US)


def test_a_settlement_keeps_the_trades_and_tells_what_became_of_everyone() -> None:
    order = an_order("10", "0.0002")
    opened = an_open_batch(order, buy="0.0002")
    trades = tuple(
        Fill(trade_id=str(n), quantity=coins("0.00005"), cost=usd("2.50")) for n in range(3)
    )

    change = settle(opened, Filled(fills=trades), at_us=NOW_US)

    assert change.fills == tuple((opened.purchase, trade) for trade in trades)
    (event,) = change.events
    assert isinstance(event, BatchSettled)
    assert (event.bought, event.cost, event.used) == (coins("0.00015"), usd("7.50"), 0)
    (outcome,) = event.outcomes
    assert outcome.order_id == order.id
    assert (outcome.filled, outcome.charged, outcome.refunded) == (
        coins("0.00015"),
        usd("7.50"),
        usd("2.50"),
    )


MEMBERS = st.lists(
    st.tuples(st.integers(1, 10**5), st.integers(1, 10**9), st.integers(1, 4)),
    min_size=1,
    max_size=12,
)


@given(MEMBERS, st.integers(0, 10**10), st.integers(0, 10**9), st.integers(0, 10**7), st.data())
def test_nothing_appears_or_vanishes_and_nobody_pays_more_than_quoted(
    wanted: list[tuple[int, int, int]], bought: int, used: int, fee: int, data: st.DataObject
) -> None:
    orders = [
        msgspec.structs.replace(an_order("1", user_id=user), quantity=quantity, total=cents * CENT)
        for cents, quantity, user in wanted
    ]
    used = min(used, sum(o.quantity for o in orders))
    fee_currency = data.draw(st.sampled_from(["USD", "BTC", "BNB"]))
    fee = min(fee, bought) if fee_currency == "BTC" else fee
    opened = an_open_batch(*orders, buy="1")
    batch = msgspec.structs.replace(opened.batch, used=used)
    row = msgspec.structs.replace(opened.inventory, quantity=used, reserved=used)
    opened = msgspec.structs.replace(opened, batch=batch, inventory=row)
    fill = Fill(trade_id="1", quantity=bought, cost=bought // 7, fee=fee, fee_currency=fee_currency)

    change = settle(opened, Filled(fills=(fill,)), at_us=NOW_US)

    sums: dict[str, int] = defaultdict(int)
    for transfer in change.transfers:
        assert transfer.amount > 0
        assert transfer.debit.currency == transfer.credit.currency
    for account, amount in balances(change.transfers).items():
        sums[account.currency] += amount
        if account.owner == KEY:
            assert amount == 0, "clearing is zero when the batch is closed"
    assert not any(sums.values())
    net = bought - (fee if fee_currency == "BTC" else 0)
    for before, after in ((m.before, m.after) for m in change.orders):
        assert 0 <= after.filled <= before.quantity
        assert 0 <= after.charged <= before.total
        assert after.charged % CENT == 0
        exact = before.total * after.filled
        assert exact <= after.charged * before.quantity < exact + CENT * before.quantity
    delivered = sum(o.filled for o in ended(change))
    assert delivered == min(used + net, sum(o.quantity for o in orders))
    deltas = balance_deltas(change.transfers)
    assert row.quantity + deltas.inventory["BTC"] == used + net - delivered
    assert sum(deltas.wallets.values()) == sum(o.refunded for o in ended(change))
