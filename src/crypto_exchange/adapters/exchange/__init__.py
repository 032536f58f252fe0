"""Exchanges, each behind the port `Exchange`."""

from crypto_exchange.adapters.exchange.binance import BinanceExchange
from crypto_exchange.adapters.exchange.ccxt import CcxtExchange
from crypto_exchange.adapters.exchange.ccxt_api import UnsupportedExchange

__all__ = ["BinanceExchange", "CcxtExchange", "UnsupportedExchange"]
