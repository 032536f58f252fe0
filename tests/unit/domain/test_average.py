"""Pricing `average`: the total is a cap, the quantity an estimate, and members share what it cost."""

from __future__ import annotations

from fractions import Fraction
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_exchange.domain.aggregation import seal_book
from crypto_exchange.domain.asset import Asset, Inventory, MarketRule
from crypto_exchange.domain.batch import BatchKind
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import AmountTooLarge, AmountTooSmall
from crypto_exchange.domain.ledger import balances
from crypto_exchange.domain.money import CENT
from crypto_exchange.domain.order import Order, OrderState, Reason
from crypto_exchange.domain.placement import PlaceOrder, place_order
from crypto_exchange.domain.plan import Plan, Terms, plan_average, smallest_purchase
from crypto_exchange.domain.policy import FeeIn, OnDeadline, Policy, Pricing
from crypto_exchange.domain.purchase import Filled, PurchaseState
from crypto_exchange.domain.retrial import retry
from crypto_exchange.domain.settlement import settle
from crypto_exchange.domain.views import Book, OpenBatch
from crypto_exchange.domain.wallet import Wallet
from tests.builders import (
    DAY_US,
    NOW,
    NOW_US,
    a_book,
    a_fill,
    a_price,
    an_asset,
    an_open_batch,
    an_order,
    coins,
    usd,
)

AVERAGE = Policy(pricing=Pricing.AVERAGE)
NOTHING = Inventory(asset="BTC")


def an_average_order(
    total: str, *, price: str = "50000", direct: bool = False, age_us: int = 0
) -> Order:
    return an_order(total, price=price, direct=direct, age_us=age_us, pricing=Pricing.AVERAGE)


def a_batch(*totals: str, buy: str = "0.0002") -> OpenBatch:
    return an_open_batch(*map(an_average_order, totals), buy=buy, pricing=Pricing.AVERAGE)


def ended(change: Change) -> list[Order]:
    return [move.after for move in change.orders]


def moved(change: Change) -> dict[str, int]:
    return {a.name: amount for a, amount in balances(change.transfers).items() if amount}


def placed(
    policy: Policy = AVERAGE,
    asset: Asset | None = None,
    *,
    amount: str | None = None,
    spend: str | None = None,
) -> Order:
    command = PlaceOrder(
        user_id=1,
        asset="BTC",
        amount=None if amount is None else coins(amount),
        spend=None if spend is None else usd(spend),
    )
    change = place_order(
        command,
        wallet=Wallet(1, usd("1000000")),
        asset=asset or an_asset(),
        policy=policy,
        order_id=1,
        at_us=NOW_US,
    )
    return change.new_orders[0]


def sealed(book: Book, policy: Policy = AVERAGE) -> Change:
    change = seal_book(book, keys=map(str, count()), policy=policy, stamp=NOW)
    assert change is not None
    return change


# ---- placement -----------------------------------------------------------------------------------


def test_an_order_keeps_the_pricing_it_was_placed_with() -> None:
    only_btc = Policy(asset_pricing=(("BTC", Pricing.AVERAGE),))
    all_but_btc = Policy(pricing=Pricing.AVERAGE, asset_pricing=(("BTC", Pricing.QUOTED),))

    assert placed(only_btc, spend="5").pricing is Pricing.AVERAGE
    assert placed(all_but_btc, spend="5").pricing is Pricing.QUOTED
    assert only_btc.pricing_of("ETH") is Pricing.QUOTED


def test_a_quote_has_no_spread() -> None:
    policy = Policy(pricing=Pricing.AVERAGE, spread_bps=1_000)

    by_amount, by_spend = placed(policy, amount="0.0001"), placed(policy, spend="5")

    assert (by_amount.total, by_spend.quantity) == (usd("5"), coins("0.0001"))
    assert placed(Policy(spread_bps=1_000), amount="0.0001").total == usd("5.50")


