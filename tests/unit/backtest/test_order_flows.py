"""Made-up orders are the same everywhere, last as long as the prices, and are what was asked for."""

from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise

import pytest

from crypto_exchange.entrypoints.backtest.flow import OrderColumns, OrderFlow
from crypto_exchange.entrypoints.backtest.inputs import orders, prices
from crypto_exchange.entrypoints.backtest.inputs.observed import price_series

DAY_US = 86_400_000_000
MONTH = {"BTC": prices.synthetic("BTC", kind="flat", days=30, interval="1h")}
WEEK = {"BTC": prices.synthetic("BTC", kind="flat", days=7, interval="1h")}
BOTH = MONTH | {"ETH": prices.synthetic("ETH", kind="flat", days=30, interval="1h")}
SMALL = orders.lognormal("1.00", "9.99")


def poisson(asset: str = "BTC", *, users: int = 500, seed: int = 7) -> orders.Poisson:
    return orders.Poisson(asset, per_hour=20, amount=SMALL, users=users, seed=seed)


def dca(seed: int = 7) -> orders.DCA:
    return orders.DCA("BTC", every="1d", amount="5.00", users=100, seed=seed)


def round_ups(seed: int = 7) -> orders.RoundUps:
    return orders.RoundUps("BTC", purchases_per_day=4, users=200, seed=seed)


@pytest.mark.parametrize(
    ("flow", "size", "fingerprint"),
    [
        (poisson(), 14_229, "6f0b3877e63f21ab1e358b57966dec37c1f5e400dd6bdc9b0c0c4cdac09840b0"),
        (dca(), 2_999, "f04b9f95d7e19028b3e72089b8fb81ca4b285bbf81ca63ae9f930ea70b8e45a6"),
        (round_ups(), 2_219, "aa16b4334e5a9cc855f84fe73fe15821f3133ed16126f55a4a671e958a2e734c"),
    ],
)
def test_the_same_arguments_make_the_same_orders_on_every_machine(
    flow: OrderFlow, size: int, fingerprint: str
) -> None:
    columns = flow.columns(MONTH)

    assert repr(columns) == f"OrderColumns({size:,} orders of BTC)"
    assert columns.fingerprint() == fingerprint


@pytest.mark.no_cover  # the test before makes the same
@pytest.mark.parametrize("make", [poisson, dca, round_ups])
def test_orders_rise_while_the_prices_last_and_other_seeds_make_others(
    make: Callable[..., OrderFlow],
) -> None:
    columns, other = make().columns(MONTH), make(seed=8).columns(MONTH)

    assert MONTH["BTC"].at_us[0] <= columns.at_us[0]
    assert columns.at_us[-1] <= MONTH["BTC"].at_us[-1]
    assert all(a <= b for a, b in pairwise(columns.at_us))
    assert all(spend > 0 and spend % 10**6 == 0 for spend in columns.spends)
    assert {*columns.amounts} == {*columns.assets} == {0}
    assert columns.symbols == ("BTC",)
    assert columns.at_us != other.at_us


@pytest.mark.parametrize("make", [poisson, dca, round_ups])
def test_with_more_prices_the_same_orders_come_first(make: Callable[..., OrderFlow]) -> None:
    month, week = make().columns(MONTH), make().columns(WEEK)

    size = len(week)
    assert 0 < size < len(month)
    assert (month.at_us[:size], month.users[:size]) == (week.at_us, week.users)
    assert month.spends[:size] == week.spends
    assert month.at_us[size] > WEEK["BTC"].at_us[-1]


@pytest.mark.parametrize("make", [poisson, dca, round_ups])
def test_an_order_at_the_moment_of_the_last_price_is_the_last(
    make: Callable[..., OrderFlow],
) -> None:
    at_us = make().columns(MONTH).at_us

    on_time, too_late = (
        price_series(
            "BTC",
            [MONTH["BTC"].at_us[0], at_us[50] - early],
            [1, 1],
            interval_us=1,
            quality=MONTH["BTC"].quality,
        )
        for early in (0, 1)
    )

    assert len(make().columns({"BTC": on_time})) == 51
    assert len(make().columns({"BTC": too_late})) == 50


def test_poisson_has_the_rate_the_users_and_the_irregularity() -> None:
    columns = orders.Poisson("BTC", per_hour="60.5", amount=3, users=50, seed=1).columns(MONTH)

    hours = (MONTH["BTC"].at_us[-1] - MONTH["BTC"].at_us[0]) / 3_600_000_000
    gaps = [b - a for a, b in pairwise(columns.at_us)]
    mean = sum(gaps) / len(gaps)
    assert len(columns) / hours == pytest.approx(60.5, rel=0.02)
    assert sum((gap - mean) ** 2 for gap in gaps) / len(gaps) == pytest.approx(mean**2, rel=0.05)
    assert {*columns.users} == {*range(1, 51)}
    assert {*columns.spends} == {3 * 10**8}


def test_times_users_and_amounts_are_drawn_independently() -> None:
    one, other = poisson().columns(MONTH), poisson(users=3).columns(MONTH)
    costly = orders.Poisson("BTC", per_hour=20, amount="500", users=500, seed=7).columns(MONTH)

    assert (one.at_us, one.spends) == (other.at_us, other.spends)
    assert (one.at_us, one.users) == (costly.at_us, costly.users)
    assert poisson("ETH").columns(BOTH).at_us != poisson("BTC").columns(BOTH).at_us


