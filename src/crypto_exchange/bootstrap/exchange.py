"""Which exchange, by the settings."""

from __future__ import annotations

from crypto_exchange.adapters.exchange import BinanceExchange, CcxtExchange, UnsupportedExchange
from crypto_exchange.adapters.system import SystemClock
from crypto_exchange.settings import InvalidSettingsError, Settings, SettingsError


def make_exchange(settings: Settings) -> BinanceExchange | CcxtExchange:
    """The exchange as the settings have it, not connected yet; ccxt takes a second to load.

    Raises:
        InvalidSettingsError: ccxt does not know it, or it cannot do what we need.
        ModuleNotFoundError: ccxt is not installed.
    """
    kind, _, exchange_id = settings.exchange_id.partition(":")
    if kind == "ccxt":
        return _ccxt_exchange(settings, exchange_id)
    return BinanceExchange(
        url=settings.exchange_url or "",
        api_key=settings.exchange_api_key or "",
        api_secret=settings.exchange_api_secret or "",
        quote=settings.exchange_quote,
        now_us=SystemClock().monotonic_us,
    )


def _ccxt_exchange(settings: Settings, exchange_id: str) -> CcxtExchange:
    """Loads ccxt, which takes a second. Raises InvalidSettingsError if that exchange will not do."""
    credentials = {
        "apiKey": settings.exchange_api_key or "",
        "secret": settings.exchange_api_secret or "",
        "password": settings.exchange_api_passphrase or "",
    }
    try:
        return CcxtExchange(
            exchange_id,
            url=settings.exchange_url,
            credentials={name: text for name, text in credentials.items() if text},
            quote=settings.exchange_quote,
            now_us=SystemClock().monotonic_us,
        )
    except UnsupportedExchange as error:
        wrong = SettingsError("EXCHANGE_ID", error.expected, error.was)
        raise InvalidSettingsError([wrong]) from None
