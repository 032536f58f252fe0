"""Order flows for a backtest: made up, or read from what people have.

What is made up depends on the arguments and on when the prices begin, and is stopped when they end: with
more prices, the same orders come first. Times, users and amounts are drawn independently, so that
changing one leaves the others as they are. User n is the same person in all flows.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import islice, takewhile

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.entrypoints.backtest.amounts import (
    Amount,
    Duration,
    duration_us,
    require_room,
    units,
    whole,
)
from crypto_exchange.entrypoints.backtest.flow import OrderColumns
from crypto_exchange.entrypoints.backtest.inputs.combination import (
    Combined,
    Flow,
    combine,
    series_of,
)
from crypto_exchange.entrypoints.backtest.inputs.draws import (
    TICKS,
    arrivals,
    below,
    looked_up,
    numbers,
)
from crypto_exchange.entrypoints.backtest.inputs.order_amounts import (
    Amounts,
    cents,
    change,
    fixed,
    lognormal,
    uniform,
)
from crypto_exchange.entrypoints.backtest.inputs.order_file import Recorded, read
from crypto_exchange.entrypoints.backtest.series import PriceSeries

__all__ = [
    "DCA",
    "Amounts",
    "Combined",
    "Poisson",
    "Recorded",
    "RoundUps",
    "combine",
    "fixed",
    "lognormal",
    "read",
    "uniform",
]

_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_MOST_USERS = 2**31 - 1


class _OfAsset(Flow, frozen=True):
    asset: Symbol


class Poisson(_OfAsset, frozen=True, kw_only=True):
    """Orders at random: on average `per_hour` of all `users` together (up to 6 decimals)."""

    per_hour: Amount
    amount: Amount | Amounts
    users: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises TypeError or ValueError for what can't be drawn."""
        _rate("per_hour", self.per_hour)
        _amounts(self.amount)
        _require_people(self.users, self.seed)

    def columns(self, prices: Mapping[Symbol, PriceSeries]) -> OrderColumns:
        """The orders while the asset's prices last. Raises ValueError if there are no prices of it."""
        name = ("poisson", self.asset, self.seed)
        series = series_of(prices, self.asset, "Poisson")
        clock = _Clock(series, Fraction(_HOUR_US) / _rate("per_hour", self.per_hour))
        require_room("per_hour", "orders", clock.last // TICKS)
        at_us = array("q", clock.times(arrivals(*name, "times")))
        return _columns(self.asset, at_us, below(self.users, *name, "users"), self.amount, name)


class DCA(_OfAsset, frozen=True, kw_only=True):
    """Every user buys the same `every` day or hour, each at a moment of their own."""

    every: Duration = "1d"
    amount: Amount | Amounts
    users: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises TypeError or ValueError for what can't be drawn."""
        if duration_us("every", self.every) == 0:
            raise ValueError(f"every: expected more than 0, was {self.every}")
        _amounts(self.amount)
        _require_people(self.users, self.seed)

    def columns(self, prices: Mapping[Symbol, PriceSeries]) -> OrderColumns:
        """The orders while the asset's prices last. Raises ValueError if there are no prices of it."""
        name = ("dca", self.asset, self.seed)
        series = series_of(prices, self.asset, "DCA")
        every_us, end_us = duration_us("every", self.every), series.at_us[-1]
        turns_each = (end_us - series.at_us[0]) // every_us + 1
        require_room("users", "orders", self.users * turns_each)
        moments = islice(below(every_us, *name, "times"), self.users)
        turns = sorted((moment, user) for user, moment in enumerate(moments))
        at_us, users = array("q"), array("i")
        for start_us in range(series.at_us[0], end_us + 1, every_us):
            last = end_us - start_us
            due = turns if last >= every_us else [turn for turn in turns if turn[0] <= last]
            at_us.extend([start_us + moment for moment, _ in due])
            users.extend([user for _, user in due])
        return _columns(self.asset, at_us, users, self.amount, name)


class RoundUps(_OfAsset, frozen=True, kw_only=True):
    """Change from card payments: each is rounded up to the dollar, and what that comes to is invested
    when it has reached `at_least`, which is at most 1,000 dollars.

    A user pays `purchases_per_day` times a day on average, at random; `purchase` is how much (whole
    dollars leave no change). When the prices begin, everybody is some way towards the next order.
    """

    purchases_per_day: Amount = 3
    at_least: Amount = "5.00"
    purchase: Amounts = lognormal("2.00", "80.00")
    users: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises TypeError or ValueError for what can't be drawn."""
        _rate("purchases_per_day", self.purchases_per_day)
        if cents("at_least", self.at_least) > 1_000 * DOLLAR:
            raise ValueError(f"at_least: expected at most 1000.00, was {self.at_least}")
        if not isinstance(self.purchase, Amounts):
            told = "what orders.lognormal, orders.uniform or orders.fixed gives"
            raise TypeError(f"purchase: expected {told}, was {self.purchase!r}")
        if not any(spent % DOLLAR for spent in self.purchase.table()):
            raise ValueError("purchase: expected amounts that are not all whole dollars")
        _require_people(self.users, self.seed)

    def columns(self, prices: Mapping[Symbol, PriceSeries]) -> OrderColumns:
        """The orders while the asset's prices last. Raises ValueError if there are no prices of it."""
        name = ("round_ups", self.asset, self.seed)
        series = series_of(prices, self.asset, "RoundUps")
        clock = _Clock(
            series, Fraction(_DAY_US) / _rate("purchases_per_day", self.purchases_per_day)
        )
        orders = sorted(self._placed(clock.last, name))
        at_us = array("q", clock.times(tick for tick, _, _ in orders))
        spends = array("q", [spend for _, _, spend in orders])
        return _columns(self.asset, at_us, (user for _, user, _ in orders), spends, name)

    def _placed(self, last: int, name: tuple[object, ...]) -> Iterator[tuple[int, int, int]]:
        """Tick, user and dollars of each order, users by turns."""
        waits, sums = change(self.purchase, cents("at_least", self.at_least))
        require_room("users", "orders", self.users * (last * len(waits) // sum(waits) + 1))
        started = zip(numbers(16, *name, "waits"), numbers(32, *name, "parts"), strict=False)
        due = [-(waits[way] * part >> 32) for way, part in islice(started, self.users)]
        turn, going_on = 0, True
        while going_on:
            going_on = False
            for user, way in enumerate(islice(numbers(16, *name, turn), self.users)):
                due[user] = tick = due[user] + waits[way]
                if tick <= last:
                    going_on = True
                    if tick >= 0:
                        yield tick, user, sums[way]
            turn += 1


class _Clock:
    """Turns ticks since the first price, which are `mean_us` ÷ TICKS long, into moments until the last
    one, which is in tick `last`.
    """

    def __init__(self, series: PriceSeries, mean_us: Fraction) -> None:
        self._start_us = series.at_us[0]
        self._dividend, self._divisor = mean_us.numerator, mean_us.denominator * TICKS
        span_us = series.at_us[-1] - self._start_us
        self.last = ((span_us + 1) * self._divisor - 1) // self._dividend

    def times(self, ticks: Iterable[int]) -> Iterator[int]:
        """Those until the last price, in µs since 1970, rounded down."""
        start_us, dividend, divisor = self._start_us, self._dividend, self._divisor
        within = takewhile(self.last.__ge__, ticks)
        return (start_us + tick * dividend // divisor for tick in within)


def _columns(
    asset: Symbol,
    at_us: array[int],
    users: Iterable[int],
    amount: Amount | Amounts | array[int],
    name: tuple[object, ...],
) -> OrderColumns:
    """As many users and amounts as there are times; users count from 0 here."""
    size = len(at_us)
    spends = (
        amount
        if isinstance(amount, array)
        else array("q", islice(looked_up(_amounts(amount).table(), *name, "amounts"), size))
    )
    return OrderColumns(
        at_us=at_us,
        users=array("i", [user + 1 for user in islice(users, size)]),
        assets=array("h", bytes(2 * size)),
        spends=spends,
        amounts=array("q", bytes(8 * size)),
        symbols=(asset,),
    )


def _amounts(amount: Amount | Amounts) -> Amounts:
    if isinstance(amount, Amounts):
        return amount
    cents("amount", amount)
    return fixed(amount)


def _rate(name: str, rate: Amount) -> Fraction:
    count = units(name, rate, 6)
    if not count:
        raise ValueError(f"{name}: expected more than 0, was {rate}")
    return Fraction(count, 10**6)


def _require_people(users: int, seed: int) -> None:
    whole("seed", seed)
    if whole("users", users, least=1) > _MOST_USERS:
        raise ValueError(f"users: expected at most {_MOST_USERS}, was {users}")
