"""Logins: the sessions of one user, seen and ended by their owner, and a new password for all of them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from crypto_exchange.domain import access
from crypto_exchange.domain.api_key import KEPT_US
from crypto_exchange.domain.audit_log import SERVICE, Action, Actor, record
from crypto_exchange.domain.audited import audited
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import InvalidCode, NotFound, session_ended
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.use_cases import second_factor
from crypto_exchange.domain.use_cases.accounts import (
    live_sessions,
    new_session,
    require_password,
)
from crypto_exchange.domain.use_cases.api_keys import with_keys_ended
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.user import AccessClaims, Session, TokenPair, User

Sessions = tuple[Session, ...]


async def list_sessions(context: Context, bearer: AccessClaims) -> Sessions:
    """The bearer's live sessions, by (created_at, id). Raises `Unauthenticated`: theirs has ended."""
    async with context.begin() as work:
        work.abandon()
        return await _load(context, work, bearer)


async def end_session(
    context: Context, bearer: AccessClaims, session_id: str, *, actor: Actor = SERVICE
) -> None:
    """End one of the bearer's live sessions, which may be their own. Raises `NotFound` for another's."""

    def decide(sessions: Sessions) -> Change:
        session = access.find_own(sessions, session_id)
        return access.revoke([session], at_us=context.clock.now_us())

    await _end(context, bearer, decide, actor)


async def end_all(context: Context, bearer: AccessClaims, *, actor: Actor = SERVICE) -> None:
    """End all of the bearer's sessions, their own too."""

    def decide(sessions: Sessions) -> Change:
        return access.revoke(sessions, at_us=context.clock.now_us())

    await _end(context, bearer, decide, actor)


async def change_password(
    context: Context,
    bearer: AccessClaims,
    password: str,
    new_password: str,
    *,
    code: str | None = None,
    device: str = "",
    actor: Actor = SERVICE,
) -> TokenPair:
    """Give the bearer another password and a session of its own; every earlier one, and every API key,
    ends with it.

    Raises:
        InvalidField: `new_password` is none to register with.
        InvalidCredentials: `password` is not the one until now.
        StepUpRequired, InvalidCode, CodesLocked: as `second_factor.take_code`.
    """

    async def script(work: UnitOfWork) -> tuple[User, Session, InvalidCode | None]:
        # Before the sessions: whoever logs in after that is told by the user's version.
        user = await _load_user(work, bearer)
        sessions = await _load(context, work, bearer)
        access.require_password(
            new_password,
            username=user.username,
            common=context.common_passwords,
            field="new_password",
        )
        await require_password(context, work, user, password, actor=actor, device=device)
        refusal, used = await second_factor.take_code(context, work, bearer, code, actor=actor)
        session = new_session(context, user.id, device, actor.address)
        if refusal is not None:
            await work.commit(audited(used, actor))
            return user, session, refusal
        new_hash = await context.passwords.hash(new_password)
        at_us = context.clock.now_us()
        change = access.change_password(user, new_hash, session, sessions, at_us=at_us)
        events = used.events + change.events
        change = msgspec.structs.replace(change, factors=used.factors, events=events)
        change = await with_keys_ended(context, work, change, user.id, actor=actor)
        await work.commit(audited(change, actor))
        return user, session, None

    user, session, refusal = await transact(context, script)
    if refusal is not None:
        raise refusal
    return context.tokens.issue(user.role, session)


async def forget_expired(context: Context) -> int:
    """Remove sessions that have expired, and API keys that ended or expired more than 30 days ago; returns
    how many.
    """
    now_us, queries, count = context.clock.now_us(), context.queries, 0
    while gone := await queries.list_expired_sessions(now_us):
        async with context.begin() as work:
            await work.commit(Change(forgotten=gone))
        count += len(gone)
    while keys := await queries.list_dead_keys(now_us - KEPT_US):
        async with context.begin() as work:
            await work.commit(Change(forgotten_keys=keys))
        count += len(keys)
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


async def _end(
    context: Context, bearer: AccessClaims, decide: Callable[[Sessions], Change], actor: Actor
) -> None:
    async def script(work: UnitOfWork) -> None:
        change = decide(await _load(context, work, bearer))
        ended = [move.after for move in change.sessions]
        entry = record(
            actor,
            Action.SESSIONS_ENDED,
            at_us=context.clock.now_us(),
            user_id=bearer.user_id,
            subject=ended[0].id if len(ended) == 1 else "",
            ended=len(ended),
        )
        await work.commit(audited(change, actor, entry))

    await transact(context, script)
