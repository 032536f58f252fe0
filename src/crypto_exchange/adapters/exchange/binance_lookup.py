"""Looks a purchase up: by its own name, then among all orders and trades of its time."""

from __future__ import annotations

from typing import TypeVar

from crypto_exchange.adapters.exchange.binance_client import BinanceClient, Refused
from crypto_exchange.adapters.exchange.binance_orders import FOUND_MARGIN_MS, is_asked_for, is_ours
from crypto_exchange.adapters.exchange.binance_refusals import NO_SUCH_ORDER
from crypto_exchange.adapters.exchange.binance_wire import FoundOrder, Trade
from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.domain.purchase import Purchase

R = TypeVar("R")

_DOUBT_MS = 60_000
"""No clock is wrong by more, and no order that an older database asked for is nearer."""

_PAGE = 1_000
"""The most rows that the exchange lists at once."""


async def find_order(client: BinanceClient, purchase: Purchase, quote: str) -> FoundOrder | None:
    """The order that came from a purchase; None if all look-ups answered and know none.

    An order of the same name that differs is somebody else's. One that is earlier than ours can be, but
    by less than a minute, is not taken for ours, and proves nothing either: a clock may be wrong. One
    that is later came after the exchange should have refused it: a late fill, if this one is given up.

    Raises:
        Unavailable: a look-up was not answered, or not so that it proves anything.
        ValueError: an amount is no plain decimal.
    """
    symbol, name = f"{purchase.asset}{quote}", purchase.client_order_id
    named = await find_named(client, purchase, quote)
    if named is not None:
        if is_ours(named, purchase, quote):
            return named
        if -_DOUBT_MS <= named.time - purchase.timestamp_ms < 0:
            raise Unavailable(f"order {name} has the time {named.time}, which is not its intent's")
    span = (purchase.timestamp_ms, purchase.window_end_ms + FOUND_MARGIN_MS)
    listed = await _list_between(client, "/api/v3/allOrders", symbol, span, list[FoundOrder])
    ours = next((order for order in listed if is_ours(order, purchase, quote)), None)
    if ours is not None:
        return ours
    trades = await _list_between(client, "/api/v3/myTrades", symbol, span, list[Trade])
    unlisted = {trade.order_id for trade in trades if trade.is_buyer}
    for order_id in sorted(unlisted - {order.order_id for order in listed}):
        order = await _find(client, {"symbol": symbol, "orderId": order_id})
        if order is None:
            raise Unavailable(f"expected order {order_id} to exist as its trades do, it does not")
        if is_ours(order, purchase, quote):
            return order
    return None


async def find_named(client: BinanceClient, purchase: Purchase, quote: str) -> FoundOrder | None:
    """The order of a purchase's name that is as it was asked for, whatever its time. Raises as above."""
    which: dict[str, str | int] = {
        "symbol": f"{purchase.asset}{quote}",
        "origClientOrderId": purchase.client_order_id,
    }
    named = await _find(client, which)
    return named if named is not None and is_asked_for(named, purchase, quote) else None


async def list_trades(client: BinanceClient, order: FoundOrder) -> list[Trade]:
    """All trades of an order, by id. Raises Unavailable."""
    trades: list[Trade] = []
    from_id = 0
    while True:
        page = await client.ask_signed(
            "/api/v3/myTrades",
            {
                "symbol": order.symbol,
                "orderId": order.order_id,
                "fromId": from_id,
                "limit": _PAGE,
            },
            list[Trade],
        )
        trades += [trade for trade in page if trade.order_id == order.order_id]
        if len(page) < _PAGE:
            return trades
        if page[-1].trade_id < from_id:
            raise Unavailable(f"expected trades from {from_id} on, was {page[-1].trade_id}")
        from_id = page[-1].trade_id + 1


async def _find(client: BinanceClient, which: dict[str, str | int]) -> FoundOrder | None:
    try:
        return await client.ask_signed("/api/v3/order", which, FoundOrder)
    except Refused as refused:
        if refused.code != NO_SUCH_ORDER:
            raise
    return None


async def _list_between(
    client: BinanceClient, path: str, symbol: str, span: tuple[int, int], rows_type: type[list[R]]
) -> list[R]:
    """Every row of a time. A full page may lack some at either end: then it is asked for in halves."""
    first_ms, last_ms = span
    rows = await client.ask_signed(
        path,
        {"symbol": symbol, "startTime": first_ms, "endTime": last_ms, "limit": _PAGE},
        rows_type,
    )
    if len(rows) < _PAGE:
        return rows
    if first_ms == last_ms:
        raise Unavailable(f"expected less than {_PAGE} rows in one millisecond, was a full page")
    middle_ms = (first_ms + last_ms) // 2
    earlier = await _list_between(client, path, symbol, (first_ms, middle_ms), rows_type)
    return earlier + await _list_between(client, path, symbol, (middle_ms + 1, last_ms), rows_type)
