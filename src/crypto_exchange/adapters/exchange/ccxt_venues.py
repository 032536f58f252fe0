"""The table of exchanges: how each wants a market buy to be named, bounded in time and looked up.

An exchange that is not listed gets the first row's caution: the name under which ccxt says that it goes,
no promise that an order expires, so nothing is ever sent again, and no definite refusal.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping

import msgspec

from crypto_exchange.adapters.exchange import ccxt_refusals
from crypto_exchange.adapters.exchange.ccxt_refusals import Refusals
from crypto_exchange.domain.purchase import Purchase

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


class Expiry(enum.Enum):
    """How an exchange is told until when an order may be executed."""

    NONE = "it can't be told"
    STAMP = "recvWindow after the request's timestamp, checked again before the matching engine"
    DEADLINE = "a moment after which the matching engine refuses the order"


class Pages(enum.Enum):
    """How what does not fit into one answer is asked for."""

    NONE = "not at all: nothing may be concluded from what is not there"
    HALVES = "in halves of the time"
    OFFSET = "from a row on, newest first, of all markets"


def as_it_is(purchase: Purchase) -> str:
    """`<24 hexadecimal digits>-<attempt>`: letters, digits and a dash, at most 36."""
    return purchase.client_order_id


def as_hexadecimal(purchase: Purchase) -> str:
    """32 hexadecimal digits: the batch's 24, then the attempt's 8."""
    return f"{purchase.batch}{purchase.attempt:08x}"


def as_uuid(purchase: Purchase) -> str:
    """The same with the dashes of a UUID."""
    text = as_hexadecimal(purchase)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _base_size(quantity: str) -> dict[str, object]:
    """Coinbase through ccxt buys for a sum of dollars, unless the order is configured by hand."""
    return {"order_configuration": {"market_market_ioc": {"base_size": quantity}}}


class Venue(msgspec.Struct, frozen=True, kw_only=True):
    """One row.

    `parameter` is how ccxt takes the name of a new order, `constants` and `sized` are what else makes
    the quantity a quantity of coins. `named` is how `fetch_order` takes the name, if it does;
    `listings` are the calls that list orders, which take the name as `listed_by`, if they do.
    `trades_of` is how the list of trades takes an order's id. `reach_ms` is how long an order can
    surely be looked up, `least_left_ms` what must be left of its window when it is sent. `options` are
    ccxt's, `balance` is what its `fetch_balance` is told, `taker_in_balance` where that has our fee.
    Where the nonce must rise it is no time: then one process alone can use a key.
    """

    name: Callable[[Purchase], str] = as_hexadecimal
    parameter: str = "clientOrderId"
    constants: Mapping[str, object] = {}
    sized: Callable[[str], dict[str, object]] | None = None
    expiry: Expiry = Expiry.NONE
    least_left_ms: int = 0
    named: str | None = None
    listings: tuple[str, ...] = ()
    listed_by: str | None = None
    trades_of: str | None = None
    pages: Pages = Pages.NONE
    page_size: int | None = None
    reach_ms: int = _DAY_MS
    options: Mapping[str, object] = {}
    prices_by_id: bool = False
    balance: Mapping[str, object] = {}
    taker_in_balance: tuple[str, ...] = ()
    rising_nonce: bool = False
    refusals: Refusals = Refusals()
    may_require_price: bool = False


_BINANCE = Venue(
    name=as_it_is,
    parameter="newClientOrderId",
    constants={"newOrderRespType": "FULL"},
    expiry=Expiry.STAMP,
    named="origClientOrderId",
    listings=("fetch_orders",),
    trades_of="orderId",
    pages=Pages.HALVES,
    page_size=1_000,
    reach_ms=90 * _DAY_MS,
    # Spot alone, and nothing for which a key would need more than to read and to trade.
    options={"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False, "fetchCurrencies": False},
    prices_by_id=True,
    taker_in_balance=("commissionRates", "taker"),
    refusals=ccxt_refusals.BINANCE,
)

VENUES: Mapping[str, Venue] = {
    "binance": _BINANCE,
    "binanceus": _BINANCE,
    "kraken": Venue(
        constants={"oflags": "fciq"},  # fees in what we pay with
        expiry=Expiry.DEADLINE,
        least_left_ms=2_000,  # it refuses nearer deadlines
        rising_nonce=True,
        listings=("fetch_open_orders", "fetch_closed_orders"),
        listed_by="clientOrderId",
        pages=Pages.OFFSET,
        page_size=50,
        reach_ms=90 * _DAY_MS,
        refusals=ccxt_refusals.KRAKEN,
    ),
    "okx": Venue(
        constants={"tgtCcy": "base_ccy"},
        named="clOrdId",
        listings=("fetch_open_orders", "fetch_closed_orders", "fetch_canceled_orders"),
        trades_of="ordId",
        reach_ms=2 * _HOUR_MS,
        options={"fetchMarkets": {"types": ["spot"]}},
        refusals=ccxt_refusals.OKX,
    ),
    "coinbase": Venue(
        name=as_uuid,
        parameter="client_order_id",
        constants={"createMarketBuyOrderRequiresPrice": False},
        sized=_base_size,
        balance={"v3": True},
        listings=("fetch_orders",),
        reach_ms=90 * _DAY_MS,
        refusals=ccxt_refusals.COINBASE,
        may_require_price=True,
    ),
    "bybit": Venue(
        name=as_it_is,
        constants={"marketUnit": "baseCoin"},
        listings=("fetch_open_orders", "fetch_canceled_and_closed_orders"),
        listed_by="orderLinkId",
        trades_of="orderId",
        reach_ms=7 * _DAY_MS,
        options={"fetchMarkets": {"types": ["spot"]}},
        refusals=ccxt_refusals.BYBIT,
        may_require_price=True,
    ),
    "kucoin": Venue(
        name=as_it_is,
        parameter="clientOid",
        named="clientOid",
        listings=("fetch_open_orders", "fetch_closed_orders"),
        trades_of="orderId",
        reach_ms=3 * _DAY_MS,
        refusals=ccxt_refusals.KUCOIN,
    ),
}

_OTHER = Venue()


def venue_of(exchange_id: str) -> Venue:
    """The row of an exchange, or that of all which are not listed."""
    return VENUES.get(exchange_id, _OTHER)
