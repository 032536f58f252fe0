"""Placement: what an order costs, which way it goes, and what refuses it."""

from __future__ import annotations

import msgspec
import pytest

from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.change import Change, RequestKey, StoredRequest
from crypto_exchange.domain.errors import (
    AmountTooLarge,
    AmountTooSmall,
    AssetHalted,
    InsufficientFunds,
    InvalidAmount,
    InvalidField,
    PriceStale,
    TooLate,
)
from crypto_exchange.domain.events import OrderCancelled, OrderPlaced
from crypto_exchange.domain.ledger import balances, suspense_account, user_account
from crypto_exchange.domain.order import Order, OrderState, seal
from crypto_exchange.domain.placement import PlaceOrder, cancel_order, place_order
from crypto_exchange.domain.policy import SECOND_US, Policy
from crypto_exchange.domain.wallet import Wallet
from tests.builders import NOW_US, an_asset, an_order, coins, usd


def place(
    asset: Asset | None = None,
    *,
    amount: str | None = None,
    spend: str | None = None,
    policy: Policy | None = None,
    balance: str = "20000000",
    request: RequestKey | None = None,
) -> Change:
    command = PlaceOrder(
        user_id=1,
        asset="BTC",
        amount=None if amount is None else coins(amount),
        spend=None if spend is None else usd(spend),
        request=request,
    )
    return place_order(
        command,
        wallet=Wallet(1, usd(balance), 7),
        asset=asset or an_asset(),
        policy=policy or Policy(),
        order_id=42,
        at_us=NOW_US,
    )


def placed(asset: Asset | None = None, **how: str) -> Order:
    return place(asset, **how).new_orders[0]  # type: ignore[arg-type]  # amount and spend are text


def test_an_order_by_amount_costs_the_total_rounded_up_to_the_cent() -> None:
    order = placed(an_asset("4"), amount="3")
    dear = placed(an_asset("63127.41"), amount="0.00000001")

    assert (order.quantity, order.total) == (coins("3"), usd("12.00"))
    assert (dear.quantity, dear.total) == (1, usd("0.01"))


def test_an_order_by_spend_costs_exactly_that_and_buys_what_it_is_enough_for() -> None:
    order = placed(an_asset("63127.41"), spend="10.00")

    assert (order.quantity, order.total) == (coins("0.00015840"), usd("10.00"))


def test_the_spread_is_in_the_total_and_not_in_the_unit_price() -> None:
    asset, policy = an_asset("100"), Policy(spread_bps=150)

    by_amount = place(asset, amount="1", policy=policy).new_orders[0]
    by_spend = place(asset, spend="101.50", policy=policy).new_orders[0]

    assert (by_amount.total, by_amount.unit_price) == (usd("101.50"), asset.price)
    assert (by_spend.quantity, by_spend.unit_price) == (coins("1"), asset.price)


def test_the_wallet_is_debited_into_suspense_in_the_commit_of_the_order() -> None:
    change = place(amount="0.001", request=RequestKey("place_order", "key", "digest"))

    assert balances(change.transfers) == {
        user_account(1): -usd("50"),
        suspense_account(1): usd("50"),
    }
    assert change.wallet == Wallet(1, usd("20000000"), 7)
    assert change.transfers[0].order_id == change.new_orders[0].id == 42
    assert change.request == StoredRequest(1, "place_order", "key", "digest", 42)
    assert isinstance(change.events[0], OrderPlaced)
    assert change.new_batches == ()
    assert change.batches == ()


def test_without_a_key_no_request_is_stored() -> None:
    assert place(amount="1").request is None


def test_exactly_ten_dollars_is_bought_at_once_and_a_cent_less_waits() -> None:
    direct, small = placed(spend="10.00"), placed(spend="9.99")

    assert (direct.direct, direct.state) == (True, OrderState.PENDING)
    assert (small.direct, small.state) == (False, OrderState.AGGREGATED)


def test_the_threshold_is_the_policys() -> None:
    policy = Policy(threshold=usd("25"))

    assert place(spend="25.00", policy=policy).new_orders[0].direct
    assert not place(spend="24.99", policy=policy).new_orders[0].direct


def test_a_large_order_that_cannot_be_bought_alone_waits() -> None:
    asset = an_asset("50000", lot="0.01", max_quantity=coins("0.015"))

    order = placed(asset, spend="700")

    assert not order.direct  # two lots are more than the maximum


@pytest.mark.parametrize(("amount", "spend", "was"), [("1", "1", "both"), (None, None, "neither")])
def test_exactly_one_of_amount_and_spend_is_given(
    amount: str | None, spend: str | None, was: str
) -> None:
    with pytest.raises(InvalidField, match=f"exactly one of amount and spend, was {was}"):
        place(amount=amount, spend=spend)