def test_a_plan_buys_once_a_period_at_a_moment_of_each_users_own() -> None:
    columns = dca().columns(MONTH)

    moments = defaultdict(list)
    for at_us, user in zip(columns.at_us, columns.users, strict=True):
        moments[user].append(at_us)
    assert {*moments} == {*range(1, 101)}
    assert {b - a for times in moments.values() for a, b in pairwise(times)} == {DAY_US}
    assert len({times[0] for times in moments.values()}) == 100
    assert {len(times) for times in moments.values()} <= {29, 30}


def test_round_ups_invest_what_has_added_up() -> None:
    columns = round_ups().columns(MONTH)

    assert min(columns.spends) == 5 * 10**8
    assert max(columns.spends) < 6 * 10**8
    assert sum(columns.spends) / 10**8 == pytest.approx(200 * 30 * 4 * 0.495, rel=0.02)
    assert Counter(columns.users).most_common()[-1][1] >= 5


def test_amounts_are_between_their_ends_and_as_they_are_called() -> None:
    small, even = SMALL.table(), orders.uniform("1.00", "3.00").table()

    assert (small[0], small[-1]) == (10**8, 999 * 10**6)
    assert small[len(small) // 2] == pytest.approx((1.00 * 9.99) ** 0.5 * 10**8, abs=10**6)
    assert (even[0], even[-1]) == (10**8, 3 * 10**8)
    assert sum(even) / len(even) == pytest.approx(2 * 10**8, rel=1e-4)
    assert {*orders.fixed("5").table()} == {5 * 10**8}


def test_flows_are_merged_by_time_and_the_earlier_flow_comes_first() -> None:
    together = (poisson() + dca() + poisson("ETH")).columns(BOTH)
    combined = orders.combine(poisson(), dca(), poisson("ETH")).columns(BOTH)
    twice = orders.combine(dca(), orders.DCA("BTC", amount="6.00", users=100, seed=7)).columns(
        MONTH
    )

    parts = [flow.columns(BOTH) for flow in (poisson(), dca(), poisson("ETH"))]
    assert together == combined
    assert together.symbols == ("BTC", "ETH")
    assert rows(together) == sorted(
        (row for part in parts for row in rows(part)), key=lambda r: r[0]
    )
    assert [spend // 10**8 for spend in twice.spends[:6]] == [5, 6] * 3


def rows(columns: OrderColumns) -> list[tuple[int, int, str, int]]:
    symbols = [columns.symbols[place] for place in columns.assets]
    return [*zip(columns.at_us, columns.users, symbols, columns.spends, strict=True)]


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        (
            orders.Poisson("BTC", per_hour=10**9, amount=1),
            "per_hour: expected at most 100,000,000 orders, would be about 167,000,000,000",
        ),
        (
            orders.DCA("BTC", every="1h", amount=1, users=10**7),
            "users: expected at most 100,000,000 orders, would be about 1,680,000,000",
        ),
        (
            orders.RoundUps("BTC", purchases_per_day=100, users=10**7),
            "users: expected at most 100,000,000 orders, would be about",
        ),
    ],
    ids=["poisson", "dca", "round ups"],
)
def test_more_orders_than_fit_into_memory_are_refused_before_they_are_drawn(
    flow: OrderFlow, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        flow.columns(WEEK)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: orders.Poisson("BTC", per_hour=0, amount=1),
            "per_hour: expected more than 0, was 0",
        ),
        (
            lambda: orders.Poisson("BTC", per_hour=1, amount="1.001"),
            "amount: expected a positive num",
        ),
        (
            lambda: orders.Poisson("BTC", per_hour=1, amount=1, users=0),
            "users: expected a whole num",
        ),
        (lambda: orders.DCA("BTC", every="0s", amount=1), "every: expected more than 0, was 0s"),
        (
            lambda: orders.DCA("BTC", every="1d", amount="0"),
            "amount: expected a positive number of",
        ),
        (lambda: orders.RoundUps("BTC", at_least="1000.01"), "at_least: expected at most 1000.00"),
        (
            lambda: orders.RoundUps("BTC", purchase=orders.fixed(3)),
            "purchase: expected amounts that",
        ),
        (lambda: poisson(seed="7"), "seed: expected a whole number, was '7'"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: poisson(users=2**31), "users: expected at most 2147483647, was 2147483648"),
        (lambda: orders.uniform("3", "2"), r"high: expected at least low \(3\), was 2"),
        (
            lambda: orders.lognormal("0", "2"),
            "low: expected a positive number of whole cents, was 0",
        ),
        (lambda: orders.uniform("1", "10000001"), "high: expected at most 10000000.00"),
        (lambda: orders.Amounts(shape="cauchy", low=1, high=2), "shape: expected one of fixed, un"),  # type: ignore[arg-type]  # wrong on purpose
        (
            lambda: orders.Amounts(shape="fixed", low=1, high=2),
            r"high: expected equal to low \(1\)",
        ),
        (orders.combine, "combine: expected at least one flow"),
        (lambda: poisson("DOGE").columns(MONTH), "expected prices of DOGE, there are: BTC"),
    ],
)
def test_what_cannot_be_drawn_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_floats_are_no_amounts_and_numbers_no_flows() -> None:
    with pytest.raises(TypeError, match=r"amount: expected an exact number .* was float 0\.1"):
        orders.Poisson("BTC", per_hour=1, amount=0.1)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(TypeError, match="unsupported operand"):
        poisson() + 1  # type: ignore[operator]  # wrong on purpose
    with pytest.raises(TypeError, match="combine: expected order flows, was int"):
        orders.combine(poisson(), 1)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(TypeError, match=r"purchase: expected what orders\.lognormal.*was '5\.00'"):
        orders.RoundUps("BTC", purchase="5.00")  # type: ignore[arg-type]  # wrong on purpose
