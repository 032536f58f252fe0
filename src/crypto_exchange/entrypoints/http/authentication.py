"""Authentication: a pure ASGI middleware that lets only a bearer of a good token pass.

Every route needs a token of a live session, unless its operation says that it is public.
"""

from __future__ import annotations

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from crypto_exchange.domain.errors import Unauthenticated
from crypto_exchange.entrypoints.http.operations import Operation, Page, find_operation


class Authentication:
    """Puts the claims of the token where `request.user` finds them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the token, then go on. Raises `Unauthenticated`."""
        operation = find_operation(scope["route_handler"])
        state = scope["litestar_app"].state
        if not _is_public(operation, scope):
            claims = state.context.tokens.read_access(read_bearer(scope))
            if not (isinstance(operation, Operation) and operation.checks_session):
                await state.ended_sessions.require_live(claims)
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
    raise Unauthenticated(f"Authorization: expected Bearer and an access token, was {was}")


def _is_public(operation: Operation | Page | None, scope: Scope) -> bool:
    """Only what Litestar itself answers (OPTIONS) is without an operation."""
    if operation is None:
        return scope["type"] == ScopeType.HTTP and scope["method"] == "OPTIONS"
    return operation.public
