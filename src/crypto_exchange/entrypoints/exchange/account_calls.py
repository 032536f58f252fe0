"""Signed calls that read the account: balances, orders, trades."""

from crypto_exchange.entrypoints.exchange import answers
from crypto_exchange.entrypoints.exchange.account import Span
from crypto_exchange.entrypoints.exchange.answers import Answer
from crypto_exchange.entrypoints.exchange.failures import ApiError, bad_combination
from crypto_exchange.entrypoints.exchange.parameters import Parameters
from crypto_exchange.entrypoints.exchange.venue import Call, Venue

_DAY_MS = 24 * 60 * 60 * 1000


def account(venue: Venue, call: Call) -> Answer:
    """Balances of all listed and held currencies, and the fee."""
    hide_empty = call.parameters.choice("omitZeroBalances", ("true", "false"), "false") == "true"
    held = sorted(venue.holdings().items())
    shown = {asset: free for asset, free in held if free or not hide_empty}
    return answers.account(shown, venue.rate, venue.account.last_change())


def commission(venue: Venue, call: Call) -> Answer:
    """The fee for one symbol."""
    return answers.commission(venue.symbol(call.parameters).name, venue.rate)


def order(venue: Venue, call: Call) -> Answer:
    """The newest order with the id, the client id, or both."""
    symbol = venue.symbol(call.parameters)
    order_id = call.parameters.integer("orderId")
    client_id = call.parameters.text("origClientOrderId")
    if order_id is None and client_id is None:
        raise ApiError(
            -1102,
            "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
        )
    found = venue.account.find_order(symbol.name, order_id, client_id)
    if found is None:
        raise ApiError(-2013, "Order does not exist.")
    return answers.order(found)


def open_orders(venue: Venue, call: Call) -> list[Answer]:
    """None: a market order is filled by the time that it has an id."""
    if "symbol" in call.parameters:
        venue.symbol(call.parameters)
    return []


def all_orders(venue: Venue, call: Call) -> list[Answer]:
    """With `orderId` from that one on; with times those within; otherwise the newest."""
    symbol = venue.symbol(call.parameters)
    start, end = _times(call.parameters)
    span = Span(
        from_id=call.parameters.integer("orderId"),
        start=start,
        end=end,
        limit=call.parameters.limit(),
    )
    return [answers.order(found) for found in venue.account.list_orders(symbol.name, span)]


def my_trades(venue: Venue, call: Call) -> list[Answer]:
    """With `fromId` from that one on; of one order; with times those within; or the newest."""
    symbol = venue.symbol(call.parameters)
    start, end = _times(call.parameters)
    span = Span(
        from_id=call.parameters.integer("fromId"),
        order_id=call.parameters.integer("orderId"),
        start=start,
        end=end,
        limit=call.parameters.limit(),
    )
    timed = start is not None or end is not None
    if timed and (span.from_id is not None or span.order_id is not None):
        raise bad_combination()
    trades = venue.account.list_trades(symbol.name, span)
    return [answers.trade(found) for found in trades for _ in range(found.listed)]


def _times(parameters: Parameters) -> tuple[int | None, int | None]:
    start, end = parameters.integer("startTime"), parameters.integer("endTime")
    if start is not None and end is not None:
        if end < start:
            raise ApiError(-1128, "Start time is greater than end time.")
        if end - start > _DAY_MS:
            raise ApiError(-1127, "More than 24 hours between startTime and endTime.")
    return start, end
