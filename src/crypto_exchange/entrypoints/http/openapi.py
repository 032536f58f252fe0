"""`openapi.json`: written from the operations that the routes carry, once at start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec

from crypto_exchange import __version__
from crypto_exchange.domain.user import Role
from crypto_exchange.entrypoints.http.operations import ApiRequest, Operation, route
from crypto_exchange.entrypoints.http.paging import DEFAULT_LIMIT, LARGEST_LIMIT
from crypto_exchange.entrypoints.http.problems import PROBLEMS, Problem
from crypto_exchange.entrypoints.http.refusals import give_example
from crypto_exchange.entrypoints.http.replies import Reply, encode

_REF = "#/components/schemas/{name}"
_DESCRIPTION = """\
Buy crypto-currencies with a wallet in dollars. Orders below the threshold are aggregated per
crypto-currency and bought in bulk.

Amounts are exact: JSON numbers to be read as decimals, not as binary floating point. In requests
they may also be strings. Every path is answered with and without a trailing slash.

## Logging in

Calls that need a user take the access token that `register` or `login` answered:
`Authorization: Bearer …`. It lives for minutes; `refresh` trades the refresh token, once, for a
new pair.

With a second factor, `login` answers a `challenge` instead, which `accounts/auth/mfa/verify/` takes
together with a code. Large withdrawals, and whatever officers change, need a code given within the last
5 minutes (`step_up_required`): send one to `verify` with the access token, and go on with the new pair.

## Programs

A program takes an API key instead, `Authorization: Bearer cx_…`, which a user creates at
`accounts/api-keys/` for the scopes that it needs. Without the scope that a call names, and on calls that
name none, it is refused with `forbidden`.

## Sending a command again

Placing an order, depositing, withdrawing and proposing an adjustment take an `Idempotency-Key`. A
command that is sent again with the same key is done once: the first answer's resource comes back,
with `Idempotent-Replayed: true`. Another command with the key is refused with
`idempotency_key_reused`. A refused command keeps no key, so it may be tried again.

## Rate limits

Calls are counted for each address and each user; logging in, registering, ordering and withdrawing
also by themselves. `RateLimit-Policy` tells the limits that counted a call, as calls (`q`) in
seconds (`w`); `RateLimit` what is left (`r`) of the tightest one and in how many seconds (`t`) its
window ends. What is over a limit is refused with 429, and `Retry-After` says when to try again.

## Errors

Errors are problem details (RFC 9457). `code` is stable; `detail` says what was expected and what
it was. Each call lists those that it can give.

