"""Plan: what is bought, what is used, what is left over, and whether it may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_exchange.domain.asset import Asset, Inventory, MarketRule
from crypto_exchange.domain.money import USD_SCALE, pow10, value_of
from crypto_exchange.domain.order import OrderState
from crypto_exchange.domain.plan import (
    Plan,
    Terms,
    net_of_coin_fee,
    plan_purchase,
    smallest_purchase,
)
from crypto_exchange.domain.policy import FeeIn, Policy, Pricing
from tests.builders import a_price, a_simulation, an_asset, coins, usd

COIN_FEE = Policy(fee_in=FeeIn.COIN)


def plan(
    need: str,
    asset: Asset,
    *,
    policy: Policy | None = None,
    direct: bool = False,
    **inventory: str,
) -> Plan:
    row = Inventory(asset="BTC", **{name: coins(amount) for name, amount in inventory.items()})
    price = asset.price or 0
    return plan_purchase(
        coins(need),
        asset=asset,
        price=price,
        inventory=row,
        policy=policy or Policy(),
        direct=direct,
    )


def test_the_smallest_lot_multiple_that_covers_the_need_is_bought() -> None:
    asset = an_asset("50000", lot="0.00001")

    assert plan("0.00101", asset) == Plan(coins("0.00101"), 0, 0, feasible=True)
    assert plan("0.001001", asset) == Plan(coins("0.00101"), 0, coins("0.000009"), feasible=True)


def test_inventory_is_used_before_anything_is_bought() -> None:
    asset = an_asset("50000", lot="0.00001")

    assert plan("0.001", asset, quantity="0.0002") == Plan(
        coins("0.0008"), coins("0.0002"), 0, feasible=True
    )


def test_nothing_is_bought_if_the_inventory_suffices() -> None:
    asset = an_asset("50000")

    assert plan("0.0002", asset, quantity="0.0002") == Plan(0, coins("0.0002"), 0, feasible=True)
    assert plan("0.0002", asset, quantity="9") == Plan(0, coins("0.0002"), 0, feasible=True)


def test_what_is_reserved_for_others_is_not_used() -> None:
    asset = an_asset("50000")

    assert plan("0.001", asset, quantity="0.0002", reserved="0.0002").used == 0


def test_a_purchase_is_worth_the_minimum_and_five_percent() -> None:
    asset = an_asset("10", lot="0.01", minimum="10")

    assert plan("1", asset).buy == coins("1.05")
    assert plan("1.05", asset) == Plan(coins("1.05"), 0, 0, feasible=True)
    assert plan("1.051", asset).buy == coins("1.06")


def test_the_exchanges_smallest_quantity_counts_too() -> None:
    asset = an_asset("50000", lot="0.001", min_quantity=coins("0.0035"))

    assert plan("0.001", asset).buy == coins("0.004")


def test_a_fee_in_coin_is_bought_along() -> None:
    asset = an_asset("50000", lot="0.00001", fee_ppm=1_000)

    found = plan("0.001", asset, policy=COIN_FEE)

    assert found == Plan(coins("0.00101"), 0, coins("0.00000899"), feasible=True)
    assert net_of_coin_fee(coins("0.00101"), asset, COIN_FEE) == coins("0.00100899")
    assert net_of_coin_fee(coins("0.00101"), asset, Policy()) == coins("0.00101")


def test_more_than_the_exchanges_maximum_is_not_feasible() -> None:
    asset = an_asset("50000", max_quantity=coins("0.001"))

    assert plan("0.001", asset).feasible
    assert not plan("0.00100001", asset).feasible
    assert plan("0.0011", asset, quantity="0.0001").feasible


def test_the_maximum_counts_a_fee_in_coin() -> None:
    asset = an_asset("50000", max_quantity=coins("0.001"), fee_ppm=1_000)

    assert not exceeds_maximum("0.001", asset, Policy())
    assert exceeds_maximum("0.001", asset, COIN_FEE)
    assert not exceeds_maximum("0.00099", asset, COIN_FEE)
    assert not exceeds_maximum("1000000000000", an_asset(), COIN_FEE)


def exceeds_maximum(quantity: str, asset: Asset, policy: Policy) -> bool:
    terms = Terms(pricing=Pricing.QUOTED, asset=asset, price=asset.price or 0, policy=policy)
    return terms.exceeds_maximum(coins(quantity), 0, Inventory(asset="BTC"))


def test_what_is_left_over_stays_within_the_cap() -> None:
    asset = an_asset("10", lot="1.5", minimum="1")

    assert plan("0.5", asset).feasible  # 1.0 coins or exactly 10.00 dollars are left
    assert not plan("0.4999", asset).feasible


def test_purchases_under_way_count_against_the_cap() -> None:
    asset = an_asset("10", lot="1", minimum="1")

    assert plan("0.5", asset, expected="0.5").feasible
    assert not plan("0.5", asset, expected="0.51").feasible


def test_a_direct_order_may_leave_one_smallest_purchase() -> None:
    asset = an_asset("100", lot="0.5", minimum="1")

    assert not plan("0.01", asset).feasible
    assert plan("0.01", asset, direct=True).feasible
    assert not plan("0.01", asset, direct=True, expected="0.02").feasible


RULES = st.builds(
    MarketRule,
    lot_step=st.integers(1, 10**9),
    min_notional=st.integers(0, usd("100")),
    min_quantity=st.integers(0, 10**9),
    fee_ppm=st.integers(0, 50_000),
)


@given(
    st.integers(1, 10**12),
    RULES,
    st.integers(1, 10**18),
    st.integers(0, 10**10),
    st.sampled_from(FeeIn),
)
def test_a_purchase_covers_the_need_in_whole_lots_and_one_lot_less_would_not(
    quantity: int, rule: MarketRule, price: int, free: int, fee_in: FeeIn
) -> None:
    asset = Asset(symbol="BTC", rule=rule, price=price, priced_at_us=0)
    policy = Policy(fee_in=fee_in)

    found = plan_purchase(
        quantity,
        asset=asset,
        price=price,
        inventory=Inventory(asset="BTC", quantity=free),
        policy=policy,
        direct=True,
    )

    net = net_of_coin_fee(found.buy, asset, policy)
    floor = -(-rule.min_notional * 105 // 100)
    assert found.used == min(quantity, free)
    if found.buy:
        assert found.buy % rule.lot_step == 0
        assert found.used + net == quantity + found.surplus
        assert value_of(found.buy, price, 8) >= floor
        less = found.buy - rule.lot_step
        too_few = net_of_coin_fee(less, asset, policy) + found.used < quantity
        too_cheap = less * price < floor * pow10(8 + 12 - USD_SCALE)
        assert too_few or too_cheap or less < rule.min_quantity
    else:
        assert free >= quantity
        assert found.surplus == 0


@given(st.integers(usd("10"), usd("100000")), RULES, st.integers(1, 10**18))
def test_a_direct_order_alone_is_always_feasible(total: int, rule: MarketRule, price: int) -> None:
    asset = Asset(symbol="BTC", rule=rule, price=price, priced_at_us=0)
    quantity = max(1, total * 10**12 // price)

    found = plan_purchase(
        quantity,
        asset=asset,
        price=price,
        inventory=Inventory(asset="BTC"),
        policy=Policy(),
        direct=True,
    )

    assert found.feasible


@pytest.mark.parametrize("together", [False, True])
def test_thirty_orders_of_ten_dollars_all_complete(*, together: bool) -> None:
    asset = an_asset("63127.41", lot="0.00001", minimum="10.00")
    simulation, (user_id,) = a_simulation(asset)

    orders = []
    for _ in range(30):
        orders.append(simulation.place(user_id, "BTC", spend=usd("10.00")))
        if not together:
            simulation.run()
    simulation.run()

    assert all(order.direct for order in orders)
    ended = [simulation.order(order) for order in orders]
    assert {order.state for order in ended} == {OrderState.COMPLETED}
    inventory = simulation.state.inventory["BTC"]
    assert inventory.reserved == inventory.expected == 0
    smallest = smallest_purchase(asset, a_price("63127.41"), Policy())
    assert 0 <= inventory.quantity <= smallest
