"""Wallets: the balance, deposits and withdrawals, and holdings."""

from __future__ import annotations

from crypto_exchange.domain.api_key import Scope
from crypto_exchange.domain.cashier import Deposit, Withdraw
from crypto_exchange.domain.use_cases import wallets
from crypto_exchange.entrypoints.http.amounts import read_dollars
from crypto_exchange.entrypoints.http.bodies import decode_body
from crypto_exchange.entrypoints.http.idempotency import read_request_key
from crypto_exchange.entrypoints.http.operations import (
    ApiRequest,
    Operation,
    get_context,
    get_session_id,
    get_user_id,
    route,
)
from crypto_exchange.entrypoints.http.replies import Reply, json_reply, replayed
from crypto_exchange.entrypoints.http.schemas import (
    AmountRequest,
    HoldingResponse,
    WalletResponse,
    holding_response,
    wallet_response,
)

_BASE = "/api/v1/accounts"
_STEPPING_UP = """\
Whoever has a second factor needs a code given within the last 5 minutes to take more than a limit out,
1000.00 unless the operator set another. Where the fraud rules are in force they may ask for one too, or
say `denied`: then an operator looks at it, and after a release a withdrawal of at most that amount
passes once within a day.
"""
_WALLET = '{"balance": 500.00, "currency": "USD"}'


@route(
    Operation(
        method="GET",
        path=f"{_BASE}/wallet/",
        name="get_wallet",
        summary="Show the wallet",
        tag="wallet",
        scope=Scope.READ,
        answer=WalletResponse,
        refusals=("not_found",),
        answer_example=_WALLET,
    )
)
async def get_wallet(request: ApiRequest) -> Reply:
    """200 with the balance."""
    wallet = await get_context(request).queries.get_wallet(get_user_id(request))
    return json_reply(wallet_response(wallet))


@route(
    Operation(
        method="PATCH",
        path=f"{_BASE}/wallet/deposit",
        name="deposit",
        summary="Put dollars into the wallet",
        tag="wallet",
        scope=Scope.TRADE,
        request=AmountRequest,
        answer=WalletResponse,
        refusals=("not_found", "invalid_amount", "amount_too_large"),
        idempotent=True,
        checks_session=True,
        example='{"amount": 100.00}',
        answer_example=_WALLET,
    )
)
async def deposit(request: ApiRequest) -> Reply:
    """200 with the wallet."""
    body = await decode_body(request, AmountRequest)
    amount = read_dollars("amount", body.amount)
    key = read_request_key(request, "deposit", amount)
    command = Deposit(user_id=get_user_id(request), amount=amount, request=key)
    wallet, repeated = await wallets.deposit(get_context(request), command, get_session_id(request))
    return json_reply(wallet_response(wallet), headers=replayed(repeated))


@route(
    Operation(
        method="PATCH",
        path=f"{_BASE}/wallet/withdraw",
        name="withdraw",
        summary="Take dollars out of the wallet",
        tag="wallet",
        scope=Scope.WITHDRAW,
        description=_STEPPING_UP,
        request=AmountRequest,
        answer=WalletResponse,
        refusals=(
            "not_found",
            "invalid_amount",
            "amount_too_large",
            "insufficient_funds",
            "step_up_required",
            "denied",
        ),
        idempotent=True,
        checks_session=True,
        limits=("withdrawals",),
        example='{"amount": 100.00}',
        answer_example=_WALLET,
    )
)
async def withdraw(request: ApiRequest) -> Reply:
    """200 with the wallet."""
    body = await decode_body(request, AmountRequest)
    amount = read_dollars("amount", body.amount)
    key = read_request_key(request, "withdraw", amount)
    command = Withdraw(
        user_id=get_user_id(request),
        amount=amount,
        verified_at_us=request.user.verified_at_us,
        request=key,
    )
    wallet, repeated = await wallets.withdraw(
        get_context(request), command, get_session_id(request)
    )
    return json_reply(wallet_response(wallet), headers=replayed(repeated))


@route(
    Operation(
        method="GET",
        path=f"{_BASE}/holdings/",
        name="list_holdings",
        summary="List the coins owned, with their cost and value",
        tag="wallet",
        scope=Scope.READ,
        answer=list[HoldingResponse],
        answer_example='[{"crypto": "ABAN", "amount": 3, "cost": 12.00, "value": 12.00}]',
    )
)
async def list_holdings(request: ApiRequest) -> Reply:
    """200 with all of them, by name."""
    holdings = await get_context(request).queries.list_holdings(get_user_id(request))
    return json_reply([holding_response(holding) for holding in holdings])


ROUTES = (get_wallet, deposit, withdraw, list_holdings)
