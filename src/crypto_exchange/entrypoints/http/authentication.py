"""Authentication: a pure ASGI middleware that lets only a bearer of a good token, or API key, pass.

Every route needs a token of a live session, unless its operation says that it is public; those with a
scope also take a live API key that was given it.
"""

from __future__ import annotations

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from crypto_exchange.domain.administration import require_role
from crypto_exchange.domain.api_key import find_excess
from crypto_exchange.domain.errors import Unauthenticated
from crypto_exchange.domain.use_cases.administration import require_officer
from crypto_exchange.entrypoints.http.operations import Operation, Page, find_operation


class Authentication:
    """Puts the claims of the token where `request.user` finds them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the token, then go on. Raises `Unauthenticated`, `Forbidden`, `AccountFrozen`, and
        `StepUpRequired` for what officers do.
        """
        operation = find_operation(scope["route_handler"])
        state = scope["litestar_app"].state
        if not _is_public(operation, scope):
            bearer = read_bearer(scope)
            known = await state.known_keys.find(bearer)
            claims = known or state.context.tokens.read_access(bearer)
            excess = find_excess(claims.scopes, getattr(operation, "scope", None))
            if excess or not (isinstance(operation, Operation) and operation.checks_session):
                await state.ended_sessions.require_live(claims)
            if excess:
                raise excess
            if isinstance(operation, Operation):
                require_role(claims.role, operation.role)
                if operation.by_officer:
                    steps_up, role = operation.steps_up, operation.role
                    await require_officer(state.context, claims, role, steps_up=steps_up)
            scope["user"] = claims
        try:
            await self._app(scope, receive, send)
        finally:
            if isinstance(operation, Operation) and operation.ends_sessions:
                state.ended_sessions.look_again()


def read_bearer(scope: Scope) -> str:
    """The token that came with a request. Raises `Unauthenticated` if none did."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, token = given[0].decode("latin-1").partition(" ") if given else ("", "", "")
    if len(given) != 1:
        was = f"{len(given)} such headers" if given else "no such header"
    elif scheme.lower() != "bearer":
        was = f"scheme {scheme[:20]!r}"
    elif token.strip():
        return token.strip()
    else:
        was = "Bearer alone"
    raise Unauthenticated(
        f"Authorization: expected Bearer and an access token or API key, was {was}"
    )


def _is_public(operation: Operation | Page | None, scope: Scope) -> bool:
    """Only what Litestar itself answers (OPTIONS) is without an operation."""
    if operation is None:
        return scope["type"] == ScopeType.HTTP and scope["method"] == "OPTIONS"
    return operation.public
