"""Credentials: the ports that compare passwords, and that make and read tokens."""

from __future__ import annotations

from typing import Protocol

from crypto_exchange.domain.user import (
    AccessClaims,
    ChallengeClaims,
    RefreshClaims,
    Role,
    Session,
    TokenPair,
    User,
)


class PasswordHasher(Protocol):
    """Slow hashes, off the event loop. What waits for its turn is bounded too."""

    async def hash(self, password: str) -> str:
        """Hash a new password. Raises `Unavailable` if too many wait."""

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Compare; None (no such user) takes as long and is False. Raises `Unavailable` as `hash`."""

    def is_outdated(self, hashed: str) -> bool:
        """Whether a hash that fits a password was made with other parameters than a new one."""


class Tokens(Protocol):
    """Signed tokens. Reading raises `Unauthenticated` for anything but a good one of its kind."""

    def issue(self, role: Role, session: Session, *, verified_at_us: int = 0) -> TokenPair:
        """A pair for a session's user and current generation; the refresh token ends with it. The access
        token says when a code of the second factor was given, to the second; 0: it was not.
        """

    def challenge(self, user: User) -> str:
        """A token that says that the user's password was right, good for `CHALLENGE_S`."""

    def read_access(self, token: str) -> AccessClaims:
        """Check an access token."""

    def read_refresh(self, token: str) -> RefreshClaims:
        """Check a refresh token's form; whether it is still good, the session says."""

    def read_challenge(self, token: str) -> ChallengeClaims:
        """Check a challenge's form; whether it is still good, the user's version says."""


class Vault(Protocol):
    """Keeps secrets unreadable where they are stored. Its keys may be replaced, one after the other."""

    def draw(self, size: int) -> bytes:
        """So many random bytes, which nobody can guess."""

    def seal(self, label: str, secret: bytes) -> str:
        """Encrypt a secret, under the newest key, for one place: `label` is what opens it again."""

    def open(self, label: str, sealed: str) -> bytes:
        """Decrypt what was sealed with this label, under any key that is known.

        Raises:
            InvariantViolation: it was not, or it was changed, or its key is not known any more.
        """
