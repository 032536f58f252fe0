"""Privacy: what is kept of an account, for its owner; and its end."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from crypto_exchange.domain.use_cases import closing, export
from crypto_exchange.domain.use_cases.closing import CloseAccount
from crypto_exchange.entrypoints.http import amounts
from crypto_exchange.entrypoints.http.bodies import decode_body
from crypto_exchange.entrypoints.http.devices import read_device
from crypto_exchange.entrypoints.http.export import ExportResponse, write_export
from crypto_exchange.entrypoints.http.operations import (
    ApiRequest,
    Operation,
    get_actor,
    get_context,
    get_user_id,
    route,
)
from crypto_exchange.entrypoints.http.replies import Reply, StreamedReply, json_reply
from crypto_exchange.entrypoints.http.schemas import Code, Ident, Password, Quantity, Symbol

_BASE = "/api/v1/accounts"
_EXPORTING = """\
One JSON document, to keep: account, logins with their devices and addresses, API keys, wallet, coins,
orders, transactions, and what the log of security events has about the account. Secrets are not in it:
the password, tokens and keys are kept as hashes, the secret of a second factor encrypted. Receipts of
orders are asked for by themselves.
"""
_CLOSING = """\
For good. The wallet must be empty, no order open, and no adjustment of the balance waiting. Coins cannot
be sent elsewhere yet: with `leave_holdings` they are given up, and stay in the ledger under the number of
the account.

The name is free again, every login and API key ends at once, and the password, the second factor, names
of keys, devices and addresses are erased. Orders and transactions stay: they know the account by its
number alone. So does the log of security events, in which the addresses that calls came from stay.
"""
_LEFT = "What is left is booked to the number of the account, and cannot be asked for any more."


class CloseRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The password, a code of the second factor, if there is one, and whether coins are given up."""

    password: Password
    code: Code | UnsetType = UNSET
    leave_holdings: bool = False


class CoinsLeft(Struct, frozen=True):
    """Coins that were given up."""

    crypto: Symbol
    amount: Quantity


class ClosedResponse(Struct, frozen=True):
    """The number that the account is known by in the ledger, and what it left there."""

    account: Ident
    left: list[CoinsLeft]
    notice: str


@route(
    Operation(
        method="GET",
        path=f"{_BASE}/export/",
        name="export_account",
        summary="Get what is kept of the account",
        tag="accounts",
        description=_EXPORTING,
        answer=ExportResponse,
        checks_session=True,
        limits=("exports",),
        answer_example=(
            '{"exported_at": "2026-01-31T12:00:00.000000Z", "account": {"id": 7, "username": "alice", '
            '"role": "user", "status": "active", "created_at": "2026-01-01T12:00:00.000000Z"}, '
            '"second_factor": null, "wallet": {"balance": 500.00, "currency": "USD"}, '
            '"activity": {"orders": 1, "traded": 12.00}, "holdings": [{"crypto": "ABAN", '
            '"amount": 3, "cost": 12.00, "value": 12.00}], "sessions": [], "api_keys": [], "orders": [], '
            '"transactions": [], "adjustments": [], "reviews": [], "security_log": []}'
        ),
    )
)
async def export_account(request: ApiRequest) -> Reply:
    """200 with the document."""
    context = get_context(request)
    exported = await export.begin(context, request.user, actor=get_actor(request))
    name = b'attachment; filename="account-%d.json"' % exported.user.id
    return StreamedReply(write_export(context, exported), [(b"content-disposition", name)])


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/close/",
        name="close_account",
        summary="Close the account, for good",
        tag="accounts",
        description=_CLOSING,
        request=CloseRequest,
        answer=ClosedResponse,
        refusals=("invalid_credentials", "invalid_code", "step_up_required", "account_not_empty"),
        limits=("login",),
        checks_session=True,
        ends_sessions=True,
        example='{"password": "correct horse", "leave_holdings": true}',
        answer_example=(
            '{"account": 7, "left": [{"crypto": "ABAN", "amount": 3}], "notice": "What is left …"}'
        ),
    )
)
async def close_account(request: ApiRequest) -> Reply:
    """200 with what is left; no token is good any more."""
    body = await decode_body(request, CloseRequest)
    code = None if body.code is UNSET else body.code
    command = CloseAccount(password=body.password, code=code, leave_holdings=body.leave_holdings)
    actor, device = get_actor(request), read_device(request)
    coins = await closing.close(
        get_context(request), request.user, command, actor=actor, device=device
    )
    left = [CoinsLeft(each.asset, amounts.quantity(each.quantity, each.scale)) for each in coins]
    return json_reply(ClosedResponse(get_user_id(request), left, _LEFT if left else ""))


ROUTES = (export_account, close_account)