def test_a_large_order_is_direct_if_what_its_total_buys_is_worth_the_minimum() -> None:
    tight = an_asset(minimum="9.50")  # 10.00 buys 9.80, and the exchange wants 9.98

    assert placed(spend="10").direct
    assert not placed(spend="9.99").direct
    assert not placed(asset=tight, spend="10").direct
    assert placed(asset=tight, spend="10.50").direct


def test_amounts_that_cannot_be_quoted_are_refused_as_ever() -> None:
    with pytest.raises(AmountTooLarge):
        placed(asset=an_asset(max_quantity=coins("0.001")), spend="50.01")
    with pytest.raises(AmountTooSmall):
        placed(asset=an_asset("10000000000"), spend="1")


# ---- plan ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fee_in", "bought"),
    [
        (FeeIn.QUOTE, "0.00019"),  # 10 ÷ (50 000 × 1.03) = 0.000194…
        (FeeIn.COIN, "0.00019"),  # 10 ÷ (50 000 × 1.02) = 0.000196…
        (FeeIn.OTHER, "0.00019"),
    ],
)
def test_the_plan_leaves_room_for_the_tolerance_and_a_fee_in_dollars(
    fee_in: FeeIn, bought: str
) -> None:
    asset, policy = an_asset(fee_ppm=10_000), Policy(fee_in=fee_in)

    found = plan_average(usd("10"), asset=asset, price=a_price("50000"), policy=policy)

    assert found == Plan(coins(bought), 0, 0, feasible=True)


def test_the_plan_is_exact_to_the_lot() -> None:
    fine, coarse = an_asset(lot="0.00000001", fee_ppm=10_000), an_asset(lot="0.0001")
    policy, price = Policy(), a_price("50000")

    assert plan_average(usd("10.30"), asset=fine, price=price, policy=policy).buy == 20_000
    assert plan_average(usd("10.29"), asset=fine, price=price, policy=policy).buy == 19_980
    assert plan_average(usd("10.20"), asset=coarse, price=price, policy=policy).buy == 20_000
    assert plan_average(usd("10.19"), asset=coarse, price=price, policy=policy).buy == 10_000


def test_a_plan_is_feasible_from_the_minimum_and_a_twentieth_to_the_maximum() -> None:
    asset = an_asset("50000", lot="0.000001", max_quantity=coins("0.001"))
    price = a_price("50000")

    def feasible(total: str) -> bool:
        return plan_average(usd(total), asset=asset, price=price, policy=Policy()).feasible

    assert not feasible("5.35")  # buys 0.000104, worth 5.20
    assert feasible("5.36")  # buys 0.000105, worth 5.25
    assert feasible("51")
    assert not feasible("51.10")


def test_no_inventory_is_used_and_none_is_left() -> None:
    inventory = Inventory(asset="BTC", quantity=coins("1"))

    change = sealed(a_book(an_average_order("10.30"), inventory=inventory))

    (batch,), (purchase,) = change.new_batches, change.new_purchases
    assert (batch.pricing, batch.used, batch.surplus) == (Pricing.AVERAGE, 0, 0)
    assert purchase.quantity == coins("0.0002")
    assert change.inventory is not None
    assert (change.inventory.after.reserved, change.inventory.after.expected) == (0, 0)


def test_members_end_where_their_totals_would_buy_more_than_the_maximum() -> None:
    asset = an_asset(max_quantity=coins("0.0004"))
    orders = [an_average_order("7") for _ in range(4)]  # three buy 0.00041

    change = sealed(a_book(*orders, asset=asset))

    assert [m.before for m in change.orders] == orders[:2]
    assert change.new_purchases[0].quantity == coins("0.00027")


TOTALS = st.integers(1, 10**9).map(lambda cents: cents * CENT)
RULES = st.builds(
    MarketRule,
    lot_step=st.integers(1, 10**9),
    min_notional=st.integers(0, usd("100")),
    max_quantity=st.integers(0, 10**12),
    fee_ppm=st.integers(0, 50_000),
)


