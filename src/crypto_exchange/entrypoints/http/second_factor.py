"""Second factor: an authenticator's codes, at a login and for risky actions."""

from __future__ import annotations

import msgspec
import segno
from msgspec import UNSET, Struct, UnsetType

from crypto_exchange.domain.use_cases import second_factor
from crypto_exchange.entrypoints.http.authentication import read_bearer
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
from crypto_exchange.entrypoints.http.schemas import Code, TokenPairResponse, tokens_response

_BASE = "/api/v1/accounts/auth/mfa"
_ENROLLING = """\
It needs an access token whose login is at most 15 minutes old: `step_up_required` otherwise.

The secret is for an authenticator (TOTP, RFC 6238: SHA-1, 6 digits, 30 seconds), to scan or to type in.
Nothing changes until a first code of it is sent to `confirm`; until then, another call draws another
secret.
"""
_CONFIRMING = """\
From now on, logging in needs a code. The recovery codes are shown this once; each of them is good once,
wherever a code is asked for.
"""
_VERIFYING = """\
With the `challenge` of a login: starts the login. Without it, and with an access token: gives a new pair
for the same login, whose access token is good for what answers `step_up_required`, for 5 minutes; both
tokens replace those before.

Every code is good once. After 5 wrong ones none is looked at for 15 minutes, then for twice as long each
time, up to a day: `rate_limited`, and `Retry-After` says how long.
"""
_CODE = '{"code": "287082"}'


class CodeRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A code of the second factor."""

    code: Code


class VerifyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A code, with the challenge of the login that it completes; or else with an access token."""

    code: Code
    challenge: str | UnsetType = UNSET


class EnrolmentResponse(Struct, frozen=True):
    """A secret in base32, as an address for authenticators, and as a picture of that address."""

    secret: str
    otpauth_uri: str
    qr_svg: str


class RecoveryCodesResponse(Struct, frozen=True):
    """Codes for when the authenticator is lost."""

    recovery_codes: list[str]


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/enroll/",
        name="enroll_second_factor",
        summary="Draw a secret for a second factor",
        tag="accounts",
        description=_ENROLLING,
        answer=EnrolmentResponse,
        refusals=("not_found", "second_factor_active", "step_up_required"),
        answer_example=(
            '{"secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", '
            '"otpauth_uri": "otpauth://totp/crypto_exchange:alice?secret=GEZDGNBV…", '
            '"qr_svg": "<svg …></svg>"}'
        ),
    )
)
async def enroll(request: ApiRequest) -> Reply:
    """200 with the secret in three forms; a body is not looked at."""
    enrolment = await second_factor.enroll(get_context(request), request.user)
    picture = segno.make(enrolment.uri, error="m", micro=False).svg_inline(scale=4, light="#fff")
    return json_reply(EnrolmentResponse(enrolment.secret, enrolment.uri, picture))


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/confirm/",
        name="confirm_second_factor",
        summary="Put the second factor in force",
        tag="accounts",
        description=_CONFIRMING,
        request=CodeRequest,
        answer=RecoveryCodesResponse,
        refusals=("invalid_code", "not_found", "second_factor_active"),
        example=_CODE,
        answer_example='{"recovery_codes": ["abcd-efgh-ijkl-mnop", "…"]}',
    )
)
async def confirm(request: ApiRequest) -> Reply:
    """200 with the recovery codes."""
    body = await decode_body(request, CodeRequest)
    context, actor = get_context(request), get_actor(request)
    codes = await second_factor.confirm(context, request.user.user_id, body.code, actor=actor)
    return json_reply(RecoveryCodesResponse(list(codes)))


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/verify/",
        name="verify_second_factor",
        summary="Give a code, to log in or to do something risky",
        tag="accounts",
        description=_VERIFYING,
        request=VerifyRequest,
        answer=TokenPairResponse,
        refusals=("unauthenticated", "invalid_code", "not_found"),
        public=True,
        token_optional=True,
        example='{"challenge": "eyJhbGciOi…", "code": "287082"}',
        answer_example='{"access": "eyJhbGciOi…", "refresh": "eyJhbGciOi…"}',
    )
)
async def verify(request: ApiRequest) -> Reply:
    """200 with a pair of tokens."""
    body, context = await decode_body(request, VerifyRequest), get_context(request)
    actor = get_actor(request)
    if body.challenge is not UNSET:
        device = read_device(request)
        pair = await second_factor.finish_login(
            context, body.challenge, body.code, device=device, actor=actor
        )
    else:
        claims = context.tokens.read_access(read_bearer(request.scope))
        actor = msgspec.structs.replace(actor, user_id=claims.user_id)
        pair = await second_factor.step_up(context, claims, body.code, actor=actor)
    return json_reply(tokens_response(pair))


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/disable/",
        name="disable_second_factor",
        summary="Give the second factor up",
        tag="accounts",
        description="Its secret and its recovery codes are forgotten; logging in needs no code.",
        request=CodeRequest,
        status=204,
        refusals=("invalid_code", "not_found"),
        example=_CODE,
    )
)
async def disable(request: ApiRequest) -> Reply:
    """204; the code counts as any other."""
    body = await decode_body(request, CodeRequest)
    context, actor = get_context(request), get_actor(request)
    await second_factor.disable(context, request.user.user_id, body.code, actor=actor)
    return no_content()


ROUTES = (enroll, confirm, verify, disable)
