"""Orders as ccxt reads them: how a purchase is asked for, which order is ours, what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from crypto_exchange.adapters.exchange.binance_orders import FOUND_MARGIN_MS
from crypto_exchange.adapters.exchange.ccxt_amounts import exact, rounded_up, unit, whole_units
from crypto_exchange.adapters.exchange.ccxt_order_call import OrderCall
from crypto_exchange.adapters.exchange.ccxt_venues import Expiry, Venue
from crypto_exchange.domain.money import USD_SCALE, format_units
from crypto_exchange.domain.purchase import Fill, Filled, Outcome, Purchase, Rejected, RejectionKind

Order: TypeAlias = Mapping[str, Any]
Trade: TypeAlias = Mapping[str, Any]

_TERMINAL = frozenset({"closed", "canceled", "expired", "rejected"})


def order_call(purchase: Purchase, venue: Venue) -> OrderCall:
    """What is to leave, as texts, and until when."""
    return OrderCall(
        name=venue.name(purchase),
        quantity=format_units(purchase.quantity, purchase.scale, 0),
        stamp_ms=purchase.timestamp_ms if venue.expiry is Expiry.STAMP else None,
        until_ms=purchase.window_end_ms - venue.least_left_ms,
    )


def order_parameters(purchase: Purchase, venue: Venue, call: OrderCall) -> dict[str, object]:
    """What ccxt is told beside symbol, side and quantity."""
    parameters = {**venue.constants, venue.parameter: call.name}
    if venue.sized is not None:
        parameters |= venue.sized(call.quantity)
    if venue.expiry is Expiry.STAMP:
        parameters["recvWindow"] = purchase.window_ms
    if venue.expiry is Expiry.DEADLINE:
        end = datetime.fromtimestamp(purchase.window_end_ms // 1_000, UTC)
        parameters["deadline"] = f"{end:%Y-%m-%dT%H:%M:%S}.{purchase.window_end_ms % 1_000:03d}Z"
    return parameters


def symbol_of(purchase: Purchase, quote: str) -> str:
    """The market's name in ccxt."""
    return f"{purchase.asset}/{quote}"


def is_asked_for(order: Order, purchase: Purchase, venue: Venue, quote: str) -> bool:
    """Whether an order is the one that this purchase asks for, its time aside. Raises ValueError."""
    return (
        order.get("symbol") == symbol_of(purchase, quote)
        and _name(order) == venue.name(purchase)
        and order.get("side") == "buy"
        and order.get("amount") is not None
        and exact(order["amount"]) == purchase.quantity * unit(purchase.scale)
    )


def is_in_time(order: Order, purchase: Purchase) -> bool:
    """Whether an order was made between the intent and the end of its window, or little later."""
    return purchase.timestamp_ms <= time_of(order) <= purchase.window_end_ms + FOUND_MARGIN_MS


def time_of(row: Mapping[str, Any]) -> int:
    """When an order or trade was made, in milliseconds. Raises ValueError."""
    at_ms = row.get("timestamp")
    if not isinstance(at_ms, int):
        raise ValueError(f"expected a time, was {at_ms!r}")  # noqa: TRY004 - a bad answer
    return at_ms


def is_terminal(order: Order) -> bool:
    """Whether the exchange has finished with it."""
    return order.get("status") in _TERMINAL


def conclude(
    purchase: Purchase, order: Order, trades: Iterable[Trade], quote: str
) -> Outcome | None:
    """What came of our order; None unless it is final and its trades add up to what was filled.

    Raises:
        ValueError: an amount is missing or no text, or a quantity finer than the asset's unit.
    """
    if not is_terminal(order):
        return None
    filled = whole_units(order.get("filled"), purchase.scale)
    if order["status"] == "rejected" and filled == 0:
        told = "the exchange lists the order as rejected"
        return Rejected(kind=RejectionKind.RULES, code="rejected", message=told)
    once = {str(trade["id"]): trade for trade in trades}
    fills = tuple(_fill(name, trade, purchase, quote) for name, trade in once.items())
    adds_up = sum(fill.quantity for fill in fills) == filled <= purchase.quantity
    return Filled(fills=fills) if adds_up else None


def _name(order: Order) -> str | None:
    """The name that we gave it; some exchanges write it in capitals."""
    name = order.get("clientOrderId")
    return name.lower() if isinstance(name, str) else None


def _fill(trade_id: str, trade: Trade, purchase: Purchase, quote: str) -> Fill:
    """A cost or fee finer than our units is rounded up: never less than the exchange took."""
    fee, currency = _fee(trade, purchase, quote)
    return Fill(
        trade_id=trade_id,
        quantity=whole_units(trade.get("amount"), purchase.scale),
        cost=rounded_up(trade.get("cost"), USD_SCALE),
        fee=fee,
        fee_currency=currency,
    )


def _fee(trade: Trade, purchase: Purchase, quote: str) -> tuple[int, str]:
    """The fee and what it is booked in. One that is paid to us is left to the reconciliation."""
    charged = [fee for fee in _fees(trade) if fee.get("cost") is not None and exact(fee["cost"])]
    if not charged:
        return 0, "USD"
    if len(charged) > 1 or not charged[0].get("currency"):
        raise ValueError(f"expected one fee with its currency, was {charged!r}"[:200])
    currency = charged[0]["currency"]
    scale = purchase.scale if currency == purchase.asset else USD_SCALE
    fee = max(rounded_up(charged[0]["cost"], scale), 0)
    return fee, "USD" if currency == quote else str(currency)


def _fees(trade: Trade) -> Sequence[Mapping[str, Any]]:
    several: Sequence[Mapping[str, Any]] = trade.get("fees") or ()
    one = trade.get("fee")
    return several or ((one,) if one else ())
