"""The fast engine writes what the domain engine writes, or says why it cannot."""

from __future__ import annotations

from array import array
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto_exchange.entrypoints.backtest.backtest import Backtest
from crypto_exchange.entrypoints.backtest.engine.engine import run_domain
from crypto_exchange.entrypoints.backtest.engine.verification import find_difference
from crypto_exchange.entrypoints.backtest.fast.fast import NotSupported, run_fast
from crypto_exchange.entrypoints.backtest.flow import OrderColumns
from crypto_exchange.entrypoints.backtest.inputs import orders, prices
from crypto_exchange.entrypoints.backtest.market import Failures, FeeSchedule, Market, SquareRoot
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from crypto_exchange.entrypoints.backtest.result import Inputs, Result
from crypto_exchange.entrypoints.backtest.rows import ORDER_STATES
from crypto_exchange.entrypoints.backtest.series import PriceSeries, Quality
from tests.unit.backtest.drawn import CENT, MINUTE, SECOND, START, drawn, varied


def given_prices(symbol: str, dollars: list[str], *, step: int = MINUTE) -> PriceSeries:
    prices = array("q", [int(Decimal(each) * 10**12) for each in dollars])
    return PriceSeries(
        asset=symbol,
        at_us=array("q", [START + step * place for place in range(len(prices))]),
        prices=prices,
        asks=array("q"),
        volumes=array("q"),
        interval_us=step,
        quality=Quality(source="written", rows=len(prices), kept=len(prices), interval_us=step),
        fingerprint=symbol,
    )


def given_orders(
    *orders: tuple[int, int, int], symbols: tuple[str, ...] = ("BTC",), asset: int = 0
) -> OrderColumns:
    """(µs after the first price, user, cents)."""
    return OrderColumns(
        at_us=array("q", [START + at_us for at_us, _, _ in orders]),
        users=array("i", [user for _, user, _ in orders]),
        assets=array("h", [asset] * len(orders)),
        spends=array("q", [cents * CENT for _, _, cents in orders]),
        amounts=array("q", [0] * len(orders)),
        symbols=symbols,
    )


def require_same(inputs: Inputs) -> None:
    domain, fast = run_domain(inputs), run_fast(inputs)
    assert find_difference(domain, fast) is None
    assert Result(inputs, fast).ledger_hash == Result(inputs, domain).ledger_hash


@pytest.mark.no_cover  # the next test runs all of it, in less time
@pytest.mark.parametrize("seed", range(6))
def test_it_writes_what_the_domain_engine_writes(seed: int) -> None:
    series, flow, policy, market = drawn(seed)

    inputs = Backtest(series, flow, policy=policy, market=market).inputs

    require_same(inputs)
    assert vars(run_fast(inputs).orders) == vars(run_domain(inputs).orders)
    assert vars(run_fast(inputs).batches) == vars(run_domain(inputs).batches)


@pytest.mark.parametrize("seed", range(60))
def test_it_does_so_with_everything_varied(seed: int) -> None:
    inputs = varied(seed)

    if is_within_64_bits(inputs):
        require_same(inputs)
    else:
        with pytest.raises(NotSupported, match="within 64 bits"):
            run_fast(inputs)


def test_it_refuses_a_cost_that_has_more_than_64_bits_with_its_fee() -> None:
    series = prices.synthetic("BTC", kind="flat", days=1, price="50000")
    flow = orders.DCA("BTC", amount="10.00", every="1h")
    market = Market(lot_step="1844674")  # costs 92,233,700,000.00, of 92,233,720,368.54
    policy = AggregationPolicy(inventory_cap="92233720368")

    backtest = Backtest(series, flow, policy=policy, market=market, engine="fast")

    with pytest.raises(NotSupported, match="within 64 bits, was more: a purchase costs up to"):
        backtest.run()


def is_within_64_bits(inputs: Inputs) -> bool:
    try:
        run_domain(inputs)
    except ValueError:  # the only one there is of inputs that fit together
        return False
    return True


