"""Orders of the protocol: how a purchase is asked for, which order is ours, what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from crypto_exchange.adapters.exchange.binance_amounts import fine, round_up, unit
from crypto_exchange.adapters.exchange.binance_wire import (
    Execution,
    FoundOrder,
    NewFill,
    Order,
    Trade,
)
from crypto_exchange.domain.money import (
    PRICE_SCALE,
    USD_SCALE,
    ceil_div,
    format_units,
    parse_units,
    pow10,
)
from crypto_exchange.domain.purchase import Fill, Filled, Outcome, Purchase, Rejected, RejectionKind

FOUND_MARGIN_MS = 30_000
"""How long after the end of its window an order may still be ours."""

_TERMINAL = frozenset({"FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED"})


def order_parameters(purchase: Purchase, quote: str) -> dict[str, str | int]:
    """A market buy, complete but for the signature."""
    return {
        "symbol": f"{purchase.asset}{quote}",
        "side": "BUY",
        "type": "MARKET",
        "quantity": format_units(purchase.quantity, purchase.scale, 0),
        "newClientOrderId": purchase.client_order_id,
        "newOrderRespType": "FULL",
        "recvWindow": purchase.window_ms,
        "timestamp": purchase.timestamp_ms,
    }


def is_asked_for(order: Order, purchase: Purchase, quote: str) -> bool:
    """Whether an order is the one that this purchase asks for, its time aside.

    Raises:
        ValueError: its quantity is no plain decimal.
    """
    return (
        order.symbol == f"{purchase.asset}{quote}"
        and order.client_order_id == purchase.client_order_id
        and order.side == "BUY"
        and fine(order.orig_qty) == purchase.quantity * unit(purchase.scale)
    )


def is_ours(order: FoundOrder, purchase: Purchase, quote: str) -> bool:
    """Whether an order that was found came from this purchase. Raises ValueError."""
    latest_ms = purchase.window_end_ms + FOUND_MARGIN_MS
    in_time = purchase.timestamp_ms <= order.time <= latest_ms
    return in_time and is_asked_for(order, purchase, quote)


def is_terminal(order: Order) -> bool:
    """Whether the exchange has finished with it."""
    return order.status in _TERMINAL


def conclude(
    purchase: Purchase, order: Order, executions: Sequence[NewFill | Trade], quote: str
) -> Outcome | None:
    """What came of our order; None unless it is final and its executions agree and add up.

    Raises:
        ValueError: an amount is no plain decimal, or a quantity finer than the asset's unit.
    """
    executed = _quantity(order.executed_qty, purchase.scale)
    whole = executed == purchase.quantity
    if not is_terminal(order) or executed > purchase.quantity:
        return None
    if order.status == "FILLED" and not whole:
        return None
    if order.status == "REJECTED" and executed == 0:
        told = "the exchange lists the order as rejected"
        return Rejected(kind=RejectionKind.RULES, code=order.status, message=told)
    fills = tuple(_fill(each, str(each.trade_id), purchase, quote) for each in executions)
    filled = Filled(fills=fills)  # in which a trade that is listed twice counts once
    agree = len(filled.fills) == len(set(fills))
    return filled if agree and filled.quantity == executed else None


def _fill(execution: Execution, trade_id: str, purchase: Purchase, quote: str) -> Fill:
    """A cost or fee finer than our units is rounded up: never less than the exchange took."""
    quantity = _quantity(execution.qty, purchase.scale)
    price = parse_units(execution.price, PRICE_SCALE)
    cost = ceil_div(quantity * price, pow10(purchase.scale + PRICE_SCALE - USD_SCALE))
    currency, scale = _fee_currency(execution.commission_asset, purchase, quote)
    return Fill(
        trade_id=trade_id,
        quantity=quantity,
        cost=cost,
        fee=round_up(execution.commission, scale),
        fee_currency=currency,
    )


def _fee_currency(asset: str, purchase: Purchase, quote: str) -> tuple[str, int]:
    """The currency that a fee is booked in, and its scale."""
    if asset == quote:
        return "USD", USD_SCALE
    return asset, purchase.scale if asset == purchase.asset else USD_SCALE


def _quantity(text: str, scale: int) -> int:
    units, rest = divmod(fine(text), unit(scale))
    if rest:
        raise ValueError(f"expected a quantity with at most {scale} decimals, was {text[:40]!r}")
    return units
