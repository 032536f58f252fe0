"""Orders: place, list, show and cancel."""

from __future__ import annotations

from msgspec import UNSET

from crypto_exchange.domain.api_key import Scope
from crypto_exchange.domain.errors import InvalidField
from crypto_exchange.domain.placement import PlaceOrder
from crypto_exchange.domain.use_cases import orders
from crypto_exchange.domain.use_cases.currencies import get_asset
from crypto_exchange.domain.views import Cursor, OrderView
from crypto_exchange.entrypoints.http.amounts import read_dollars, read_quantity
from crypto_exchange.entrypoints.http.bodies import decode_body
from crypto_exchange.entrypoints.http.idempotency import read_request_key
from crypto_exchange.entrypoints.http.operations import (
    ApiRequest,
    Operation,
    get_context,
    get_session_id,
    get_user_id,
    read_id,
    route,
)
from crypto_exchange.entrypoints.http.paging import read_page
from crypto_exchange.entrypoints.http.receipts import ReceiptResponse, receipt_response
from crypto_exchange.entrypoints.http.replies import Reply, json_reply, replayed
from crypto_exchange.entrypoints.http.schemas import OrderRequest, OrderResponse, order_response

_BASE = "/api/v1/orders"
_PLACING = """\
Name exactly one of `amount` (coins) and `spend` (dollars), as in `{"crypto": "BTC", "spend": 5.00}`.
The total is taken from the wallet at once.

From the threshold on, $10.00 unless the operator chose another, an order is `pending` and bought at
once. A smaller one is `aggregated`: it waits, and can be cancelled, until the waiting orders of its
crypto-currency are bought together. Ask for the order again until its state is final: `completed`,
`partially_completed` (the rest is refunded), `failed` (refunded, with a `reason`) or `cancelled`.

Where the fraud rules are in force, an order may need a fresh code of the second factor
(`step_up_required`), or be `pending` with the reason `under_review` until an operator has looked at it:
released it goes on as any other, refused, or not decided on in time, it is `failed` with the reason
`refused` and a full refund.
"""
_ORDER = (
    '{"id": 1, "crypto": "ABAN", "amount": 3, "unit_price": 4.00, "total_price": 12.00, '
    '"state": "completed", "filled_amount": 3, "refunded": 0.00, "reason": null, '
    '"created_at": "2026-01-31T12:00:00.000000Z"}'
)
_PLACED = (
    '{"id": 1, "crypto": "ABAN", "amount": 3, "unit_price": 4.00, "total_price": 12.00, '
    '"state": "pending", "filled_amount": 0, "refunded": 0.00, "reason": null, '
    '"created_at": "2026-01-31T12:00:00.000000Z"}'
)
_CANCELLED = (
    '{"id": 2, "crypto": "ABAN", "amount": 1, "unit_price": 4.00, "total_price": 4.00, '
    '"state": "cancelled", "filled_amount": 0, "refunded": 4.00, "reason": null, '
    '"created_at": "2026-01-31T12:00:00.000000Z"}'
)
_RECEIPT = (
    '{"order_id": 2, "batch": "0123456789abcdef01234567", "rule": 1, "asset": "BTC", "scale": 8, '
    '"pricing": "quoted", "bought": 0.0002, "inventory_used": 0, "members": [{"id": '
    '"ff96e7517d4c6cb0c2b7e50979a0733bc3247377a09d8a6d43ace8836b8821c9", "quantity": 0.00008, '
    '"total": 4.00, "direct": false}, {"id": '
    '"2a4c68acdb2fd77ecdb401ec3ccedc357d0473e7a4d1732245a4d2bf918bb491", "quantity": 0.00012, '
    '"total": 6.00, "direct": false}], "fills": [{"trade_id": "28457", "quantity": 0.0002, '
    '"cost": 10.0002, "fee": 0.0100002, "fee_currency": "USD"}], "index": 1, '
    '"quantity": 0.00012, "charge": 6.00, "refund": 0.00}'
)
_PROVING = """\
What the order got of the purchase that settled it, and everything that this follows from: the members
(under hashes, with what they asked for), the trades, the coins that the house gave, and the version of
the rules. `crypto-exchange verify-receipt` computes the share again from it, without this service.

An order that waits, was cancelled, or ended without being settled by a batch has no receipt.
"""


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/",
        name="place_order",
        scope=Scope.TRADE,
        summary="Buy an amount of coins, or for a sum of dollars",
        tag="orders",
        description=_PLACING,
        request=OrderRequest,
        answer=OrderResponse,
        status=201,
        refusals=(
            "not_found",
            "insufficient_funds",
            "asset_halted",
            "invalid_amount",
            "amount_too_small",
            "amount_too_large",
            "unknown_asset",
            "price_stale",
            "step_up_required",
            "denied",
        ),
        idempotent=True,
        checks_session=True,
        limits=("orders",),
        example='{"crypto": "ABAN", "amount": 3}',
        answer_example=_PLACED,
    )
)
async def place_order(request: ApiRequest) -> Reply:
    """201 with the order."""
    body = await decode_body(request, OrderRequest)
    amount, spend = _read_wanted(body)
    command = PlaceOrder(
        user_id=get_user_id(request),
        asset=body.crypto,
        amount=amount,
        spend=spend,
        verified_at_us=request.user.verified_at_us,
        request=read_request_key(request, "orders", body.crypto, amount, spend),
    )
    order, scale, repeated = await orders.place(
        get_context(request), command, get_session_id(request)
    )
    headers = [(b"location", b"%s/%d/" % (_BASE.encode(), order.id)), *replayed(repeated)]
    return json_reply(order_response(order, scale), 201, headers)


