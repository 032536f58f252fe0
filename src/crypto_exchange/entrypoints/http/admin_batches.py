"""Batches of which only somebody at the exchange can say what became of them."""

from __future__ import annotations

from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.domain.use_cases import reconciliation
from crypto_exchange.domain.user import Role
from crypto_exchange.entrypoints.http.amounts import quantity
from crypto_exchange.entrypoints.http.bodies import decode_body
from crypto_exchange.entrypoints.http.operations import (
    ApiRequest,
    Operation,
    get_actor,
    get_context,
    route,
)
from crypto_exchange.entrypoints.http.replies import Reply, json_reply
from crypto_exchange.entrypoints.http.resolutions import (
    AttemptResponse,
    ResolutionRequest,
    read_finding,
)
from crypto_exchange.entrypoints.http.schemas import instant

_BASE = "/api/v1/admin/batches"
_RESOLVING = """\
`filled`: it was executed with these trades, or ended with none; its members are settled. `not_placed`:
the exchange never got it; it is tried again once the asset is resumed. `rejected`: the exchange refused
it; its members are refunded. The asset stays halted until somebody resumes it. If the exchange answers,
and says that it executed what shall not have been, the resolution is refused.
"""
_ATTEMPT = (
    '{"batch": "0123456789abcdef01234567", "attempt": 1, "asset": "BTC", "quantity": 0.0002, '
    '"signed_at": "2026-01-31T12:00:00.000000Z", '
    '"client_order_id": "cx-0123456789abcdef01234567-1", "state": "quarantined"}'
)


@route(
    Operation(
        method="GET",
        path=f"{_BASE}/",
        name="list_quarantined",
        summary="List purchases in quarantine, oldest first",
        tag="administration",
        role=Role.OPERATOR,
        answer=list[AttemptResponse],
        answer_example=f"[{_ATTEMPT}]",
    )
)
async def list_quarantined(request: ApiRequest) -> Reply:
    """200 with all of them."""
    found = await get_context(request).queries.list_quarantined()
    return json_reply([attempt_response(each) for each in found])


@route(
    Operation(
        method="GET",
        path=f"{_BASE}/{{batch:str}}/",
        name="get_quarantined",
        summary="Show a purchase in quarantine",
        tag="administration",
        role=Role.OPERATOR,
        answer=AttemptResponse,
        refusals=("not_found",),
        answer_example=_ATTEMPT,
    )
)
async def get_quarantined(request: ApiRequest) -> Reply:
    """200 with the attempt."""
    found = await reconciliation.get_quarantined(get_context(request), _read_batch(request))
    return json_reply(attempt_response(found))


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/{{batch:str}}/resolve/",
        name="resolve_quarantined",
        summary="Say what became of a purchase in quarantine, as the exchange itself shows it",
        tag="administration",
        description=_RESOLVING,
        role=Role.ADMIN,
        request=ResolutionRequest,
        answer=AttemptResponse,
        refusals=("not_found",),
        example='{"outcome": "not_placed", "evidence": "ticket 4711 of the exchange"}',
        answer_example=_ATTEMPT.replace("quarantined", "not_placed"),
    )
)
async def resolve_quarantined(request: ApiRequest) -> Reply:
    """200 with the attempt as it ended."""
    body, context = await decode_body(request, ResolutionRequest), get_context(request)
    batch, quote = _read_batch(request), request.app.state.config.exchange_quote
    held = await reconciliation.get_quarantined(context, batch)
    finding = read_finding(body, held, quote=quote, at_us=context.clock.now_us())
    after = await reconciliation.resolve_quarantine(
        context, batch, finding, body.evidence, actor=get_actor(request)
    )
    return json_reply(attempt_response(after))


ROUTES = (list_quarantined, get_quarantined, resolve_quarantined)


def attempt_response(attempt: Purchase) -> AttemptResponse:
    """An attempt, and what an officer needs to find it at the exchange."""
    return AttemptResponse(
        batch=attempt.batch,
        attempt=attempt.attempt,
        asset=attempt.asset,
        quantity=quantity(attempt.quantity, attempt.scale),
        signed_at=instant(attempt.timestamp_ms * 1_000),
        client_order_id=attempt.client_order_id,
        state=attempt.state.value,
    )


def _read_batch(request: ApiRequest) -> str:
    return str(request.path_params["batch"])[:40]
