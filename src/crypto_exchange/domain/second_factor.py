"""Second factor: a secret shared with somebody's authenticator, and recovery codes for when it is lost.

A code is good once: only a step later than the last accepted one counts, and a recovery code is gone
with its use. The row's version lets one of two commits pass, so this holds in parallel too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

import msgspec

from crypto_exchange.domain import totp
from crypto_exchange.domain.errors import CodesLocked, InvalidCode, InvalidField, StepUpRequired
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.kind import Kind
from crypto_exchange.domain.policy import SECOND_US

MOST_WRONG = 5
"""So many wrong codes in a row lock the second factor."""
LOCK_US = 15 * 60 * SECOND_US
"""The first lock; each further one of the same row is twice as long, up to a day."""
LONGEST_LOCK_US = 24 * 3600 * SECOND_US
FRESH_US = 5 * 60 * SECOND_US
"""For how long after a code risky actions may be done without another."""
SETTLED_US = 3 * 24 * 3600 * SECOND_US
"""From this age on a second factor says more than the password by which it was enrolled."""
RECOVERY_CODES = 10
RECOVERY_BYTES = 10
"""80 random bits each: nobody finds one by guessing, at whatever speed."""

_LONGEST = 64
_TOTP = re.compile(f"[0-9]{{{totp.DIGITS}}}", re.ASCII)
_RECOVERY = re.compile("[a-z2-7]{16}", re.ASCII)


class FactorState(Kind):
    """Asked for at a login only while it is active; pending until a first code confirms it."""

    PENDING = "pending"
    ACTIVE = "active"
    OFF = "off"


class SecondFactor(msgspec.Struct, frozen=True, kw_only=True):
    """A user's one second factor. Its row stays when it is off, so that versions never come again.

    `sealed` is the secret, encrypted; `recovery` are the hashes of the recovery codes not yet used.
    `last_step` is the last TOTP step that was accepted, `wrong` the wrong codes since the last good one.
    `confirmed_at_us` is when it became active (0: never, or before that was kept).
    """

    user_id: UserId
    sealed: str
    state: FactorState = FactorState.PENDING
    recovery: tuple[str, ...] = ()
    last_step: int = 0
    wrong: int = 0
    locked_until_us: int = 0
    version: int = 0
    confirmed_at_us: int = 0

    @property
    def active(self) -> bool:
        """Whether logging in needs it."""
        return self.state is FactorState.ACTIVE


class Given(msgspec.Struct, frozen=True):
    """A code that somebody gave, with the factor's secret and the same, encrypted anew."""

    code: str
    secret: bytes
    sealed: str


class Verdict(msgspec.Struct, frozen=True):
    """What a code leads to, which is to be kept also if it was refused."""

    factor: SecondFactor
    refusal: InvalidCode | None = None
    recovered: bool = False

    @property
    def locked(self) -> bool:
        """Whether this code was one wrong code too many."""
        return self.refusal is not None and self.factor.wrong % MOST_WRONG == 0


def read_code(text: str) -> str:
    """A code as it is compared: without spaces, dashes and capitals, which people add.

    Raises:
        InvalidField: no code looks like it. It is not shown: it may be another secret.
    """
    code = re.sub(r"[\s-]", "", text).lower() if len(text) <= _LONGEST else ""
    if not (_TOTP.fullmatch(code) or _RECOVERY.fullmatch(code)):
        expected = "6 digits, or a recovery code of 16 letters and digits"
        raise InvalidField("code", expected, f"another text of {len(text)} characters")
    return code


def try_code(factor: SecondFactor, given: Given, *, at_us: int) -> Verdict:
    """Accept a code of the authenticator or a recovery code, or count it as a wrong one.

    Raises:
        CodesLocked: too many were wrong; then none is looked at.
    """
    if at_us < factor.locked_until_us:
        raise CodesLocked(factor.locked_until_us - at_us)
    step = totp.find_step(given.secret, given.code, at_us)
    if step is not None and step > factor.last_step:
        return Verdict(_accepted(factor, given, last_step=step))
    used = recovery_hash(given.secret, given.code)
    fits = [hmac.compare_digest(used, each) for each in factor.recovery]
    if any(fits):
        left = tuple(each for each, fit in zip(factor.recovery, fits, strict=True) if not fit)
        return Verdict(_accepted(factor, given, recovery=left), recovered=True)
    return Verdict(_counted(factor, at_us), refusal=InvalidCode())


def confirmed(
    factor: SecondFactor, given: Given, *, recovery: tuple[str, ...], at_us: int
) -> SecondFactor:
    """Make a pending factor active by its first code, which is then used. Wrong ones are not counted:
    it protects nothing yet.

    Raises:
        InvalidCode: it is not one of the secret's.
    """
    step = totp.find_step(given.secret, given.code, at_us)
    if step is None:
        raise InvalidCode
    hashes = tuple(recovery_hash(given.secret, code) for code in recovery)
    state = FactorState.ACTIVE
    return _accepted(
        factor, given, state=state, last_step=step, recovery=hashes, confirmed_at_us=at_us
    )


def recovery_code(random: bytes) -> str:
    """Random bytes as somebody writes them down: four groups of four."""
    text = base64.b32encode(random).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def recovery_hash(secret: bytes, code: str) -> str:
    """What is kept of a recovery code: HMAC-SHA-256 under the factor's secret.

    A slow hash makes guessing dear where guesses may hit; 2⁸⁰ codes cannot be tried at any speed. The
    key, which is encrypted where it is kept, stops even those who have the table and a guess.
    """
    plain = code.replace("-", "").encode()
    return hmac.digest(secret, b"recovery:" + plain, hashlib.sha256).hex()


def require_fresh(factor: SecondFactor | None, verified_at_us: int, *, at_us: int) -> None:
    """Let whoever has a second factor go on only if they gave a code within the last 5 minutes.

    Raises:
        StepUpRequired: they did not.
    """
    if factor is not None and factor.active and at_us - verified_at_us > FRESH_US:
        raise StepUpRequired


def is_settled(factor: SecondFactor, *, at_us: int) -> bool:
    """Whether a code of it shows more than that somebody knows the password, by which anybody may enrol
    one on the spot: it is active, and has been for 3 days.
    """
    return factor.active and at_us - factor.confirmed_at_us >= SETTLED_US


def _accepted(factor: SecondFactor, given: Given, **fields: object) -> SecondFactor:
    kept = {"sealed": given.sealed, "wrong": 0, "locked_until_us": 0, **fields}
    return msgspec.structs.replace(factor, version=factor.version + 1, **kept)


def _counted(factor: SecondFactor, at_us: int) -> SecondFactor:
    """One more wrong code; every fifth one locks."""
    wrong = factor.wrong + 1
    locks, rest = divmod(wrong, MOST_WRONG)
    lock_us = min(LOCK_US << min(locks - 1, 10), LONGEST_LOCK_US) if rest == 0 else 0
    return msgspec.structs.replace(
        factor,
        wrong=wrong,
        locked_until_us=at_us + lock_us if lock_us else 0,
        version=factor.version + 1,
    )
