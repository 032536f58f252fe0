"""Answers of five exchanges to a purchase of 0.00021 BTC for USDT, written after their documentation.

Keys are method and path, as `Request.call` in test_binance_adapter.py has them. A value that is a
callable is given the request. Every amount is as the exchange writes it, some as JSON numbers. The $77 are
not of the coin that we pay with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Answer: TypeAlias = Any | Callable[[Any], Any]

BATCH = "0123456789abcdef01234567"
NAME = f"{BATCH}-1"
HEXADECIMAL = f"{BATCH}00000001"
UUID = "01234567-89ab-cdef-0123-456700000001"
AT_MS = 1_760_000_000_123
QUANTITY = "0.00021"
"""All five charge 0.105 USDT for 0.0002 BTC at 50000 and 0.00001 BTC at 50010.5, 10.500105 in all."""


def _kraken_order(state: str) -> dict[str, Any]:
    return {
        "refid": None,
        "cl_ord_id": HEXADECIMAL,
        "status": state,
        "opentm": 1760000000.4567,
        "closetm": 1760000000.4568,
        "descr": {
            "pair": "XBTUSDT",
            "type": "buy",
            "ordertype": "market",
            "price": "0",
            "price2": "0",
            "order": "buy 0.00021000 XBTUSDT @ market",
        },
        "vol": "0.00021000",
        "vol_exec": "0.00021000",
        "cost": "10.500105",
        "fee": "0.105000",
        "price": "50000.5",
        "oflags": "fciq",
        "trades": ["TAAAAA-AAAAA-AAAAAA", "TBBBBB-BBBBB-BBBBBB"],
    }


def _kraken_trade(price: str, volume: str, cost: str, fee: str) -> dict[str, Any]:
    return {
        "ordertxid": "OAAAAA-BBBBB-CCCCCC",
        "pair": "XBTUSDT",
        "time": 1760000000.4567,
        "type": "buy",
        "ordertype": "market",
        "price": price,
        "cost": cost,
        "fee": fee,
        "vol": volume,
        "margin": "0.00000",
    }


def _pages(rows: Mapping[str, Any], name: str) -> Callable[[Any], Any]:
    """The first page has all, later ones nothing."""

    def answer(request: Any) -> Any:
        first = request.parameters.get("ofs", "0") == "0"
        return {"error": [], "result": {name: rows if first else {}, "count": len(rows)}}

    return answer


KRAKEN: dict[str, Answer] = {
    "GET /0/public/Time": {"error": [], "result": {"unixtime": AT_MS // 1_000}},
    "GET /0/public/Assets": {
        "error": [],
        "result": {
            "XXBT": {"altname": "XBT", "aclass": "currency", "decimals": 10, "status": "enabled"},
            "USDT": {"altname": "USDT", "aclass": "currency", "decimals": 8, "status": "enabled"},
        },
    },
    "GET /0/public/AssetPairs": {
        "error": [],
        "result": {
            "XBTUSDT": {
                "altname": "XBTUSDT",
                "wsname": "XBT/USDT",
                "aclass_base": "currency",
                "base": "XXBT",
                "aclass_quote": "currency",
                "quote": "USDT",
                "cost_decimals": 6,
                "pair_decimals": 1,
                "lot_decimals": 8,
                "lot_multiplier": 1,
                "leverage_buy": [],
                "leverage_sell": [],
                "fees": [[0, 0.4], [10000, 0.35]],
                "fees_maker": [[0, 0.25], [10000, 0.2]],
                "fee_volume_currency": "ZUSD",
                "ordermin": "0.00005",
                "costmin": "0.5",
                "tick_size": "0.1",
                "status": "online",
            }
        },
    },
    "POST /0/private/TradeVolume": {
        "error": [],
        "result": {
            "currency": "ZUSD",
            "volume": "200709587.4223",
            "fees": {"XBTUSDT": {"fee": "0.2600", "minfee": "0.1000", "maxfee": "0.2600"}},
            "fees_maker": {"XBTUSDT": {"fee": "0.1600", "minfee": "0.0000", "maxfee": "0.1600"}},
        },
    },
    "GET /0/public/Ticker": {
        "error": [],
        "result": {
            "XBTUSDT": {
                "a": ["50000.70000", "1", "1.000"],
                "b": ["50000.60000", "1", "1.000"],
                "c": ["50000.60000", "0.00100000"],
                "v": ["1.1", "2.2"],
                "p": ["50000.1", "50000.2"],
                "t": [1, 2],
                "l": ["49000.0", "48000.0"],
                "h": ["51000.0", "52000.0"],
                "o": "50500.0",
            }
        },
    },
    "POST /0/private/BalanceEx": {
        "error": [],
        "result": {
            "XXBT": {"balance": "0.1234567899", "hold_trade": "0.0000000000"},
            "USDT": {"balance": "1000.12345678", "hold_trade": "10.00000000"},
            "ZUSD": {"balance": "77.0000", "hold_trade": "0.0000"},
        },
    },
    "POST /0/private/AddOrder": {
        "error": [],
        "result": {
            "descr": {"order": "buy 0.00021000 XBTUSDT @ market"},
            "txid": ["OAAAAA-BBBBB-CCCCCC"],
        },
    },
    "POST /0/private/QueryOrders": {
        "error": [],
        "result": {"OAAAAA-BBBBB-CCCCCC": _kraken_order("closed")},
    },
    "POST /0/private/OpenOrders": {"error": [], "result": {"open": {}}},
    "POST /0/private/ClosedOrders": _pages(
        {"OAAAAA-BBBBB-CCCCCC": _kraken_order("closed")}, "closed"
    ),
    "POST /0/private/TradesHistory": _pages(
        {
            "TAAAAA-AAAAA-AAAAAA": _kraken_trade("50000.0", "0.00020000", "10.000000", "0.100000"),
            "TBBBBB-BBBBB-BBBBBB": _kraken_trade("50010.5", "0.00001000", "0.500105", "0.005000"),
            "TZZZZZ-ZZZZZ-ZZZZZZ": {
                **_kraken_trade("50010.5", "0.00001000", "0.500105", "0.005000"),
                "ordertxid": "OZZZZZ-ZZZZZ-ZZZZZZ",
                "type": "sell",
            },
        },
        "trades",
    ),
}

_OKX_ORDER = {
    "instType": "SPOT",
    "instId": "BTC-USDT",
    "ordId": "312269865356374016",
    "clOrdId": HEXADECIMAL,
    "tag": "",
    "px": "",
    "sz": QUANTITY,
    "ordType": "market",
    "side": "buy",
    "tdMode": "cash",
    "tgtCcy": "base_ccy",
    "accFillSz": QUANTITY,
    "fillPx": "50010.5",
    "fillSz": "0.00001",
    "tradeId": "2",
    "avgPx": "50000.5",
    "state": "filled",
    "feeCcy": "BTC",
    "fee": "-0.00000021",
    "rebateCcy": "USDT",
    "rebate": "0",
    "cTime": str(AT_MS + 300),
    "uTime": str(AT_MS + 301),
}


def _okx_fill(trade: str, price: str, size: str, fee: str) -> dict[str, str]:
    return {
        "instType": "SPOT",
        "instId": "BTC-USDT",
        "tradeId": trade,
        "ordId": "312269865356374016",
        "clOrdId": HEXADECIMAL,
        "billId": f"11111{trade}",
        "fillPx": price,
        "fillSz": size,
        "side": "buy",
        "execType": "T",
        "feeCcy": "BTC",
        "fee": fee,
        "ts": str(AT_MS + 300),
    }


def _okx(*rows: object) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": list(rows)}


OKX: dict[str, Answer] = {
    "GET /api/v5/public/time": _okx({"ts": str(AT_MS)}),
    "GET /api/v5/asset/currencies": _okx(),
    "GET /api/v5/public/instruments": _okx(
        {
            "instType": "SPOT",
            "instId": "BTC-USDT",
            "baseCcy": "BTC",
            "quoteCcy": "USDT",
            "tickSz": "0.1",
            "lotSz": "0.00000001",
            "minSz": "0.00001",
            "maxMktSz": "1000000",
            "maxMktAmt": "1000000",
            "maxLmtSz": "9999999999",
            "state": "live",
        }
    ),
    "GET /api/v5/account/trade-fee": _okx(
        {"instType": "SPOT", "maker": "-0.0008", "taker": "-0.001", "ts": str(AT_MS)}
    ),
    "GET /api/v5/market/tickers": _okx(
        {"instType": "SPOT", "instId": "BTC-USDT", "last": "50000.6", "ts": str(AT_MS)}
    ),
    "GET /api/v5/account/balance": _okx(
        {
            "uTime": str(AT_MS),
            "details": [
                {
                    "ccy": "BTC",
                    "cashBal": "0.1234567899",
                    "availBal": "0.1234567899",
                    "eq": "0.1234567899",
                    "frozenBal": "0",
                },
                {
                    "ccy": "USDT",
                    "cashBal": "1000.123456789",
                    "availBal": "990.123456789",
                    "eq": "1000.123456789",
                    "frozenBal": "10",
                },
                {"ccy": "USD", "cashBal": "77", "availBal": "77", "eq": "77", "frozenBal": "0"},
            ],
        }
    ),
    "POST /api/v5/trade/batch-orders": _okx(
        {"clOrdId": HEXADECIMAL, "ordId": "312269865356374016", "tag": "", "sCode": "0", "sMsg": ""}
    ),
    "GET /api/v5/trade/order": _okx(_OKX_ORDER),
    "GET /api/v5/trade/orders-pending": _okx(),
    "GET /api/v5/trade/orders-history": _okx(_OKX_ORDER),
    "GET /api/v5/trade/fills-history": _okx(
        _okx_fill("1", "50000", "0.0002", "-0.0000002"),
        _okx_fill("2", "50010.5", "0.00001", "-0.00000001"),
        _okx_fill("2", "50010.5", "0.00001", "-0.00000001"),
    ),
}

_COINBASE_ORDER = {
    "order_id": "0000-000000-000000",
    "product_id": "BTC-USDT",
    "user_id": "2222",
    "order_configuration": {"market_market_ioc": {"base_size": QUANTITY}},
    "side": "BUY",
    "client_order_id": UUID,
    "status": "FILLED",
    "time_in_force": "IMMEDIATE_OR_CANCEL",
    "created_time": "2025-10-09T08:53:20.423000Z",
    "completion_percentage": "100",
    "filled_size": QUANTITY,
    "average_filled_price": "50000.5",
    "fee": "",
    "number_of_fills": "2",
    "filled_value": "10.500105",
    "pending_cancel": False,
    "size_in_quote": False,
    "total_fees": "0.105",
    "order_type": "MARKET",
    "settled": True,
}


def _coinbase_fill(trade: str, price: str, size: str, fee: str) -> dict[str, Any]:
    return {
        "entry_id": f"e{trade}",
        "trade_id": trade,
        "order_id": "0000-000000-000000",
        "trade_time": "2025-10-09T08:53:20.423000Z",
        "trade_type": "FILL",
        "price": price,
        "size": size,
        "commission": fee,
        "product_id": "BTC-USDT",
        "sequence_timestamp": "2025-10-09T08:53:20.423000Z",
        "liquidity_indicator": "TAKER",
        "size_in_quote": False,
        "user_id": "2222",
        "side": "BUY",
    }


COINBASE: dict[str, Answer] = {
    "GET /v2/time": {"data": {"iso": "2025-10-09T08:53:20Z", "epoch": AT_MS // 1_000}},
    "GET brokerage/time": {"iso": "…", "epochSeconds": "1", "epochMillis": str(AT_MS)},
    "GET /v2/currencies": {"data": [{"id": "USD", "name": "US Dollar", "min_size": "0.01"}]},
    "GET /v2/currencies/crypto": {
        "data": [
            {"code": "BTC", "name": "Bitcoin", "exponent": 8, "type": "crypto", "asset_id": "1"},
            {"code": "USDT", "name": "Tether", "exponent": 6, "type": "crypto", "asset_id": "2"},
        ]
    },
    "GET /v2/exchange-rates": {"data": {"currency": "USD", "rates": {}}},
    "GET brokerage/market/products": lambda request: {
        "products": []
        if request.parameters.get("product_type") == "FUTURE"
        else [
            {
                "product_id": "BTC-USDT",
                "price": "50000.6",
                "base_increment": "0.00000001",
                "quote_increment": "0.01",
                "price_increment": "0.01",
                "quote_min_size": "1",
                "quote_max_size": "10000000",
                "base_min_size": "0.00001",
                "base_max_size": "3400",
                "status": "online",
                "trading_disabled": False,
                "is_disabled": False,
                "cancel_only": False,
                "limit_only": False,
                "post_only": False,
                "auction_mode": False,
                "product_type": "SPOT",
                "quote_currency_id": "USDT",
                "base_currency_id": "BTC",
            }
        ],
        "num_products": 1,
    },
    "GET brokerage/transaction_summary": {
        "total_volume": 0,
        "fee_tier": {"taker_fee_rate": "0.01", "maker_fee_rate": "0.006"},
    },
    "GET brokerage/accounts": {
        "accounts": [
            {
                "uuid": "1",
                "name": f"{currency} Wallet",
                "currency": currency,
                "available_balance": {"value": value, "currency": currency},
                "hold": {"value": held, "currency": currency},
                "type": "ACCOUNT_TYPE_CRYPTO",
                "active": True,
            }
            for currency, value, held in (
                ("BTC", "0.1234567899", "0"),
                ("USDT", "990.123456789", "10"),
                ("USD", "77", "0"),
            )
        ],
        "has_next": False,
        "cursor": "",
    },
    "POST brokerage/orders": {
        "success": True,
        "success_response": {
            "order_id": "0000-000000-000000",
            "product_id": "BTC-USDT",
            "side": "BUY",
            "client_order_id": UUID,
        },
        "order_configuration": {"market_market_ioc": {"base_size": QUANTITY}},
    },
    "GET brokerage/orders/historical/0000-000000-000000": {"order": _COINBASE_ORDER},
    "GET brokerage/orders/historical/batch": {
        "orders": [_COINBASE_ORDER],
        "has_next": False,
        "cursor": "",
    },
    "GET brokerage/orders/historical/fills": {
        "fills": [
            _coinbase_fill("t1", "50000", "0.0002", "0.1"),
            _coinbase_fill("t2", "50010.5", "0.00001", "0.005"),
        ],
        "cursor": "",
    },
}

_BYBIT_ORDER = {
    "orderId": "1523347543495541248",
    "orderLinkId": NAME,
    "symbol": "BTCUSDT",
    "price": "0",
    "qty": QUANTITY,
    "side": "Buy",
    "orderStatus": "Filled",
    "orderType": "Market",
    "avgPrice": "50000.5",
    "leavesQty": "0",
    "leavesValue": "0",
    "cumExecQty": QUANTITY,
    "cumExecValue": "10.500105",
    "cumExecFee": "0.00000021",
    "timeInForce": "IOC",
    "marketUnit": "baseCoin",
    "createdTime": str(AT_MS + 300),
    "updatedTime": str(AT_MS + 301),
}


def _bybit_fill(trade: str, price: str, size: str, value: str, fee: str) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "orderId": "1523347543495541248",
        "orderLinkId": NAME,
        "execId": trade,
        "side": "Buy",
        "orderType": "Market",
        "execType": "Trade",
        "execPrice": price,
        "execQty": size,
        "execValue": value,
        "execFee": fee,
        "feeCurrency": "BTC",
        "feeRate": "0.001",
        "isMaker": False,
        "execTime": str(AT_MS + 300),
    }


def _bybit(**result: object) -> dict[str, Any]:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": AT_MS}


BYBIT: dict[str, Answer] = {
    "GET /v5/market/time": _bybit(timeSecond="1760000000", timeNano="1760000000123456789"),
    "GET /v5/user/query-api": _bybit(uta=1, unified=0),
    "GET /v5/account/info": _bybit(unifiedMarginStatus=5),
    "GET /v5/asset/coin/query-info": _bybit(rows=[]),
    "GET /v5/market/instruments-info": _bybit(
        category="spot",
        list=[
            {
                "symbol": "BTCUSDT",
                "baseCoin": "BTC",
                "quoteCoin": "USDT",
                "innovation": "0",
                "status": "Trading",
                "marginTrading": "none",
                "lotSizeFilter": {
                    "basePrecision": "0.000001",
                    "quotePrecision": "0.0000001",
                    "minOrderQty": "0.000011",
                    "maxOrderQty": "83",
                    "maxMarketOrderQty": "41.5",
                    "minOrderAmt": "5",
                    "maxOrderAmt": "8000000",
                },
                "priceFilter": {"tickSize": "0.1"},
            }
        ],
    ),
    "GET /v5/account/fee-rate": _bybit(
        list=[{"symbol": "BTCUSDT", "takerFeeRate": "0.001", "makerFeeRate": "0.001"}]
    ),
    "GET /v5/market/tickers": _bybit(
        category="spot", list=[{"symbol": "BTCUSDT", "lastPrice": "50000.6"}]
    ),
    "GET /v5/account/wallet-balance": _bybit(
        list=[
            {
                "accountType": "UNIFIED",
                "coin": [
                    {"coin": "BTC", "walletBalance": "0.1234567899", "locked": "0"},
                    {"coin": "USDT", "walletBalance": "1000.123456789", "locked": "10"},
                    {"coin": "USD", "walletBalance": "77", "locked": "0"},
                ],
            }
        ]
    ),
    "POST /v5/order/create": _bybit(orderId="1523347543495541248", orderLinkId=NAME),
    "GET /v5/order/realtime": _bybit(category="spot", list=[_BYBIT_ORDER], nextPageCursor=""),
    "GET /v5/order/history": _bybit(category="spot", list=[_BYBIT_ORDER], nextPageCursor=""),
    "GET /v5/execution/list": _bybit(
        category="spot",
        nextPageCursor="",
        list=[
            _bybit_fill("x1", "50000", "0.0002", "10", "0.0000002"),
            _bybit_fill("x2", "50010.5", "0.00001", "0.500105", "0.00000001"),
        ],
    ),
}

_KUCOIN_ORDER = {
    "id": "6717422bd51c29000775ea03",
    "clientOid": NAME,
    "symbol": "BTC-USDT",
    "opType": "DEAL",
    "type": "market",
    "side": "buy",
    "price": "0",
    "size": QUANTITY,
    "funds": "0",
    "dealSize": QUANTITY,
    "dealFunds": "10.500105",
    "fee": "0.0105",
    "feeCurrency": "USDT",
    "timeInForce": "GTC",
    "active": False,
    "isActive": False,
    "inOrderBook": False,
    "cancelExist": False,
    "remainSize": "0",
    "remainFunds": "0",
    "createdAt": AT_MS + 300,
    "lastUpdatedAt": AT_MS + 301,
    "tradeType": "TRADE",
}


def _kucoin_fill(trade: int, price: str, size: str, funds: str, fee: str) -> dict[str, Any]:
    return {
        "id": trade,
        "symbol": "BTC-USDT",
        "tradeId": str(trade),
        "orderId": "6717422bd51c29000775ea03",
        "counterOrderId": "1",
        "side": "buy",
        "liquidity": "taker",
        "forceTaker": False,
        "price": price,
        "size": size,
        "funds": funds,
        "fee": fee,
        "feeRate": "0.001",
        "feeCurrency": "USDT",
        "type": "market",
        "tradeType": "TRADE",
        "createdAt": AT_MS + 300,
    }


def _kucoin(data: object) -> dict[str, Any]:
    return {"code": "200000", "data": data}


KUCOIN: dict[str, Answer] = {
    "GET /api/v1/timestamp": _kucoin(AT_MS),
    "GET /api/ua/v1/account/mode": _kucoin({"selfAccountMode": "CLASSIC"}),
    "GET currencies": _kucoin([]),
    "GET /api/v2/symbols": _kucoin(
        [
            {
                "symbol": "BTC-USDT",
                "name": "BTC-USDT",
                "baseCurrency": "BTC",
                "quoteCurrency": "USDT",
                "feeCurrency": "USDT",
                "market": "USDS",
                "baseMinSize": "0.00001",
                "quoteMinSize": "0.1",
                "baseMaxSize": "10000000000",
                "quoteMaxSize": "99999999",
                "baseIncrement": "0.00000001",
                "quoteIncrement": "0.000001",
                "priceIncrement": "0.1",
                "minFunds": "0.1",
                "isMarginEnabled": False,
                "enableTrading": True,
                "feeCategory": 1,
                "makerFeeCoefficient": "1.00",
                "takerFeeCoefficient": "1.00",
            }
        ]
    ),
    "GET margin/symbols": _kucoin({"items": []}),
    "GET /api/v1/isolated/symbols": _kucoin([]),
    "GET /api/v1/market/allTickers": _kucoin(
        {"time": AT_MS, "ticker": [{"symbol": "BTC-USDT", "last": "50000.6"}]}
    ),
    "GET /api/v1/contracts/active": _kucoin([]),
    "GET /api/v1/hf/accounts/opened": _kucoin(False),
    "GET /api/v1/trade-fees": _kucoin(
        [{"symbol": "BTC-USDT", "takerFeeRate": "0.001", "makerFeeRate": "0.001"}]
    ),
    "GET /api/v1/accounts": _kucoin(
        [
            {
                "id": "1",
                "currency": "BTC",
                "type": "trade",
                "balance": "0.1234567899",
                "available": "0.1234567899",
                "holds": "0",
            },
            {
                "id": "2",
                "currency": "USDT",
                "type": "trade",
                "balance": "1000.123456789",
                "available": "990.123456789",
                "holds": "10",
            },
            {
                "id": "3",
                "currency": "USD",
                "type": "trade",
                "balance": "77",
                "available": "77",
                "holds": "0",
            },
        ]
    ),
    "POST /api/v1/orders": _kucoin({"orderId": "6717422bd51c29000775ea03"}),
    "GET /api/v1/orders/6717422bd51c29000775ea03": _kucoin(_KUCOIN_ORDER),
    f"GET /api/v1/order/client-order/{NAME}": _kucoin(_KUCOIN_ORDER),
    "GET /api/v1/orders": _kucoin({"currentPage": 1, "totalPage": 1, "items": []}),
    "GET /api/v1/fills": _kucoin(
        {
            "currentPage": 1,
            "totalPage": 1,
            "items": [
                _kucoin_fill(1, "50000", "0.0002", "10", "0.01"),
                _kucoin_fill(2, "50010.5", "0.00001", "0.500105", "0.00050011"),
            ],
        }
    ),
}

EXCHANGES: dict[str, dict[str, Answer]] = {
    "kraken": KRAKEN,
    "okx": OKX,
    "coinbase": COINBASE,
    "bybit": BYBIT,
    "kucoin": KUCOIN,
}

ORDER_CALLS = {
    "kraken": "POST /0/private/AddOrder",
    "okx": "POST /api/v5/trade/batch-orders",
    "coinbase": "POST brokerage/orders",
    "bybit": "POST /v5/order/create",
    "kucoin": "POST /api/v1/orders",
}
