"""API key: what a program shows instead of a login, and what it may be used for.

Its text is 256 random bits with the names of its user and its row before them, and is shown once. What
is kept is a digest: nobody finds 256 bits by trying, so a fast one will do.
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256

import msgspec

from crypto_exchange.domain.errors import DomainError, Forbidden, InvalidField, Unauthenticated
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.kind import Kind
from crypto_exchange.domain.policy import SECOND_US

SECRET_BYTES = 32
MAX_KEYS = 20
"""Live keys of one user at a time."""
USUAL_DAYS = 90
"""How long a key lives that nothing else was asked for."""
LONGEST_DAYS = 365

KEPT_US = 30 * 24 * 3600 * SECOND_US
"""How long one is kept that opens nothing any more."""

_LONGEST_NAME = 64
_TEXT = re.compile("cx_([1-9][0-9]{0,15})_([0-9a-f]{24})_[0-9a-f]{64}", re.ASCII)


class Scope(Kind):
    """What a key may be used for. None of them includes another."""

    READ = "read"
    TRADE = "trade"
    WITHDRAW = "withdraw"


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A program's way in, for one user. `digest` is of its whole text.

    `used_at_us` is 0 before its first use, and up to a minute late; `ended_at_us` is 0 until somebody
    ends it. It is over by itself at `expires_at_us`.
    """

    user_id: UserId
    id: str
    name: str
    scopes: tuple[Scope, ...]
    digest: str
    created_at_us: int
    expires_at_us: int
    used_at_us: int = 0
    ended_at_us: int = 0

    def lives(self, at_us: int) -> bool:
        """Whether it opens anything at a time."""
        return self.ended_at_us == 0 and at_us < self.expires_at_us

    def is_dead(self, before_us: int) -> bool:
        """Whether it was ended, or expired, before a time."""
        return 0 < self.ended_at_us < before_us or self.expires_at_us < before_us


class KeyUse(msgspec.Struct, frozen=True):
    """That a key was used at a time."""

    user_id: UserId
    id: str
    at_us: int


class TooManyKeys(DomainError):
    """The user has as many live API keys as one may have."""

    code = "too_many_keys"

    def __init__(self) -> None:
        super().__init__(f"expected fewer than {MAX_KEYS} live API keys, was {MAX_KEYS}; end one")


def key_text(user_id: UserId, key_id: str, secret: bytes) -> str:
    """What a program is given; the digest of it is what is kept."""
    return f"cx_{user_id}_{key_id}_{secret.hex()}"


def digest_of(text: str) -> str:
    """SHA-256 of a key's text, in hexadecimal digits."""
    return sha256(text.encode()).hexdigest()


def find_owner(text: str) -> tuple[UserId, str] | None:
    """Of which user and row a text says that it is; None if it is no text of a key."""
    match = _TEXT.fullmatch(text)
    return None if match is None else (int(match[1]), match[2])


def require_good(key: ApiKey | None, text: str, *, at_us: int) -> ApiKey:
    """The key whose text it is, if it lives.

    Raises:
        Unauthenticated: for anything else, in the same words, so that nobody learns what was right.
    """
    digest = digest_of(text)
    same = hmac.compare_digest(digest, digest[::-1] if key is None else key.digest)
    if key is None or not same or not key.lives(at_us):
        raise Unauthenticated(
            "API key: expected a live one of this service, was one that is wrong, has ended or has "
            "expired"
        )
    return key


def require_name(name: str) -> None:
    """Refuse a name that would not show. Raises `InvalidField`."""
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable() or name.isspace():
        expected = f"1 to {_LONGEST_NAME} printable characters, not all of them spaces"
        raise InvalidField("name", expected, f"{name[:_LONGEST_NAME]!a} ({len(name)} characters)")


def read_scopes(names: list[str]) -> tuple[Scope, ...]:
    """Scopes by name, each once, in their order.

    Raises:
        InvalidField: none, or an unknown one.
    """
    known = {scope.value: scope for scope in Scope}
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        was = repr(unknown[0][:20]) if unknown else "none"
        raise InvalidField("scopes", f"one or more of {', '.join(known)}", was)
    return tuple(scope for name, scope in known.items() if name in names)


def require_days(days: int) -> None:
    """Refuse a key that is over at once, or hardly ever. Raises `InvalidField`."""
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidField("expires_in_days", f"1 to {LONGEST_DAYS}", str(days)[:20])


def find_excess(given: frozenset[Scope] | None, needed: Scope | None) -> Forbidden | None:
    """Why a bearer of these scopes may not make a call that needs one; None: they may.

    Without given scopes it is a person, who may do everything; without a needed one it is for people.
    """
    if given is None or needed in given:
        return None
    if needed is None:
        return Forbidden("the access token of a login", "an API key")
    scopes = ", ".join(scope.value for scope in Scope if scope in given)
    return Forbidden(f"scope {needed.value}", f"an API key for {scopes}")
