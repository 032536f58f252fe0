"""Accounts: register, log in, renew and end a login."""

from __future__ import annotations

from hashlib import sha256

from crypto_exchange.domain import access
from crypto_exchange.domain.audit_log import SERVICE, Action, Actor, AuditEntry, record
from crypto_exchange.domain.audited import audited
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import InvalidCredentials, Unauthenticated
from crypto_exchange.domain.ids import HOUSE, UserId
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.user import Challenge, Role, Session, TokenPair, User

SESSION_US = 14 * 24 * 3600 * SECOND_US
"""How long a session lives after its last renewal; see also `access.LONGEST_US`."""


async def register(
    context: Context,
    username: str,
    password: str,
    *,
    role: Role = Role.USER,
    device: str = "",
    actor: Actor = SERVICE,
) -> TokenPair:
    """Create a user, their wallet and a session in one commit. Raises `InvalidField`, `UsernameTaken`."""
    access.require_username(username)
    access.require_password(password, username=username, common=context.common_passwords)
    user = User(
        id=await context.ids.next_user_id(),
        username=username,
        password_hash=await context.passwords.hash(password),
        role=role,
    )
    session = new_session(context, user.id, device, actor.address)
    at_us = context.clock.now_us()
    action = Action.ADMINISTRATOR_CREATED if role is Role.ADMIN else Action.REGISTERED
    entry = record(actor, action, at_us=at_us, user_id=user.id, device=device)

    async def script(work: UnitOfWork) -> None:
        change = access.register(user, session, at_us=at_us)
        await work.commit(audited(change, actor, entry))

    await transact(context, script)
    return context.tokens.issue(user.role, session)


async def log_in(
    context: Context, username: str, password: str, *, device: str = "", actor: Actor = SERVICE
) -> TokenPair | Challenge:
    """Start a session, or ask for a code of the second factor; `second_factor.finish_login` takes it.
    Raises `InvalidCredentials`, in the same time for unknown users.

    A hash that was made with other parameters than those of today is made anew.
    """

    async def script(work: UnitOfWork) -> tuple[User, Session | None]:
        user = await work.find_user(username)
        user = await require_password(context, work, user, password, actor=actor, device=device)
        outdated = context.passwords.is_outdated(user.password_hash)
        new_hash = await context.passwords.hash(password) if outdated else None
        factor = await work.find_second_factor(user.id)
        if factor is not None and factor.active:
            return await _renew_hash(work, user, new_hash), None
        session = new_session(context, user.id, device, actor.address)
        others = live_sessions(context, await work.list_sessions(user.id))
        at_us = context.clock.now_us()
        change = access.log_in(user, session, others, new_hash=new_hash, at_us=at_us)
        await work.commit(audited(change, actor, logged_in(actor, session)))
        return user, session

    user, session = await transact(context, script)
    if session is None:
        return Challenge(context.tokens.challenge(user))
    return context.tokens.issue(user.role, session)


async def renew(
    context: Context,
    refresh_token: str,
    *,
    retry_key: str | None = None,
    actor: Actor = SERVICE,
) -> TokenPair:
    """Trade a refresh token for a new pair; one that was used before ends its session.

    With the key that it came with before, the token may come again at once: see `access.rotate`.

    Raises:
        Unauthenticated: it is no good, or no longer.
    """
    claims = context.tokens.read_refresh(refresh_token)
    retry = "" if retry_key is None else _digest(claims.session_id, retry_key)

    async def script(work: UnitOfWork) -> tuple[User, Session]:
        session = await work.find_session(claims.user_id, claims.session_id)
        now_us = context.clock.now_us()
        change = access.rotate(
            session,
            claims.generation,
            at_us=now_us,
            expires_at_us=now_us + SESSION_US,
            retry=retry,
        )
        user = await work.get_user(claims.user_id)
        if session is not None and not change.sessions:
            work.abandon()
            return user, session
        await work.commit(audited(change, actor))
        return user, change.sessions[0].after

    user, session = await transact(context, script)
    if session.revoked:
        raise Unauthenticated(
            "refresh token: expected the newest of its login, was one used before; "
            "the login has been ended, log in again"
        )
    return context.tokens.issue(user.role, session)


async def log_out(context: Context, refresh_token: str, *, actor: Actor = SERVICE) -> None:
    """End a session; one that has ended is no error. Raises `Unauthenticated` for a bad token."""
    claims, at_us = context.tokens.read_refresh(refresh_token), context.clock.now_us()
    user_id, session_id = claims.user_id, claims.session_id
    entry = record(actor, Action.LOGGED_OUT, at_us=at_us, user_id=user_id, subject=session_id)

    async def script(work: UnitOfWork) -> None:
        session = await work.find_session(claims.user_id, claims.session_id)
        if session is None or session.revoked:
            work.abandon()
            return
        change = access.revoke([session], at_us=at_us)
        await work.commit(audited(change, actor, entry))

    await transact(context, script)


async def require_password(
    context: Context,
    work: UnitOfWork,
    user: User | None,
    password: str,
    *,
    actor: Actor,
    device: str = "",
) -> User:
    """The user, if it is their password. A wrong one is entered into the audit log.

    Raises:
        InvalidCredentials: it is not, or there is no such user; the work has ended.
    """
    good = await context.passwords.verify(password, None if user is None else user.password_hash)
    if user is None or not good:
        # The same for those who are nobody: neither time nor load tells whether a name is known.
        user_id = HOUSE if user is None else user.id
        await work.commit(Change(audit=(failed_login(context, actor, user_id, device=device),)))
        raise InvalidCredentials
    return user


def logged_in(actor: Actor, session: Session) -> AuditEntry:
    """What is recorded of a login."""
    return record(
        actor,
        Action.LOGGED_IN,
        at_us=session.created_at_us,
        user_id=session.user_id,
        subject=session.id,
        device=session.device,
    )


def failed_login(
    context: Context, actor: Actor, user_id: UserId, *, step: str = "password", device: str = ""
) -> AuditEntry:
    """What is recorded of a wrong password or code, which are not: nor is the name that was given."""
    return record(
        actor,
        Action.LOGIN_FAILED,
        at_us=context.clock.now_us(),
        user_id=user_id,
        step=step,
        device=device,
    )


def new_session(context: Context, user_id: UserId, device: str, address: str) -> Session:
    """A session that begins now."""
    now_us = context.clock.now_us()
    return Session(
        user_id=user_id,
        id=context.ids.new_key(),
        created_at_us=now_us,
        used_at_us=now_us,
        expires_at_us=now_us + SESSION_US,
        device=device,
        address=address,
    )


def live_sessions(context: Context, sessions: tuple[Session, ...]) -> tuple[Session, ...]:
    """Those that have not expired by now."""
    now_us = context.clock.now_us()
    return tuple(session for session in sessions if session.lives(now_us))


async def _renew_hash(work: UnitOfWork, user: User, new_hash: str | None) -> User:
    if new_hash is None:
        work.abandon()
        return user
    change = access.renew_hash(user, new_hash)
    await work.commit(change)
    return change.moved_users[0].after


def _digest(session_id: str, key: str) -> str:
    """What is kept of a key: enough to know it again in this session, and nowhere else."""
    return sha256(f"retry:{session_id}:{key}".encode()).hexdigest()
