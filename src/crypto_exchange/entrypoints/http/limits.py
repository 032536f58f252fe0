"""Limits: how often one address or user may call, checked around the application and each call."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from crypto_exchange.domain.limits import Grant, Limit
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.entrypoints.http.addresses import Network, read_client
from crypto_exchange.entrypoints.http.leases import Leases
from crypto_exchange.entrypoints.http.problems import problem_reply
from crypto_exchange.entrypoints.http.replies import Reply

COUNTED = {
    "ip": "calls from one address",
    "user": "calls of one user",
    "login": "log-ins from one address",
    "register": "registrations from one address",
    "orders": "orders of one user",
    "withdrawals": "withdrawals of one user",
    "exports": "exports of one user",
}
"""What each limit counts, the widest first."""

_OF_ADDRESSES = frozenset({"ip", "login", "register"})
_PROBES = "/health/"
_STATE = "limits"


class Told(NamedTuple):
    """What a limit said of a call."""

    limit: Limit
    grant: Grant


class _Caller(NamedTuple):
    """Who calls, what may be let through, and what the limits have said of it so far."""

    address: str
    leases: Leases
    told: list[Told]


class AddressLimit:
    """Counts every call of an address before anything else is known of it, but probes of health."""

    def __init__(self, app: ASGIApp, limits: Sequence[Limit], trusted: Sequence[Network]) -> None:
        self._app = app
        self._limits = tuple(limit for limit in limits if limit.name == "ip")
        self._trusted = tuple(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or refuse it; either answer tells what the limits said."""
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith(_PROBES):
            await self._app(scope, receive, send)
            return
        leases = scope["litestar_app"].state.leases
        caller = _Caller(read_client(scope, self._trusted), leases, [])
        scope["state"][_STATE] = caller

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start" and caller.told:
                message["headers"] = [*message["headers"], *limit_headers(caller.told)]
            await send(message)

        refusal = await _check(scope, self._limits, caller)
        await (refusal or self._app)(scope, receive, telling)


class CallLimits:
    """Counts a call for its user and for itself, when it is known that the user may make it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or refuse it."""
        handler = scope["route_handler"]
        limits = scope["litestar_app"].state.limits_of.get(handler.name, ())
        refusal = None
        if limits:
            http = cast("HTTPScope", scope)
            refusal = await _check(http, limits, http["state"][_STATE])
        await (refusal or self._app)(scope, receive, send)


def tell_refusal(limit: Limit, reset_us: int) -> str:
    """Which limit is used up, and when to try again, in a sentence."""
    window_s, wait_s = limit.window_us // SECOND_US, retry_after_s(reset_us)
    return (
        f"expected at most {limit.quota} {COUNTED[limit.name]} in {window_s} s, was one more; "
        f"try again in {wait_s} s"
    )


def retry_after_s(reset_us: int) -> int:
    """Whole seconds after which the window is surely over; at least 1."""
    return reset_us // SECOND_US + 1


def limit_headers(told: Sequence[Told]) -> list[tuple[bytes, bytes]]:
    """`RateLimit` of the limit with the least calls left, `RateLimit-Policy` of all that applied."""
    left, minus_us, name = min([(grant.left, -grant.reset_us, limit.name) for limit, grant in told])
    now = f'"{name}";r={left};t={-(minus_us // SECOND_US)}'
    policy = _policy(tuple([limit for limit, _ in told]))
    return [(b"ratelimit", now.encode()), (b"ratelimit-policy", policy)]


@lru_cache(maxsize=256)
def _policy(limits: tuple[Limit, ...]) -> bytes:
    written = (f'"{each.name}";q={each.quota};w={each.window_us // SECOND_US}' for each in limits)
    return ", ".join(written).encode()


async def _check(scope: HTTPScope, limits: Sequence[Limit], caller: _Caller) -> Reply | None:
    """Count the call for each limit; the first that is used up refuses it."""
    for limit in limits:
        key = caller.address if limit.name in _OF_ADDRESSES else _user_key(scope["user"])
        grant = caller.leases.spend(key, limit) or await caller.leases.take(key, limit)
        caller.told.append(Told(limit, grant))
        if not grant.granted:
            return _refuse(limit, grant)
    return None


def _user_key(claims: Any) -> str:
    return str(claims.user_id)


def _refuse(limit: Limit, grant: Grant) -> Reply:
    detail = tell_refusal(limit, grant.reset_us)
    return problem_reply("rate_limited", detail, retry_after_s=retry_after_s(grant.reset_us))
