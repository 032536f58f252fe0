"""API keys: ways in for programs, which their users create and end."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from crypto_exchange.domain.api_key import (
    LONGEST_DAYS,
    USUAL_DAYS,
    ApiKey,
    Scope,
    read_scopes,
)
from crypto_exchange.domain.use_cases import api_keys
from crypto_exchange.domain.use_cases.api_keys import WantedKey
from crypto_exchange.entrypoints.http.bodies import decode_body
from crypto_exchange.entrypoints.http.operations import (
    ApiRequest,
    Operation,
    get_actor,
    get_context,
    get_user_id,
    route,
)
from crypto_exchange.entrypoints.http.replies import Reply, json_reply, no_content
from crypto_exchange.entrypoints.http.schemas import Instant, instant

_BASE = "/api/v1/accounts/api-keys"
_CREATING = """\
A program sends it as people send an access token: `Authorization: Bearer cx_…`. It may make the calls of
its scopes and no others: `read` for wallet, holdings, orders, receipts and transactions, `trade` for
orders and deposits, `withdraw` for withdrawals; none includes another. `key` is shown this once.

Whoever has a second factor needs a code given within the last 5 minutes, anybody else a login within the
last 15. At most 20 keys live at a time. A new password ends all of them; logging out does not.
"""
_ENDING = """\
It takes effect at once: the key moves no money any more, and is refused by every other call within half
a second.
"""
_KEY = (
    '"id": "0123456789abcdef01234567", "name": "bot", "scopes": ["read", "trade"], '
    '"created_at": "2026-01-31T12:00:00.000000Z", "last_used_at": null, '
    '"expires_at": "2026-05-01T12:00:00.000000Z"'
)

Scopes = Annotated[
    list[str],
    Meta(
        description="What the key may be used for.",
        extra_json_schema={
            "items": {"type": "string", "enum": [scope.value for scope in Scope]},
            "minItems": 1,
        },
    ),
]
Days = Annotated[
    int,
    Meta(
        description="After so many days it is good no longer.",
        extra_json_schema={"minimum": 1, "maximum": LONGEST_DAYS},
    ),
]
KeyName = Annotated[str, Meta(description="1 to 64 printable characters, to know the key by.")]


class ApiKeyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A key that is wanted."""

    name: KeyName
    scopes: Scopes
    expires_in_days: Days = USUAL_DAYS


class ApiKeyResponse(Struct, frozen=True):
    """A live key. When it was last used is up to a minute late, null before its first use."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: Instant
    last_used_at: Instant | None
    expires_at: Instant


class IssuedKeyResponse(ApiKeyResponse, frozen=True):
    """The same with the key itself, which is not kept and cannot be told again."""

    key: str


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/",
        name="create_api_key",
        summary="Create a key for a program",
        tag="accounts",
        description=_CREATING,
        request=ApiKeyRequest,
        answer=IssuedKeyResponse,
        status=201,
        refusals=("step_up_required", "too_many_keys"),
        checks_session=True,
        example='{"name": "bot", "scopes": ["read", "trade"], "expires_in_days": 90}',
        answer_example=f'{{{_KEY}, "key": "cx_7_0123456789abcdef01234567_…"}}',
    )
)
async def create_api_key(request: ApiRequest) -> Reply:
    """201 with the key, this once."""
    body = await decode_body(request, ApiKeyRequest)
    scopes = read_scopes(body.scopes)
    wanted = WantedKey(name=body.name, scopes=scopes, days=body.expires_in_days)
    context, actor = get_context(request), get_actor(request)
    issued = await api_keys.create(context, request.user, wanted, actor=actor)
    shown = IssuedKeyResponse(*_shown(issued.key), issued.text)
    return json_reply(shown, 201)


@route(
    Operation(
        method="GET",
        path=f"{_BASE}/",
        name="list_api_keys",
        summary="List the live keys of programs, oldest first",
        tag="accounts",
        answer=list[ApiKeyResponse],
        answer_example=f"[{{{_KEY}}}]",
    )
)
async def list_api_keys(request: ApiRequest) -> Reply:
    """200 with all of them; never with a key itself."""
    keys = await api_keys.list_keys(get_context(request), get_user_id(request))
    return json_reply([ApiKeyResponse(*_shown(key)) for key in keys])


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/{{key_id:str}}/end/",
        name="end_api_key",
        summary="End a key of one's own",
        tag="accounts",
        description=_ENDING,
        status=204,
        refusals=("not_found",),
        ends_sessions=True,
        while_frozen=True,
    )
)
async def end_api_key(request: ApiRequest) -> Reply:
    """204; a body is not looked at."""
    context, actor = get_context(request), get_actor(request)
    await api_keys.end(context, get_user_id(request), request.path_params["key_id"], actor=actor)
    return no_content()


ROUTES = (create_api_key, list_api_keys, end_api_key)


def _shown(key: ApiKey) -> tuple[str, str, list[Scope], str, str | None, str]:
    return (
        key.id,
        key.name,
        list(key.scopes),
        instant(key.created_at_us),
        instant(key.used_at_us) if key.used_at_us else None,
        instant(key.expires_at_us),
    )
