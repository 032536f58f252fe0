"""Amounts are exact; every rounding is where it is said to be."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_exchange.domain import money
from crypto_exchange.domain.errors import AmountTooLarge, InvalidAmount
from crypto_exchange.domain.money import CENT, format_units, parse_units, require_dollars
from tests.builders import a_price, coins, usd

SCALES = st.integers(0, 18)
PRICES = st.integers(1, 10**20)
SPREADS = st.integers(0, 2_000)


@given(st.integers(-(10**30), 10**30), SCALES)
def test_what_is_written_in_full_is_read_back(units: int, scale: int) -> None:
    text = format_units(units, scale)

    with localcontext(prec=40):
        assert Decimal(text) == Decimal(units).scaleb(-scale)
    assert parse_units(text.removeprefix("-"), scale) == abs(units)


@given(st.integers(0, 10**20), SCALES, st.integers(0, 4))
def test_dropping_zeros_changes_no_amount(units: int, scale: int, decimals: int) -> None:
    text = format_units(units, scale, decimals)

    assert Decimal(text) == Decimal(units).scaleb(-scale)
    assert not (text.endswith("0") and len(text.partition(".")[2]) > decimals)


@pytest.mark.parametrize(
    ("text", "units"),
    [("0", 0), ("12", 1200), ("12.5", 1250), ("12.34", 1234), ("0012.3400", 1234), ("0.01", 1)],
)
def test_plain_decimals_are_read(text: str, units: int) -> None:
    assert parse_units(text, 2) == units


@pytest.mark.parametrize(
    "text",
    [
        " ",
        ".",
        "1.",
        ".5",
        "-1",
        "+1",
        "1e5",
        "1E5",
        "0x10",
        " 1",
        "1 ",
        "1_000",
        "1,5",
        "1.2.3",
        "NaN",
        "Infinity",
        "١٢",
        "1\n",
        "1.234",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected .*, was "):
        parse_units(text, 2)


@pytest.mark.parametrize(
    ("units", "scale", "decimals", "text"),
    [
        (1200 * CENT, 8, 2, "12.00"),
        (1, 8, 2, "0.00000001"),
        (-150 * CENT, 8, 2, "-1.50"),
        (5, 0, 0, "5"),
        (5, 0, 2, "5.00"),
        (500, 2, 0, "5"),
        (500, 2, None, "5.00"),
        (0, 8, 2, "0.00"),
    ],
)
def test_amounts_are_written_plainly(
    units: int, scale: int, decimals: int | None, text: str
) -> None:
    assert format_units(units, scale, decimals) == text


@given(st.integers(0, 10**15), PRICES, st.integers(0, 12), SPREADS)
def test_a_total_is_the_product_rounded_up_to_the_cent(
    quantity: int, price: int, scale: int, spread: int
) -> None:
    total = money.total_for(quantity, price, scale, spread)

    with localcontext(prec=80):
        exact = Decimal(quantity).scaleb(-scale) * Decimal(price).scaleb(-12)
        exact *= 1 + Decimal(spread).scaleb(-4)
        cents = exact.scaleb(2).to_integral_value(ROUND_CEILING)
    assert total == int(cents) * CENT


@given(st.integers(1, 10**9).map(lambda n: n * CENT), PRICES, st.integers(0, 12), SPREADS)
def test_a_sum_buys_the_quotient_rounded_down_to_the_unit(
    spend: int, price: int, scale: int, spread: int
) -> None:
    quantity = money.quantity_for(spend, price, scale, spread)

    with localcontext(prec=120):
        exact = Decimal(spend).scaleb(-8) / (
            Decimal(price).scaleb(-12) * (1 + Decimal(spread).scaleb(-4))
        )
        units = exact.scaleb(scale).to_integral_value(ROUND_FLOOR)
    assert quantity == int(units)
    assert money.total_for(quantity, price, scale, spread) <= spend


@given(st.integers(0, 10**15), PRICES, st.integers(4, 12))
def test_the_smallest_quantity_worth_a_sum_is_worth_it_and_one_unit_less_is_not(
    wanted: int, price: int, scale: int
) -> None:
    quantity = money.quantity_worth(wanted, price, scale)

    assert money.value_of(quantity, price, scale) >= wanted
    assert quantity == 0 or money.value_of(quantity - 1, price, scale) < wanted


def test_worked_examples_of_quotes() -> None:
    assert money.total_for(coins("3"), a_price("4"), 8, 0) == usd("12.00")
    assert money.total_for(coins("0.00000001"), a_price("50000"), 8, 0) == usd("0.01")
    assert money.total_for(coins("1"), a_price("10"), 8, 50) == usd("10.05")
    assert money.total_for(coins("0.333"), a_price("10"), 8, 0) == usd("3.33")
    assert money.total_for(coins("0.3331"), a_price("10"), 8, 0) == usd("3.34")
    assert money.quantity_for(usd("5"), a_price("50000"), 8, 0) == coins("0.0001")
    assert money.quantity_for(usd("10"), a_price("63127.41"), 8, 0) == coins("0.00015840")
    assert money.quantity_for(usd("10"), a_price("10"), 8, 10_000) == coins("0.5")
    assert money.value_of(coins("0.00015841"), a_price("63127.41"), 8) == 1_000_001_301


@pytest.mark.parametrize("amount", [0, -CENT, CENT + 1, 1, CENT - 1])
def test_dollars_that_move_are_positive_whole_cents(amount: int) -> None:
    with pytest.raises(InvalidAmount):
        require_dollars("amount", amount)


def test_ten_millions_are_the_most_that_one_call_moves() -> None:
    assert require_dollars("amount", usd("10000000.00")) == usd("10000000")
    with pytest.raises(AmountTooLarge, match=r"at most 10000000.00, was 10000000.01"):
        require_dollars("amount", usd("10000000.01"))
