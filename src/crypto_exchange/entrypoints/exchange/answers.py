"""The JSON of answers, field by field as Binance's spot REST interface has it."""

from collections.abc import Iterable

from crypto_exchange.entrypoints.exchange.account import Order, Trade
from crypto_exchange.entrypoints.exchange.amounts import DECIMALS, render
from crypto_exchange.entrypoints.exchange.listing import Symbol

Answer = dict[str, object]

_DAY_MS = 24 * 60 * 60 * 1000
_PREVENTION = "EXPIRE_MAKER"


def exchange_info(symbols: Iterable[Symbol], now_ms: int, *, permission_sets: bool) -> Answer:
    """Rules of the symbols."""
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [_symbol(symbol, permission_sets) for symbol in symbols],
    }


def _symbol(symbol: Symbol, permission_sets: bool) -> Answer:
    return {
        "symbol": symbol.name,
        "status": symbol.status,
        "baseAsset": symbol.coin,
        "baseAssetPrecision": DECIMALS,
        "quoteAsset": symbol.quote,
        "quotePrecision": DECIMALS,
        "quoteAssetPrecision": DECIMALS,
        "baseCommissionPrecision": DECIMALS,
        "quoteCommissionPrecision": DECIMALS,
        "orderTypes": ["MARKET"],
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": symbol.filters(),
        "permissions": [],
        "permissionSets": [["SPOT"]] if permission_sets else [],
        "defaultSelfTradePreventionMode": _PREVENTION,
        "allowedSelfTradePreventionModes": [_PREVENTION],
    }


def price(symbol: Symbol, current: int) -> Answer:
    """Last price."""
    return {"symbol": symbol.name, "price": render(current)}


def book(symbol: Symbol, current: int) -> Answer:
    """Best bid and ask: the one price, for as much as a market order may ask."""
    at, size = render(current), render(symbol.max_market)
    return {
        "symbol": symbol.name,
        "bidPrice": at,
        "bidQty": size,
        "askPrice": at,
        "askQty": size,
    }


def day(symbol: Symbol, current: int, now_ms: int) -> Answer:
    """24 hours in which nothing was traded and the price was the current one."""
    at, none = render(current), render(0)
    prices = ("weightedAvgPrice", "prevClosePrice", "lastPrice", "openPrice", "highPrice")
    return {
        **book(symbol, current),
        **dict.fromkeys((*prices, "lowPrice"), at),
        **dict.fromkeys(("priceChange", "lastQty", "volume", "quoteVolume"), none),
        "priceChangePercent": "0.000",
        "openTime": now_ms - _DAY_MS,
        "closeTime": now_ms,
        "firstId": -1,
        "lastId": -1,
        "count": 0,
    }


def account(balances: dict[str, int], rate: int, updated_ms: int) -> Answer:
    """`rate` is the fee in units of 10⁻⁸; the old integer fields are whole basis points."""
    return {
        "makerCommission": rate // 10_000,
        "takerCommission": rate // 10_000,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": rates(rate),
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": updated_ms,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": render(free), "locked": render(0)}
            for asset, free in balances.items()
        ],
        "permissions": ["SPOT"],
        "uid": 1,
    }


def coin(name: str, free: int) -> Answer:
    """A coin as the wallet has it; it stays there."""
    none = render(0)
    return {
        "coin": name,
        "name": name,
        "free": render(free),
        "locked": none,
        "freeze": none,
        "withdrawing": none,
        "ipoing": none,
        "ipoable": none,
        "storage": none,
        "isLegalMoney": False,
        "trading": True,
        "depositAllEnable": False,
        "withdrawAllEnable": False,
        "networkList": [],
    }


def rates(rate: int) -> Answer:
    """`rate` for makers and takers, in units of 10⁻⁸."""
    return {
        "maker": render(rate),
        "taker": render(rate),
        "buyer": render(0),
        "seller": render(0),
    }


def commission(symbol: str, rate: int) -> Answer:
    """Fee of one symbol, `rate` in units of 10⁻⁸."""
    return {
        "symbol": symbol,
        "standardCommission": rates(rate),
        "specialCommission": rates(0),
        "taxCommission": rates(0),
        "discount": _discount(),
    }


def trade_fee(symbol: str, rate: int) -> Answer:
    """Fee of one symbol as the wallet says it, `rate` in units of 10⁻⁸."""
    return {"symbol": symbol, "makerCommission": render(rate), "takerCommission": render(rate)}


def tested_commission(rate: int) -> Answer:
    """Fee that a tested order would pay, `rate` in units of 10⁻⁸."""
    sides = {"maker": render(rate), "taker": render(rate)}
    none = {"maker": render(0), "taker": render(0)}
    return {
        "standardCommissionForOrder": sides,
        "specialCommissionForOrder": none,
        "taxCommissionForOrder": none,
        "discount": _discount(),
    }


def _discount() -> Answer:
    return {
        "enabledForAccount": False,
        "enabledForSymbol": False,
        "discountAsset": "BNB",
        "discount": render(0),
    }


def order(found: Order) -> Answer:
    """An order that was looked up."""
    return {
        **_identity(found),
        **_result(found),
        "stopPrice": render(0),
        "icebergQty": render(0),
        "time": found.time,
        "updateTime": found.time,
        "isWorking": True,
    }


def placed(made: Order, trades: Iterable[Trade], detail: str) -> Answer:
    """Answer to a new order in the chosen detail: `ACK`, `RESULT` or `FULL`."""
    answer = {**_identity(made), "transactTime": made.time}
    if detail == "ACK":
        return answer
    answer |= _result(made)
    if detail == "FULL":
        answer["fills"] = [_fill(made) for made in trades for _ in range(made.listed)]
    return answer


def _identity(made: Order) -> Answer:
    return {
        "symbol": made.symbol,
        "orderId": made.id,
        "orderListId": -1,
        "clientOrderId": made.client_id,
    }


def _result(made: Order) -> Answer:
    return {
        "price": render(0),
        "origQty": render(made.quantity),
        "executedQty": render(made.executed),
        "origQuoteOrderQty": render(made.quote_wanted),
        "cummulativeQuoteQty": render(made.cost),
        "status": made.status,
        "timeInForce": "GTC",
        "type": "MARKET",
        "side": made.side,
        "workingTime": made.time,
        "selfTradePreventionMode": _PREVENTION,
    }


def _fill(made: Trade) -> Answer:
    return {
        "price": render(made.price),
        "qty": render(made.quantity),
        "commission": render(made.commission),
        "commissionAsset": made.commission_asset,
        "tradeId": made.id,
    }


def trade(made: Trade) -> Answer:
    """A trade of the account."""
    return {
        "symbol": made.symbol,
        "id": made.id,
        "orderId": made.order_id,
        "orderListId": -1,
        "price": render(made.price),
        "qty": render(made.quantity),
        "quoteQty": render(made.cost),
        "commission": render(made.commission),
        "commissionAsset": made.commission_asset,
        "time": made.time,
        "isBuyer": made.side == "BUY",
        "isMaker": False,
        "isBestMatch": True,
    }
