"""A venue with Binance's protocol that tells what a script of the testing kit says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeAlias

from crypto_exchange.domain.money import USD_SCALE, format_units
from crypto_exchange.entrypoints.testing.contracts import Script, ToldOrder, ToldTrade
from tests.integration.test_binance_adapter import Request, error, http

Row: TypeAlias = dict[str, Any]

QUOTE = "USDT"
ENDED = ("CANCELED", "EXPIRED", "EXPIRED_IN_MATCH")
_PAGE = 500
_OTHERS = 1_000_000
"""Where the numbers of somebody else's orders begin; ours count from 1."""
_OTHERS_TRADE = ToldTrade(quantity="0.001", price="50000")


class ScriptedBinance:
    """Answers like Binance, for one script; refuses orders with the HTTP status `refused_with`."""

    def __init__(self, script: Script, *, refused_with: int = 400) -> None:
        self._script, self._refused_with = script, refused_with
        self._symbol = f"{script.asset}{QUOTE}"

    async def __call__(self, request: Request) -> bytes:
        if request.call == "GET time":
            now_ms = self._script.now_ms()
            await asyncio.sleep(self._script.clock_delay_s)
            return http({"serverTime": now_ms})
        if request.call in {"GET order", "GET allOrders", "GET myTrades"}:
            self._script.look_up()
        answers: dict[str, Callable[[Row], bytes]] = {
            "GET exchangeInfo": lambda _: http({"symbols": [self._market()]}),
            "GET ticker/price": lambda _: http(
                [{"symbol": self._symbol, "price": self._script.price}]
            ),
            "GET account": lambda _: http(self._account()),
            "GET order": self._order,
            "GET allOrders": lambda asked: http(_page(self._listed(), "orderId", asked)),
            "GET myTrades": lambda asked: http(_page(self._trades(), "id", asked)),
            "POST order": self._refuse,
        }
        return answers[request.call](request.parameters)

    def _refuse(self, asked: Row) -> bytes:
        self._script.sent.append(asked["newClientOrderId"])
        return error(-2010, "Market is closed.", self._refused_with)

    def _order(self, asked: Row) -> bytes:
        name = asked.get("origClientOrderId")
        for told, row in zip(self._script.orders, self._ours(), strict=True):
            named = told.named and row["clientOrderId"] == name
            if named or str(row["orderId"]) == asked.get("orderId"):
                return http(row)
        by_number = (r for r in self._others() if str(r["orderId"]) == asked.get("orderId"))
        found = next(by_number, None)
        return error(-2013, "Order does not exist.") if found is None else http(found)

    def _ours(self) -> list[Row]:
        return [self._row(number, told) for number, told in enumerate(self._script.orders, 1)]

    def _others(self) -> list[Row]:
        first = self._script.orders[0] if self._script.others else None
        if first is None:
            return []
        whole = {"status": "FILLED", "origQty": "0.001", "executedQty": "0.001", "side": "BUY"}
        return [
            {
                "symbol": self._symbol,
                "orderId": _OTHERS + number,
                "clientOrderId": f"somebody-{number}",
                "time": first.purchase.timestamp_ms + number,
                **_constant(),
                **whole,
            }
            for number in range(self._script.others)
        ]

    def _listed(self) -> list[Row]:
        told = zip(self._script.orders, self._ours(), strict=True)
        return self._others() + [row for order, row in told if order.listed]

    def _row(self, number: int, told: ToldOrder) -> Row:
        return {
            "symbol": self._symbol,
            "orderId": number,
            "clientOrderId": told.purchase.client_order_id,
            "side": "BUY",
            "status": told.status or "FILLED",
            "origQty": format_units(told.ordered, told.purchase.scale, 0),
            "executedQty": f"{sum((Decimal(t.quantity) for t in told.trades), Decimal(0)):f}",
            "time": told.at_ms,
            **_constant(),
        }

    def _trades(self) -> list[Row]:
        others = [
            self._trade(row["orderId"], row["orderId"], row["time"], _OTHERS_TRADE)
            for row in self._others()
        ]
        ours = [
            self._trade(number * 100 + place, number, told.at_ms, trade)
            for number, told in enumerate(self._script.orders, 1)
            for place, trade in enumerate(told.trades)
        ]
        return others + ours

    def _trade(self, number: int, order_id: int, at_ms: int, told: ToldTrade) -> Row:
        return {
            "symbol": self._symbol,
            "id": number,
            "orderId": order_id,
            "price": told.price,
            "qty": told.quantity,
            "quoteQty": f"{Decimal(told.quantity) * Decimal(told.price):f}",
            "commission": told.fee,
            "commissionAsset": QUOTE if told.fee_currency == "USD" else told.fee_currency,
            "time": at_ms,
            "isBuyer": True,
            "isMaker": False,
        }

    def _account(self) -> Row:
        return {
            "commissionRates": {"taker": f"{Decimal(self._script.rule.fee_ppm) / 10**6:f}"},
            "balances": [
                {"asset": QUOTE if name == "USD" else name, "free": free, "locked": held}
                for name, (free, held) in self._script.balances.items()
            ]
            + [{"asset": "USD", "free": "77", "locked": "0"}],  # dollars that we do not pay with
        }

    def _market(self) -> Row:
        """Every limit of a market order is in the filter where only one who looks for it sees it."""
        rule = self._script.rule
        least, most, step = (
            format_units(units, 8, 0)
            for units in (rule.min_quantity, rule.max_quantity, rule.lot_step)
        )
        least_cost = format_units(rule.min_notional, USD_SCALE, 0)
        weak = {"minQty": step, "maxQty": "9000000", "stepSize": step}
        strict = {"minQty": least, "maxQty": most, "stepSize": "0.00000000"}
        return {
            "symbol": self._symbol,
            "status": "TRADING",
            "baseAsset": self._script.asset,
            "baseAssetPrecision": 8,
            "quoteAsset": QUOTE,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "MARKET"],
            "isSpotTradingAllowed": True,
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": "0.01",
                    "maxPrice": "1000000",
                    "tickSize": "0.01",
                },
                {"filterType": "LOT_SIZE", **weak},
                {"filterType": "MARKET_LOT_SIZE", **strict},
                {"filterType": "NOTIONAL", "minNotional": least_cost, "applyMinToMarket": True},
            ],
        }


def _constant() -> Row:
    return {"price": "0", "timeInForce": "GTC", "type": "MARKET"}


def _page(rows: list[Row], number: str, asked: Row) -> list[Row]:
    """Those asked for, the oldest or those with the lowest numbers first, as many as fit."""
    first_ms, last_ms = int(asked.get("startTime", 0)), int(asked.get("endTime", 2**62))
    fitting = [
        row
        for row in rows
        if first_ms <= row["time"] <= last_ms
        and row[number] >= int(asked.get("fromId", 0))
        and asked.get("orderId", str(row["orderId"])) == str(row["orderId"])
    ]
    order = number if "fromId" in asked else "time"
    return sorted(fitting, key=lambda row: int(row[order]))[: int(asked.get("limit", _PAGE))]
