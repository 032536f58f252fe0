"""Second factor: enroll, confirm and disable it; and give a code, at a login or for a risky action."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain import access, enrolment, totp
from crypto_exchange.domain.errors import InvalidCode, NotFound, Unauthenticated
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.second_factor import (
    RECOVERY_BYTES,
    RECOVERY_CODES,
    Given,
    SecondFactor,
    read_code,
    recovery_code,
)
from crypto_exchange.domain.use_cases.accounts import live_sessions, new_session
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.user import AccessClaims, Session, TokenPair, User


class Enrolment(msgspec.Struct, frozen=True):
    """What an authenticator needs: the secret to type in, and the same as a `key_uri`."""

    secret: str
    uri: str


async def enroll(context: Context, user_id: UserId) -> Enrolment:
    """Draw a secret. Raises `SecondFactorActive` if one is in force."""
    secret = context.vault.draw(totp.SECRET_BYTES)

    async def script(work: UnitOfWork) -> User:
        factor = await work.find_second_factor(user_id)
        sealed = context.vault.seal(_label(user_id), secret)
        change = enrolment.enroll(factor, user_id, sealed)
        user = await work.get_user(user_id)
        await work.commit(change)
        return user

    user = await transact(context, script)
    return Enrolment(totp.secret_text(secret), totp.key_uri(secret, user.username))


async def confirm(context: Context, user_id: UserId, code: str) -> tuple[str, ...]:
    """Put the drawn secret in force by its first code; returns the recovery codes, once.

    Raises:
        InvalidField, InvalidCode: it is no code, or none of the secret's.
        NotFound, SecondFactorActive: nothing waits to be confirmed.
    """
    code = read_code(code)
    codes = tuple(recovery_code(context.vault.draw(RECOVERY_BYTES)) for _ in range(RECOVERY_CODES))

    async def script(work: UnitOfWork) -> None:
        factor = enrolment.require_pending(await work.find_second_factor(user_id))
        given = _given(context, factor, code)
        at_us = context.clock.now_us()
        await work.commit(enrolment.confirm(factor, given, recovery=codes, at_us=at_us))

    await transact(context, script)
    return codes


async def finish_login(
    context: Context, challenge: str, code: str, *, device: str = ""
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
        session = new_session(context, user.id, device)
        at_us = context.clock.now_us()
        verdict, change = enrolment.verify(factor, _given(context, factor, code), at_us=at_us)
        if verdict.refusal is None:
            others = live_sessions(context, await work.list_sessions(user.id))
            login = access.log_in(user, session, others, new_hash=None, at_us=at_us)
            change = msgspec.structs.replace(
                login, factors=change.factors, events=login.events + change.events
            )
        await work.commit(change)
        return user, session, verdict.refusal

    user, session, refusal = await transact(context, script)
    if refusal is not None:
        raise refusal
    return context.tokens.issue(user.role, session, verified_at_us=context.clock.now_us())


async def step_up(context: Context, claims: AccessClaims, code: str) -> TokenPair:
    """Give the session of an access token a pair that says that a code was given just now. The refresh
    token is of the same generation as the newest, so whichever of the two is used first is good.

    Raises:
        InvalidField, InvalidCode, CodesLocked: as for any code.
        NotFound: there is no second factor in force.
        Unauthenticated: the session has ended.
    """
    code = read_code(code)

    async def script(work: UnitOfWork) -> tuple[User, Session, InvalidCode | None]:
        factor = enrolment.require_active(await work.find_second_factor(claims.user_id))
        session = await work.find_session(claims.user_id, claims.session_id)
        at_us = context.clock.now_us()
        own = access.require_own(
            [] if session is None else [session], claims.session_id, at_us=at_us
        )
        user = await work.get_user(claims.user_id)
        verdict, change = enrolment.verify(factor, _given(context, factor, code), at_us=at_us)
        await work.commit(change)
        return user, own, verdict.refusal

    user, session, refusal = await transact(context, script)
    if refusal is not None:
        raise refusal
    return context.tokens.issue(user.role, session, verified_at_us=context.clock.now_us())


async def disable(context: Context, user_id: UserId, code: str) -> None:
    """Give the second factor up, for a code of it.

    Raises:
        InvalidField, InvalidCode, CodesLocked: as for any code.
        NotFound: there is none in force.
    """
    code = read_code(code)

    async def script(work: UnitOfWork) -> InvalidCode | None:
        factor = enrolment.require_active(await work.find_second_factor(user_id))
        given = _given(context, factor, code)
        verdict, change = enrolment.disable(factor, given, at_us=context.clock.now_us())
        await work.commit(change)
        return verdict.refusal

    refusal = await transact(context, script)
    if refusal is not None:
        raise refusal


async def reset(context: Context, username: str) -> None:
    """Take a user's second factor away, by an operator's word. Raises `NotFound`."""

    async def script(work: UnitOfWork) -> None:
        user = await work.find_user(username)
        if user is None:
            raise NotFound("user", repr(username[:64]))
        factor = enrolment.require_active(await work.find_second_factor(user.id))
        await work.commit(enrolment.reset(factor, at_us=context.clock.now_us()))

    await transact(context, script)


def _given(context: Context, factor: SecondFactor, code: str) -> Given:
    """A code with the secret that it is compared with; sealed anew, so under the newest key."""
    label = _label(factor.user_id)
    secret = context.vault.open(label, factor.sealed)
    return Given(code, secret, context.vault.seal(label, secret))


def _label(user_id: UserId) -> str:
    """Whose secret it is, so that nobody can put one user's in place of another's."""
    return f"second-factor:{user_id}"
