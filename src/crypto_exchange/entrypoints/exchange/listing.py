"""What is listed: symbols with their price sources, market rules and filters."""

import re
import sys
from decimal import Decimal

import msgspec

from crypto_exchange.entrypoints.exchange.amounts import LARGEST, ONE, render, units
from crypto_exchange.entrypoints.exchange.candles import read_candles
from crypto_exchange.entrypoints.exchange.config import PaperConfig, PaperRule
from crypto_exchange.entrypoints.exchange.failures import ApiError, filter_failure
from crypto_exchange.entrypoints.exchange.prices import (
    FixedPrice,
    PriceSource,
    Walk,
    fixed_price,
    replay,
)

TRADING = "TRADING"

_RULES = {
    "ABAN": PaperRule(Decimal("0.01"), Decimal("5.00"), Decimal(900_000)),
    "BTC": PaperRule(Decimal("0.00001"), Decimal("5.00"), Decimal(9_000)),
    "ETH": PaperRule(Decimal("0.0001"), Decimal("5.00"), Decimal(9_000)),
}
_OTHER_RULE = PaperRule(Decimal("0.0001"), Decimal("5.00"), Decimal(900_000))
_WALK_BASES = {"BTC": 63_000 * ONE, "ETH": 3_100 * ONE}
_OTHER_BASE = 100 * ONE
_ABAN = FixedPrice(20 * ONE)
_LARGEST_PRICE = 10**9 * ONE
_LARGEST_NOTIONAL = 9_000_000 * ONE


class Symbol(msgspec.Struct, frozen=True, kw_only=True):
    """One market; amounts in units of 10⁻⁸. `max_market` is the largest market order.

    `status` is `TRADING`, or `BREAK` while the market is closed.
    """

    coin: str
    quote: str
    prices: PriceSource
    lot_step: int
    min_notional: int
    max_quantity: int
    max_market: int
    status: str = TRADING

    @property
    def name(self) -> str:
        """Coin and quote currency, such as `BTCUSDT`."""
        return f"{self.coin}{self.quote}"

    def check(self, quantity: int, price: int) -> None:
        """Refuse a market order while the market is closed, or that a filter does not let pass."""
        if self.status != TRADING:
            raise ApiError(-1013, "Market is closed.")
        if quantity == 0:
            raise ApiError(-1013, "Invalid quantity.")
        if quantity % self.lot_step or not self.lot_step <= quantity <= self.max_quantity:
            raise filter_failure("LOT_SIZE")
        if quantity > self.max_market:
            raise filter_failure("MARKET_LOT_SIZE")
        if quantity * price < self.min_notional * ONE:
            raise filter_failure("NOTIONAL")

    def quantity_worth(self, quote_amount: int, price: int) -> int:
        """Whole lots that `quote_amount` pays for, rounded down; too small ones are refused."""
        if quote_amount < self.min_notional:
            raise filter_failure("NOTIONAL")
        return quote_amount * ONE // price // self.lot_step * self.lot_step

    def filters(self) -> list[dict[str, object]]:
        """The filters as `exchangeInfo` shows them; a zero in one means that it is not applied."""
        zero = render(0)
        tick = render(self.prices.tick)
        return [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": render(_LARGEST_PRICE),
                "tickSize": tick,
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": render(self.lot_step),
                "maxQty": render(self.max_quantity),
                "stepSize": render(self.lot_step),
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": zero,
                "maxQty": render(self.max_market),
                "stepSize": zero,
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": render(self.min_notional),
                "applyMinToMarket": True,
                "maxNotional": render(_LARGEST_NOTIONAL),
                "applyMaxToMarket": False,
                "avgPriceMins": 0,
            },
        ]


def list_symbols(config: PaperConfig) -> dict[str, Symbol]:
    """Every market by name; rows skipped in candle files are reported on stderr.

    Raises `ValueError` with one sentence for a wrong configuration.
    """
    both = sorted(config.prices.keys() & config.candles.keys())
    if both:
        raise ValueError(f"{both[0]} must have a fixed price or candles, it has both.")
    coins = sorted({*_RULES, *config.prices, *config.candles, *config.rules})
    symbols = [_symbol(coin, config) for coin in coins]
    return {symbol.name: symbol for symbol in symbols}


def _symbol(coin: str, config: PaperConfig) -> Symbol:
    check_symbol(coin, "A coin")
    if coin == config.quote:
        raise ValueError(f"A coin must differ from the quote currency, it is {coin}.")
    default = _RULES.get(coin, _OTHER_RULE)
    rule = config.rules.get(coin, default)
    lot_step = units(rule.lot_step, f"The lot step of {coin}")
    default_max = units(default.max_quantity or Decimal(1), coin)
    max_market = default_max
    if rule.max_quantity is not None:
        max_market = units(rule.max_quantity, f"The maximum quantity of {coin}")
    if max_market < lot_step:
        raise ValueError(
            f"The maximum quantity of {coin} must be at least its lot step "
            f"{rule.lot_step}, it is {render(max_market)}."
        )
    return Symbol(
        coin=coin,
        quote=config.quote,
        prices=_prices(coin, config),
        lot_step=lot_step,
        min_notional=units(rule.min_notional, f"The minimum notional of {coin}"),
        max_quantity=min(max(default_max, max_market), LARGEST - 1),
        max_market=max_market,
    )


def _prices(coin: str, config: PaperConfig) -> PriceSource:
    if coin in config.prices:
        return fixed_price(coin, config.prices[coin])
    if coin in config.candles:
        candles = read_candles(config.candles[coin])
        for sentence in candles.skipped:
            sys.stderr.write(f"paper exchange: {sentence} Skipped.\n")
        return replay(candles, config.speed)
    if coin == "ABAN":
        return _ABAN
    return Walk(config.seed, f"{coin}{config.quote}", _WALK_BASES.get(coin, _OTHER_BASE))


def check_symbol(symbol: str, what: str) -> None:
    """`ValueError`, with `what` as subject, unless `symbol` is 1 to 12 of A-Z and 0-9."""
    if not re.fullmatch(r"[A-Z0-9]{1,12}", symbol):
        raise ValueError(f"{what} must be 1 to 12 of A-Z and 0-9, it is {symbol!r}.")
