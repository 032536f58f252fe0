"""Looks a purchase up through ccxt: by its own name, then among all orders and trades of its time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crypto_exchange.adapters.exchange.binance_orders import FOUND_MARGIN_MS
from crypto_exchange.adapters.exchange.ccxt_client import CcxtClient, NoSuchOrder
from crypto_exchange.adapters.exchange.ccxt_orders import (
    Order,
    Trade,
    is_asked_for,
    is_in_time,
    symbol_of,
    time_of,
)
from crypto_exchange.adapters.exchange.ccxt_venues import Pages
from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.domain.purchase import Purchase

_DOUBT_MS = 60_000
"""No clock is wrong by more, and no order that an older database asked for is nearer."""

_MOST_PAGES = 40


async def find_order(client: CcxtClient, purchase: Purchase, quote: str) -> Order | None:
    """The order that came from a purchase; None if all look-ups answered and know none.

    One of the same name that is a little early proves nothing, one that is late is a late fill.

    Raises:
        Unavailable: a look-up was not answered, or not so that it proves anything.
        ValueError: an amount or time is not as it must be.
    """
    for order in await _list_named(client, purchase, quote, None):
        if is_in_time(order, purchase):
            return order
        if -_DOUBT_MS <= time_of(order) - purchase.timestamp_ms < 0:
            name, at_ms = client.venue.name(purchase), time_of(order)
            raise Unavailable(f"order {name} has the time {at_ms}, which is not its intent's")
    symbol = symbol_of(purchase, quote)
    span = (purchase.timestamp_ms, purchase.window_end_ms + FOUND_MARGIN_MS)
    listed = [
        order
        for call in _listings(client)
        for order in await _list_between(client, call, symbol, span)
    ]
    trades = await _list_between(client, "fetch_my_trades", symbol, span)
    known = {order.get("id") for order in listed}
    unlisted = {
        str(trade["order"])
        for trade in trades
        if trade.get("side") == "buy" and trade.get("symbol") == symbol and trade.get("order")
    }
    listed += [await get_order(client, each, symbol) for each in sorted(unlisted - known)]
    ours = (o for o in listed if is_asked_for(o, purchase, client.venue, quote))
    return next((order for order in ours if is_in_time(order, purchase)), None)


async def find_late_order(client: CcxtClient, purchase: Purchase, quote: str) -> Order | None:
    """The order that came from a purchase at any time since its timestamp. Raises as `find_order`."""
    since_ms = purchase.timestamp_ms
    for order in await _list_named(client, purchase, quote, since_ms):
        if time_of(order) >= since_ms:
            return order
    return None


async def list_trades(client: CcxtClient, order: Order) -> list[Trade]:
    """The trades of an order, as far as the exchange's pages can be turned. Raises Unavailable."""
    venue, order_id = client.venue, str(order["id"])
    symbol = None if venue.pages is Pages.OFFSET else order["symbol"]
    since_ms = None if venue.trades_of else time_of(order) - 1_000
    parameters = {venue.trades_of: order_id} if venue.trades_of else {}
    rows: list[Trade] = []
    for page in range(1, _MOST_PAGES):
        found = await client.ask("fetch_my_trades", symbol, since_ms, venue.page_size, parameters)
        rows += [trade for trade in found if trade.get("order") == order_id]
        if venue.page_size is None or len(found) < venue.page_size:
            break
        if venue.pages is Pages.OFFSET:
            parameters = {**parameters, "ofs": str(page * venue.page_size)}
        else:
            parameters = {**parameters, "fromId": str(int(found[-1]["id"]) + 1)}
    return rows


async def get_order(client: CcxtClient, order_id: str, symbol: str) -> Order:
    """One order by the exchange's own name for it. Raises Unavailable."""
    parameters = {"acknowledged": True} if client.api.id.startswith("bybit") else {}
    order: Order = await client.ask("fetch_order", order_id, symbol, parameters)
    return order


async def _list_named(
    client: CcxtClient, purchase: Purchase, quote: str, since_ms: int | None
) -> list[Order]:
    """Orders that are the one asked for, their time aside, as far as they can be had by name; where
    nothing takes it, all since a time are looked through (or none without one).
    """
    venue, symbol, name = client.venue, symbol_of(purchase, quote), client.venue.name(purchase)
    found: list[Order] = []
    if venue.named:
        try:
            found = [await client.ask("fetch_order", None, symbol, {venue.named: name})]
        except NoSuchOrder:
            found = []
    elif venue.listed_by:
        for call in _listings(client):
            found += await client.ask(call, symbol, None, None, {venue.listed_by: name})
    elif since_ms is not None:
        for call in _listings(client):
            found += await client.ask(call, symbol, since_ms)
    return [order for order in found if is_asked_for(order, purchase, venue, quote)]


def _listings(client: CcxtClient) -> Sequence[str]:
    """The calls that together list orders in every state."""
    if client.venue.listings:
        return client.venue.listings
    if client.can("fetch_orders"):
        return ("fetch_orders",)
    several = ("fetch_open_orders", "fetch_closed_orders", "fetch_canceled_orders")
    return tuple(call for call in several if client.can(call))


async def _list_between(
    client: CcxtClient, call: str, symbol: str, span: tuple[int, int]
) -> list[Mapping[str, Any]]:
    """Every row of a time, as far as the exchange's pages can be turned."""
    if client.venue.pages is Pages.HALVES:
        return await _list_halves(client, call, symbol, span)
    if client.venue.pages is Pages.OFFSET:
        return await _list_offsets(client, call, span)
    rows: list[Mapping[str, Any]] = await client.ask(call, symbol, span[0])
    return rows


async def _list_halves(
    client: CcxtClient, call: str, symbol: str, span: tuple[int, int]
) -> list[Mapping[str, Any]]:
    """A full page may lack some at either end: then it is asked for in halves."""
    (first_ms, last_ms), size = span, client.venue.page_size or 0
    rows: list[Mapping[str, Any]] = await client.ask(
        call, symbol, first_ms, size, {"until": last_ms}
    )
    if len(rows) < size:
        return rows
    if first_ms == last_ms:
        raise Unavailable(f"expected less than {size} rows in one millisecond, was a full page")
    middle_ms = (first_ms + last_ms) // 2
    earlier = await _list_halves(client, call, symbol, (first_ms, middle_ms))
    return earlier + await _list_halves(client, call, symbol, (middle_ms + 1, last_ms))


async def _list_offsets(
    client: CcxtClient, call: str, span: tuple[int, int]
) -> list[Mapping[str, Any]]:
    """All markets, because ccxt would hide the rows of others and with them whether a page is full."""
    size = client.venue.page_size or 0
    rows: list[Mapping[str, Any]] = []
    # The exchange takes whole seconds: one more at the beginning.
    since_ms = span[0] - 1_000
    for page in range(_MOST_PAGES):
        found = await client.ask(call, None, since_ms, None, {"ofs": str(page * size)})
        rows += found
        if len(found) < size:
            return rows
    raise Unavailable(f"expected less than {_MOST_PAGES * size} rows since {since_ms}, were more")
