"""Problems: the one table from codes to statuses, and errors as problem details (RFC 9457)."""

from __future__ import annotations

import logging
from typing import Annotated

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from crypto_exchange.domain.errors import DomainError, PortError
from crypto_exchange.entrypoints.http.replies import PROBLEM_JSON, Reply, encode

logger = logging.getLogger(__name__)

CHALLENGE = 'Bearer realm="crypto-exchange"'


class ProblemKind(msgspec.Struct, frozen=True):
    """Status and title of a code; with `retry_after_s`, when to try again.

    `when` is for the codes that are given here: those of the domain say it in their docstrings.
    """

    status: int
    title: str
    retry_after_s: int | None = None
    when: str = ""


PROBLEMS: dict[str, ProblemKind] = {
    "malformed_json": ProblemKind(
        400,
        "The body is not JSON",
        when="The body is empty, not JSON in UTF-8, or an object with the same name twice.",
    ),
    "invalid_cursor": ProblemKind(400, "The cursor is not one of this list"),
    "invalid_host": ProblemKind(
        400,
        "The host is not served here",
        when="The `Host` header is none of `ALLOWED_HOSTS`, or it is malformed or given twice.",
    ),
    "invalid_request": ProblemKind(
        400,
        "The request is not understood",
        when="The request is refused before it is known which call is meant.",
    ),
    "unauthenticated": ProblemKind(401, "A valid token is needed"),
    "invalid_credentials": ProblemKind(401, "Username or password is wrong"),
    "invalid_code": ProblemKind(401, "The code of the second factor is wrong"),
    "step_up_required": ProblemKind(403, "A fresh code of the second factor is needed"),
    "forbidden": ProblemKind(403, "This is not for the bearer"),
    "account_frozen": ProblemKind(403, "The account is frozen"),
    "denied": ProblemKind(403, "Denied, or to be reviewed first"),
    "not_found": ProblemKind(404, "There is no such thing"),
    "method_not_allowed": ProblemKind(
        405,
        "The path does not take this method",
        when="The path takes other methods; the `Allow` header names them.",
    ),
    "insufficient_funds": ProblemKind(409, "The wallet holds too little"),
    "asset_halted": ProblemKind(409, "The crypto-currency cannot be bought now"),
    "too_late": ProblemKind(409, "The order can no longer be cancelled"),
    "username_taken": ProblemKind(409, "The username is taken"),
    "second_factor_active": ProblemKind(409, "There is a second factor already"),
    "too_many_keys": ProblemKind(409, "There are too many API keys"),
    "wrong_state": ProblemKind(409, "It is not in a state for that"),
    "account_not_empty": ProblemKind(409, "Something is left in the account"),
    "body_too_large": ProblemKind(
        413,
        "The body is too large",
        when="The body has more than 64 KiB.",
    ),
    "unsupported_media_type": ProblemKind(
        415,
        "The body must be application/json",
        when="There is a body, and its `Content-Type` is not `application/json`.",
    ),
    "invalid_field": ProblemKind(422, "A field is wrong"),
    "invalid_amount": ProblemKind(422, "The amount is not valid"),
    "amount_too_small": ProblemKind(422, "The amount is too small"),
    "amount_too_large": ProblemKind(422, "The amount is too large"),
    "unknown_asset": ProblemKind(422, "The crypto-currency is not listed"),
    "idempotency_key_reused": ProblemKind(422, "The key belongs to another command"),
    "rate_limited": ProblemKind(
        429,
        "Too many calls",
        when="A rate limit is used up, or too many codes were wrong; `Retry-After` says for how long.",
    ),
    "internal_error": ProblemKind(
        500,
        "Something went wrong here",
        when="A fault in this service, which has been logged.",
    ),
    "price_stale": ProblemKind(503, "There is no fresh price", retry_after_s=5),
    "unavailable": ProblemKind(
        503,
        "The service is not available",
        retry_after_s=1,
        when="The database, or another service behind this one, gave no answer in time.",
    ),
}

