from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_exchange.entrypoints.exchange.account import Account, Span
from crypto_exchange.entrypoints.exchange.amounts import ONE, render
from crypto_exchange.entrypoints.exchange.failures import InsufficientBalanceError
from crypto_exchange.entrypoints.exchange.fills import FeeRule, Fill, Side, fill_order

sides = st.sampled_from(["BUY", "SELL"])
quantities = st.integers(1, 10**13)
prices = st.integers(1, 10**13)
rates = st.integers(0, ONE - 1)
UNIT = Decimal("0.00000001")


def fill(side: Side, quantity: int, price: int, fee: FeeRule) -> Fill:
    return fill_order("BTC", "USDT", side, quantity=quantity, price=price, fee=fee)


def decimal(amount: int) -> Decimal:
    return Decimal(amount) * UNIT


def rounded_up(exact: Decimal) -> Decimal:
    return exact.quantize(UNIT, ROUND_CEILING)


@given(quantities, prices, rates)
def test_a_purchase_with_a_fee_in_quote_pays_cost_and_fee_and_brings_every_coin(
    quantity: int, price: int, rate: int
) -> None:
    made = fill("BUY", quantity, price, FeeRule(rate, "quote"))

    cost = rounded_up(decimal(quantity) * decimal(price))
    fee = rounded_up(cost * decimal(rate))
    assert decimal(made.cost) == cost
    assert (decimal(made.commission), made.commission_asset) == (fee, "USDT")
    assert made.changes == {"BTC": quantity, "USDT": -made.cost - made.commission}


@given(quantities, prices, rates)
def test_a_purchase_with_a_fee_in_coin_brings_the_quantity_less_the_fee(
    quantity: int, price: int, rate: int
) -> None:
    made = fill("BUY", quantity, price, FeeRule(rate, "received"))

    fee = rounded_up(decimal(quantity) * decimal(rate))
    assert (decimal(made.commission), made.commission_asset) == (fee, "BTC")
    assert made.changes == {"BTC": quantity - made.commission, "USDT": -made.cost}
    assert made.changes["BTC"] >= 0


@given(quantities, prices, rates, st.sampled_from(["quote", "received"]))
def test_a_sale_brings_the_proceeds_rounded_down_less_the_fee(
    quantity: int, price: int, rate: int, charged_in: str
) -> None:
    made = fill("SELL", quantity, price, FeeRule(rate, charged_in))

    proceeds = (decimal(quantity) * decimal(price)).quantize(UNIT, ROUND_FLOOR)
    assert decimal(made.cost) == proceeds
    assert decimal(made.commission) == rounded_up(proceeds * decimal(rate))
    assert made.changes == {"BTC": -quantity, "USDT": made.cost - made.commission}


@given(sides, quantities, prices, rates, prices)
def test_a_fee_in_a_third_coin_is_worth_its_share_of_the_cost_and_touches_nothing_else(
    side: Side, quantity: int, price: int, rate: int, value: int
) -> None:
    made = fill(side, quantity, price, FeeRule(rate, "BNB", value))

    sign = 1 if side == "BUY" else -1
    assert made.changes == {
        "BTC": sign * quantity,
        "USDT": -sign * made.cost,
        "BNB": -made.commission,
    }
    worth, due = made.commission * value, made.cost * rate
    assert due <= worth < due + value


def test_the_coin_that_is_bought_can_pay_the_fee_as_third_coin() -> None:
    made = fill_order(
        "BNB", "USDT", "BUY", quantity=ONE, price=100 * ONE, fee=FeeRule(10**5, "BNB", 100 * ONE)
    )

    assert made.changes == {"BNB": ONE - 10**5, "USDT": -100 * ONE}


@given(st.lists(st.tuples(sides, st.integers(1, 10**9), st.integers(1, 10**12)), max_size=12))
def test_balances_are_what_was_given_plus_every_fill_and_never_negative(
    orders: list[tuple[Side, int, int]],
) -> None:
    account = Account(Path(":memory:"))
    account.fund_once("USDT", 1000 * ONE)
    expected = {"USDT": 1000 * ONE}

    for number, (side, quantity, price) in enumerate(orders):
        made = fill(side, quantity, price, FeeRule(10**5, "quote"))
        after = {
            asset: expected.get(asset, 0) + made.changes.get(asset, 0)
            for asset in expected | made.changes
        }
        try:
            with account.writing():
                account.record(
                    "BTCUSDT",
                    side,
                    [made],
                    quantity=quantity,
                    client_id=str(number),
                    quote_wanted=0,
                    now_ms=number,
                )
        except InsufficientBalanceError:
            assert min(after.values()) < 0
        else:
            expected = after

    assert account.balances() == expected
    assert min(expected.values()) >= 0
    trades = account.list_trades("BTCUSDT", Span())
    assert [trade.order_id for trade in trades] == [
        order.id for order in account.list_orders("BTCUSDT", Span())
    ]
    account.close()


def test_a_refused_transaction_leaves_no_trace() -> None:
    account = Account(Path(":memory:"))
    account.fund_once("USDT", 1000 * ONE)
    made = fill("BUY", ONE, ONE, FeeRule(0, "quote"))

    def record_and_fail() -> None:
        with account.writing():
            account.record(
                "BTCUSDT", "BUY", [made], quantity=ONE, client_id="a", quote_wanted=0, now_ms=1
            )
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        record_and_fail()

    assert account.balances() == {"USDT": 1000 * ONE}
    assert account.list_orders("BTCUSDT", Span()) == []
    account.close()


def test_an_amount_is_written_with_eight_decimals() -> None:
    assert [render(amount) for amount in (0, 1, -1, 12 * ONE)] == [
        "0.00000000",
        "0.00000001",
        "-0.00000001",
        "12.00000000",
    ]
