"""Enrolment: decides who gets or gives up a second factor, and what a code of it opens."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.account_events import (
    RecoveryCodeUsed,
    SecondFactorDisabled,
    SecondFactorEnrolled,
    SecondFactorLocked,
)
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import NotFound, SecondFactorActive, Unauthenticated
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.second_factor import (
    FactorState,
    Given,
    SecondFactor,
    Verdict,
    confirmed,
    try_code,
)
from crypto_exchange.domain.user import User


def enroll(factor: SecondFactor | None, user_id: UserId, sealed: str) -> Change:
    """Keep a new secret, which protects nothing until it is confirmed; one that was not is replaced.

    Raises:
        SecondFactorActive: there is one, to be disabled first.
    """
    if factor is None:
        return Change(new_factors=(SecondFactor(user_id=user_id, sealed=sealed),))
    if factor.active:
        raise SecondFactorActive
    after = SecondFactor(user_id=user_id, sealed=sealed, version=factor.version + 1)
    return Change(factors=(Transition(factor, after),))


def confirm(
    factor: SecondFactor | None, given: Given, *, recovery: tuple[str, ...], at_us: int
) -> Change:
    """Make a pending factor active, with recovery codes. Raises as `confirmed` and `require_pending`."""
    factor = require_pending(factor)
    after = confirmed(factor, given, recovery=recovery, at_us=at_us)
    enrolled = SecondFactorEnrolled(at_us=at_us, user_id=factor.user_id)
    return Change(factors=(Transition(factor, after),), events=(enrolled,))


def verify(factor: SecondFactor, given: Given, *, at_us: int) -> tuple[Verdict, Change]:
    """Judge a code of an active factor. The change is to be committed also if it was refused.

    Raises:
        CodesLocked: too many were wrong.
    """
    verdict = try_code(factor, given, at_us=at_us)
    after, user_id = verdict.factor, factor.user_id
    events: tuple[RecoveryCodeUsed | SecondFactorLocked, ...] = ()
    if verdict.recovered:
        events = (RecoveryCodeUsed(at_us=at_us, user_id=user_id, left=len(after.recovery)),)
    elif verdict.locked:
        until_us = after.locked_until_us
        locked = SecondFactorLocked(
            at_us=at_us, user_id=user_id, wrong=after.wrong, until_us=until_us
        )
        events = (locked,)
    return verdict, Change(factors=(Transition(factor, after),), events=events)


def disable(factor: SecondFactor, given: Given, *, at_us: int) -> tuple[Verdict, Change]:
    """Give up an active factor for a code of it; its secret and recovery codes are forgotten.

    Raises:
        CodesLocked: too many were wrong.
    """
    verdict, change = verify(factor, given, at_us=at_us)
    if verdict.refusal is not None:
        return verdict, change
    gone = _turned_off(factor, at_us=at_us, by_operator=False)
    return verdict, msgspec.structs.replace(gone, events=change.events + gone.events)


def reset(factor: SecondFactor, *, at_us: int) -> Change:
    """Take an active factor away by an operator's word: its user has lost it, and all recovery codes."""
    return _turned_off(factor, at_us=at_us, by_operator=True)


def require_pending(factor: SecondFactor | None) -> SecondFactor:
    """A factor that can be confirmed. Raises `SecondFactorActive`; `NotFound` if nothing was enrolled."""
    if factor is None or factor.state is FactorState.OFF:
        raise NotFound("second factor that was enrolled", "none")
    if factor.active:
        raise SecondFactorActive
    return factor


def require_active(factor: SecondFactor | None) -> SecondFactor:
    """A factor that is in force. Raises `NotFound`."""
    if factor is None or not factor.active:
        raise NotFound("confirmed second factor", "none")
    return factor


def require_unchanged(user: User, version: int) -> User:
    """The user that a challenge was made for, since when nobody logged in or changed the password.

    Raises:
        Unauthenticated: somebody did.
    """
    if user.version != version:
        raise Unauthenticated(
            "challenge: expected the newest of its user, was one of before another login; log in again"
        )
    return user


def _turned_off(factor: SecondFactor, *, at_us: int, by_operator: bool) -> Change:
    user_id, version = factor.user_id, factor.version + 1
    off = SecondFactor(user_id=user_id, sealed="", state=FactorState.OFF, version=version)
    event = SecondFactorDisabled(at_us=at_us, user_id=user_id, by_operator=by_operator)
    return Change(factors=(Transition(factor, off),), events=(event,))
