"""Facts of accounts: who came, and what became of the ways in."""

from __future__ import annotations

from typing import TypeAlias

from crypto_exchange.domain.event import Event


class UserRegistered(Event, frozen=True, kw_only=True, tag=True):
    """A user and their wallet exist. Their name is not told: what is never edited knows no names."""


class SessionReuseDetected(Event, frozen=True, kw_only=True, tag=True):
    """A refresh token came a second time, so somebody has a copy: its login was ended. The token was
    of an earlier generation than the newest.
    """

    session_id: str
    generation: int
    newest: int


class PasswordChanged(Event, frozen=True, kw_only=True, tag=True):
    """A user has a new password; all their logins from before, so many, were ended."""

    ended: int


class SecondFactorEnrolled(Event, frozen=True, kw_only=True, tag=True):
    """A user has confirmed a second factor, which logging in now needs."""


class SecondFactorDisabled(Event, frozen=True, kw_only=True, tag=True):
    """A user has given up their second factor, or an operator has taken it away for them."""

    by_operator: bool = False


class SecondFactorLocked(Event, frozen=True, kw_only=True, tag=True):
    """So many wrong codes came in a row that none is looked at until a time."""

    wrong: int
    until_us: int


class RecoveryCodeUsed(Event, frozen=True, kw_only=True, tag=True):
    """A recovery code stood in for the authenticator; so many are left."""

    left: int


AccountEvent: TypeAlias = (
    UserRegistered
    | SessionReuseDetected
    | PasswordChanged
    | SecondFactorEnrolled
    | SecondFactorDisabled
    | SecondFactorLocked
    | RecoveryCodeUsed
)
