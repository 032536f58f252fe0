"""Amounts, times, policies and markets as people write them: exact, or refused with what was expected."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from types import SimpleNamespace

import msgspec
import polars
import pytest

from crypto_exchange.domain.policy import FeeIn, OnDeadline, Pricing
from crypto_exchange.entrypoints.backtest.amounts import (
    dollars,
    duration_us,
    format_duration,
    moment,
    ratio,
    time_us,
    units,
)
from crypto_exchange.entrypoints.backtest.backtest import Backtest
from crypto_exchange.entrypoints.backtest.inputs.prices import synthetic
from crypto_exchange.entrypoints.backtest.market import (
    Failures,
    FeeSchedule,
    Market,
    SquareRoot,
)
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from tests.unit.backtest.scenes import order_columns, steady


def made(kind: Callable[..., object], *parts: object, **named: object) -> object:
    """With what the types would not let pass, as a user's program may."""
    return kind(*parts, **named)


@pytest.mark.parametrize("ten", ["10.00", "10", 10, Decimal("10.0"), Decimal("1E+1")])
def test_an_amount_is_text_a_whole_number_or_a_decimal(ten: str | int | Decimal) -> None:
    assert dollars("threshold", ten) == 1_000_000_000


@pytest.mark.parametrize(
    ("amount", "error", "told"),
    [
        (10.0, TypeError, 'threshold: expected an exact number such as "10.00".*was float 10.0'),
        (True, TypeError, "was bool True"),
        (None, TypeError, "was NoneType None"),
        ("1e5", ValueError, "threshold: expected plain digits with at most one dot, was '1e5'"),
        (Decimal(-1), ValueError, "expected plain digits with at most one dot, was '-1'"),
        (Decimal("NaN"), ValueError, "was 'NaN'"),
        ("0.123456789", ValueError, "expected at most 8 decimals"),
    ],
)
def test_what_is_no_exact_amount_is_refused(
    amount: object, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        dollars("threshold", amount)  # type: ignore[arg-type] # what a user may pass all the same


def test_a_share_is_between_0_and_1() -> None:
    assert ratio("reject", ".01") == ratio("reject", "0.01") == Fraction(1, 100)
    with pytest.raises(ValueError, match="reject: expected a share between 0 and 1, was 2"):
        ratio("reject", 2)


@pytest.mark.parametrize(
    ("length", "us"),
    [
        ("250ms", 250_000),
        ("90s", 90_000_000),
        ("15m", 900_000_000),
        ("6h", 21_600_000_000),
        ("1d", 86_400_000_000),
        ("7us", 7),
        (timedelta(hours=6), 21_600_000_000),
        ("0s", 0),
    ],
)
def test_a_time_is_a_number_with_a_unit(length: str | timedelta, us: int) -> None:
    assert duration_us("max_wait", length) == us
    assert duration_us("max_wait", format_duration(us)) == us


@pytest.mark.parametrize(
    ("length", "error", "told"),
    [
        ("6", ValueError, "max_wait: expected a time such as 250ms, 90s, 15m, 6h or 1d, was '6'"),
        ("1.5h", ValueError, "was '1.5h'"),
        (timedelta(seconds=-1), ValueError, "expected a time of at least 0"),
        (6, TypeError, 'expected a time such as "6h" or a timedelta, was 6'),
    ],
)
def test_what_is_no_time_is_refused(length: object, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        duration_us("max_wait", length)  # type: ignore[arg-type] # what a user may pass all the same


def test_a_moment_without_a_zone_is_utc() -> None:
    assert time_us(datetime(1970, 1, 2)) == 86_400_000_000  # noqa: DTZ001 - what a user may pass
    assert moment(86_400_000_000) == datetime(1970, 1, 2, tzinfo=UTC)


def test_a_policy_says_what_the_settings_say() -> None:
    policy = AggregationPolicy(
        threshold="25.00", max_wait="6h", on_deadline="top_up", pricing="average", spread_bps=30
    ).domain(fee_in=FeeIn.COIN, usual_us=900_000_000)

    assert (policy.threshold, policy.max_wait_us) == (2_500_000_000, 21_600_000_000)
    assert (policy.on_deadline, policy.pricing) == (OnDeadline.TOP_UP, Pricing.AVERAGE)
    assert (policy.spread_bps, policy.fee_in) == (30, FeeIn.COIN)
    assert policy.price_max_age_us == 1_800_000_000


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("threshold", "0", "threshold: expected whole cents above 0, was 0"),
        ("threshold", "10.001", "threshold: expected whole cents above 0"),
        ("on_deadline", "never", "on_deadline: expected one of refund, top_up, wait, was 'never'"),
        ("pricing", "best", "pricing: expected one of quoted, average, was 'best'"),
        ("spread_bps", -1, "spread_bps: expected a whole number of at least 0, was -1"),
        ("spread_bps", 10_001, "spread_bps: expected at most 10000 basis points, was 10001"),
        ("price_tolerance_bps", 10_001, "price_tolerance_bps: expected at most 10000 basis poi"),
        ("max_attempts", True, "max_attempts: expected a whole number"),
        ("price_max_age", "soon", "price_max_age: expected a time"),
    ],
)
def test_a_policy_that_no_broker_could_run_with_is_refused(
    field: str, value: object, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        AggregationPolicy(**{field: value})  # type: ignore[arg-type] # what a user may pass all the same


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("lot_step", "0", "lot_step: expected more than 0, was 0"),
        ("fee_in", "gold", "fee_in: expected quote, coin or other, was 'gold'"),
        ("latency", "fast", "latency: expected a time"),
        ("min_notional", "-5", "min_notional: expected plain digits"),
        ("spread_bps", "0.001", "spread_bps: expected at most 2 decimals"),
    ],
)
def test_a_market_that_no_exchange_has_is_refused(field: str, value: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Market(**{field: value})  # type: ignore[arg-type] # what a user may pass all the same


def test_shares_of_failures_are_at_most_1_together() -> None:
    assert not Failures()
    assert Failures(reject="0.5", lost="0.5")
    with pytest.raises(ValueError, match="expected shares of at most 1 together"):
        Failures(reject="0.6", lost="0.6")


def test_a_fee_schedule_counts_in_parts_per_million() -> None:
    fee = FeeSchedule(rate_bps="7.5", tiers=(("1000", "5"), ("10000", "2.5")))

    assert fee.rate_ppm == 750
    assert [fee.tier_ppm(d * 10**8) for d in (0, 999, 1_000, 10_000)] == [750, 750, 500, 250]


def test_a_scale_is_the_markets() -> None:
    assert Market(lot_step="0.000000000000000001", scale=18).rule().lot_step == 1
    assert units("quantity", "1.5", 18) == 15 * 10**17


def test_parts_that_do_not_fit_together_are_refused() -> None:
    prices, flow = steady(5), order_columns((1, 1, 500))
    other = order_columns((1, 1, 500), assets=("ETH",))

    cases: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: Backtest([], flow), "prices: expected at least one series, was none"),
        (lambda: Backtest([prices, prices], flow), "one series for each asset, was BTC twice"),
        (lambda: Backtest(prices, other), r"expected assets that have prices \(BTC\), was ETH"),
        (lambda: Backtest(prices, flow, engine="slow"), 'engine: expected "domain" or "fast"'),  # type: ignore[arg-type] # what a user may pass all the same
        (lambda: Backtest(prices, flow, market={}), "market: expected one for each asset"),
        (lambda: Backtest(steady(0), flow), "expected prices of BTC, was an empty series"),
    )
    for wrong, told in cases:
        with pytest.raises(ValueError, match=told):
            wrong()
    with pytest.raises(TypeError, match=r"expected what prices\.read or prices\.synthetic gives"):
        Backtest("prices.csv", flow)  # type: ignore[arg-type] # what a user may pass all the same
    mixed = {"BTC": Market(), "ETH": Market(fee_in="coin")}
    with pytest.raises(ValueError, match="the same fee_in for all assets"):
        Backtest([prices, steady(5, asset="ETH")], flow, market=mixed)


