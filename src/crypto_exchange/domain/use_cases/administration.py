"""Administration: what officers ask of other accounts, and whether somebody is one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from crypto_exchange.domain import access, administration
from crypto_exchange.domain.administration import Officer, require_reason, require_role
from crypto_exchange.domain.audit_log import Actor
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import NotFound, session_ended
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.second_factor import require_fresh
from crypto_exchange.domain.use_cases.accounts import live_sessions
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.use_cases.officers import load_officer
from crypto_exchange.domain.user import (
    AccessClaims,
    Role,
    Session,
    User,
    UserStatus,
    require_active,
)


async def require_officer(
    context: Context, bearer: AccessClaims, role: Role, *, steps_up: bool
) -> None:
    """Ask the database whether a bearer may still act by a role: tokens outlive what they say, and
    who found one must not act with it if the call `steps_up`.

    Raises:
        Unauthenticated: their session has ended.
        Forbidden: their role is below it now.
        AccountFrozen: their account is.
        StepUpRequired: they have a second factor, and gave no code of it lately; or have none, and
            have not logged in lately.
    """
    at_us = context.clock.now_us()
    async with context.begin() as work:
        work.abandon()
        session = await work.find_session(bearer.user_id, bearer.session_id)
        sessions = [] if session is None else [session]
        own = access.require_own(sessions, bearer.session_id, at_us=at_us)
        factor = await work.find_second_factor(bearer.user_id) if steps_up else None
        try:
            user = await work.get_user(bearer.user_id)
        except NotFound:
            raise session_ended() from None
    require_role(user.role, role)
    require_active(user.status)
    if steps_up:
        require_fresh(factor, bearer.verified_at_us, at_us=at_us)
        access.require_recent(own, bearer.verified_at_us, at_us=at_us)


async def freeze(context: Context, user_id: UserId, reason: str, *, actor: Actor) -> User:
    """Freeze an account. When this returns, no command of its user is written any more, also none
    that was under way; but orders that wait are bought. An officer's sessions end with it. Raises
    `NotFound`, and as `administration.freeze`.
    """
    reason = require_reason(reason)

    async def decide(work: UnitOfWork, user: User, officer: Officer) -> Change:
        sessions = () if user.role is Role.USER else await _live(context, work, user)
        at_us = context.clock.now_us()
        return administration.freeze(user, officer, reason=reason, sessions=sessions, at_us=at_us)

    return await _change(context, user_id, actor, decide)


async def unfreeze(context: Context, user_id: UserId, reason: str, *, actor: Actor) -> User:
    """Let an account be used again. Raises `NotFound`, and as `administration.unfreeze`."""
    reason = require_reason(reason)

    async def decide(_work: UnitOfWork, user: User, officer: Officer) -> Change:
        return administration.unfreeze(user, officer, reason=reason, at_us=context.clock.now_us())

    return await _change(context, user_id, actor, decide)


async def change_role(context: Context, user_id: UserId, role: Role, *, actor: Actor) -> User:
    """Give a user another role, which ends their sessions. Raises `NotFound`, and as
    `administration.change_role`.
    """

    async def decide(work: UnitOfWork, user: User, officer: Officer) -> Change:
        return administration.change_role(
            user,
            role,
            officer,
            stays=officer.user or await find_other_admin(context, work, user),
            sessions=await _live(context, work, user),
            at_us=context.clock.now_us(),
        )

    return await _change(context, user_id, actor, decide)


async def end_sessions(context: Context, user_id: UserId, *, actor: Actor) -> User:
    """End all sessions of a user. Raises `NotFound`, and as `administration.end_sessions`."""

    async def decide(work: UnitOfWork, user: User, officer: Officer) -> Change:
        sessions = await _live(context, work, user)
        at_us = context.clock.now_us()
        return administration.end_sessions(user, sessions, officer, at_us=at_us)

    return await _change(context, user_id, actor, decide)


async def find_other_admin(context: Context, work: UnitOfWork, user: User) -> User | None:
    """An active administrator beside a user, as they are now; None if there is none."""
    for each in await context.queries.list_officers():
        if each.id != user.id:
            other = await work.get_user(each.id)
            if other.role is Role.ADMIN and other.status is UserStatus.ACTIVE:
                return other
    return None


async def reset_second_factor(context: Context, user_id: UserId, *, actor: Actor) -> User:
    """Take a user's second factor away. Raises `NotFound`, and as
    `administration.reset_second_factor`.
    """

    async def decide(work: UnitOfWork, user: User, officer: Officer) -> Change:
        factor, at_us = await work.find_second_factor(user.id), context.clock.now_us()
        return administration.reset_second_factor(user, factor, officer, at_us=at_us)

    return await _change(context, user_id, actor, decide)


async def find_user(context: Context, username: str) -> UserId:
    """Whose name it is, without case. Raises `NotFound`."""
    async with context.begin() as work:
        work.abandon()
        user = await work.find_user(username)
    if user is None:
        raise NotFound("user", repr(username[:64]))
    return user.id


async def _change(
    context: Context,
    user_id: UserId,
    actor: Actor,
    decide: Callable[[UnitOfWork, User, Officer], Awaitable[Change]],
) -> User:
    """Load both, decide, commit; returns the user as they are then."""

    async def script(work: UnitOfWork) -> User:
        user = await work.get_user(user_id)
        officer = Officer(actor, await load_officer(work, actor))
        change = await decide(work, user, officer)
        await work.commit(change)
        return next((m.after for m in change.moved_users if m.after.id == user_id), user)

    return await transact(context, script)


async def _live(context: Context, work: UnitOfWork, user: User) -> tuple[Session, ...]:
    return live_sessions(context, await work.list_sessions(user.id))
