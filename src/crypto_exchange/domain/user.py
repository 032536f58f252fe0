"""User: a registered person, their role, and the sessions that keep them logged in."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.api_key import Scope
from crypto_exchange.domain.errors import AccountFrozen
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.kind import Kind

ACCESS_S = 900
"""How long an access token is good, in seconds."""
CHALLENGE_S = 300
"""How long a challenge is good, in seconds."""


class Role(Kind):
    """What a user may do beyond their own wallet; each may do what those before it may."""

    USER = "user"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Whether whoever has this role may do what needs another."""
        roles = list(Role)
        return roles.index(self) >= roles.index(needed)


class UserStatus(Kind):
    """What has become of an account. A frozen one is looked at and not used; a closed one is gone."""

    ACTIVE = "active"
    FROZEN = "frozen"
    CLOSED = "closed"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A registered person. `username` is unique without case; the hash is never shown.

    Every login, every new password and whatever an operator changes raises the version: so none
    overlooks the other.
    """

    id: UserId
    username: str
    password_hash: str
    role: Role = Role.USER
    version: int = 0
    status: UserStatus = UserStatus.ACTIVE


def require_active(status: UserStatus) -> None:
    """Refuse what changes something for an account that is not in use.

    Raises:
        AccountFrozen: it is frozen, or closed.
    """
    if status is not UserStatus.ACTIVE:
        raise AccountFrozen


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A login that is kept alive by rotating refresh tokens (a family).

    Only the token of the current `generation` is good; one of an earlier generation was stolen or
    replayed, and ends the whole session. `used_at_us` is when that generation began, and `retry` the
    digest of the key with which its predecessor may ask for it again. `ended_at_us` is 0 until
    somebody ends the session; it is over by itself at `expires_at_us`. `address` is where it began,
    as calls are counted by it; empty if nobody knows.
    """

    user_id: UserId
    id: str
    generation: int = 0
    created_at_us: int = 0
    used_at_us: int = 0
    expires_at_us: int
    ended_at_us: int = 0
    device: str = ""
    retry: str = ""
    address: str = ""

    @property
    def revoked(self) -> bool:
        """Whether somebody has ended it."""
        return self.ended_at_us > 0

    def lives(self, at_us: int) -> bool:
        """Whether it can be renewed at a time."""
        return not self.revoked and at_us < self.expires_at_us


class Ended(msgspec.Struct, frozen=True):
    """A session, or an API key, that somebody has ended."""

    id: str
    ended_at_us: int


class AccessClaims(msgspec.Struct, frozen=True):
    """What is known of whoever calls; `verified_at_us` is when they last gave a code of their second
    factor (0: not for this token). For a program `session_id` is that of its API key, and `scopes` are
    what the key may be used for; None: a person who has logged in.
    """

    user_id: UserId
    role: Role
    session_id: str
    verified_at_us: int = 0
    scopes: frozenset[Scope] | None = None


class RefreshClaims(msgspec.Struct, frozen=True):
    """What a refresh token says: good once, for the session's current generation."""

    user_id: UserId
    session_id: str
    generation: int


class ChallengeClaims(msgspec.Struct, frozen=True):
    """What a challenge says: whose password was right, and the user's version then."""

    user_id: UserId
    version: int


class TokenPair(msgspec.Struct, frozen=True):
    """A short-lived access token and the refresh token that gets the next pair."""

    access: str
    refresh: str


class Challenge(msgspec.Struct, frozen=True):
    """What a login is answered with that needs a code of the second factor."""

    token: str
