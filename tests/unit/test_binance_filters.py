"""From filters to market rules."""

from typing import Any

import pytest

from crypto_exchange.adapters.exchange.binance_filters import market_rule, taker_fee_ppm
from crypto_exchange.adapters.exchange.binance_wire import Filter, Market, Rates
from crypto_exchange.domain.asset import MarketRule

LOT = Filter(filter_type="LOT_SIZE", min_qty="0.00001", max_qty="9000", step_size="0.00001000")
NO_MARKET_LOT = Filter(filter_type="MARKET_LOT_SIZE", max_qty="120.123456789", min_qty="0.0")
NOTIONAL = Filter(filter_type="NOTIONAL", min_notional="5.00", apply_min_to_market=True)
PRICE = Filter(filter_type="PRICE_FILTER")


def market(*filters: Filter, **changes: Any) -> Market:
    values: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "status": "TRADING",
        "base_asset_precision": 8,
        "order_types": ["LIMIT", "MARKET"],
        "filters": list(filters),
    }
    return Market(**{**values, **changes})


def test_lot_sizes_are_folded_and_the_minimum_is_in_dollars() -> None:
    rule = market_rule(market(PRICE, LOT, NO_MARKET_LOT, NOTIONAL), scale=8, fee_ppm=1_000)

    assert rule == MarketRule(
        lot_step=1_000,
        min_notional=5 * 10**8,
        min_quantity=1_000,
        max_quantity=12_012_345_000,
        fee_ppm=1_000,
    )


def test_two_steps_give_their_least_common_multiple_and_bounds_move_inwards() -> None:
    sizes = (
        Filter(filter_type="LOT_SIZE", min_qty="0.5", max_qty="100", step_size="0.04"),
        Filter(filter_type="MARKET_LOT_SIZE", min_qty="0.7", max_qty="99.99", step_size="0.06"),
    )

    rule = market_rule(market(*sizes), scale=8, fee_ppm=0)

    assert rule is not None
    assert (rule.lot_step, rule.min_notional) == (12_000_000, 0)
    assert (rule.min_quantity, rule.max_quantity) == (72_000_000, 9_996_000_000)


def test_without_steps_the_unit_or_the_decimals_of_the_symbol_are_the_step() -> None:
    fine = market_rule(market(), scale=8, fee_ppm=0)
    coarse = market_rule(market(base_asset_precision=2), scale=8, fee_ppm=0)
    whole = market_rule(market(), scale=0, fee_ppm=0)

    assert fine == MarketRule(lot_step=1, min_notional=0)
    assert coarse == MarketRule(lot_step=1_000_000, min_notional=0)
    assert whole == MarketRule(lot_step=1, min_notional=0)


@pytest.mark.parametrize(
    ("each", "minimum"),
    [
        (Filter(filter_type="NOTIONAL", min_notional="5.0", apply_min_to_market=False), 0),
        (Filter(filter_type="MIN_NOTIONAL", min_notional="5.0", apply_to_market=False), 0),
        (
            Filter(filter_type="MIN_NOTIONAL", min_notional="0.000000011", apply_to_market=True),
            2,
        ),
        (Filter(filter_type="PRICE_FILTER", min_notional="5.0", apply_to_market=True), 0),
    ],
)
def test_a_minimum_counts_if_it_applies_to_market_orders_and_is_rounded_up(
    each: Filter, minimum: int
) -> None:
    rule = market_rule(market(LOT, each), scale=8, fee_ppm=0)

    assert rule is not None
    assert rule.min_notional == minimum


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "BREAK"},
        {"status": "HALT"},
        {"order_types": ["LIMIT"]},
        {"is_spot_trading_allowed": False},
    ],
)
def test_a_symbol_that_takes_no_market_orders_now_has_no_rule(changes: dict[str, Any]) -> None:
    assert market_rule(market(LOT, **changes), scale=8, fee_ppm=0) is None


def test_a_step_finer_than_our_unit_has_no_rule() -> None:
    assert market_rule(market(LOT), scale=5, fee_ppm=0) is not None
    assert market_rule(market(LOT), scale=4, fee_ppm=0) is None


def test_bounds_between_which_there_is_nothing_have_no_rule() -> None:
    sizes = Filter(filter_type="LOT_SIZE", min_qty="0.11", max_qty="0.19", step_size="0.1")
    less_than_a_step = Filter(filter_type="MARKET_LOT_SIZE", max_qty="0.05", step_size="0.1")

    assert market_rule(market(sizes), scale=8, fee_ppm=0) is None
    assert market_rule(market(less_than_a_step), scale=8, fee_ppm=0) is None


@pytest.mark.parametrize("text", ["1e-5", "-1", "", "NaN", "0.1.2", "1" * 5_000])
def test_an_amount_that_is_no_plain_decimal_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|Exceeds"):
        market_rule(market(Filter(filter_type="LOT_SIZE", step_size=text)), scale=8, fee_ppm=0)


def test_the_fee_is_that_of_a_buyer_who_takes_rounded_up() -> None:
    assert taker_fee_ppm(Rates(taker="0.00100000")) == 1_000
    assert taker_fee_ppm(Rates(taker="0.00100010", buyer="0.0005")) == 1_501
    assert taker_fee_ppm(Rates(taker="0", buyer="0.00000000")) == 0
