"""Logins: the sessions of one user, seen and ended by their owner, and a new password for all of them."""

from __future__ import annotations

from collections.abc import Callable

from crypto_exchange.domain import access
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import NotFound, session_ended
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.use_cases.accounts import (
    live_sessions,
    new_session,
    require_password,
)
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.user import AccessClaims, Session, TokenPair, User

Sessions = tuple[Session, ...]


async def list_sessions(context: Context, bearer: AccessClaims) -> Sessions:
    """The bearer's live sessions, by (created_at, id). Raises `Unauthenticated`: theirs has ended."""
    async with context.begin() as work:
        work.abandon()
        return await _load(context, work, bearer)


async def end_session(context: Context, bearer: AccessClaims, session_id: str) -> None:
    """End one of the bearer's live sessions, which may be their own. Raises `NotFound` for another's."""

    def decide(sessions: Sessions) -> Change:
        session = access.find_own(sessions, session_id)
        return access.revoke([session], at_us=context.clock.now_us())

    await _write(context, bearer, decide)


async def end_all(context: Context, bearer: AccessClaims) -> None:
    """End all of the bearer's sessions, their own too."""

    def decide(sessions: Sessions) -> Change:
        return access.revoke(sessions, at_us=context.clock.now_us())

    await _write(context, bearer, decide)


async def change_password(
    context: Context, bearer: AccessClaims, password: str, new_password: str, *, device: str = ""
) -> TokenPair:
    """Give the bearer another password and a session of its own; every earlier one ends with it.

    Raises:
        InvalidField: `new_password` is none to register with.
        InvalidCredentials: `password` is not the one until now.
    """

    async def script(work: UnitOfWork) -> tuple[User, Session]:
        # Before the sessions: whoever logs in after that is told by the user's version.
        user = await _load_user(work, bearer)
        sessions = await _load(context, work, bearer)
        access.require_password(
            new_password,
            username=user.username,
            common=context.common_passwords,
            field="new_password",
        )
        await require_password(context, user, password)
        new_hash = await context.passwords.hash(new_password)
        session = new_session(context, user.id, device)
        at_us = context.clock.now_us()
        await work.commit(access.change_password(user, new_hash, session, sessions, at_us=at_us))
        return user, session

    user, session = await transact(context, script)
    return context.tokens.issue(user.role, session)


async def forget_expired(context: Context) -> int:
    """Remove the sessions that have expired; returns how many."""
    count = 0
    while gone := await context.queries.list_expired_sessions(context.clock.now_us()):
        async with context.begin() as work:
            await work.commit(Change(forgotten=gone))
        count += len(gone)
    return count


async def _load_user(work: UnitOfWork, bearer: AccessClaims) -> User:
    try:
        return await work.get_user(bearer.user_id)
    except NotFound:
        raise session_ended() from None


async def _load(context: Context, work: UnitOfWork, bearer: AccessClaims) -> Sessions:
    sessions = live_sessions(context, await work.list_sessions(bearer.user_id))
    access.require_own(sessions, bearer.session_id, at_us=context.clock.now_us())
    return sessions


async def _write(
    context: Context, bearer: AccessClaims, decide: Callable[[Sessions], Change]
) -> None:
    async def script(work: UnitOfWork) -> None:
        await work.commit(decide(await _load(context, work, bearer)))

    await transact(context, script)