MOMENTS = st.integers(-2, 40).map(lambda halves: halves * MINUTE // 2)
CENTS = st.one_of(st.integers(1, 999), st.integers(1_000, 20_000))
POLICIES = st.builds(
    AggregationPolicy,
    threshold=st.sampled_from(["1.00", "10.00", "30.00"]),
    max_wait=st.sampled_from(["1us", "30s", "2m", "1h"]),
    on_deadline=st.sampled_from(["refund", "top_up", "wait"]),
    spread_bps=st.sampled_from([0, 25]),
    price_tolerance_bps=st.sampled_from([0, 100]),
    inventory_cap=st.sampled_from(["0", "0.50", "10.00"]),
    price_max_age=st.sampled_from([None, "0s", "90s"]),
    take_along=st.booleans(),
)
MARKETS = st.builds(
    Market,
    min_notional=st.sampled_from(["0", "5.00"]),
    lot_step=st.sampled_from(["0.00001", "0.01"]),
    latency=st.sampled_from(["0s", "30s", "1m", "5m"]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    orders=st.lists(st.tuples(MOMENTS, st.integers(1, 3), CENTS), max_size=25),
    prices=st.lists(st.sampled_from(["99.00", "100", "100.50", "103.07"]), min_size=1, max_size=20),
    policy=POLICIES,
    market=MARKETS,
)
def test_it_does_so_whatever_happens_at_the_same_moment(
    orders: list[tuple[int, int, int]],
    prices: list[str],
    policy: AggregationPolicy,
    market: Market,
) -> None:
    flow = given_orders(*sorted(orders))

    inputs = Backtest(given_prices("BTC", prices), flow, policy=policy, market=market).inputs

    require_same(inputs)


def test_what_it_does_not_know_is_refused_with_all_the_reasons() -> None:
    market = Market(
        fee=FeeSchedule(tiers=(("1000", 5),)),
        fee_in="coin",
        impact=SquareRoot(daily_volume="1000"),
        failures=Failures(lost="0.1"),
        max_quantity="1",
    )
    inputs = Backtest(
        given_prices("BTC", ["100"]),
        given_orders((0, 1, 500)),
        policy=AggregationPolicy(pricing="average"),
        market=market,
    ).inputs

    with pytest.raises(NotSupported, match="engine fast: pricing: expected quoted") as refusal:
        run_fast(inputs)

    for reason in ("fee_in", "tiers", "impact", "failures", "max_quantity"):
        assert f"BTC: {reason}" in str(refusal.value).replace("fee: expected no tiers", "tiers")


def test_more_orders_that_wait_than_one_batch_takes_are_refused() -> None:
    flow = given_orders(*[(place, 1, 1) for place in range(501)])
    inputs = Backtest(
        given_prices("BTC", ["100", "100"]),
        flow,
        policy=AggregationPolicy(threshold="5.01", max_wait="30s"),
    ).inputs

    with pytest.raises(NotSupported, match="at most 500 orders that wait at a time, were 501"):
        run_fast(inputs)


def test_nobody_brings_in_more_than_ten_million_dollars_at_once() -> None:
    flow = msgspec.structs.replace(
        given_orders((0, 1, 0), (1, 2, 500)), amounts=array("q", [2 * 10**16, 0])
    )
    inputs = Backtest(given_prices("BTC", ["100", "100"]), flow).inputs

    records = run_fast(inputs)

    assert records.orders.reasons[records.orders.reason[0]] == "amount_too_large"
    assert ORDER_STATES[records.orders.state[1]] == "aggregated"
    require_same(inputs)


def test_an_order_that_only_money_given_back_could_pay_for_is_refused() -> None:
    flow = msgspec.structs.replace(
        given_orders((0, 1, 500), (2 * MINUTE, 1, 0)), amounts=array("q", [0, 10**13 + 1])
    )
    policy = AggregationPolicy(max_wait="1m")
    inputs = Backtest(given_prices("BTC", ["100"] * 4), flow, policy=policy).inputs

    with pytest.raises(NotSupported, match=r"at most 10,000,000\.00 USD, was order 2"):
        run_fast(inputs)


def test_money_given_back_pays_for_the_next_order() -> None:
    flow = given_orders((0, 1, 300), (2 * MINUTE, 1, 500), (2 * MINUTE + SECOND, 2, 600))
    policy = AggregationPolicy(max_wait="1m")
    inputs = Backtest(given_prices("BTC", ["100"] * 4), flow, policy=policy).inputs

    records = run_fast(inputs)

    assert records.deposited == 1_100 * CENT
    require_same(inputs)


def test_batches_of_several_assets_come_in_the_order_of_sealing() -> None:
    series = [given_prices("BTC", ["100"] * 4), given_prices("ETH", ["10"] * 4)]
    flow = msgspec.structs.replace(
        given_orders((0, 1, 1_500), (1, 1, 1_500), (2, 2, 1_500), symbols=("BTC", "ETH")),
        assets=array("h", [1, 0, 1]),
    )
    inputs = Backtest(series, flow).inputs

    records = run_fast(inputs)

    assert list(records.batches.asset) == [1, 0, 1]
    assert list(records.orders.batch) == [0, 1, 2]
    require_same(inputs)


@pytest.mark.parametrize(
    ("size", "threshold"),
    [(10_000, "1234567890.12"), (10_000, "4000000000.00"), (400, "92233720368.54")],
    ids=["sums", "long batches", "a threshold that is never reached"],
)
def test_what_has_nearly_64_bits_or_more_is_exact(size: int, threshold: str) -> None:
    flow = given_orders(*[(place, place % 7 + 1, 999_999_999) for place in range(size)])
    policy = AggregationPolicy(threshold=threshold)

    require_same(Backtest(given_prices("BTC", ["100", "100"]), flow, policy=policy).inputs)
