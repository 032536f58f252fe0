"""Administration: decides what officers (operators and administrators) may do to other accounts.

A frozen account can be looked at, logged in to and out of, and exported; nothing else. What it has
ordered goes on: the money is in it already.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crypto_exchange.domain import enrolment
from crypto_exchange.domain.access import revoke
from crypto_exchange.domain.audit_log import Action, Actor, record
from crypto_exchange.domain.audited import audited
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import Forbidden, InvalidField, WrongState
from crypto_exchange.domain.second_factor import SecondFactor
from crypto_exchange.domain.user import Role, Session, User, UserStatus, require_active

LONGEST_REASON = 500
"""In characters."""


class Officer(msgspec.Struct, frozen=True):
    """Who acts, as they are now; without a user it is whoever may run commands where the service runs."""

    actor: Actor
    user: User | None = None


def require_role(has: Role, needed: Role) -> None:
    """Refuse what needs more than a role.

    Raises:
        Forbidden: it does.
    """
    if not has.covers(needed):
        raise Forbidden(f"role {needed.value}", f"role {has.value}")


def acting(user: User | None, role: Role) -> tuple[Transition[User], ...]:
    """What a change by an officer says besides, in `moved_users`: that they have a role and are active,
    and still are when it is written. Nothing without a user.

    Raises:
        Forbidden, AccountFrozen: they have not, or are not.
    """
    if user is None:
        return ()
    require_role(user.role, role)
    require_active(user.status)
    return (_moved(user),)


def require_reason(reason: str, *, field: str = "reason") -> str:
    """Why somebody acts, for the audit log.

    Raises:
        InvalidField: it is empty, longer than 500 characters, or not one line of text.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON or not reason.isprintable():
        was = f"{len(reason)} characters" if reason.isprintable() else "several lines"
        raise InvalidField(field, f"one line of 1 to {LONGEST_REASON} characters", was)
    return reason


def freeze(
    user: User, officer: Officer, *, reason: str, sessions: Sequence[Session], at_us: int
) -> Change:
    """Freeze an account. No command of its user that was loaded before is written after. The sessions
    end with it: those of an officer, who sees more than their own.

    Raises:
        Forbidden: it is the officer's own, or of a role above theirs.
        WrongState: it is not active.
    """
    _require_over(officer, user)
    _require_status(user, UserStatus.ACTIVE)
    by = acting(officer.user, Role.OPERATOR)
    entry = record(
        officer.actor,
        Action.ACCOUNT_FROZEN,
        at_us=at_us,
        user_id=user.id,
        reason=reason,
        ended=len(sessions),
    )
    return Change(
        fenced=(user.id,),
        moved_users=(_moved(user, status=UserStatus.FROZEN), *by),
        sessions=revoke(sessions, at_us=at_us).sessions,
        audit=(entry,),
    )


def unfreeze(user: User, officer: Officer, *, reason: str, at_us: int) -> Change:
    """Let an account be used again. Raises as `freeze`, and `WrongState` if it is not frozen."""
    _require_over(officer, user)
    _require_status(user, UserStatus.FROZEN)
    entry = record(
        officer.actor, Action.ACCOUNT_UNFROZEN, at_us=at_us, user_id=user.id, reason=reason
    )
    moved = (_moved(user, status=UserStatus.ACTIVE), *acting(officer.user, Role.OPERATOR))
    return Change(moved_users=moved, audit=(entry,))


def change_role(
    user: User,
    role: Role,
    officer: Officer,
    *,
    stays: User | None,
    sessions: Sequence[Session],
    at_us: int,
) -> Change:
    """Give a user another role, and end their sessions: tokens tell the role that they were made for.

    `stays` is another administrator who is active, None if there is none. When an administrator loses
    the role it must still be one when this is written, so that there is always one left.

    Raises:
        Forbidden: it is the officer's own role, or they are no administrator.
        WrongState: the account is closed, the role is that already, or nobody else is an administrator.
    """
    _require_over(officer, user)
    by = acting(officer.user, Role.ADMIN)
    if user.status is UserStatus.CLOSED:
        raise WrongState(f"user {user.id}", "an account that is not closed", "a closed one")
    if user.role is role:
        raise WrongState(f"user {user.id}", f"another role than {role.value}", role.value)
    if user.role is Role.ADMIN and stays is None:
        raise WrongState("administrators", "another one who is active", "none")
    guarded = by or (() if stays is None or user.role is not Role.ADMIN else (_moved(stays),))
    entry = record(
        officer.actor,
        Action.ROLE_CHANGED,
        at_us=at_us,
        user_id=user.id,
        was=user.role.value,
        role=role.value,
        ended=len(sessions),
    )
    return Change(
        moved_users=(_moved(user, role=role), *guarded),
        sessions=revoke(sessions, at_us=at_us).sessions,
        audit=(entry,),
    )


def end_sessions(
    user: User, sessions: Sequence[Session], officer: Officer, *, at_us: int
) -> Change:
    """End all sessions of a user. Raises `Forbidden` as `freeze`."""
    _require_over(officer, user)
    entry = record(
        officer.actor, Action.SESSIONS_ENDED, at_us=at_us, user_id=user.id, ended=len(sessions)
    )
    by = acting(officer.user, Role.OPERATOR)
    ended = revoke(sessions, at_us=at_us).sessions
    return Change(moved_users=by, sessions=ended, audit=(entry,))


def reset_second_factor(
    user: User, factor: SecondFactor | None, officer: Officer, *, at_us: int
) -> Change:
    """Take a user's second factor away, who has lost it and all recovery codes; their password alone
    logs them in again.

    Raises:
        Forbidden: it is the officer's own, or of a role above theirs.
        NotFound: there is none in force.
    """
    _require_over(officer, user)
    by = acting(officer.user, Role.ADMIN)
    change = enrolment.reset(enrolment.require_active(factor), at_us=at_us)
    return audited(msgspec.structs.replace(change, moved_users=by), officer.actor)


def _require_over(officer: Officer, user: User) -> None:
    if officer.user is None:
        return
    if officer.user.id == user.id:
        raise Forbidden("another account than the one it is about", "that account")
    require_role(officer.user.role, user.role)


def _require_status(user: User, needed: UserStatus) -> None:
    if user.status is not needed:
        what, was = f"user {user.id}", f"one that is {user.status.value}"
        raise WrongState(what, f"an account that is {needed.value}", was)


def _moved(user: User, **fields: Role | UserStatus) -> Transition[User]:
    after = msgspec.structs.replace(user, version=user.version + 1, **fields)
    return Transition(user, after)
