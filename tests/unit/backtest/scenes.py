"""Small prices and orders, written out: minutes and dollars instead of microseconds and 10⁻⁸ dollars."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from crypto_exchange.domain.money import CENT
from crypto_exchange.entrypoints.backtest.flow import OrderColumns
from crypto_exchange.entrypoints.backtest.series import PriceSeries, Quality

MINUTE_US = 60_000_000
START_US = 1_700_000_000_000_000


def at(minute: int) -> int:
    return START_US + minute * MINUTE_US


def price_series(*prices: tuple[int, int], asset: str = "BTC", interval: int = 1) -> PriceSeries:
    """(minute, whole dollars) each."""
    interval_us = interval * MINUTE_US
    return PriceSeries(
        asset=asset,
        at_us=array("q", [at(minute) for minute, _ in prices]),
        prices=array("q", [dollars * 10**12 for _, dollars in prices]),
        asks=array("q"),
        volumes=array("q"),
        interval_us=interval_us,
        quality=Quality(
            source="written", rows=len(prices), kept=len(prices), interval_us=interval_us
        ),
        fingerprint=repr(prices),
    )


def steady(minutes: int, dollars: int = 100, asset: str = "BTC") -> PriceSeries:
    return price_series(*((minute, dollars) for minute in range(minutes)), asset=asset)


def order_columns(
    *orders: tuple[int, int, int], assets: Sequence[str] = ("BTC",), asset: int = 0
) -> OrderColumns:
    """(minute, user, cents) each, 30 s after the minute."""
    return OrderColumns(
        at_us=array("q", [at(minute) + MINUTE_US // 2 for minute, _, _ in orders]),
        users=array("i", [user for _, user, _ in orders]),
        assets=array("h", [asset] * len(orders)),
        spends=array("q", [cents * CENT for _, _, cents in orders]),
        amounts=array("q", [0] * len(orders)),
        symbols=tuple(assets),
    )
