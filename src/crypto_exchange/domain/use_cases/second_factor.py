"""Second factor: enroll, confirm and disable it; and give a code, at a login or for a risky action."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain import access, enrolment, totp
from crypto_exchange.domain.audit_log import SERVICE, Actor
from crypto_exchange.domain.audited import audited
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import InvalidCode, NotFound, Unauthenticated
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.second_factor import (
    RECOVERY_BYTES,
    RECOVERY_CODES,
    Given,
    SecondFactor,
    Verdict,
    read_code,
    recovery_code,
    require_fresh,
)
from crypto_exchange.domain.use_cases.accounts import (
    failed_login,
    live_sessions,
    logged_in,
    new_session,
)
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.user import AccessClaims, Session, TokenPair, User

_replace = msgspec.structs.replace


class Enrolment(msgspec.Struct, frozen=True):
    """What an authenticator needs: the secret to type in, and the same as a `key_uri`."""

    secret: str
    uri: str


async def enroll(context: Context, claims: AccessClaims) -> Enrolment:
    """Draw a secret, for somebody who has just logged in.

    Raises:
        SecondFactorActive: one is in force.
        StepUpRequired: the login is too old.
        Unauthenticated: it has ended.
        AccountFrozen: the account is.
    """
    secret, user_id = context.vault.draw(totp.SECRET_BYTES), claims.user_id

    async def script(work: UnitOfWork) -> User:
        user = await work.get_user(user_id)
        usable = access.usable(user)
        factor = await work.find_second_factor(user_id)
        sealed = context.vault.seal(_label(user_id), secret)
        change = enrolment.enroll(factor, user_id, sealed)
        session = await _own_session(context, work, claims)
        access.require_recent(session, claims.verified_at_us, at_us=context.clock.now_us())
        await work.commit(_replace(change, moved_users=(usable,)))
        return user

    user = await transact(context, script)
    return Enrolment(totp.secret_text(secret), totp.key_uri(secret, user.username))


async def confirm(
    context: Context, user_id: UserId, code: str, *, actor: Actor = SERVICE
) -> tuple[str, ...]:
    """Put the drawn secret in force by its first code; returns the recovery codes, once.

    Raises:
        InvalidField, InvalidCode: it is no code, or none of the secret's.
        NotFound, SecondFactorActive: nothing waits to be confirmed.
        AccountFrozen: the account is.
    """
    code = read_code(code)
    codes = tuple(recovery_code(context.vault.draw(RECOVERY_BYTES)) for _ in range(RECOVERY_CODES))

    async def script(work: UnitOfWork) -> None:
        usable = access.usable(await work.get_user(user_id))
        factor = enrolment.require_pending(await work.find_second_factor(user_id))
        given = _given(context, factor, code)
        at_us = context.clock.now_us()
        change = enrolment.confirm(factor, given, recovery=codes, at_us=at_us)
        await work.commit(audited(_replace(change, moved_users=(usable,)), actor))

    await transact(context, script)
    return codes


async def finish_login(
    context: Context, challenge: str, code: str, *, device: str = "", actor: Actor = SERVICE
) -> TokenPair:
    """Start the session that a challenge was given for.

    Raises:
        InvalidField, InvalidCode, CodesLocked: as for any code.
        Unauthenticated: the challenge is no good, or no longer.
    """
    claims, code = context.tokens.read_challenge(challenge), read_code(code)

    async def script(work: UnitOfWork) -> tuple[User, Session, InvalidCode | None]:
        factor = await work.find_second_factor(claims.user_id)
        if factor is None or not factor.active:
            raise Unauthenticated(
                "challenge: expected one of a user with a second factor, was one who has none now; "
                "log in again"
            )
        user = enrolment.require_unchanged(await work.get_user(claims.user_id), claims.version)
        session = new_session(context, user.id, device, actor.address)
        at_us = context.clock.now_us()
        verdict, change = enrolment.verify(factor, _given(context, factor, code), at_us=at_us)
        if verdict.refusal is None:
            others = live_sessions(context, await work.list_sessions(user.id))
            login = access.log_in(user, session, others, new_hash=None, at_us=at_us)
            entries = (logged_in(actor, session),)
            events = login.events + change.events
            change = _replace(login, factors=change.factors, events=events, audit=entries)
        await work.commit(_judged(context, change, actor, verdict, device))
        return user, session, verdict.refusal

    user, session, refusal = await transact(context, script)
    if refusal is not None:
        raise refusal
    return context.tokens.issue(user.role, session, verified_at_us=context.clock.now_us())


async def step_up(
    context: Context, claims: AccessClaims, code: str, *, actor: Actor = SERVICE
) -> TokenPair:
    """Give the session of an access token a pair that says that a code was given just now. The refresh
    token is of the same generation as the newest, so whichever of the two is used first is good.

    Raises:
        InvalidField, InvalidCode, CodesLocked: as for any code.
        NotFound: there is no second factor in force.
        Unauthenticated: the session has ended.
    """
    code = read_code(code)

    async def script(work: UnitOfWork) -> tuple[User, Session, InvalidCode | None]:
        own = await _own_session(context, work, claims)
        factor = enrolment.require_active(await work.find_second_factor(claims.user_id))
        at_us = context.clock.now_us()
        user = await work.get_user(claims.user_id)
        verdict, change = enrolment.verify(factor, _given(context, factor, code), at_us=at_us)
        await work.commit(_judged(context, change, actor, verdict))
        return user, own, verdict.refusal

    user, session, refusal = await transact(context, script)
    if refusal is not None:
        raise refusal
    return context.tokens.issue(user.role, session, verified_at_us=context.clock.now_us())


async def take_code(
    context: Context,
    work: UnitOfWork,
    claims: AccessClaims,
    code: str | None,
    *,
    actor: Actor = SERVICE,
) -> tuple[InvalidCode | None, Change]:
    """Judge the code that came with a risky action, which may stand for a step-up of the token. What
    it leads to is to be committed also if it was refused.

    Raises:
        InvalidField, CodesLocked: as for any code.
        StepUpRequired: there is a second factor, and neither.
    """
    given = None if code is None else read_code(code)
    factor, at_us = await work.find_second_factor(claims.user_id), context.clock.now_us()
    if given is None or factor is None or not factor.active:
        require_fresh(factor, claims.verified_at_us, at_us=at_us)
        return None, Change()
    verdict, change = enrolment.verify(factor, _given(context, factor, given), at_us=at_us)
    if verdict.refusal is not None:
        wrong = failed_login(context, actor, claims.user_id, step="code")
        change = _replace(change, audit=(wrong,))
    return verdict.refusal, change


async def disable(context: Context, user_id: UserId, code: str, *, actor: Actor = SERVICE) -> None:
    """Give the second factor up, for a code of it.

    Raises:
        InvalidField, InvalidCode, CodesLocked: as for any code.
        NotFound: there is none in force.
        AccountFrozen: the account is.
    """
    code = read_code(code)

    async def script(work: UnitOfWork) -> InvalidCode | None:
        usable = access.usable(await work.get_user(user_id))
        factor = enrolment.require_active(await work.find_second_factor(user_id))
        given = _given(context, factor, code)
        verdict, change = enrolment.disable(factor, given, at_us=context.clock.now_us())
        if verdict.refusal is None:
            change = _replace(change, moved_users=(usable,))
        await work.commit(_judged(context, change, actor, verdict))
        return verdict.refusal

    refusal = await transact(context, script)
    if refusal is not None:
        raise refusal


async def reset(context: Context, username: str, *, actor: Actor = SERVICE) -> None:
    """Take a user's second factor away, by an operator's word. Raises `NotFound`."""

    async def script(work: UnitOfWork) -> None:
        user = await work.find_user(username)
        if user is None:
            raise NotFound("user", repr(username[:64]))
        factor = enrolment.require_active(await work.find_second_factor(user.id))
        change = enrolment.reset(factor, at_us=context.clock.now_us())
        await work.commit(audited(change, actor))

    await transact(context, script)


async def _own_session(context: Context, work: UnitOfWork, claims: AccessClaims) -> Session:
    session = await work.find_session(claims.user_id, claims.session_id)
    found, at_us = [] if session is None else [session], context.clock.now_us()
    return access.require_own(found, claims.session_id, at_us=at_us)


def _judged(
    context: Context, change: Change, actor: Actor, verdict: Verdict, device: str = ""
) -> Change:
    """With its entries, and one more if the code was wrong."""
    if verdict.refusal is None:
        return audited(change, actor)
    user_id = verdict.factor.user_id
    return audited(change, actor, failed_login(context, actor, user_id, step="code", device=device))


def _given(context: Context, factor: SecondFactor, code: str) -> Given:
    """A code with the secret that it is compared with; sealed anew, so under the newest key."""
    label = _label(factor.user_id)
    secret = context.vault.open(label, factor.sealed)
    return Given(code, secret, context.vault.seal(label, secret))


def _label(user_id: UserId) -> str:
    """Whose secret it is, so that nobody can put one user's in place of another's."""
    return f"second-factor:{user_id}"