@route(
    Operation(
        method="GET",
        path=f"{_BASE}/",
        name="list_orders",
        scope=Scope.READ,
        summary="List orders, newest first",
        tag="orders",
        answer=list[OrderResponse],
        paged=True,
        answer_example=f"[{_ORDER}]",
    )
)
async def list_orders(request: ApiRequest) -> Reply:
    """200 with a page."""
    page = read_page(request)
    views = await get_context(request).queries.list_orders(
        get_user_id(request), limit=page.wanted, after=page.after
    )
    shown, headers = page.show(views, _cursor)
    return json_reply([order_response(v.order, v.scale) for v in shown], headers=headers)


@route(
    Operation(
        method="GET",
        path=f"{_BASE}/{{id:str}}/",
        name="get_order",
        scope=Scope.READ,
        summary="Show an order",
        tag="orders",
        answer=OrderResponse,
        refusals=("not_found",),
        answer_example=_ORDER,
    )
)
async def get_order(request: ApiRequest) -> Reply:
    """200 with the order."""
    order_id = read_id(request, "order")
    view = await get_context(request).queries.get_order(get_user_id(request), order_id)
    return json_reply(order_response(view.order, view.scale))


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/{{id:str}}/cancel/",
        name="cancel_order",
        scope=Scope.TRADE,
        summary="Cancel an order while it waits (state aggregated), with a full refund",
        tag="orders",
        answer=OrderResponse,
        refusals=("not_found", "too_late"),
        checks_session=True,
        answer_example=_CANCELLED,
    )
)
async def cancel_order(request: ApiRequest) -> Reply:
    """200 with the order; a body is not looked at."""
    context = get_context(request)
    order_id = read_id(request, "order")
    order = await orders.cancel(context, get_user_id(request), order_id, get_session_id(request))
    asset = await get_asset(context, order.asset)
    return json_reply(order_response(order, asset.scale))


@route(
    Operation(
        method="GET",
        path=f"{_BASE}/{{id:str}}/receipt/",
        name="get_receipt",
        scope=Scope.READ,
        summary="Show how an order's share of its batch was computed",
        tag="orders",
        description=_PROVING,
        answer=ReceiptResponse,
        refusals=("not_found",),
        answer_example=_RECEIPT,
    )
)
async def get_receipt(request: ApiRequest) -> Reply:
    """200 with the receipt."""
    order_id = read_id(request, "order")
    receipt = await orders.get_receipt(get_context(request), get_user_id(request), order_id)
    return json_reply(receipt_response(receipt))


ROUTES = (place_order, list_orders, get_order, cancel_order, get_receipt)


def _read_wanted(body: OrderRequest) -> tuple[int | None, int | None]:
    """The amount or the spend. Raises `InvalidField` for both or neither."""
    if body.amount is not UNSET and body.spend is UNSET:
        return read_quantity("amount", body.amount), None
    if body.spend is not UNSET and body.amount is UNSET:
        return None, read_dollars("spend", body.spend)
    was = "neither" if body.amount is UNSET else "both"
    raise InvalidField("amount", "exactly one of amount and spend", was)


def _cursor(view: OrderView) -> Cursor:
    return Cursor(view.order.created_at_us, view.order.id)
