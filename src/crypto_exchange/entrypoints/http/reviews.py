"""Reviews: what the fraud rules hold, for operators to look at, release or refuse."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from crypto_exchange.domain import clearance
from crypto_exchange.domain.errors import NotFound
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.review import Review, ReviewKind, ReviewState
from crypto_exchange.domain.risk import Verdict, parse_assessment
from crypto_exchange.domain.use_cases import reviews
from crypto_exchange.domain.user import Role
from crypto_exchange.domain.views import Cursor
from crypto_exchange.entrypoints.http.amounts import dollars
from crypto_exchange.entrypoints.http.bodies import decode_body
from crypto_exchange.entrypoints.http.operations import (
    ApiRequest,
    Operation,
    get_actor,
    get_context,
    route,
)
from crypto_exchange.entrypoints.http.paging import read_page
from crypto_exchange.entrypoints.http.replies import Reply, json_reply
from crypto_exchange.entrypoints.http.schemas import Dollars, Ident, Instant, instant

_BASE = "/api/v1/admin/reviews"
_ID = re.compile("([1-9][0-9]{0,15})-([0-9a-f]{1,40})", re.ASCII)
_QUEUE = """\
`reasons` are names of rules; `score` is what
the model of the worker found, from 0 to 10,000, mostly for `top`. What nobody has decided on by its
`deadline` ends as if it were refused.
"""
_RELEASING = """\
An order goes on as if it had not been held. A withdrawal was not made: its user may make one of at most
that amount within a day.
"""
_REFUSING = "An order ends as `failed`, with a full refund; a withdrawal has not moved anything."
_REVIEW = (
    '{"id": "7-0123456789abcdef01234567", "kind": "order", "user_id": 7, "order_id": 42, '
    '"amount": 9.50, "currency": "USD", "state": "open", "verdict": "hold", '
    '"reasons": ["structuring", "score"], "score": 9870, "top": ["orders_under_threshold"], '
    '"opened_at": "2026-01-31T12:00:00.000000Z", "deadline": "2026-02-01T12:00:00.000000Z"}'
)
_NOTE = '{"note": "called the customer, ticket 4711"}'


class NoteRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Why, for the audit log, if there is something to say."""

    note: Annotated[str, Meta(description="One line of 1 to 500 characters.")] | UnsetType = UNSET


class ReviewResponse(Struct, frozen=True, kw_only=True):
    """Something that is held, and what the rules said of it."""

    id: str
    kind: ReviewKind
    user_id: Ident
    order_id: Ident | None
    amount: Dollars
    currency: str
    state: ReviewState
    verdict: Verdict
    reasons: list[str]
    score: int
    top: list[str]
    opened_at: Instant
    deadline: Instant


@route(
    Operation(
        method="GET",
        path=f"{_BASE}/",
        name="list_reviews",
        summary="List what the fraud rules hold, the oldest first",
        tag="administration",
        description=_QUEUE,
        role=Role.OPERATOR,
        answer=list[ReviewResponse],
        paged=True,
        answer_example=f"[{_REVIEW}]",
    )
)
async def list_reviews(request: ApiRequest) -> Reply:
    """200 with a page of the queue."""
    page = read_page(request)
    found = await reviews.list_open(get_context(request), limit=page.wanted, after=page.after)
    shown, headers = page.show(found, lambda each: Cursor(each.opened_at_us, each.user_id))
    return json_reply([_response(request, each) for each in shown], headers=headers)


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/{{id:str}}/release/",
        name="release_review",
        summary="Let a held order go on, or a held withdrawal be made",
        tag="administration",
        description=_RELEASING,
        role=Role.OPERATOR,
        request=NoteRequest,
        answer=ReviewResponse,
        refusals=("not_found", "wrong_state"),
        example=_NOTE,
        answer_example=_REVIEW.replace('"open"', '"released"'),
    )
)
async def release(request: ApiRequest) -> Reply:
    """200 with the review."""
    return await _decide(request, reviews.release)


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/{{id:str}}/refuse/",
        name="refuse_review",
        summary="End a held order with a full refund, or say no to a held withdrawal",
        tag="administration",
        description=_REFUSING,
        role=Role.OPERATOR,
        request=NoteRequest,
        answer=ReviewResponse,
        refusals=("not_found", "wrong_state"),
        example=_NOTE,
        answer_example=_REVIEW.replace('"open"', '"refused"'),
    )
)
async def refuse(request: ApiRequest) -> Reply:
    """200 with the review."""
    return await _decide(request, reviews.refuse)


ROUTES = (list_reviews, release, refuse)


async def _decide(
    request: ApiRequest, act: Callable[..., Awaitable[tuple[Review, Order | None]]]
) -> Reply:
    body = await decode_body(request, NoteRequest)
    match = _ID.fullmatch(request.path_params["id"])
    if match is None:
        raise NotFound("review", request.path_params["id"][:40])
    note = None if body.note is UNSET else body.note
    actor = get_actor(request)
    review, _ = await act(get_context(request), int(match[1]), match[2], actor=actor, note=note)
    return json_reply(_response(request, review))


def _response(request: ApiRequest, review: Review) -> ReviewResponse:
    assessment = parse_assessment(review.risk)
    deadline_us = clearance.deadline_us(review, get_context(request).policy)
    return ReviewResponse(
        id=f"{review.user_id}-{review.id}",
        kind=review.kind,
        user_id=review.user_id,
        order_id=review.order_id,
        amount=dollars(review.amount),
        currency="USD",
        state=review.state,
        verdict=assessment.verdict,
        reasons=list(assessment.reasons),
        score=assessment.signals.score,
        top=list(assessment.signals.top),
        opened_at=instant(review.opened_at_us),
        deadline=instant(deadline_us),
    )
