"""The orders of a backtest as events of nautilus_trader, for `backtest.py`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.core.data import Data
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import CustomData, DataType, QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import ClientId, Venue
from nautilus_trader.model.objects import Money
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

from crypto_exchange.entrypoints.backtest.result import Inputs


class Placed(Data):
    """One order of a person, in 10⁻⁸ dollars."""

    def __init__(self, spend: int, at_ns: int) -> None:
        self.spend, self._at_ns = spend, at_ns

    @property
    def ts_event(self) -> int:
        """When it was placed."""
        return self._at_ns

    @property
    def ts_init(self) -> int:
        """The same."""
        return self._at_ns


class Threshold(Strategy):
    """Buys at market whenever what waits reaches the threshold."""

    def __init__(self, instrument: Any, threshold: int) -> None:
        super().__init__()
        self.instrument, self.threshold = instrument, threshold
        self.waiting, self.price = 0, Decimal(0)

    def on_start(self) -> None:
        """Ask for prices and orders."""
        self.subscribe_quote_ticks(self.instrument.id)
        self.subscribe_data(DataType(Placed), client_id=ClientId("PEOPLE"))

    def on_quote_tick(self, tick: QuoteTick) -> None:
        """A price."""
        self.price = tick.ask_price.as_decimal()

    def on_data(self, data: Placed) -> None:
        """An order."""
        self.waiting += data.spend
        if self.waiting >= self.threshold and self.price:
            quantity = self.instrument.make_qty(Decimal(self.waiting) / 10**8 / self.price)
            self.submit_order(
                self.order_factory.market(self.instrument.id, OrderSide.BUY, quantity)
            )
            self.waiting = 0


def prepare(inputs: Inputs, threshold: int) -> BacktestEngine:
    """An engine with everything loaded."""
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        venue=Venue("BINANCE"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USD,
        starting_balances=[Money(100_000_000, USD)],
    )
    instrument = TestInstrumentProvider.btcusdt_binance()
    engine.add_instrument(instrument)
    (series,) = inputs.prices.values()
    quotes = []
    for at_us, price in zip(series.at_us, series.prices, strict=True):
        value, size = instrument.make_price(Decimal(price) / 10**12), instrument.make_qty(1_000)
        quotes.append(
            QuoteTick(instrument.id, value, value, size, size, at_us * 1_000, at_us * 1_000)
        )
    engine.add_data(quotes)
    flow, kind = zip(inputs.flow.spends, inputs.flow.at_us, strict=True), DataType(Placed)
    placed = [CustomData(kind, Placed(spend, at_us * 1_000)) for spend, at_us in flow]
    engine.add_data(placed, client_id=ClientId("PEOPLE"))
    engine.add_strategy(Threshold(instrument, threshold))
    return engine
