"""Sessions: the logins of one user on all their devices, and a new password for all of them."""

from __future__ import annotations

from msgspec import UNSET

from crypto_exchange.domain.use_cases import logins
from crypto_exchange.entrypoints.http.bodies import decode_body
from crypto_exchange.entrypoints.http.devices import read_device
from crypto_exchange.entrypoints.http.operations import (
    ApiRequest,
    Operation,
    get_actor,
    get_context,
    route,
)
from crypto_exchange.entrypoints.http.replies import Reply, json_reply, no_content
from crypto_exchange.entrypoints.http.schemas import (
    PasswordRequest,
    SessionResponse,
    TokenPairResponse,
    session_response,
    tokens_response,
)

_BASE = "/api/v1/accounts"
_AT_ONCE = """\
It takes effect at once: the access tokens of a login that has ended move no money any more, and are
refused by every other call within half a second.
"""
_SESSION = (
    '{"id": "0123456789abcdef01234567", "created_at": "2026-01-31T12:00:00.000000Z", '
    '"last_used_at": "2026-01-31T12:10:00.000000Z", "expires_at": "2026-02-14T12:10:00.000000Z", '
    '"device": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "current": true}'
)


@route(
    Operation(
        method="GET",
        path=f"{_BASE}/sessions/",
        name="list_sessions",
        summary="List the live logins of all devices, oldest first",
        tag="accounts",
        description="At most 100: one more login ends that which was not renewed for the longest time.",
        answer=list[SessionResponse],
        checks_session=True,
        answer_example=f"[{_SESSION}]",
    )
)
async def list_sessions(request: ApiRequest) -> Reply:
    """200 with all of them."""
    found = await logins.list_sessions(get_context(request), request.user)
    return json_reply([session_response(each, request.user.session_id) for each in found])


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/sessions/{{session_id:str}}/end/",
        name="end_session",
        summary="End a login of one's own",
        tag="accounts",
        description=_AT_ONCE,
        status=204,
        refusals=("not_found",),
        while_frozen=True,
        checks_session=True,
        ends_sessions=True,
    )
)
async def end_session(request: ApiRequest) -> Reply:
    """204; a body is not looked at."""
    session_id = request.path_params["session_id"]
    context, actor = get_context(request), get_actor(request)
    await logins.end_session(context, request.user, session_id, actor=actor)
    return no_content()


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/auth/logout-all/",
        name="logout_all",
        summary="End all logins of one's own, this one too",
        tag="accounts",
        description=_AT_ONCE,
        status=204,
        while_frozen=True,
        checks_session=True,
        ends_sessions=True,
    )
)
async def logout_all(request: ApiRequest) -> Reply:
    """204; a body is not looked at."""
    await logins.end_all(get_context(request), request.user, actor=get_actor(request))
    return no_content()


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/auth/change-password/",
        name="change_password",
        summary="Choose another password, which ends every earlier login",
        tag="accounts",
        description="The new pair of tokens is that of a new login, the only one that is left; API keys "
        "end too. Whoever has a second factor sends a `code` of it, or has given one within the last 5 "
        "minutes: `step_up_required` otherwise. " + _AT_ONCE,
        request=PasswordRequest,
        answer=TokenPairResponse,
        refusals=("invalid_credentials", "invalid_code", "step_up_required"),
        limits=("login",),
        checks_session=True,
        ends_sessions=True,
        example='{"password": "correct horse", "new_password": "battery staple"}',
        answer_example='{"access": "eyJhbGciOi…", "refresh": "eyJhbGciOi…"}',
    )
)
async def change_password(request: ApiRequest) -> Reply:
    """200 with a pair of tokens of a new login."""
    body = await decode_body(request, PasswordRequest)
    pair = await logins.change_password(
        get_context(request),
        request.user,
        body.password,
        body.new_password,
        code=None if body.code is UNSET else body.code,
        device=read_device(request),
        actor=get_actor(request),
    )
    return json_reply(tokens_response(pair))


ROUTES = (list_sessions, end_session, logout_all, change_password)