| Status | Code | Meaning |
|---|---|---|
{errors}
"""
_BEARER = """\
The access token of a login, or the API key of a program. A call that names `read`, `trade` or `withdraw`
takes keys of that scope; any other call that needs a bearer is for people who have logged in.
"""
_TAGS = {
    "accounts": "Users and their logins",
    "wallet": "Dollars and holdings",
    "orders": "Purchases",
    "transactions": "Movements of the wallet",
    "exchange": "What can be bought",
    "administration": "What operators and administrators do to accounts of others",
    "health": "The state of the service",
    "documentation": "This document",
}


@route(
    Operation(
        method="GET",
        path="/api/v1/openapi.json",
        name="openapi",
        summary="Describe the API",
        tag="documentation",
        answer=dict[str, Any],
        public=True,
        static=True,
    )
)
async def show_openapi(request: ApiRequest) -> Reply:
    """200 with the description of all calls."""
    headers = [(b"cache-control", b"public, max-age=60")]
    return Reply(200, request.app.state.openapi, headers=headers)


ROUTES = (show_openapi,)


def write_openapi(operations: Iterable[Operation]) -> bytes:
    """Describe operations as OpenAPI 3.1."""
    calls = sorted(operations, key=lambda operation: list(_TAGS).index(operation.tag))
    kinds = {kind for call in calls for kind in (call.request, call.answer) if kind is not None}
    ordered = sorted(kinds, key=str)
    schemas, components = msgspec.json.schema_components((Problem, *ordered), ref_template=_REF)
    schema_of = dict(zip(ordered, schemas[1:], strict=True))
    paths: dict[str, dict[str, object]] = defaultdict(dict)
    for call in calls:
        paths[call.path.replace(":str", "")][call.method.lower()] = _operation(call, schema_of)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "crypto_exchange", "version": __version__, "description": _description()},
        "servers": [{"url": "/"}],
        "tags": [
            {"name": name, "x-displayName": name.capitalize(), "description": text}
            for name, text in _TAGS.items()
        ],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": _BEARER}
            },
        },
    }
    return encode(document)


def _description() -> str:
    rows = (f"| {kind.status} | `{code}` | {kind.title} |" for code, kind in PROBLEMS.items())
    return _DESCRIPTION.format(errors="\n".join(rows))


def _operation(call: Operation, schema_of: dict[Any, Any]) -> dict[str, object]:
    described: dict[str, object] = {
        "operationId": call.name,
        "summary": call.summary,
        "tags": [call.tag],
        "parameters": _parameters(call),
        "responses": {str(call.status): _answer(call, schema_of), **_refusals(call)},
    }
    needs = "" if call.role is Role.USER else f"Needs the role {call.role.value}, or a higher one. "
    if call.description or needs:
        described["description"] = needs + call.description
    if call.scope is not None:
        described["security"] = [{"bearer": [call.scope.value]}]
    if call.public:
        described["security"] = [{}, {"bearer": []}] if call.token_optional else []
    if call.request is not None:
        body = {"schema": schema_of[call.request], **_example(call.example)}
        described["requestBody"] = {"required": True, "content": {"application/json": body}}
    return described


def _parameters(call: Operation) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    if "{id" in call.path:
        found.append(_parameter("id", "path", {"type": "integer", "minimum": 1}, required=True))
    if "{key_id" in call.path:
        schema = {"type": "string", "maxLength": 24}
        found.append(_parameter("key_id", "path", schema, required=True))
    if "{session_id" in call.path:
        schema = {"type": "string", "maxLength": 24}
        found.append(_parameter("session_id", "path", schema, required=True))
    if "{symbol" in call.path:
        found.append(_parameter("symbol", "path", {"type": "string"}, required=True))
    if "{batch" in call.path:
        schema = {"type": "string", "maxLength": 24}
        found.append(_parameter("batch", "path", schema, required=True))
    found += [_parameter(name, "query", {"type": "string"}) for name in call.filters]
    if call.idempotent or call.keyed:
        text = "A command sent again with the same key is done once and answered alike."
        schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"}
        found.append(_parameter("Idempotency-Key", "header", schema, text))
    if call.paged:
        limit = {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT}
        found.append(_parameter("limit", "query", {**limit, "default": DEFAULT_LIMIT}))
        text = "From the Link header of the page before."
        found.append(_parameter("cursor", "query", {"type": "string"}, text))
    return found


def _parameter(
    name: str, place: str, schema: object, description: str = "", *, required: bool = False
) -> dict[str, object]:
    parameter = {"name": name, "in": place, "required": required, "schema": schema}
    return {**parameter, "description": description} if description else parameter


def _answer(call: Operation, schema_of: dict[Any, Any]) -> dict[str, object]:
    headers = _header("X-Request-ID", "Names the request in the log.")
    if call.paged:
        headers |= _header("Link", 'The next page, if there is one: <…>; rel="next".')
    if call.idempotent:
        headers |= _header("Idempotent-Replayed", "true if the command had been done before.")
    if call.method == "POST" and call.status == 201 and call.tag == "orders":
        headers |= _header("Location", "Where the new resource is.")
    headers |= _limit_headers(call)
    answer: dict[str, object] = {"description": call.summary, "headers": headers}
    if call.answer is not None:
        body = {"schema": schema_of[call.answer], **_example(call.answer_example)}
        answer["content"] = {"application/json": body}
    return answer


def _refusals(call: Operation) -> dict[str, object]:
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in call.codes:
        by_status[PROBLEMS[code].status].append(code)
    return {
        str(status): _refusal(call, status, codes) for status, codes in sorted(by_status.items())
    }


def _refusal(call: Operation, status: int, codes: list[str]) -> dict[str, object]:
    code = {"type": "object", "properties": {"code": {"enum": codes}}}
    schema = {"allOf": [{"$ref": _REF.format(name="Problem")}, code]}
    examples = {
        code: {"summary": PROBLEMS[code].title, "value": give_example(call, code)} for code in codes
    }
    headers = _header("X-Request-ID", "Names the request in the log.")
    if status == 401:
        headers |= _header("WWW-Authenticate", "Bearer.")
    if status in {429, 503}:
        headers |= _header("Retry-After", "Seconds.")
    headers |= _limit_headers(call)
    return {
        "description": "; ".join(f"`{code}`: {PROBLEMS[code].title}" for code in codes),
        "headers": headers,
        "content": {"application/problem+json": {"schema": schema, "examples": examples}},
    }


def _limit_headers(call: Operation) -> dict[str, object]:
    if not call.counted:
        return {}
    names = ", ".join(f'"{name}"' for name in call.counted)
    return {
        **_header("RateLimit", 'The limit with the least calls left: "ip";r=2999;t=3600.'),
        **_header("RateLimit-Policy", f"The limits that counted the call, of {names}."),
    }


def _header(name: str, description: str) -> dict[str, object]:
    return {name: {"description": description, "schema": {"type": "string"}}}


def _example(text: str | None) -> dict[str, object]:
    return {} if text is None else {"example": msgspec.Raw(text.encode())}
