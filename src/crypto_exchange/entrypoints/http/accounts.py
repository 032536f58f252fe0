"""Accounts: register, log in, renew and end a login."""

from __future__ import annotations

from crypto_exchange.domain.use_cases import accounts
from crypto_exchange.entrypoints.http.bodies import decode_body
from crypto_exchange.entrypoints.http.devices import read_device
from crypto_exchange.entrypoints.http.idempotency import read_key
from crypto_exchange.entrypoints.http.operations import (
    ApiRequest,
    Operation,
    get_actor,
    get_context,
    route,
)
from crypto_exchange.entrypoints.http.replies import Reply, json_reply, no_content
from crypto_exchange.entrypoints.http.schemas import (
    CredentialsRequest,
    LoginResponse,
    RefreshRequest,
    TokenPairResponse,
    login_response,
    tokens_response,
)

_BASE = "/api/v1/accounts/auth"
_LONGEST_USERNAME = 64
_RENEWING = """\
A token that was used before ends its login: somebody may have a copy of it.

If the answer may get lost, send an `Idempotency-Key` that nobody can guess, another one with each
token. The same token again with the same key within 10 seconds, while the token that was answered
has not been used, gets a pair of the same place in the chain. Without the key, or with another, it
ends the login: whoever stole the token does not know the key.
"""
_ENDING = """\
Its refresh tokens are good no longer. Its access tokens move no money any more, and are refused by
every other call within half a second.
"""
_TOKENS = '{"access": "eyJhbGciOi…", "refresh": "eyJhbGciOi…"}'


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/register/",
        name="register",
        summary="Create a user with an empty wallet, logged in",
        tag="accounts",
        request=CredentialsRequest,
        answer=TokenPairResponse,
        status=201,
        refusals=("username_taken",),
        public=True,
        limits=("register",),
        example='{"username": "alice", "password": "correct horse"}',
        answer_example=_TOKENS,
    )
)
async def register(request: ApiRequest) -> Reply:
    """201 with a pair of tokens."""
    body = await decode_body(request, CredentialsRequest)
    pair = await accounts.register(
        get_context(request),
        body.username,
        body.password,
        device=read_device(request),
        actor=get_actor(request),
    )
    return json_reply(tokens_response(pair), 201)


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/login/",
        name="login",
        summary="Log in",
        tag="accounts",
        description="With a second factor the answer is a `challenge`, for `verify`.",
        request=CredentialsRequest,
        answer=LoginResponse,
        refusals=("invalid_credentials",),
        public=True,
        limits=("login",),
        example='{"username": "alice", "password": "correct horse"}',
        answer_example=_TOKENS,
    )
)
async def login(request: ApiRequest) -> Reply:
    """200 with a pair of tokens, or a challenge."""
    body = await decode_body(request, CredentialsRequest)
    username = body.username
    if len(username) > _LONGEST_USERNAME or "\0" in username:
        username = ""  # nobody has it, and a database may refuse to look such a name up
    answer = await accounts.log_in(
        get_context(request),
        username,
        body.password,
        device=read_device(request),
        actor=get_actor(request),
    )
    return json_reply(login_response(answer))


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/refresh/",
        name="refresh",
        summary="Trade a refresh token, once, for a new pair",
        tag="accounts",
        description=_RENEWING,
        request=RefreshRequest,
        answer=TokenPairResponse,
        refusals=("unauthenticated",),
        public=True,
        keyed=True,
        ends_sessions=True,
        example='{"refresh": "eyJhbGciOi…"}',
        answer_example=_TOKENS,
    )
)
async def refresh(request: ApiRequest) -> Reply:
    """200 with a new pair; a token used before ends its whole login."""
    body = await decode_body(request, RefreshRequest)
    key, actor = read_key(request), get_actor(request)
    pair = await accounts.renew(get_context(request), body.refresh, retry_key=key, actor=actor)
    return json_reply(tokens_response(pair))


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/logout/",
        name="logout",
        summary="End a login",
        tag="accounts",
        description=_ENDING,
        request=RefreshRequest,
        status=204,
        refusals=("unauthenticated",),
        public=True,
        ends_sessions=True,
        example='{"refresh": "eyJhbGciOi…"}',
    )
)
async def logout(request: ApiRequest) -> Reply:
    """204; the refresh token is good no longer."""
    body = await decode_body(request, RefreshRequest)
    await accounts.log_out(get_context(request), body.refresh, actor=get_actor(request))
    return no_content()


ROUTES = (register, login, refresh, logout)
