"""Operations: every call of the API, described where it is handled.

The router, the check of tokens and `openapi.json` all read the same description.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeAlias, cast

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from crypto_exchange.domain.api_key import Scope
from crypto_exchange.domain.audit_log import Actor
from crypto_exchange.domain.errors import NotFound
from crypto_exchange.domain.ids import HOUSE, UserId
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.user import AccessClaims, Role
from crypto_exchange.entrypoints.http.addresses import read_client
from crypto_exchange.entrypoints.http.problems import PROBLEMS

_ID = re.compile("[1-9][0-9]{0,15}", re.ASCII)

ApiRequest: TypeAlias = Request[AccessClaims, None, State]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `refusals` are the codes that it gives beyond those its shape implies.

    `answer` is a wire type, None for no body; `example` and `answer_example` are JSON text. A public
    call may have a use for a token too: `token_optional`. A `static` call needs nothing but this process; a `probe` may name any host and is never counted.
    A `keyed` call takes an idempotency key for a short time only.
    `role` is the least that its bearer must have, and `scope` what the API key of a program must have
    been given; without one only people who have logged in may call. One that changes something is
    refused to whoever is frozen, unless it is served `while_frozen`. An officer's takes a code, or a
    login, given lately, unless it `protects`: that must stay quick.
    `filters` are texts that its query may name to narrow a list.
    `limits` are the rate limits that count it beside those of its address and its user. One that
    `checks_session` asks the database itself whether the bearer's has ended; others may be half a
    second late. After one that `ends_sessions` this process is not.
    """

    method: Literal["GET", "POST", "PATCH"]
    path: str
    name: str
    summary: str
    tag: str
    description: str = ""
    request: type[msgspec.Struct] | None = None
    answer: Any = None
    status: int = 200
    refusals: tuple[str, ...] = ()
    public: bool = False
    role: Role = Role.USER
    scope: Scope | None = None
    while_frozen: bool = False
    protects: bool = False
    token_optional: bool = False
    static: bool = False
    probe: bool = False
    idempotent: bool = False
    keyed: bool = False
    checks_session: bool = False
    ends_sessions: bool = False
    paged: bool = False
    filters: tuple[str, ...] = ()
    limits: tuple[Literal["login", "register", "orders", "withdrawals", "exports"], ...] = ()
    example: str | None = None
    answer_example: str | None = None

    @property
    def codes(self) -> tuple[str, ...]:
        """Every code it can give, by its shape and its own refusals, in the order of the table."""
        codes = {*self.refusals, "internal_error"}
        if not self.probe:
            codes |= {"invalid_host", "rate_limited"}
        if not self.static:
            codes.add("unavailable")
        if not self.public:
            codes |= {"unauthenticated", "forbidden"}
            if self.method != "GET" and not self.while_frozen:
                codes.add("account_frozen")
        if self.steps_up:
            codes.add("step_up_required")
        if self.request is not None:
            codes |= {"malformed_json", "body_too_large", "unsupported_media_type", "invalid_field"}
        if self.idempotent:
            codes |= {"invalid_field", "idempotency_key_reused"}
        if self.keyed:
            codes.add("invalid_field")
        if self.paged:
            codes |= {"invalid_field", "invalid_cursor"}
        return tuple(code for code in PROBLEMS if code in codes)

    @property
    def by_officer(self) -> bool:
        """Whether it changes what is not the bearer's own: then the token alone is not believed."""
        return self.role is not Role.USER and self.method != "GET"

    @property
    def steps_up(self) -> bool:
        """Whether a token that somebody found is not enough."""
        return self.by_officer and not self.protects

    @property
    def counted(self) -> tuple[str, ...]:
        """Every rate limit that counts it, the widest first."""
        if self.probe:
            return ()
        return ("ip", *(() if self.public else ("user",)), *self.limits)

    @property
    def methods(self) -> frozenset[str]:
        """What its path takes because of it: HEAD is answered as GET."""
        return frozenset({self.method, "HEAD"} if self.method == "GET" else {self.method})


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Something to look at in a browser, which everybody may. It is no call of the API."""

    method: ClassVar[Literal["GET"]] = "GET"
    methods: ClassVar[frozenset[str]] = frozenset({"GET", "HEAD"})
    public: ClassVar[bool] = True

    path: str
    name: str
    summary: str


def route(operation: Operation | Page) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Make a handler of a function. Litestar answers each path with and without its last slash."""
    return HTTPRouteHandler(
        operation.path,
        http_method=operation.method,
        name=operation.name,
        opt={"operation": operation},
    )


def find_operation(handler: Any) -> Operation | Page | None:
    """What a route handler serves; None for those that Litestar adds by itself."""
    return cast("Operation | Page | None", handler.opt.get("operation"))


def get_context(request: ApiRequest) -> Context:
    """The ports, opened at start."""
    return cast("Context", request.app.state.context)


def read_id(request: ApiRequest, what: str) -> int:
    """The id in the path. Raises `NotFound` if no id could look like it."""
    text = request.path_params["id"]
    if not _ID.fullmatch(text) or int(text) >= 2**53:
        raise NotFound(what, text[:40])
    return int(text)


def get_actor(request: ApiRequest) -> Actor:
    """Who asks, for the audit log: nobody yet, where a call is public."""
    claims: AccessClaims | None = request.scope.get("user")
    return Actor(
        user_id=HOUSE if claims is None else claims.user_id,
        address=read_client(request.scope, request.app.state.config.trusted_proxies),
        request_id=request.scope["state"].get("request_id", ""),
    )


def get_session_id(request: ApiRequest) -> str:
    """Of which login the token is that came with the request."""
    return request.user.session_id


def get_user_id(request: ApiRequest) -> UserId:
    """Whose token came with the request."""
    return request.user.user_id
