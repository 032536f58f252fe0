"""Stand-ins for password hashes, tokens and encryption. They protect nothing: for tests and demonstrations only."""

from __future__ import annotations

import secrets

from crypto_exchange.domain.errors import InvariantViolation, Unauthenticated
from crypto_exchange.domain.user import (
    AccessClaims,
    ChallengeClaims,
    RefreshClaims,
    Role,
    Session,
    TokenPair,
    User,
)


class InsecureHasher:
    """Keeps passwords readable, so that it costs no time."""

    async def hash(self, password: str) -> str:
        return f"insecure:{password}"

    async def verify(self, password: str, hashed: str | None) -> bool:
        return hashed == f"insecure:{password}"

    def is_outdated(self, hashed: str) -> bool:
        return not hashed.startswith("insecure:")


class OpaqueTokens:
    """Random tokens whose claims are kept in this object; they do not expire by themselves."""

    def __init__(self) -> None:
        self._claims: dict[str, AccessClaims | RefreshClaims | ChallengeClaims] = {}

    def issue(self, role: Role, session: Session, *, verified_at_us: int = 0) -> TokenPair:
        return TokenPair(
            self._keep(AccessClaims(session.user_id, role, session.id, verified_at_us)),
            self._keep(RefreshClaims(session.user_id, session.id, session.generation)),
        )

    def challenge(self, user: User) -> str:
        return self._keep(ChallengeClaims(user.id, user.version))

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

    def read_challenge(self, token: str) -> ChallengeClaims:
        claims = self._claims.get(token)
        if not isinstance(claims, ChallengeClaims):
            raise Unauthenticated("challenge: expected one of this service, was another one")
        return claims

    def _keep(self, claims: AccessClaims | RefreshClaims | ChallengeClaims) -> str:
        token = secrets.token_urlsafe(24)
        self._claims[token] = claims
        return token


class ReadableVault:
    """Keeps secrets as they are."""

    def draw(self, size: int) -> bytes:
        return secrets.token_bytes(size)

    def seal(self, label: str, secret: bytes) -> str:
        return f"readable:{label}:{secret.hex()}"

    def open(self, label: str, sealed: str) -> bytes:
        kind, _, secret = sealed.rpartition(":")
        if kind != f"readable:{label}":
            raise InvariantViolation(f"expected what was sealed for {label}, was another text")
        return bytes.fromhex(secret)
