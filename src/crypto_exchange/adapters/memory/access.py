"""Stand-ins for password hashes and tokens. They protect nothing: for tests and demonstrations only."""

from __future__ import annotations

import secrets

from crypto_exchange.domain.errors import Unauthenticated
from crypto_exchange.domain.user import AccessClaims, RefreshClaims, Role, Session, TokenPair


class InsecureHasher:
    """Keeps passwords readable, so that it costs no time."""

    async def hash(self, password: str) -> str:
        return f"insecure:{password}"

    async def verify(self, password: str, hashed: str | None) -> bool:
        return hashed == f"insecure:{password}"


class OpaqueTokens:
    """Random tokens whose claims are kept in this object; they do not expire by themselves."""

    def __init__(self) -> None:
        self._claims: dict[str, AccessClaims | RefreshClaims] = {}

    def issue(self, role: Role, session: Session) -> TokenPair:
        return TokenPair(
            self._keep(AccessClaims(session.user_id, role, session.id)),
            self._keep(RefreshClaims(session.user_id, session.id, session.generation)),
        )

    def read_access(self, token: str) -> AccessClaims:
        claims = self._claims.get(token)
        if not isinstance(claims, AccessClaims):
            raise Unauthenticated("access token: expected one of this service, was another one")
        return claims

    def read_refresh(self, token: str) -> RefreshClaims:
        claims = self._claims.get(token)
        if not isinstance(claims, RefreshClaims):
            raise Unauthenticated("refresh token: expected one of this service, was another one")
        return claims

    def _keep(self, claims: AccessClaims | RefreshClaims) -> str:
        token = secrets.token_urlsafe(24)
        self._claims[token] = claims
        return token
