"""Exchanges, each behind the port `Exchange`."""

from crypto_exchange.adapters.exchange.binance import BinanceExchange

__all__ = ["BinanceExchange"]
