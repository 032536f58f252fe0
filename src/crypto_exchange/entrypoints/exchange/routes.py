"""The table of calls: path, method, what is read, who may call."""

from collections.abc import Callable
from enum import Enum

import msgspec

from crypto_exchange.entrypoints.exchange import (
    account_calls,
    order_calls,
    public_calls,
    wallet_calls,
)
from crypto_exchange.entrypoints.exchange.signing import SIGNED_PARAMETERS
from crypto_exchange.entrypoints.exchange.venue import Call, Venue

Handler = Callable[[Venue, Call], object]

_ORDER = (
    "symbol side type quantity quoteOrderQty newClientOrderId newOrderRespType price timeInForce"
    " stopPrice icebergQty trailingDelta strategyId strategyType selfTradePreventionMode"
)


class Security(Enum):
    """How a call is guarded and whether the latency of orders applies to it."""

    PUBLIC = "public"
    READING = "signed, answered at once"
    TRADING = "signed, delayed"


class Route(msgspec.Struct, frozen=True):
    """One call: what it does, its guard, the parameters that it reads."""

    handler: Handler
    security: Security
    parameters: frozenset[str]
    opens_order: bool = False


def _public(handler: Handler, parameters: str = "") -> Route:
    return Route(handler, Security.PUBLIC, frozenset(parameters.split()))


def _reading(handler: Handler, parameters: str = "") -> Route:
    return Route(handler, Security.READING, frozenset(parameters.split()) | SIGNED_PARAMETERS)


def _trading(handler: Handler, parameters: str, *, opens_order: bool = False) -> Route:
    read = frozenset(parameters.split()) | SIGNED_PARAMETERS
    return Route(handler, Security.TRADING, read, opens_order)


ROUTES: dict[str, dict[str, Route]] = {
    "/api/v3/ping": {"GET": _public(public_calls.ping)},
    "/api/v3/time": {"GET": _public(public_calls.time)},
    "/api/v3/exchangeInfo": {
        "GET": _public(public_calls.exchange_info, "symbol symbols showPermissionSets")
    },
    "/api/v3/ticker/price": {"GET": _public(public_calls.prices, "symbol symbols")},
    "/api/v3/ticker/bookTicker": {"GET": _public(public_calls.books, "symbol symbols")},
    "/api/v3/ticker/24hr": {"GET": _public(public_calls.days, "symbol symbols")},
    "/api/v3/account": {"GET": _reading(account_calls.account, "omitZeroBalances")},
    "/api/v3/account/commission": {"GET": _reading(account_calls.commission, "symbol")},
    "/api/v3/order": {
        "GET": _reading(account_calls.order, "symbol orderId origClientOrderId"),
        "POST": _trading(order_calls.place, _ORDER, opens_order=True),
        "DELETE": _trading(
            order_calls.cancel,
            "symbol orderId origClientOrderId newClientOrderId",
        ),
    },
    "/api/v3/order/test": {"POST": _trading(order_calls.test, f"{_ORDER} computeCommissionRates")},
    "/api/v3/openOrders": {"GET": _reading(account_calls.open_orders, "symbol")},
    "/api/v3/allOrders": {
        "GET": _reading(account_calls.all_orders, "symbol orderId startTime endTime limit")
    },
    "/api/v3/myTrades": {
        "GET": _reading(account_calls.my_trades, "symbol orderId startTime endTime fromId limit")
    },
    "/sapi/v1/capital/config/getall": {"GET": _reading(wallet_calls.coins)},
    "/sapi/v1/asset/tradeFee": {"GET": _reading(wallet_calls.fees, "symbol")},
    "/sapi/v1/margin/allPairs": {"GET": _reading(wallet_calls.margin_pairs)},
    "/sapi/v1/margin/isolated/allPairs": {"GET": _reading(wallet_calls.margin_pairs)},
    "/fapi/v1/exchangeInfo": {"GET": _public(wallet_calls.no_contracts)},
    "/dapi/v1/exchangeInfo": {"GET": _public(wallet_calls.no_contracts)},
}
