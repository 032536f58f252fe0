"""Simulation: the same decisions over dicts, from a deposit to what came of it."""

from __future__ import annotations

import pytest

from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.errors import InsufficientFunds, PriceStale, TooLate
from crypto_exchange.domain.order import OrderState, Reason
from crypto_exchange.domain.policy import SECOND_US, FeeIn, Policy
from crypto_exchange.domain.purchase import Outcome, Purchase, Rejected, RejectionKind
from crypto_exchange.domain.simulation import FullFills, Simulation
from tests.builders import (
    DAY_US,
    NOW_US,
    a_price,
    a_purchase,
    a_simulation,
    an_asset,
    coins,
    usd,
)


def test_small_orders_of_three_people_are_bought_together() -> None:
    simulation, users = a_simulation(users=3)
    first = simulation.place(users[0], "BTC", spend=usd("4"))
    second = simulation.place(users[1], "BTC", amount=coins("0.00008"))
    simulation.run()
    assert simulation.order(first).state is OrderState.AGGREGATED

    third = simulation.place(users[2], "BTC", spend=usd("2"))
    simulation.run()

    ended = [simulation.order(order) for order in (first, second, third)]
    assert {order.state for order in ended} == {OrderState.COMPLETED}
    assert len(simulation.state.batches) == 1
    assert simulation.ledger()["venue:USD"] == usd("10")
    assert simulation.ledger()["user:2:USD"] == usd("996")
    assert simulation.state.holdings[users[1], "BTC"] == (coins("0.00008"), usd("4"))


def test_an_order_that_may_not_be_placed_changes_nothing() -> None:
    simulation, (user_id,) = a_simulation()
    before = simulation.ledger()

    with pytest.raises(InsufficientFunds):
        simulation.place(user_id, "BTC", spend=usd("1000.01"))

    assert simulation.ledger() == before
    assert simulation.open_orders() == []


def test_a_waiting_order_is_cancelled_and_a_completed_one_is_not() -> None:
    simulation, (user_id,) = a_simulation()
    large = simulation.place(user_id, "BTC", spend=usd("40"))
    simulation.run()
    small = simulation.place(user_id, "BTC", spend=usd("4"))
    simulation.run()

    assert simulation.cancel(small).state is OrderState.CANCELLED
    with pytest.raises(TooLate):
        simulation.cancel(large)
    assert simulation.state.get_wallet(user_id).balance == usd("960")


def test_withdrawing_takes_money_out() -> None:
    simulation, (user_id,) = a_simulation()

    simulation.withdraw(user_id, usd("999.99"))

    assert simulation.state.get_wallet(user_id).balance == usd("0.01")
    assert simulation.ledger()["external:USD"] == -usd("0.01")


def test_prices_get_old_as_time_passes() -> None:
    simulation, (user_id,) = a_simulation()
    simulation.advance(181 * SECOND_US)

    with pytest.raises(PriceStale):
        simulation.place(user_id, "BTC", spend=usd("4"))
    simulation.set_price("BTC", a_price("60000"))

    assert simulation.place(user_id, "BTC", spend=usd("6")).quantity == coins("0.0001")


def test_what_waits_too_long_is_refunded() -> None:
    simulation, (user_id,) = a_simulation()
    order = simulation.place(user_id, "BTC", spend=usd("4"))
    simulation.advance(DAY_US)

    simulation.run()

    assert simulation.order(order).reason is Reason.DEADLINE
    assert simulation.state.get_wallet(user_id).balance == usd("1000")


def test_a_venue_that_refuses_for_a_while_is_tried_again() -> None:
    answers: list[Outcome] = [
        Rejected(kind=RejectionKind.VENUE, code="-2010", message="no funds"),
        Rejected(kind=RejectionKind.RULES, code="-1013", message="filter"),
    ]

    def venue(purchase: Purchase, asset: Asset) -> Outcome:
        return answers.pop(0) if answers else FullFills(Policy())(purchase, asset)

    simulation = Simulation((an_asset(),), venue=venue, at_us=NOW_US)
    user_id = simulation.register("user")
    simulation.deposit(user_id, usd("50"))
    order = simulation.place(user_id, "BTC", spend=usd("50"))
    states = []
    for _ in range(3):
        simulation.run()
        states.append(simulation.order(order).state)
        simulation.advance(SECOND_US)

    assert states == [OrderState.PENDING, OrderState.PENDING, OrderState.COMPLETED]
    assert len(simulation.state.batches) == 2
    assert len(simulation.state.purchases) == 3


def test_what_the_inventory_holds_is_delivered_without_a_purchase() -> None:
    simulation, (user_id,) = a_simulation(an_asset("10", lot="1", minimum="1"))
    simulation.place(user_id, "BTC", spend=usd("12"))
    simulation.run()
    order = simulation.place(user_id, "BTC", spend=usd("8"))
    simulation.advance(DAY_US)
    simulation.set_price("BTC", a_price("10"))

    simulation.run()

    assert simulation.order(order).state is OrderState.COMPLETED
    assert len(simulation.state.purchases) == 1
    assert simulation.state.inventory["BTC"].quantity == 0


def test_more_than_a_book_holds_is_looked_at_if_the_oldest_are_too_little() -> None:
    policy = Policy(batch_limit=3)
    simulation, (user_id,) = a_simulation(policy=policy)
    orders = [simulation.place(user_id, "BTC", spend=usd("1")) for _ in range(10)]

    simulation.run()

    assert {simulation.order(order).state for order in orders} == {OrderState.COMPLETED}


@pytest.mark.parametrize(
    ("fee_in", "fee", "currency"),
    [
        (FeeIn.QUOTE, usd("0.05"), "USD"),
        (FeeIn.COIN, coins("0.000001"), "BTC"),
        (FeeIn.OTHER, usd("0.05"), "FEE"),
    ],
)
def test_a_venue_that_fills_whole_takes_its_fee(fee_in: FeeIn, fee: int, currency: str) -> None:
    asset = an_asset("50000", fee_ppm=1_000)

    (fill,) = FullFills(Policy(fee_in=fee_in))(a_purchase("0.001"), asset).fills

    assert (fill.quantity, fill.cost) == (coins("0.001"), usd("50"))
    assert (fill.fee, fill.fee_currency) == (fee, currency)
