"""`check_lookahead` finds whatever acts on what is not known yet, and nothing else."""

from __future__ import annotations

from array import array
from collections.abc import Mapping

import msgspec
import pytest

from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.entrypoints.backtest.backtest import Backtest
from crypto_exchange.entrypoints.backtest.engine import agenda
from crypto_exchange.entrypoints.backtest.engine.lookahead import LookaheadError
from crypto_exchange.entrypoints.backtest.engine.venue import Trade, Venue
from crypto_exchange.entrypoints.backtest.flow import OrderColumns
from crypto_exchange.entrypoints.backtest.inputs import orders
from crypto_exchange.entrypoints.backtest.market import Failures, Market
from crypto_exchange.entrypoints.backtest.policy import AggregationPolicy
from crypto_exchange.entrypoints.backtest.series import PriceSeries
from tests.unit.backtest.scenes import order_columns, price_series

PRICES = price_series(*((minute, 100 + minute * minute * 7 % 11) for minute in range(40)))
FLOW = order_columns(*((minute, 1 + minute % 3, 700) for minute in range(39)))
FAILURES = Failures(reject=".2", timeout=".2", lost=".2", partial=".2", late_fill=".1")


def test_the_engine_does_not_look_ahead() -> None:
    drawn = orders.Poisson("BTC", per_hour=600, amount=orders.uniform("1.00", "9.99"), seed=3)

    Backtest(PRICES, FLOW).check_lookahead(cuts=5)
    Backtest(PRICES, drawn, market=Market(failures=FAILURES), seed=2).check_lookahead(cuts=5)


def test_an_exchange_that_fills_at_the_next_price_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Venue.trade

    def peeking(
        self: Venue, purchase: Purchase, asset: Asset, ask: int, at_us: int, part: object = None
    ) -> Trade:
        coming = [p for t, p in zip(PRICES.at_us, self._series.prices, strict=False) if t > at_us]
        return honest(
            self,
            purchase,
            msgspec.structs.replace(asset, price=(coming or [asset.price or 0])[0]),
            ask,
            at_us,
        )

    monkeypatch.setattr(Venue, "trade", peeking)

    with pytest.raises(
        LookaheadError, match=r"batch \d+ depends on prices after 2023-.*fill_price is"
    ):
        Backtest(PRICES, FLOW).check_lookahead()


def test_prices_that_are_seen_before_they_are_known_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def early(series: PriceSeries) -> PriceSeries:
        shifted = array("q", [at_us - 40_000_000 for at_us in series.at_us])
        return msgspec.structs.replace(series, at_us=shifted)

    honest = agenda._in_time
    monkeypatch.setattr(
        agenda,
        "_in_time",
        lambda prices: honest({symbol: early(s) for symbol, s in prices.items()}),
    )

    with pytest.raises(LookaheadError, match=r"order \d+ depends on prices after"):
        Backtest(PRICES, FLOW).check_lookahead()


def test_orders_that_know_a_price_to_come_are_found() -> None:
    class Late:
        """Places its orders by the last price of all."""

        def columns(self, prices: Mapping[str, PriceSeries]) -> OrderColumns:
            cents = prices["BTC"].prices[-1] // 10**12
            return order_columns(*((minute, 1, cents) for minute in range(30)))

    with pytest.raises(LookaheadError, match="order 1 depends on prices after"):
        Backtest(PRICES, Late()).check_lookahead()


def test_where_nothing_can_be_cut_it_says_so() -> None:
    with pytest.raises(ValueError, match="cuts: expected a whole number from 1, was 0"):
        Backtest(PRICES, FLOW).check_lookahead(cuts=0)
    with pytest.raises(ValueError, match="expected orders before prices that change"):
        Backtest(price_series((0, 100)), FLOW).check_lookahead()


def test_the_policy_is_not_changed_by_the_check() -> None:
    backtest = Backtest(PRICES, FLOW, policy=AggregationPolicy(threshold="20.00"))
    before = backtest.run().ledger_hash

    backtest.check_lookahead(cuts=2)

    assert backtest.run().ledger_hash == before