@given(TOTALS, RULES, st.integers(1, 10**18), st.sampled_from(FeeIn))
def test_what_is_bought_is_the_formula_and_within_the_totals_at_the_tolerance(
    total: int, rule: MarketRule, price: int, fee_in: FeeIn
) -> None:
    asset, policy = Asset(symbol="BTC", rule=rule), Policy(fee_in=fee_in)

    found = plan_average(total, asset=asset, price=price, policy=policy)

    fee = Fraction(rule.fee_ppm, 10**6) if fee_in is FeeIn.QUOTE else 0
    dearest = Fraction(price, 10**12) * (1 + Fraction(2, 100) + fee)  # dollars a coin, at worst
    units = Fraction(total, 10**8) / dearest * 10**8
    assert found.buy == int(units / rule.lot_step) * rule.lot_step
    assert Fraction(found.buy, 10**8) * dearest <= Fraction(total, 10**8)
    fits = not rule.max_quantity or found.buy <= rule.max_quantity
    assert found.feasible is (fits and found.buy >= smallest_purchase(asset, price, policy))


# ---- sealing -------------------------------------------------------------------------------------


def test_there_is_no_price_guard() -> None:
    small = [an_average_order("6", price="40000"), an_average_order("6", price="90000")]
    large = an_average_order("20", price="40000", direct=True)

    change = sealed(a_book(large, *small))

    assert [m.before for m in change.orders] == [large, *small]
    assert {m.after.state for m in change.orders} == {OrderState.PENDING}
    assert change.transfers == ()


def test_a_large_order_takes_nobody_along() -> None:
    large = an_average_order("20", direct=True)

    change = sealed(a_book(an_average_order("5"), an_order("5"), large))

    assert [m.before for m in change.orders] == [large]


def test_both_pricings_in_one_book_are_bought_apart() -> None:
    average = [an_average_order("6"), an_average_order("5")]
    quoted = [an_order("6"), an_order("5")]

    change = sealed(a_book(average[0], quoted[0], average[1], quoted[1]))

    bound = {b.pricing: b.key for b in change.new_batches}
    assert {b.kind for b in change.new_batches} == {BatchKind.AGGREGATED}
    for pricing, orders in ((Pricing.AVERAGE, average), (Pricing.QUOTED, quoted)):
        members = [m.before for m in change.orders if m.after.batch == bound[pricing]]
        assert members == orders


def test_what_one_pricing_lacks_for_the_threshold_the_other_does_not_give() -> None:
    book = a_book(an_average_order("9"), an_order("9"))

    assert seal_book(book, keys=map(str, count()), policy=AVERAGE, stamp=NOW) is None


def test_a_quoted_large_order_takes_along_only_what_is_quoted() -> None:
    large, quoted, average = an_order("20", direct=True), an_order("4"), an_average_order("4")

    change = sealed(a_book(average, quoted, large))

    assert [m.before for m in change.orders] == [large, quoted]


@pytest.mark.parametrize("on_deadline", [OnDeadline.REFUND, OnDeadline.TOP_UP])
@pytest.mark.parametrize(("total", "bought"), [("5.36", True), ("5.35", False)])
def test_at_the_deadline_they_are_bought_if_feasible_or_refunded(
    on_deadline: OnDeadline, total: str, *, bought: bool
) -> None:
    old = an_average_order(total, age_us=DAY_US)
    policy = Policy(pricing=Pricing.AVERAGE, on_deadline=on_deadline)

    change = sealed(a_book(old, asset=an_asset(lot="0.000001")), policy)

    assert len(change.new_purchases) == bought
    assert change.orders[0].after.reason is (None if bought else Reason.DEADLINE)


def test_the_next_attempt_is_a_new_plan_at_the_fresh_price() -> None:
    opened = an_open_batch(
        an_average_order("10.20"), live=False, pricing=Pricing.AVERAGE, asset=an_asset("100000")
    )

    change = retry(opened, policy=AVERAGE, stamp=NOW)

    assert change.new_purchases[0].quantity == coins("0.0001")
    assert change.orders == ()
    terms = Terms(
        pricing=Pricing.AVERAGE, asset=opened.asset, price=a_price("100000"), policy=AVERAGE
    )
    assert terms.passing_guard(opened.members) == list(opened.members)


# ---- settlement ----------------------------------------------------------------------------------


