"""Access and refresh tokens, and challenges: JSON Web Tokens, as strict as RFC 8725 asks for.

One algorithm, chosen by us and never by the token; a key that the token's `kid` names out of our own
few; another `typ` and `aud` for each use, so that none passes for another; every claim required
and typed.
"""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Callable, Sequence
from typing import TypeVar

import jwt
import msgspec
from jwt.types import Options

from crypto_exchange.domain.errors import Unauthenticated
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.user import (
    ACCESS_S,
    CHALLENGE_S,
    AccessClaims,
    ChallengeClaims,
    RefreshClaims,
    Role,
    Session,
    TokenPair,
    User,
)

C = TypeVar("C", bound="_Claims")

_ALGORITHM = "HS256"
_USES = {
    "at+jwt": ("access token", "api"),
    "rt+jwt": ("refresh token", "refresh"),
    "mfa+jwt": ("challenge", "mfa"),
}
"""Of each `typ`: what people call it, and the end of its `aud`."""
_SHORTEST_KEY = 32
_LONGEST_TOKEN = 2_048
_LEEWAY_S = 5
_REMEMBERED = 4_096
_UNCHECKED: Options = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "strict_aud": True,
}
"""Times are compared here, with our own clock; PyJWT would take the machine's."""


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    iss: str
    aud: str
    sub: str
    jti: str
    iat: int
    exp: int


class _Access(_Claims, frozen=True, kw_only=True):
    sid: str
    role: Role
    amr: tuple[str, ...] = ()
    auth_time: int = 0


class _Refresh(_Claims, frozen=True, kw_only=True):
    sid: str
    gen: int


class _Challenge(_Claims, frozen=True, kw_only=True):
    ver: int


class JwtTokens:
    """The port `Tokens`. `now_us` is the clock, in microseconds since 1970.

    The first of the keys signs; all of them are accepted, so that a new one can be put in front while
    tokens of the old one live.

    Raises:
        ValueError: no key, or one shorter than 32 bytes.
    """

    def __init__(
        self,
        *,
        keys: Sequence[str],
        now_us: Callable[[], int],
        issuer: str = "crypto_exchange",
        access_s: int = ACCESS_S,
    ) -> None:
        self._keys = {_kid(key): _require_strong(key) for key in keys}
        if not self._keys:
            raise ValueError("token keys: expected at least one, was none")
        self._kid = next(iter(self._keys))
        self._now_us = now_us
        self._issuer = issuer
        self._access_s = access_s
        # A signature stays good: only the times of a token that was verified are checked again.
        self._verified = functools.lru_cache(_REMEMBERED)(self._verify_access)

    def issue(self, role: Role, session: Session, *, verified_at_us: int = 0) -> TokenPair:
        """How and when somebody was authenticated is told in the words of RFC 8176 and RFC 9470."""
        now_s, of = self._now_us() // 1_000_000, {"sid": session.id}
        how: dict[str, object] = {}
        if verified_at_us:
            how = {"amr": ["pwd", "otp", "mfa"], "auth_time": verified_at_us // 1_000_000}
        return TokenPair(
            access=self._sign(
                "at+jwt",
                session.user_id,
                **of,
                **how,
                role=role.value,
                exp=now_s + self._access_s,
            ),
            refresh=self._sign(
                "rt+jwt",
                session.user_id,
                **of,
                gen=session.generation,
                exp=session.expires_at_us // 1_000_000,
            ),
        )

    def challenge(self, user: User) -> str:
        exp = self._now_us() // 1_000_000 + CHALLENGE_S
        return self._sign("mfa+jwt", user.id, ver=user.version, exp=exp)

    def read_access(self, token: str) -> AccessClaims:
        claims = self._verified(token)
        self._require_time(claims, "access token", "renew it")
        verified_at_us = claims.auth_time * 1_000_000
        return AccessClaims(int(claims.sub), claims.role, claims.sid, verified_at_us)

    def read_refresh(self, token: str) -> RefreshClaims:
        claims = self._verify(token, "rt+jwt", _Refresh)
        self._require_time(claims, "refresh token", "log in again")
        return RefreshClaims(int(claims.sub), claims.sid, claims.gen)

    def read_challenge(self, token: str) -> ChallengeClaims:
        claims = self._verify(token, "mfa+jwt", _Challenge)
        self._require_time(claims, "challenge", "log in again")
        return ChallengeClaims(int(claims.sub), claims.ver)

    def _sign(self, typ: str, user_id: UserId, **own: object) -> str:
        claims = {
            "iss": self._issuer,
            "aud": self._audience(typ),
            "sub": str(user_id),
            "iat": self._now_us() // 1_000_000,
            "jti": secrets.token_hex(12),
            **own,
        }
        headers = {"typ": typ, "kid": self._kid}
        return jwt.encode(claims, self._keys[self._kid], _ALGORITHM, headers=headers)

    def _verify_access(self, token: str) -> _Access:
        return self._verify(token, "at+jwt", _Access)

    def _verify(self, token: str, typ: str, kind: type[C]) -> C:
        """Everything but the times. One answer for all that is wrong, so that nobody learns what."""
        try:
            return self._decode(token, typ, kind)
        except (jwt.PyJWTError, msgspec.MsgspecError, ValueError, RecursionError) as error:
            name, _ = _USES[typ]
            raise Unauthenticated(
                f"{name}: expected one that this service gave out for this use, "
                "was another one; log in again"
            ) from error

    def _decode(self, token: str, typ: str, kind: type[C]) -> C:
        if len(token) > _LONGEST_TOKEN:
            raise ValueError("too long for a token of ours")
        header = jwt.get_unverified_header(token)
        kid = header.get("kid")
        if kid not in self._keys or header != {"alg": _ALGORITHM, "typ": typ, "kid": kid}:
            raise ValueError("not a header of ours")
        claims = jwt.decode(
            token,
            self._keys[kid],
            algorithms=[_ALGORITHM],
            audience=self._audience(typ),
            issuer=self._issuer,
            options=_UNCHECKED,
        )
        read = msgspec.convert(claims, kind)
        int(read.sub)
        return read

    def _audience(self, typ: str) -> str:
        return f"{self._issuer}/{_USES[typ][1]}"

    def _require_time(self, claims: _Claims, name: str, remedy: str) -> None:
        now_s = self._now_us() // 1_000_000
        if not claims.iat - _LEEWAY_S <= now_s < claims.exp:
            raise Unauthenticated(
                f"{name}: expected one that is still good, was one past its time; {remedy}"
            )


def _kid(key: str) -> str:
    """A name for a key that tells nothing about it."""
    return hashlib.sha256(b"kid:" + key.encode()).hexdigest()[:16]


def _require_strong(key: str) -> bytes:
    size = len(key.encode())
    if size < _SHORTEST_KEY:
        raise ValueError(f"token key: expected at least {_SHORTEST_KEY} bytes, was {size}")
    return key.encode()
