"""Access: decides who becomes a user, and when a login is renewed or ended."""

from __future__ import annotations

import re

import msgspec

from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import InvalidField, Unauthenticated
from crypto_exchange.domain.events import UserRegistered
from crypto_exchange.domain.user import Session, User

_USERNAME = re.compile(r"[A-Za-z0-9_.@-]{3,64}", re.ASCII)
_PASSWORD_LENGTH = range(8, 129)


def require_credentials(username: str, password: str) -> None:
    """Refuse names and passwords that nobody may register with.

    Raises:
        InvalidField: username not 3-64 of `[A-Za-z0-9_.@-]`, or password not 8-128 characters.
    """
    if not _USERNAME.fullmatch(username):
        was = f"{username[:64]!r} ({len(username)} characters)"
        raise InvalidField("username", "3 to 64 characters of A-Z a-z 0-9 _ . @ -", was)
    if len(password) not in _PASSWORD_LENGTH:
        raise InvalidField("password", "8 to 128 characters", f"{len(password)} characters")


def register(user: User, session: Session | None, *, at_us: int) -> Change:
    """Create a user with an empty wallet, logged in if a session is given."""
    return Change(
        users=(user,),
        new_sessions=() if session is None else (session,),
        events=(UserRegistered(at_us=at_us, user_id=user.id, username=user.username),),
    )


def open_session(session: Session) -> Change:
    """Log a user in."""
    return Change(new_sessions=(session,))


def rotate(session: Session | None, generation: int, *, at_us: int, expires_at_us: int) -> Change:
    """Trade the refresh token of a generation for the next one.

    A token of an earlier generation was used before, so somebody has a copy: then the change revokes
    the session instead.

    Raises:
        Unauthenticated: no such session, or it has ended.
    """
    if session is None or session.revoked or session.expires_at_us <= at_us:
        raise Unauthenticated(
            "refresh token: expected one of a live session, was one that has ended; log in again"
        )
    if generation != session.generation:
        return revoke(session)
    after = msgspec.structs.replace(session, generation=generation + 1, expires_at_us=expires_at_us)
    return Change(sessions=(Transition(session, after),))


def revoke(session: Session) -> Change:
    """End a session."""
    if session.revoked:
        return Change()
    after = msgspec.structs.replace(session, revoked=True)
    return Change(sessions=(Transition(session, after),))