UNAVAILABLE = "expected an answer of a service behind this one, was none in time; try again shortly"
INTERNAL_ERROR = "expected an answer, was a fault of this service; it has been recorded"
_FIELDS = {"unknown_asset": "crypto", "username_taken": "username", "invalid_code": "code"}
_LONGEST_DETAIL = 300
"""In characters: a detail may quote what was sent."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Problem details. `code` is stable; `detail` says what was expected and what it was."""

    type: Annotated[str, msgspec.Meta(extra_json_schema={"format": "uri"})]
    title: str
    status: int
    detail: str
    code: str
    field: (
        Annotated[str, msgspec.Meta(description="Which field or header is to blame.")]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class RequestError(Exception):
    """A request that the edge itself refuses."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def problem_reply(
    code: str,
    detail: str,
    *,
    field: str | None = None,
    allow: str | None = None,
    retry_after_s: int | None = None,
) -> Reply:
    """Answer with problem details, and the headers that belong to the status."""
    kind = PROBLEMS[code]
    retry_after_s = kind.retry_after_s if retry_after_s is None else retry_after_s
    headers = []
    if kind.status == 401:
        headers.append((b"www-authenticate", CHALLENGE.encode()))
    if retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % retry_after_s))
    if allow is not None:
        headers.append((b"allow", allow.encode()))
    body = encode(describe(code, detail, field))
    return Reply(kind.status, body, media_type=PROBLEM_JSON, headers=headers)


def describe(code: str, detail: str, field: str | None = None) -> Problem:
    """Problem details of a code."""
    return Problem(
        type=f"urn:problem-type:crypto-exchange:{code}",
        title=PROBLEMS[code].title,
        status=PROBLEMS[code].status,
        detail=detail[:_LONGEST_DETAIL],
        code=code,
        field=msgspec.UNSET if field is None else field,
    )


def find_field(error: DomainError) -> str | None:
    """Which field a refusal blames, if it is one."""
    field: str | None = getattr(error, "field", _FIELDS.get(error.code))
    return field


def answer_error(request: Request[object, object, object], error: Exception) -> Response[bytes]:  # type: ignore[type-var]  # Litestar bounds State, which is not used here
    """Turn whatever was raised into an answer: Litestar's one exception handler."""
    reply = _reply_to(request, error)
    return Response(
        reply.body,
        status_code=reply.status,
        headers={name.decode(): value.decode() for name, value in reply.headers},
        media_type=PROBLEM_JSON.decode(),
    )


def _reply_to(request: Request[object, object, object], error: Exception) -> Reply:  # type: ignore[type-var]  # as above
    if isinstance(error, DomainError):
        retry_after_s: int | None = getattr(error, "retry_after_s", None)
        detail, field = str(error), find_field(error)
        return problem_reply(error.code, detail, field=field, retry_after_s=retry_after_s)
    if isinstance(error, RequestError):
        return problem_reply(error.code, str(error))
    if isinstance(error, PortError):
        logger.warning("unavailable: %s", error)
        return problem_reply("unavailable", UNAVAILABLE)
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _routing_reply(request.scope["method"], request.scope["path"], error)
    logger.error("fault", exc_info=error)
    debug = request.app.debug
    return problem_reply("internal_error", repr(error) if debug else INTERNAL_ERROR)


def _routing_reply(method: str, path: str, error: HTTPException) -> Reply:
    if error.status_code == 404:
        return problem_reply("not_found", f"expected a path of this API, was {path[:200]}")
    if error.status_code == 405:
        methods = (error.headers or {}).get("allow", "").split(", ")
        allow = ", ".join(sorted({*methods, "HEAD"} if "GET" in methods else methods))
        detail = f"expected one of {allow}, was {method[:20]}"
        return problem_reply("method_not_allowed", detail, allow=allow)
    return problem_reply("invalid_request", error.detail)
