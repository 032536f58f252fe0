"""Transactions: the movements of one's own wallet."""

from __future__ import annotations

from crypto_exchange.domain.api_key import Scope
from crypto_exchange.domain.views import Cursor, TransactionView
from crypto_exchange.entrypoints.http.operations import (
    ApiRequest,
    Operation,
    get_context,
    get_user_id,
    read_id,
    route,
)
from crypto_exchange.entrypoints.http.paging import read_page
from crypto_exchange.entrypoints.http.replies import Reply, json_reply
from crypto_exchange.entrypoints.http.schemas import TransactionResponse, transaction_response

_BASE = "/api/v1/transactions"
_TRANSACTION = (
    '{"id": 1, "type": "withdrawal", "amount": 12.00, "order_id": 1, '
    '"created_at": "2026-01-31T12:00:00.000000Z"}'
)


@route(
    Operation(
        method="GET",
        path=f"{_BASE}/",
        name="list_transactions",
        scope=Scope.READ,
        summary="List deposits and withdrawals, purchases and refunds included, newest first",
        tag="transactions",
        answer=list[TransactionResponse],
        paged=True,
        answer_example=f"[{_TRANSACTION}]",
    )
)
async def list_transactions(request: ApiRequest) -> Reply:
    """200 with a page."""
    page = read_page(request)
    views = await get_context(request).queries.list_transactions(
        get_user_id(request), limit=page.wanted, after=page.after
    )
    shown, headers = page.show(views, _cursor)
    return json_reply([transaction_response(view) for view in shown], headers=headers)


@route(
    Operation(
        method="GET",
        path=f"{_BASE}/{{id:str}}",
        name="get_transaction",
        scope=Scope.READ,
        summary="Show a transaction",
        tag="transactions",
        answer=TransactionResponse,
        refusals=("not_found",),
        answer_example=_TRANSACTION,
    )
)
async def get_transaction(request: ApiRequest) -> Reply:
    """200 with the transaction."""
    transaction_id = read_id(request, "transaction")
    view = await get_context(request).queries.get_transaction(get_user_id(request), transaction_id)
    return json_reply(transaction_response(view))


ROUTES = (list_transactions, get_transaction)


def _cursor(view: TransactionView) -> Cursor:
    return Cursor(view.created_at_us, view.id)
