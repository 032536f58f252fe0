"""User: a registered person, their role, and the sessions that keep them logged in."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.kind import Kind


class Role(Kind):
    """What a user may do beyond their own wallet."""

    USER = "user"
    OPERATOR = "operator"
    ADMIN = "admin"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A registered person. `username` is unique without case; the hash is never shown."""

    id: UserId
    username: str
    password_hash: str
    role: Role = Role.USER


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A login that is kept alive by rotating refresh tokens (a family).

    Only the token of the current `generation` is good; one of an earlier generation was stolen or
    replayed, and ends the whole session.
    """

    user_id: UserId
    id: str
    generation: int = 0
    expires_at_us: int
    revoked: bool = False


class AccessClaims(msgspec.Struct, frozen=True):
    """What an access token says of its bearer."""

    user_id: UserId
    role: Role
    session_id: str


class RefreshClaims(msgspec.Struct, frozen=True):
    """What a refresh token says: good once, for the session's current generation."""

    user_id: UserId
    session_id: str
    generation: int


class TokenPair(msgspec.Struct, frozen=True):
    """A short-lived access token and the refresh token that gets the next pair."""

    access: str
    refresh: str
