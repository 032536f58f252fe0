"""Runs written by hand: prices, orders and batches with numbers that can be checked on paper."""

from __future__ import annotations

from array import array
from collections.abc import Mapping

from crypto_exchange.domain.money import CENT, DOLLAR
from crypto_exchange.entrypoints.backtest.figures.deliveries import Deliveries, list_deliveries
from crypto_exchange.entrypoints.backtest.figures.summary import Summary, summarise
from crypto_exchange.entrypoints.backtest.flow import OrderColumns
from crypto_exchange.entrypoints.backtest.market import Market
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from crypto_exchange.entrypoints.backtest.result import Inputs, Records
from crypto_exchange.entrypoints.backtest.rows import (
    BATCH_CAUSES,
    BATCH_STATES,
    ORDER_STATES,
    BatchRows,
    LateRows,
    OrderRows,
)
from crypto_exchange.entrypoints.backtest.series import PriceSeries, Quality

START_S = 1_600_000_000
"""2020-09-13, 12:26:40 UTC."""
SECOND_US = 1_000_000
PRICE = 10**12
"""A dollar a coin."""


def us(seconds: float) -> int:
    return int((START_S + seconds) * SECOND_US)


def series(asset: str, prices: Mapping[float, int], asks: tuple[int, ...] = ()) -> PriceSeries:
    """Whole dollars a coin by seconds after the start."""
    return PriceSeries(
        asset=asset,
        at_us=array("q", map(us, prices)),
        prices=array("q", (price * PRICE for price in prices.values())),
        asks=array("q", (ask * PRICE for ask in asks)),
        volumes=array("q"),
        interval_us=60 * SECOND_US,
        quality=Quality(source=asset, rows=len(prices), kept=len(prices), interval_us=0),
        fingerprint=asset,
    )


class MadeRun:
    """A run of which nothing is computed. Times in seconds after the start, dollars in cents."""

    def __init__(
        self,
        *prices: PriceSeries,
        policy: AggregationPolicy | None = None,
        market: Market | None = None,
        ended: float = 3600,
    ) -> None:
        listed = prices or (series("BTC", {0: 50_000, 60: 50_500, 120: 51_000}),)
        market = market or Market(latency="1s")
        empty = OrderColumns(
            at_us=array("q"),
            users=array("i"),
            assets=array("h"),
            spends=array("q"),
            amounts=array("q"),
            symbols=tuple(each.asset for each in listed),
        )
        self.inputs = Inputs(
            prices={each.asset: each for each in listed},
            flow=empty,
            policy=policy or AggregationPolicy(),
            markets={each.asset: market for each in listed},
            seed=0,
            engine="domain",
        )
        self.orders, self.batches, self.late = OrderRows(0), BatchRows(), LateRows()
        self.ledger: dict[str, int] = {}
        self.ended_us = us(ended)
        self.scale = market.scale

    def order(
        self,
        at: float,
        cents: int,
        quantity: int,
        dollars: int,
        *,
        state: str = "completed",
        batch: int = -1,
        ended: float | None = None,
        filled: int | None = None,
        charged: int | None = None,
        reason: str = "",
        asset: int = 0,
        direct: bool = False,
    ) -> None:
        """An order of `cents` for `quantity` units at so many dollars a coin; completed in full unless
        something else is said.
        """
        rows, full = self.orders, state == "completed"
        if reason not in rows.reasons:
            rows.reasons.append(reason)
        values = {
            "at_us": us(at),
            "user": 1,
            "asset": asset,
            "quantity": quantity,
            "unit_price": dollars * PRICE,
            "total": cents * CENT,
            "direct": int(direct),
            "state": ORDER_STATES.index(state),
            "reason": rows.reasons.index(reason),
            "batch": batch,
            "ended_us": 0 if ended is None else us(ended),
            "filled": filled if filled is not None else quantity * full,
            "charged": (charged if charged is not None else cents * full) * CENT,
        }
        for name, value in values.items():
            getattr(rows, name).append(value)

    def batch(
        self,
        sealed: float,
        ended: float | None = None,
        *,
        dollars: int,
        state: str = "settled",
        cause: str = "threshold",
        filled_at: int | None = None,
        attempts: int = 1,
        **figures: int,
    ) -> None:
        """A batch planned at so many dollars a coin, filled at those unless `filled_at` says otherwise;
        `figures` are columns of `BatchRows` in their units.
        """
        self.batches.extend(1)
        row, rows = len(self.batches) - 1, self.batches
        rows.state[row], rows.cause[row] = BATCH_STATES.index(state), BATCH_CAUSES.index(cause)
        rows.sealed_us[row] = us(sealed)
        rows.ended_us[row] = 0 if ended is None else us(ended)
        rows.seal_price[row], rows.attempts[row] = dollars * PRICE, attempts
        if figures.get("bought", 0):
            rows.fill_price[row] = (filled_at or dollars) * PRICE
        rows.sent_us[row] = us(sealed)
        for name, value in figures.items():
            getattr(rows, name)[row] = value

    def late_fill(self, at: float, batch: int, dollars: int, **figures: int) -> None:
        """A late fill of the first attempt of a batch."""
        values = {"batch": batch, "attempt": 1, "at_us": us(at), "price": dollars * PRICE}
        for name in vars(self.late):
            getattr(self.late, name).append((values | figures).get(name, 0))

    @property
    def records(self) -> Records:
        """As an engine leaves it."""
        return Records(
            orders=self.orders,
            batches=self.batches,
            late=self.late,
            ledger=self.ledger,
            scales={"USD": 8, "FEE": 8} | dict.fromkeys(self.inputs.prices, self.scale),
            deposited=20 * DOLLAR,
            checks=7,
            ended_us=self.ended_us,
        )

    @property
    def deliveries(self) -> Deliveries:
        """The orders with coins."""
        return list_deliveries(self.inputs, self.records)

    @property
    def summary(self) -> Summary:
        """All figures."""
        return summarise(self.inputs, self.records)


def two_in_a_batch(
    policy: AggregationPolicy | None = None, market: Market | None = None
) -> MadeRun:
    """Orders of 4.00 and 6.00 are bought together a minute later, when the price is 1 % higher; a lot
    brings 1000 units too much. A third one of 5.05 is still waiting at the end.
    """
    run = MadeRun(policy=policy, market=market)
    run.order(0, 400, 8_000, 50_000, batch=0, ended=61)
    run.order(10, 600, 12_000, 50_000, batch=0, ended=61)
    run.order(70, 505, 10_000, 50_500, state="aggregated")
    run.batch(
        60,
        61,
        dollars=50_500,
        quantity=20_000,
        members=2,
        total=10 * DOLLAR,
        quoted=10 * DOLLAR,
        bought=21_000,
        delivered=20_000,
        cost=1_061_550_000,
        spread=1_050_000,
        fee=1_070_000,
        charged=10 * DOLLAR,
    )
    run.ledger = {
        "house:pnl:USD": 10 * DOLLAR - 1_061_550_000 - 1_070_000,
        "house:inventory:BTC": 1_000,
        "venue:BTC": -21_000,
        "venue:USD": 1_061_550_000 + 1_070_000,
    }
    return run
