"""What all calls share: the markets with their current prices, the account, the fee, the clock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from crypto_exchange.entrypoints.exchange.account import Account
from crypto_exchange.entrypoints.exchange.amounts import DECIMALS, ONE
from crypto_exchange.entrypoints.exchange.config import PaperConfig
from crypto_exchange.entrypoints.exchange.failures import ApiError
from crypto_exchange.entrypoints.exchange.faults import Faults, Meeting
from crypto_exchange.entrypoints.exchange.fills import FeeRule
from crypto_exchange.entrypoints.exchange.listing import Symbol, check_symbol
from crypto_exchange.entrypoints.exchange.parameters import Parameters
from crypto_exchange.entrypoints.exchange.signing import Window

SYMBOL = "^[A-Z0-9-_.]{1,20}$"

_FUNDS = 10_000_000 * ONE
_FEE_COIN_FUNDS = 10_000 * ONE


class Call(msgspec.Struct, frozen=True):
    """A request that passed the gate; `window` is there if it is signed, `meeting` with a fault."""

    parameters: Parameters
    window: Window | None = None
    meeting: Meeting | None = None


class Venue:
    """`now_ms` is the venue's clock, in milliseconds since 1970."""

    def __init__(
        self,
        config: PaperConfig,
        symbols: dict[str, Symbol],
        account: Account,
        now_ms: Callable[[], int],
        faults: Faults,
    ) -> None:
        self.faults = faults
        self.symbols = symbols
        self.account = account
        self.now_ms = now_ms
        self.rate = fee_rate(config)
        self._charged_in = charged_in(config)
        self._quote = config.quote
        self._open: set[tuple[str, str]] = set()
        account.fund_once(config.quote, _FUNDS)
        if self._charged_in not in ("quote", "received"):
            account.fund_once(self._charged_in, _FEE_COIN_FUNDS)
        account.origin("account", now_ms())
        self._origins = {
            name: account.origin(_origin(symbol), now_ms()) for name, symbol in symbols.items()
        }

    def symbol(self, parameters: Parameters) -> Symbol:
        """The market that the parameter `symbol` names."""
        return self.named(parameters.required("symbol", SYMBOL))

    def named(self, name: str) -> Symbol:
        """The market of that name as it is now, refused if it is not listed."""
        symbol = self.symbols.get(name)
        if symbol is None:
            raise ApiError(-1121, "Invalid symbol.")
        return self.faults.changed(symbol, self.now_ms())

    def holdings(self) -> dict[str, int]:
        """What the account has of all listed and held currencies."""
        return {symbol.coin: 0 for symbol in self.symbols.values()} | self.account.balances()

    def price(self, symbol: Symbol, now_ms: int) -> int:
        """The price at that moment, in units of 10⁻⁸."""
        return symbol.prices.price_at(now_ms - self._origins[symbol.name])

    def fee(self, now_ms: int) -> FeeRule:
        """The fee now; a third coin that is not listed counts as 1 of the quote currency."""
        listed = self.symbols.get(f"{self._charged_in}{self._quote}")
        value = ONE if listed is None else self.price(listed, now_ms)
        return FeeRule(self.rate, self._charged_in, value)

    @contextmanager
    def open_order(self, parameters: Parameters) -> Iterator[None]:
        """Hold an order as open from its arrival until it is answered.

        Client ids are unique among open orders only; a market order is open no longer than this.
        """
        client_id = parameters.text("newClientOrderId")
        if client_id is None:
            yield
            return
        key = (parameters.required("symbol"), client_id)
        if key in self._open:
            raise ApiError(-2010, "Duplicate order sent.")
        self._open.add(key)
        try:
            yield
        finally:
            self._open.discard(key)


def fee_rate(config: PaperConfig) -> int:
    """The fee in units of 10⁻⁸ of the value; `ValueError` if it is no such number."""
    rate = config.fee_bps.scaleb(DECIMALS - 4) if config.fee_bps.is_finite() else None
    if rate is None or not 0 <= rate < ONE or rate != rate.to_integral_value():
        raise ValueError(
            "The fee in basis points must be at least 0 and below 10000 with at most 4 decimals, "
            f"it is {config.fee_bps}."
        )
    return int(rate)


def charged_in(config: PaperConfig) -> str:
    """What `FeeRule.charged_in` is to be; `ValueError` unless `fee_in` is one of the three."""
    if config.fee_in in ("quote", config.quote):
        return "quote"
    if config.fee_in == "coin":
        return "received"
    check_symbol(config.fee_in, "The fee currency, unless quote or coin,")
    return config.fee_in


def _origin(symbol: Symbol) -> str:
    origin = symbol.prices.origin
    return origin if origin == "account" else f"{symbol.name} {origin}"
