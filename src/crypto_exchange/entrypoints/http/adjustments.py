"""Adjustments: an administrator proposes a payment to or from a user, another one lets it pass."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct

from crypto_exchange.domain.adjustment import Adjustment, AdjustmentState
from crypto_exchange.domain.errors import NotFound
from crypto_exchange.domain.ledger import USD
from crypto_exchange.domain.use_cases import adjustments
from crypto_exchange.domain.use_cases.adjustments import Propose
from crypto_exchange.domain.user import Role
from crypto_exchange.entrypoints.http import amounts
from crypto_exchange.entrypoints.http.bodies import decode_body
from crypto_exchange.entrypoints.http.idempotency import read_request_key
from crypto_exchange.entrypoints.http.operations import (
    ApiRequest,
    Operation,
    get_actor,
    get_context,
    route,
)
from crypto_exchange.entrypoints.http.replies import Reply, json_reply, replayed
from crypto_exchange.entrypoints.http.schemas import Dollars, DollarsIn, Ident, Instant, instant

_BASE = "/api/v1/admin/adjustments"
_KEY = re.compile("[0-9a-f]{24}", re.ASCII)
_PROPOSING = """\
Nothing moves before another administrator approves it, within 7 days. The house pays a `credit` from
its profit and loss, and is paid a `debit`.
"""
_APPROVING = """\
By an administrator who neither proposed it nor owns the wallet; whoever proposed it has to be an active
administrator still. The money moves at once, as one transfer.
"""
_ADJUSTMENT = (
    '{"id": "0123456789abcdef01234567", "user_id": 7, "direction": "credit", "amount": 12.50, '
    '"currency": "USD", "reason": "a fee charged twice", "state": "proposed", "proposed_by": 1, '
    '"proposed_at": "2026-01-31T12:00:00.000000Z", "decided_by": null, "decided_at": null}'
)

Direction = Annotated[
    Literal["credit", "debit"], Meta(description="Credit: to the user; debit: from the user.")
]


class AdjustmentRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Dollars that the house shall pay to a user, or be paid by them, and why."""

    user_id: Ident
    direction: Direction
    amount: DollarsIn
    reason: Annotated[str, Meta(description="One line of 1 to 500 characters.")]


class AdjustmentResponse(Struct, frozen=True):
    """A proposal, and what became of it."""

    id: str
    user_id: Ident
    direction: Direction
    amount: Dollars
    currency: str
    reason: str
    state: AdjustmentState
    proposed_by: Ident
    proposed_at: Instant
    decided_by: Ident | None
    decided_at: Instant | None


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/",
        name="propose_adjustment",
        summary="Propose to pay a user, or to be paid by one",
        tag="administration",
        description=_PROPOSING,
        role=Role.ADMIN,
        request=AdjustmentRequest,
        answer=AdjustmentResponse,
        status=201,
        refusals=("not_found", "wrong_state", "invalid_amount", "amount_too_large"),
        idempotent=True,
        example=(
            '{"user_id": 7, "direction": "credit", "amount": 12.50, '
            '"reason": "a fee charged twice"}'
        ),
        answer_example=_ADJUSTMENT,
    )
)
async def propose(request: ApiRequest) -> Reply:
    """201 with the proposal."""
    body = await decode_body(request, AdjustmentRequest)
    amount = amounts.read_dollars("amount", body.amount)
    signed = amount if body.direction == "credit" else -amount
    key = read_request_key(request, "propose_adjustment", body.user_id, signed, body.reason)
    command = Propose(user_id=body.user_id, amount=signed, reason=body.reason, request=key)
    context, actor = get_context(request), get_actor(request)
    proposed, repeated = await adjustments.propose(context, command, actor=actor)
    return json_reply(adjustment_response(proposed), status=201, headers=replayed(repeated))


@route(
    Operation(
        method="GET",
        path=f"{_BASE}/",
        name="list_adjustments",
        summary="List adjustments, those that wait first, each newest first",
        tag="administration",
        description="At most 200.",
        role=Role.ADMIN,
        answer=list[AdjustmentResponse],
        answer_example=f"[{_ADJUSTMENT}]",
    )
)
async def list_adjustments(request: ApiRequest) -> Reply:
    """200 with the newest of them."""
    found = await adjustments.list_adjustments(get_context(request))
    return json_reply([adjustment_response(each) for each in found])


@route(
    Operation(
        method="GET",
        path=f"{_BASE}/{{id:str}}",
        name="get_adjustment",
        summary="Show an adjustment",
        tag="administration",
        role=Role.ADMIN,
        answer=AdjustmentResponse,
        refusals=("not_found",),
        answer_example=_ADJUSTMENT,
    )
)
async def get_adjustment(request: ApiRequest) -> Reply:
    """200 with the adjustment."""
    found = await adjustments.get_adjustment(get_context(request), _read_key(request))
    return json_reply(adjustment_response(found))


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/{{id:str}}/approve/",
        name="approve_adjustment",
        summary="Approve what another administrator has proposed",
        tag="administration",
        description=_APPROVING,
        role=Role.ADMIN,
        answer=AdjustmentResponse,
        refusals=("not_found", "wrong_state", "insufficient_funds"),
        answer_example=_ADJUSTMENT.replace('"proposed",', '"approved",'),
    )
)
async def approve(request: ApiRequest) -> Reply:
    """200 with the adjustment; a body is not looked at."""
    approved = await adjustments.approve(
        get_context(request), _read_key(request), actor=get_actor(request)
    )
    return json_reply(adjustment_response(approved))


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/{{id:str}}/reject/",
        name="reject_adjustment",
        summary="Reject a proposal, or take one's own back",
        tag="administration",
        role=Role.ADMIN,
        answer=AdjustmentResponse,
        refusals=("not_found", "wrong_state"),
        answer_example=_ADJUSTMENT.replace('"proposed",', '"rejected",'),
    )
)
async def reject(request: ApiRequest) -> Reply:
    """200 with the adjustment; a body is not looked at."""
    rejected = await adjustments.reject(
        get_context(request), _read_key(request), actor=get_actor(request)
    )
    return json_reply(adjustment_response(rejected))


ROUTES = (propose, list_adjustments, get_adjustment, approve, reject)


def adjustment_response(adjustment: Adjustment) -> AdjustmentResponse:
    """An adjustment, whose amount is shown without its sign."""
    decided_at_us = adjustment.decided_at_us
    return AdjustmentResponse(
        id=adjustment.key,
        user_id=adjustment.user_id,
        direction="credit" if adjustment.amount > 0 else "debit",
        amount=amounts.dollars(abs(adjustment.amount)),
        currency=USD,
        reason=adjustment.reason,
        state=adjustment.state,
        proposed_by=adjustment.proposed_by,
        proposed_at=instant(adjustment.proposed_at_us),
        decided_by=adjustment.decided_by,
        decided_at=None if decided_at_us is None else instant(decided_at_us),
    )


def _read_key(request: ApiRequest) -> str:
    """The key in the path. Raises `NotFound` if no key could look like it."""
    key: str = request.path_params["id"]
    if not _KEY.fullmatch(key):
        raise NotFound("adjustment", key[:40])
    return key