def test_members_pay_what_it_cost_in_proportion_to_their_totals() -> None:
    change = settle(a_batch("4", "6"), a_fill("0.0002", "9.50", usd("0.01")), at_us=NOW_US)

    assert [(o.state, o.filled, o.charged, o.refunded) for o in ended(change)] == [
        (OrderState.COMPLETED, coins("0.00008"), usd("3.80"), usd("0.20")),
        (OrderState.COMPLETED, coins("0.00012"), usd("5.71"), usd("0.29")),
    ]
    assert change.purchases[0].after.state is PurchaseState.FILLED
    assert "house:pnl:USD" not in moved(change)
    assert "house:inventory:BTC" not in moved(change)


def test_the_delivery_may_exceed_the_estimate() -> None:
    opened = a_batch("10.30", buy="0.0002")
    order = opened.members[0]

    change = settle(opened, a_fill("0.00022", "9.90"), at_us=NOW_US)

    assert ended(change)[0].filled == coins("0.00022") > order.quantity
    assert ended(change)[0].state is OrderState.COMPLETED


def test_a_cost_is_rounded_up_to_the_cent_and_the_rest_is_the_houses() -> None:
    change = settle(a_batch("10"), a_fill("0.0002", "9.500001", 1), at_us=NOW_US)

    assert ended(change)[0].charged == usd("9.51")
    assert moved(change)["house:pnl:USD"] == usd("9.51") - usd("9.500001") - 1


def test_a_cost_above_the_totals_is_the_houses_loss() -> None:
    change = settle(a_batch("4", "6"), a_fill("0.0002", "10.05", usd("0.02")), at_us=NOW_US)

    assert [o.charged for o in ended(change)] == [usd("4"), usd("6")]
    assert [o.refunded for o in ended(change)] == [0, 0]
    assert moved(change)["house:pnl:USD"] == -usd("0.07")


def test_who_is_delivered_nothing_pays_nothing_and_the_house_bears_it() -> None:
    opened = a_batch("0.40", "9.60")

    change = settle(opened, a_fill("0.0000001", "5.00"), at_us=NOW_US)

    small, large = ended(change)
    assert (small.state, small.reason, small.refunded) == (
        OrderState.FAILED,
        Reason.UNFILLED,
        usd("0.40"),
    )
    assert (large.filled, large.charged) == (10, usd("4.80"))
    assert moved(change)["house:pnl:USD"] == -usd("0.20")


@pytest.mark.parametrize(
    ("filled", "state"),
    [("0.0002", OrderState.COMPLETED), ("0.00019999", OrderState.PARTIALLY_COMPLETED)],
)
def test_orders_are_completed_if_the_whole_purchase_was_filled(
    filled: str, state: OrderState
) -> None:
    change = settle(a_batch("4", "6"), a_fill(filled, "5"), at_us=NOW_US)

    assert {o.state for o in ended(change)} == {state}


def test_a_fee_in_coin_is_delivered_to_nobody_and_still_completes() -> None:
    change = settle(a_batch("4", "6"), a_fill("0.0002", "9.80", 20, "BTC"), at_us=NOW_US)

    assert [o.filled for o in ended(change)] == [7_992, 11_988]
    assert {o.state for o in ended(change)} == {OrderState.COMPLETED}
    assert sum(o.charged for o in ended(change)) == usd("9.80")


def test_a_fee_in_a_third_coin_is_charged_to_nobody() -> None:
    change = settle(a_batch("10"), a_fill("0.0002", "9.80", 777, "BNB"), at_us=NOW_US)

    assert ended(change)[0].charged == usd("9.80")
    assert (moved(change)["house:fees:BNB"], moved(change)["venue:BNB"]) == (-777, 777)


def test_a_fill_of_nothing_refunds_everybody() -> None:
    change = settle(a_batch("4", "6"), Filled(fills=()), at_us=NOW_US)

    assert {(o.state, o.reason) for o in ended(change)} == {(OrderState.FAILED, Reason.UNFILLED)}
    assert moved(change) == {"suspense:1:USD": -usd("10"), "user:1:USD": usd("10")}
