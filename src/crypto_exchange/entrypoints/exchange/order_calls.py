"""Signed calls that place, test and cancel orders.

They take effect only within the window of their request, which is checked again right then.
"""

import secrets
from contextlib import suppress

import msgspec

from crypto_exchange.entrypoints.exchange import answers
from crypto_exchange.entrypoints.exchange.account import LateOrder, Order, Trade
from crypto_exchange.entrypoints.exchange.answers import Answer
from crypto_exchange.entrypoints.exchange.failures import (
    ApiError,
    InsufficientBalanceError,
    bad_combination,
    missing,
)
from crypto_exchange.entrypoints.exchange.faults import Meeting
from crypto_exchange.entrypoints.exchange.fills import FeeRule, Side, fill_order, split
from crypto_exchange.entrypoints.exchange.listing import Symbol
from crypto_exchange.entrypoints.exchange.parameters import Parameters
from crypto_exchange.entrypoints.exchange.venue import Call, Venue

_CLIENT_ID = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
_NOT_FOR_MARKET_ORDERS = ("price", "timeInForce", "stopPrice", "icebergQty", "trailingDelta")


class Wanted(msgspec.Struct, frozen=True):
    """A market order as asked for; one of `quantity` and `quote_amount` is given."""

    symbol: Symbol
    side: Side
    quantity: int | None
    quote_amount: int | None
    client_id: str
    detail: str

    def quantity_at(self, price: int) -> int:
        """The quantity that passes the filters at `price`."""
        if self.quote_amount is not None:
            quantity = self.symbol.quantity_worth(self.quote_amount, price)
        else:
            quantity = self.quantity or 0
        self.symbol.check(quantity, price)
        return quantity


def check(venue: Venue, call: Call) -> None:
    """Refuse an order that its parameters or the market's rules now do not allow."""
    wanted = _wanted(venue, call.parameters)
    now_ms = venue.now_ms()
    venue.faults.meet_standing(wanted.symbol.name, now_ms)
    wanted.quantity_at(venue.price(wanted.symbol, now_ms))


def place(venue: Venue, call: Call) -> Answer:
    """Fill the order at the current price; it is on disk before the answer is made."""
    wanted = _wanted(venue, call.parameters)
    if call.meeting is not None and call.meeting.kind in ("timeout_late", "late_fill"):
        return _postpone(venue, wanted, call, call.meeting)
    with venue.account.writing():
        now_ms = _enter(venue, call)
        order, trades = _execute(venue, wanted, now_ms, call.meeting)
    return answers.placed(order, trades, wanted.detail)


def execute_late(venue: Venue) -> None:
    """Execute the postponed orders that are due, each as of the moment when it was.

    To be called before anything is read or written, which then is as if they had been executed
    right then. One that can't be executed any more is forgotten.
    """
    for late in venue.account.due_orders(venue.now_ms()):
        with venue.account.writing():
            venue.account.forget_late(late)
            with suppress(ApiError):
                _execute(venue, _wanted_then(venue, late), late.due, None)


def test(venue: Venue, call: Call) -> Answer:
    """Everything that `place` checks except the balance."""
    wanted = _wanted(venue, call.parameters)
    rates = call.parameters.choice("computeCommissionRates", ("true", "false"), "false")
    now_ms = _enter(venue, call)
    wanted.quantity_at(venue.price(wanted.symbol, now_ms))
    return answers.tested_commission(venue.rate) if rates == "true" else {}


def cancel(venue: Venue, call: Call) -> Answer:
    """Always refused: market orders are never open by the time that they have an id."""
    venue.symbol(call.parameters)
    if "orderId" not in call.parameters and "origClientOrderId" not in call.parameters:
        raise ApiError(
            -1102,
            "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
        )
    call.parameters.integer("orderId")
    _enter(venue, call)
    raise ApiError(-2011, "Unknown order sent.")


def _enter(venue: Venue, call: Call) -> int:
    """The moment of taking effect; refused if it is outside the request's window."""
    now_ms = venue.now_ms()
    if call.window is not None:
        call.window.check(now_ms)
    return now_ms


def _postpone(venue: Venue, wanted: Wanted, call: Call, meeting: Meeting) -> Answer:
    """Keep the order for later; one that is kept must be within its window then, too."""
    due = _enter(venue, call) + meeting.after_ms
    if meeting.kind == "timeout_late" and call.window is not None:
        call.window.check(due)
    late = (wanted.client_id, wanted.side, wanted.quantity, wanted.quote_amount)
    with venue.account.writing():
        venue.account.postpone(LateOrder(0, due, wanted.symbol.name, *late))
    return {}


def _wanted_then(venue: Venue, late: LateOrder) -> Wanted:
    """It passed the rules when it came: neither faults nor the price since make it too small."""
    listed = venue.symbols.get(late.symbol)
    if listed is None:
        raise ApiError(-1121, "Invalid symbol.")
    symbol = msgspec.structs.replace(listed, min_notional=0)
    return Wanted(symbol, late.side, late.quantity, late.quote_wanted, late.client_id, "ACK")


def _execute(
    venue: Venue, wanted: Wanted, now_ms: int, meeting: Meeting | None
) -> tuple[Order, list[Trade]]:
    symbol, side = wanted.symbol, wanted.side
    price = venue.price(symbol, now_ms)
    quantity = wanted.quantity_at(price)
    parts = [quantity]
    if meeting is not None and meeting.fault.fraction is not None:
        parts = split(quantity, symbol.lot_step, meeting.fault.fraction, meeting.draw)

    def record(fee: FeeRule) -> tuple[Order, list[Trade]]:
        coin, quote = symbol.coin, symbol.quote
        return venue.account.record(
            symbol.name,
            side,
            [fill_order(coin, quote, side, quantity=p, price=price, fee=fee) for p in parts],
            quantity=quantity,
            client_id=wanted.client_id,
            quote_wanted=wanted.quote_amount or 0,
            now_ms=now_ms,
            listed=2 if meeting is not None and meeting.kind == "duplicate_fill" else 1,
        )

    fee = venue.fee(now_ms)
    try:
        return record(fee)
    except InsufficientBalanceError as refusal:
        if refusal.asset != fee.charged_in or refusal.asset == symbol.coin:
            raise
    # As on the real venue: without enough of the third coin, what is received pays the fee.
    return record(FeeRule(fee.rate, "received"))


def _wanted(venue: Venue, parameters: Parameters) -> Wanted:
    symbol = venue.symbol(parameters)
    side = _side(parameters)
    if parameters.required("type") != "MARKET":
        raise ApiError(-1116, "Invalid orderType.")
    for name in _NOT_FOR_MARKET_ORDERS:
        if name in parameters:
            raise ApiError(-1106, f"Parameter '{name}' sent when not required.")
    quantity, quote_amount = parameters.amount("quantity"), parameters.amount("quoteOrderQty")
    if quantity is not None and quote_amount is not None:
        raise bad_combination()
    if quantity is None and quote_amount is None:
        raise missing("quantity")
    return Wanted(
        symbol=symbol,
        side=side,
        quantity=quantity,
        quote_amount=quote_amount,
        client_id=parameters.text("newClientOrderId", _CLIENT_ID) or secrets.token_urlsafe(16),
        detail=parameters.choice("newOrderRespType", ("ACK", "RESULT", "FULL"), "FULL"),
    )


def _side(parameters: Parameters) -> Side:
    match parameters.required("side"):
        case "BUY":
            return "BUY"
        case "SELL":
            return "SELL"
        case _:
            raise ApiError(-1117, "Invalid side.")
