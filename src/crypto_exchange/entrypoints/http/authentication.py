"""Authentication: a pure ASGI middleware that lets only a bearer of a good token pass.

Every route needs a token unless its operation says that it is public.
"""

from __future__ import annotations

from typing import cast

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from crypto_exchange.domain.errors import Unauthenticated
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.http.operations import find_operation


class Authentication:
    """Puts the claims of the token where `request.user` finds them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the token, then go on. Raises `Unauthenticated`."""
        if not _is_public(scope):
            context = cast("Context", scope["litestar_app"].state.context)
            scope["user"] = context.tokens.read_access(_bearer_token(scope))
        await self._app(scope, receive, send)


def _is_public(scope: Scope) -> bool:
    """Only what Litestar itself answers (OPTIONS) is without an operation."""
    operation = find_operation(scope["route_handler"])
    if operation is None:
        return scope["type"] == ScopeType.HTTP and scope["method"] == "OPTIONS"
    return operation.public


def _bearer_token(scope: Scope) -> str:
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