def test_columns_that_are_no_orders_are_refused() -> None:
    flow = order_columns((1, 1, 500), (2, 1, 500))

    for column, place, value, told in (
        ("at_us", 1, 0, "times that never fall, fell at order 2"),
        ("users", 0, 0, "order 1: expected a user from 1"),
        ("assets", 1, 3, "order 2: expected a user from 1, an asset from 0 to 0"),
        ("assets", 1, -1, "order 2: "),
        ("amounts", 1, 7, "only one of spend and amount"),
    ):
        wrong = msgspec.structs.replace(flow, **{column: getattr(flow, column)[:]})
        getattr(wrong, column)[place] = value
        with pytest.raises(ValueError, match=told):
            Backtest(steady(5), wrong)
    with pytest.raises(ValueError, match="expected columns of one length"):
        Backtest(steady(5), msgspec.structs.replace(flow, users=array("i")))


@pytest.mark.parametrize(
    ("wrong", "error", "told"),
    [
        (partial(made, FeeSchedule, rate_bps=10_000), ValueError, "less than 10000 basis points"),
        (partial(made, FeeSchedule, tiers=(5,)), TypeError, "tiers: expected pairs"),
        (
            partial(made, FeeSchedule, minimum="10000000.01"),
            ValueError,
            "minimum: expected at most 10000000.00, was 10000000.01",
        ),
        (partial(made, FeeSchedule, tiers=5), TypeError, "tiers: expected pairs.*was 5"),
        (
            partial(made, FeeSchedule, tiers=((9, 5), (9, 5))),
            ValueError,
            "sums above 0 that rise, was 9",
        ),
        (
            partial(made, FeeSchedule, per_order=0.1),
            TypeError,
            "per_order: expected an exact number",
        ),
        (
            partial(made, SquareRoot, daily_volatility_bps=-3),
            ValueError,
            "a whole number of at least 0",
        ),
        (
            partial(made, SquareRoot, daily_volume=0),
            ValueError,
            "daily_volume: expected more than 0",
        ),
        (partial(made, Market, scale=19), ValueError, "scale: expected 0 to 18 digits, was 19"),
        (partial(made, Market, scale="8"), ValueError, "scale: expected a whole number, was '8'"),
        (partial(made, Market, fee=5), TypeError, "fee: expected FeeSchedule, was 5"),
        (partial(made, Market, fee_in=["coin"]), ValueError, "fee_in: expected quote, coin or oth"),
        (partial(made, Market, spread_bps=20_000), ValueError, "less than 20000 basis points, was"),
        (
            partial(made, Market, lot_step=10**11),
            ValueError,
            "lot_step: expected at most 92233720368.54775807, was 100000000000",
        ),
        (
            partial(made, AggregationPolicy, threshold=10**11),
            ValueError,
            "threshold: expected at most 92233720368.54775807, was 100000000000",
        ),
        (partial(made, Market, latency="2h"), ValueError, "latency: expected at most 1h, was 2h"),
        (
            partial(made, Market, max_quantity="0.000001"),
            ValueError,
            "max_quantity: expected at least",
        ),
        (
            partial(made, AggregationPolicy, max_wait="0s"),
            ValueError,
            "max_wait: expected more than 0",
        ),
        (
            partial(made, AggregationPolicy, take_along="no"),
            TypeError,
            "take_along: expected True or Fal",
        ),
    ],
)
def test_numbers_that_make_no_sense_are_refused_where_they_are_written(
    wrong: Callable[[], object], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        wrong()


def test_an_asset_has_a_name_that_the_ledger_can_tell_apart() -> None:
    for name in ("USD", "FEE", "a:b", "", "B,TC", "btc", 5):
        with pytest.raises(ValueError, match=f"expected an asset of 1 to 16 letters.*was {name!r}"):
            made(Backtest, msgspec.structs.replace(steady(5), asset=name), order_columns())


def test_what_is_no_part_at_all_is_refused() -> None:
    prices, flow = steady(5), order_columns((1, 1, 500))
    frame = polars.DataFrame({"usd": [5]})

    cases: tuple[tuple[Callable[[], object], str], ...] = (
        (partial(made, Backtest, prices, None), "orders: expected what orders.Poisson"),
        (
            partial(made, Backtest, prices, frame),
            "orders: expected what orders.Poisson, orders.read … give, was DataFrame$",
        ),
        (
            partial(made, Backtest, prices, SimpleNamespace(columns=lambda _prices: [])),
            r"orders: expected what orders.Poisson.*, was \[\]$",
        ),
        (partial(made, Backtest, frame, flow), "prices: expected .* gives, was DataFrame$"),
        (
            partial(made, Backtest, prices, flow, policy=5),
            "policy: expected an AggregationPolicy, was 5",
        ),
        (
            partial(made, Backtest, prices, flow, market=5),
            "market: expected a Market or one for each",
        ),
    )
    for wrong, told in cases:
        with pytest.raises(TypeError, match=told):
            wrong()
    impact = Market(impact=SquareRoot())
    with pytest.raises(ValueError, match="expected a daily_volume, as the prices of BTC have no"):
        Backtest(prices, flow, market=impact)


@pytest.mark.parametrize("wrong", [{"seed": "7"}, {"seed": 7.5}, {"seed": None}, {"engine": [1]}])
def test_a_seed_and_an_engine_are_what_they_are_expected_to_be(wrong: dict[str, object]) -> None:
    [(name, value)] = wrong.items()
    with pytest.raises(ValueError, match=f"^{name}: expected .*, was {re.escape(repr(value))}$"):
        made(Backtest, steady(5), order_columns((1, 1, 500)), **wrong)


@pytest.mark.parametrize("start", ["1969-12-30", "9999-12-31"])
def test_times_without_a_date_in_the_backtest_are_refused(start: str) -> None:
    prices = synthetic("BTC", start=start, days=3, interval="1h")
    early = msgspec.structs.replace(order_columns((1, 1, 500)), at_us=array("q", [0]))

    with pytest.raises(ValueError, match=r"^prices of BTC: expected times from 1970 to 9999, was "):
        Backtest(prices, order_columns())
    with pytest.raises(ValueError, match=r"^orders: expected times from 1970 to 9999, was 0 µs"):
        Backtest(steady(5), early)


def test_numbers_that_columns_cannot_hold_are_told_to_people() -> None:
    huge = Market(scale=18, lot_step="0.000000000000000001", min_notional=1)

    with pytest.raises(ValueError, match=r"less than 2⁶³ units.*a smaller scale"):
        Backtest(steady(5, dollars=1), order_columns((1, 1, 2_000)), market=huge).run()


def test_a_series_that_was_put_together_by_hand_is_looked_at() -> None:
    prices, flow = steady(5), order_columns((1, 1, 500))

    for column, values, told in (
        ("at_us", [5, 4, 6, 7, 8], "expected times of BTC that rise"),
        ("prices", [1, 1, 0, 1, 1], "expected prices of BTC from 1, was 0"),
        ("asks", [-1] * 5, "expected asks of BTC from 0, was -1"),
        ("volumes", [1], "expected columns of BTC of one length"),
    ):
        wrong = msgspec.structs.replace(prices, **{column: array("q", values)})
        with pytest.raises(ValueError, match=told):
            Backtest(wrong, flow)
    with pytest.raises(TypeError, match="market: expected a Market for BTC, was 5"):
        made(Backtest, prices, flow, market={"BTC": 5})