def test_an_amount_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidAmount, match="amount: expected a positive number, was 0"):
        place(amount="0")


def test_an_amount_finer_than_the_asset_is_refused() -> None:
    asset = msgspec.structs.replace(an_asset(), scale=4)

    with pytest.raises(InvalidAmount, match=r"at most 4 decimals for BTC, was 0.00001"):
        place(asset, amount="0.00001")
    assert place(asset, amount="0.0001").new_orders[0].quantity == 1


def test_an_amount_is_in_whole_coins_whatever_the_scale() -> None:
    asset = msgspec.structs.replace(an_asset("2"), scale=18)

    order = placed(asset, amount="1.5")

    assert (order.quantity, order.total) == (coins("1.5", 18), usd("3"))


def test_a_milliard_of_coins_is_the_most() -> None:
    cheap = an_asset("0.000001")

    assert placed(cheap, amount="1000000000").total == usd("1000")
    with pytest.raises(AmountTooLarge, match=r"at most 1000000000, was 1000000000.00000001"):
        place(cheap, amount="1000000000.00000001")


@pytest.mark.parametrize("spend", ["0", "0.001", "1.005"])
def test_a_spend_is_in_whole_cents(spend: str) -> None:
    with pytest.raises(InvalidAmount):
        place(spend=spend)


def test_ten_millions_are_the_most_to_spend() -> None:
    with pytest.raises(AmountTooLarge):
        place(spend="10000000.01")


def test_a_spend_that_buys_nothing_is_refused() -> None:
    asset = msgspec.structs.replace(an_asset("50000"), scale=4)

    with pytest.raises(AmountTooSmall, match=r"at least 0.0001 BTC, was 1.00"):
        place(asset, spend="1.00")


@pytest.mark.parametrize(("amount", "spend"), [("0.5001", None), (None, "25005")])
def test_more_than_the_exchange_takes_at_once_is_refused(
    amount: str | None, spend: str | None
) -> None:
    asset = an_asset("50000", max_quantity=coins("0.5"))

    with pytest.raises(AmountTooLarge, match=r"at most 0.5 BTC, was 0.5001"):
        place(asset, amount=amount, spend=spend)


@pytest.mark.parametrize("why", ["halted", "trading"])
def test_a_halted_asset_refuses_orders(why: str) -> None:
    asset = msgspec.structs.replace(an_asset(), **{why: why == "halted"})

    with pytest.raises(AssetHalted):
        place(asset, amount="1")


@pytest.mark.parametrize("age_s", [-5, 0, 180])
def test_a_fresh_price_quotes(age_s: int) -> None:
    asset = msgspec.structs.replace(an_asset(), priced_at_us=NOW_US - age_s * SECOND_US)

    assert placed(asset, amount="1").unit_price == asset.price


@pytest.mark.parametrize(
    "changes",
    [
        {"price": None, "priced_at_us": None},
        {"priced_at_us": None},
        {"price": 0},
        {"priced_at_us": NOW_US - 180 * SECOND_US - 1},
        {"priced_at_us": NOW_US + 5 * SECOND_US + 1},
    ],
)
def test_no_price_an_old_one_or_one_from_the_future_refuses_the_order(
    changes: dict[str, int | None],
) -> None:
    with pytest.raises(PriceStale):
        place(msgspec.structs.replace(an_asset(), **changes), amount="1")


def test_funds_for_exactly_the_total_suffice_and_a_cent_less_does_not() -> None:
    assert place(spend="12.34", balance="12.34").transfers[0].amount == usd("12.34")
    with pytest.raises(InsufficientFunds, match=r"at least 12.34 USD in the wallet, was 12.33"):
        place(spend="12.34", balance="12.33")


def test_a_waiting_order_is_cancelled_with_a_full_refund() -> None:
    order, wallet = an_order("9.99"), Wallet(1, 0, 3)

    change = cancel_order(order, wallet=wallet, at_us=NOW_US)

    (move,) = change.orders
    assert (move.before, move.after.state) == (order, OrderState.CANCELLED)
    assert move.after.refunded == usd("9.99")
    assert move.after.reason is None
    assert balances(change.transfers)[user_account(1)] == usd("9.99")
    assert change.wallet == wallet
    assert isinstance(change.events[0], OrderCancelled)


@pytest.mark.parametrize(
    "order", [an_order("20", direct=True), seal(an_order("5"), "key")], ids=["direct", "sealed"]
)
def test_an_order_that_is_being_bought_is_too_late_to_cancel(order: Order) -> None:
    with pytest.raises(TooLate, match="expected state aggregated to cancel, was pending"):
        cancel_order(order, wallet=Wallet(1), at_us=NOW_US)
