"""Accounts: register, log in, renew and end a login."""

from __future__ import annotations

from crypto_exchange.domain import access
from crypto_exchange.domain.errors import InvalidCredentials, Unauthenticated
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.user import Role, Session, TokenPair, User

SESSION_US = 14 * 24 * 3600 * SECOND_US
"""How long a session lives after its last renewal."""


async def register(
    context: Context, username: str, password: str, *, role: Role = Role.USER
) -> TokenPair:
    """Create a user, their wallet and a session in one commit. Raises `InvalidField`, `UsernameTaken`."""
    access.require_credentials(username, password)
    user = User(
        id=await context.ids.next_user_id(),
        username=username,
        password_hash=await context.passwords.hash(password),
        role=role,
    )
    session = _new_session(context, user.id)

    async def script(work: UnitOfWork) -> None:
        await work.commit(access.register(user, session, at_us=context.clock.now_us()))

    await transact(context, script)
    return context.tokens.issue(user.role, session)


async def log_in(context: Context, username: str, password: str) -> TokenPair:
    """Start a session. Raises `InvalidCredentials`, in the same time for unknown users."""
    async with context.begin() as work:
        user = await work.find_user(username)
        work.abandon()
    good = await context.passwords.verify(password, None if user is None else user.password_hash)
    if user is None or not good:
        raise InvalidCredentials
    session = _new_session(context, user.id)

    async def script(work: UnitOfWork) -> None:
        await work.commit(access.open_session(session))

    await transact(context, script)
    return context.tokens.issue(user.role, session)


async def renew(context: Context, refresh_token: str) -> TokenPair:
    """Trade a refresh token for a new pair; one that was used before ends its session.

    Raises:
        Unauthenticated: it is no good, or no longer.
    """
    claims = context.tokens.read_refresh(refresh_token)

    async def script(work: UnitOfWork) -> tuple[User, Session]:
        session = await work.find_session(claims.user_id, claims.session_id)
        now_us = context.clock.now_us()
        change = access.rotate(
            session, claims.generation, at_us=now_us, expires_at_us=now_us + SESSION_US
        )
        user = await work.get_user(claims.user_id)
        await work.commit(change)
        return user, change.sessions[0].after

    user, session = await transact(context, script)
    if session.revoked:
        raise Unauthenticated(
            "refresh token: expected the newest of its login, was one used before; "
            "the login has been ended, log in again"
        )
    return context.tokens.issue(user.role, session)


async def log_out(context: Context, refresh_token: str) -> None:
    """End a session; one that has ended is no error. Raises `Unauthenticated` for a bad token."""
    claims = context.tokens.read_refresh(refresh_token)

    async def script(work: UnitOfWork) -> None:
        session = await work.find_session(claims.user_id, claims.session_id)
        if session is None or session.revoked:
            work.abandon()
            return
        await work.commit(access.revoke(session))

    await transact(context, script)


def _new_session(context: Context, user_id: UserId) -> Session:
    expires_at_us = context.clock.now_us() + SESSION_US
    return Session(user_id=user_id, id=context.ids.new_key(), expires_at_us=expires_at_us)
