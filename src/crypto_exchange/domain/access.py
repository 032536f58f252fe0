"""Access: decides who becomes a user, and when a login begins, is renewed or ends."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

import msgspec

from crypto_exchange.domain.account_events import (
    PasswordChanged,
    SessionReuseDetected,
    UserRegistered,
)
from crypto_exchange.domain.activity import Activity
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import (
    InvalidField,
    NotFound,
    StepUpRequired,
    Unauthenticated,
    session_ended,
)
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.user import Session, User, require_active

MAX_SESSIONS = 100
"""Logins of one user at a time; one more ends that which was not renewed for the longest time."""
LONGEST_US = 90 * 24 * 3600 * SECOND_US
"""How long a session lives at most, however often it is renewed."""
RECENT_US = 15 * 60 * SECOND_US
"""For how long after a login a second factor may be enrolled, and an API key be made."""
RETRY_US = 10 * SECOND_US
"""How long a client may ask once more for an answer that it lost."""

_USERNAME = re.compile(r"[A-Za-z0-9_.@-]{3,64}", re.ASCII)
_CLOSED = re.compile("closed-[0-9]+", re.ASCII | re.IGNORECASE)
_PASSWORD_LENGTH = range(8, 129)


class CommonPasswords(msgspec.Struct, frozen=True):
    """Passwords that are guessed first, as `plain_password` writes them; none if nothing is refused."""

    words: frozenset[str] = frozenset()

    def has(self, password: str, username: str) -> bool:
        """Whether somebody who knows the name would guess the password at once."""
        plain = plain_password(password)
        return bool(self.words) and (plain in self.words or plain == plain_password(username))


def plain_password(password: str) -> str:
    """A password without what people change to get past a list: its case and its spelling (NFKC)."""
    return unicodedata.normalize("NFKC", password).casefold()


def require_username(username: str) -> None:
    """Refuse names that nobody may register with.

    Raises:
        InvalidField: not 3-64 of `[A-Za-z0-9_.@-]`, or what a closed account is called.
    """
    if not _USERNAME.fullmatch(username):
        was = f"{username[:64]!r} ({len(username)} characters)"
        raise InvalidField("username", "3 to 64 characters of A-Z a-z 0-9 _ . @ -", was)
    if _CLOSED.fullmatch(username):
        raise InvalidField("username", "no name of a closed account (closed-1)", repr(username))


def require_password(
    password: str, *, username: str, common: CommonPasswords, field: str = "password"
) -> None:
    """Refuse a new password that is too short, too long, or among those that are guessed first.

    Raises:
        InvalidField: not 8-128 characters, or common, or the username.
    """
    if len(password) not in _PASSWORD_LENGTH:
        raise InvalidField(field, "8 to 128 characters", f"{len(password)} characters")
    if common.has(password, username):
        was = "the username or one of the most common passwords"
        raise InvalidField(field, "one that is hard to guess", was)


def register(user: User, session: Session | None, *, at_us: int) -> Change:
    """Create a user with an empty wallet, logged in if a session is given."""
    return Change(
        users=(user,),
        activity=Activity(registered_at_us=at_us),
        new_sessions=() if session is None else (session,),
        events=(UserRegistered(at_us=at_us, user_id=user.id),),
    )


def log_in(
    user: User, session: Session, others: Sequence[Session], *, new_hash: str | None, at_us: int
) -> Change:
    """Open a session beside the others of the user, the hash of whose password may be renewed."""
    surplus = max(0, len(others) + 1 - MAX_SESSIONS)
    oldest = sorted(others, key=lambda each: (each.used_at_us, each.id))[:surplus]
    return Change(
        moved_users=(_with_hash(user, new_hash or user.password_hash),),
        new_sessions=(session,),
        sessions=_ended(oldest, at_us),
    )


def renew_hash(user: User, new_hash: str) -> Change:
    """Keep another hash of the same password, made as hashes are made today."""
    return Change(moved_users=(_with_hash(user, new_hash),))


def usable(user: User) -> Transition[User]:
    """What a change of a user's ways in says besides: that the account is active, and still is when
    the change is written. Whoever logs in or freezes it at the same time is told by the version.

    Raises:
        AccountFrozen: it is not.
    """
    require_active(user.status)
    return _with_hash(user, user.password_hash)


def rotate(
    session: Session | None, generation: int, *, at_us: int, expires_at_us: int, retry: str = ""
) -> Change:
    """Trade the refresh token of a generation for the next one, which expires with its session.

    A token of an earlier generation was used before, so somebody has a copy: then the change revokes
    the session instead. But the answer may have been lost: for 10 s the token before the newest gets
    the newest generation again, which the empty change says, if it comes with the same `retry` (the
    digest of a key that only its client knows) as the first time.

    Raises:
        Unauthenticated: no such session, or it has ended.
    """
    if session is None or not session.lives(at_us):
        raise Unauthenticated(
            "refresh token: expected one of a live session, was one that has ended; log in again"
        )
    if generation == session.generation:
        after = msgspec.structs.replace(
            session,
            generation=generation + 1,
            used_at_us=at_us,
            expires_at_us=min(expires_at_us, session.created_at_us + LONGEST_US),
            retry=retry,
        )
        return Change(sessions=(Transition(session, after),))
    again = generation == session.generation - 1 and at_us - session.used_at_us <= RETRY_US
    if again and retry and retry == session.retry:
        return Change()
    reused = SessionReuseDetected(
        at_us=at_us,
        user_id=session.user_id,
        session_id=session.id,
        generation=generation,
        newest=session.generation,
    )
    return Change(sessions=_ended([session], at_us), events=(reused,))


def revoke(sessions: Iterable[Session], *, at_us: int) -> Change:
    """End sessions; those that have ended stay as they are."""
    return Change(sessions=_ended((each for each in sessions if not each.revoked), at_us))


def change_password(
    user: User, new_hash: str, session: Session, others: Sequence[Session], *, at_us: int
) -> Change:
    """Give a user another password and a session of its own; all others end with the old one.

    Raises:
        AccountFrozen: the account is.
    """
    require_active(user.status)
    return Change(
        moved_users=(_with_hash(user, new_hash),),
        new_sessions=(session,),
        sessions=_ended(others, at_us),
        events=(PasswordChanged(at_us=at_us, user_id=user.id, ended=len(others)),),
    )


def require_own(sessions: Iterable[Session], session_id: str, *, at_us: int) -> Session:
    """The session of whoever asks, which must live.

    Raises:
        Unauthenticated: it has ended.
    """
    session = next((each for each in sessions if each.id == session_id), None)
    if session is None or not session.lives(at_us):
        raise session_ended()
    return session


def require_recent(session: Session, verified_at_us: int, *, at_us: int) -> None:
    """Let go on only whose login, or last code of a second factor, is at most 15 minutes old: whoever
    has found nothing but an access token cannot make it last.

    Raises:
        StepUpRequired: it is older.
    """
    if at_us - max(session.created_at_us, verified_at_us) > RECENT_US:
        raise StepUpRequired(
            "expected a login within the last 15 minutes, was an earlier one; "
            "log in again, and try again with the new access token"
        )


def find_own(sessions: Iterable[Session], session_id: str) -> Session:
    """A session of the same user by its id.

    Raises:
        NotFound: there is none among them.
    """
    for each in sessions:
        if each.id == session_id:
            return each
    raise NotFound("session", session_id[:40])


def _with_hash(user: User, password_hash: str) -> Transition[User]:
    after = msgspec.structs.replace(user, password_hash=password_hash, version=user.version + 1)
    return Transition(user, after)


def _ended(sessions: Iterable[Session], at_us: int) -> tuple[Transition[Session], ...]:
    return tuple(
        Transition(each, msgspec.structs.replace(each, ended_at_us=max(at_us, 1)))
        for each in sessions
    )
