"""Access and refresh tokens: JSON Web Tokens, as strict as RFC 8725 asks for.

One algorithm, chosen by us and never by the token; a key that the token's `kid` names out of our own
few; another `typ` and `aud` for each use, so that neither passes for the other; every claim required
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
from crypto_exchange.domain.user import AccessClaims, RefreshClaims, Role, Session, TokenPair

C = TypeVar("C", bound="_Claims")

_ALGORITHM = "HS256"
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
    sid: str
    jti: str
    iat: int
    exp: int


class _Access(_Claims, frozen=True, kw_only=True):
    role: Role


class _Refresh(_Claims, frozen=True, kw_only=True):
    gen: int


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
        access_s: int = 900,
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

    def issue(self, role: Role, session: Session) -> TokenPair:
        now_s = self._now_us() // 1_000_000
        common = {
            "iss": self._issuer,
            "sub": str(session.user_id),
            "sid": session.id,
            "iat": now_s,
        }
        return TokenPair(
            access=self._sign("at+jwt", common, role=role.value, exp=now_s + self._access_s),
            refresh=self._sign(
                "rt+jwt",
                common,
                gen=session.generation,
                exp=session.expires_at_us // 1_000_000,
            ),
        )

    def read_access(self, token: str) -> AccessClaims:
        claims = self._verified(token)
        self._require_time(claims, "access token", "renew it")
        return AccessClaims(int(claims.sub), claims.role, claims.sid)

    def read_refresh(self, token: str) -> RefreshClaims:
        claims = self._verify(token, "rt+jwt", _Refresh)
        self._require_time(claims, "refresh token", "log in again")
        return RefreshClaims(int(claims.sub), claims.sid, claims.gen)

    def _sign(self, typ: str, common: dict[str, object], **own: object) -> str:
        claims = {**common, **own, "aud": self._audience(typ), "jti": secrets.token_hex(12)}
        headers = {"typ": typ, "kid": self._kid}
        return jwt.encode(claims, self._keys[self._kid], _ALGORITHM, headers=headers)

    def _verify_access(self, token: str) -> _Access:
        return self._verify(token, "at+jwt", _Access)

    def _verify(self, token: str, typ: str, kind: type[C]) -> C:
        """Everything but the times. One answer for all that is wrong, so that nobody learns what."""
        try:
            return self._decode(token, typ, kind)
        except (jwt.PyJWTError, msgspec.MsgspecError, ValueError, RecursionError) as error:
            name = "access" if typ == "at+jwt" else "refresh"
            raise Unauthenticated(
                f"{name} token: expected one that this service gave out for this use, "
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
        return f"{self._issuer}/{'api' if typ == 'at+jwt' else 'refresh'}"

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
