"""Bad credentials, as data: each is made of a good token, and differs from it in one thing alone."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

OTHER_KEY = "a key that this service has never heard of"
OPTIONAL = {"amr", "auth_time"}
"""Claims that a token of ours may lack."""

Claims = Mapping[str, Any]
Changes = Mapping[str, Any]
"""Members to set; None takes one away, a function computes it from all."""
NOTHING: Changes = MappingProxyType({})


class Forgery(NamedTuple):
    """What is changed in header and claims, and who signs that."""

    header: Changes = NOTHING
    claims: Changes = NOTHING
    signature: str = "own key"


def kid_of(key: str) -> str:
    return hashlib.sha256(b"kid:" + key.encode()).hexdigest()[:16]


def _plus(name: str, seconds: int) -> Callable[[Claims], int]:
    return lambda claims: int(claims[name]) + seconds


SIGNATURES: dict[str, Callable[[str, str, str], str]] = {
    "own key": lambda key, signing, _: _mac(key, signing, "sha256"),
    "other key": lambda _key, signing, _: _mac(OTHER_KEY, signing, "sha256"),
    "empty key": lambda _key, signing, _: _mac("", signing, "sha256"),
    "SHA-512": lambda key, signing, _: _mac(key, signing, "sha512"),
    "that of before": lambda _key, _signing, before: before,
    "cut": lambda key, signing, _: _mac(key, signing, "sha256")[:-6],
    "none": lambda _key, _signing, _before: "",
}

FORGERIES: dict[str, Forgery] = {
    "expired": Forgery(claims={"iat": _plus("iat", -900), "exp": _plus("iat", 0)}),
    "of a later time": Forgery(claims={"iat": _plus("iat", 3600), "exp": _plus("iat", 4500)}),
    "another service's audience": Forgery(claims={"aud": "somebody/api"}),
    "the issuer as audience": Forgery(claims={"aud": "crypto_exchange"}),
    "audiences in a list": Forgery(claims={"aud": lambda claims: [claims["aud"]]}),
    "another issuer": Forgery(claims={"iss": "https://issuer.example"}),
    "issuers in a list": Forgery(claims={"iss": ["crypto_exchange"]}),
    "alg none": Forgery(header={"alg": "none"}, signature="none"),
    "alg nOnE": Forgery(header={"alg": "nOnE"}, signature="none"),
    "alg none, signed": Forgery(header={"alg": "none"}),
    "no alg": Forgery(header={"alg": None}),
    "HS512 with the own key": Forgery(header={"alg": "HS512"}, signature="SHA-512"),
    "RS256 in name": Forgery(header={"alg": "RS256"}),
    "HS256 with another key": Forgery(signature="other key"),
    "HS256 with another key that it names": Forgery(
        header={"kid": kid_of(OTHER_KEY)}, signature="other key"
    ),
    "HS256 with an empty key": Forgery(header={"kid": ""}, signature="empty key"),
    "wrong kid": Forgery(header={"kid": "0" * 16}),
    "a path as kid": Forgery(header={"kid": "../../../../dev/null"}, signature="empty key"),
    "a list as kid": Forgery(header={"kid": ["0"]}),
    "no kid": Forgery(header={"kid": None}),
    "no typ": Forgery(header={"typ": None}),
    "typ JWT": Forgery(header={"typ": "JWT"}),
    "a key of its own": Forgery(header={"jwk": {"kty": "oct", "k": "AAAA"}}),
    "an address of keys": Forgery(header={"jku": "https://keys.example/jwks.json"}),
    "a critical extension": Forgery(header={"crit": ["exp"]}),
    "another user in it": Forgery(
        claims={"sub": lambda claims: claims["sub"] + "0"}, signature="that of before"
    ),
    "a later end": Forgery(claims={"exp": _plus("exp", 9_999)}, signature="that of before"),
    "signature cut": Forgery(signature="cut"),
    "unsigned": Forgery(signature="none"),
    "a number as sub": Forgery(claims={"sub": 1}),
    "a name as sub": Forgery(claims={"sub": "admin"}),
    "a text as exp": Forgery(claims={"exp": lambda claims: str(claims["exp"])}),
    "truth as exp": Forgery(claims={"exp": True}),
    "a role of its own": Forgery(claims={"role": "root"}),
}
"""Each is refused wherever a token is, an access token or another one."""

HEADERS: dict[str, Callable[[str], list[str]]] = {
    "anonymous": lambda _: [],
    "empty": lambda _: [""],
    "Bearer alone": lambda _: ["Bearer"],
    "Bearer and a blank": lambda _: ["Bearer  "],
    "no scheme": lambda token: [token],
    "Basic": lambda token: [f"Basic {token}"],
    "Token": lambda token: [f"Token {token}"],
    "Bearer=": lambda token: [f"Bearer={token}"],
    "two tokens": lambda token: [f"Bearer {token} {token}"],
    "a comma": lambda token: [f"Bearer {token}, Bearer {token}"],
    "quotes": lambda token: [f'Bearer "{token}"'],
    "nonsense": lambda _: ["Bearer nonsense"],
    "dots": lambda _: ["Bearer .."],
    "two parts": lambda token: ["Bearer " + token.rpartition(".")[0]],
    "four parts": lambda token: [f"Bearer {token}.x"],
    "very long": lambda token: [f"Bearer {token}{'x' * 3_000}"],
    "two headers": lambda token: [f"Bearer {token}", f"Bearer {token}"],
}
"""`Authorization`, as often as there are texts, that a good token is sent in and yet refused."""


def forge(token: str, key: str, forgery: Forgery) -> str:
    """A token with changes, signed as the forgery says; `key` is the service's own."""
    header, claims, before = token.split(".")
    parts = (_changed(header, forgery.header), _changed(claims, forgery.claims))
    signing = ".".join(parts)
    return f"{signing}.{SIGNATURES[forgery.signature](key, signing, before)}"


def forged(token: str, key: str) -> Iterator[tuple[str, str]]:
    """Every forgery of a token that is one, by name: those of the table, and each claim left out."""
    claims = _read(token.split(".")[1])
    for name, forgery in FORGERIES.items():
        if forgery.claims.keys() <= claims.keys():
            yield name, forge(token, key, forgery)
    for name in claims.keys() - OPTIONAL:
        yield f"no {name}", forge(token, key, Forgery(claims={name: None}))


def _changed(part: str, changes: Changes) -> str:
    before = _read(part)
    after = {**before}
    for name, value in changes.items():
        after[name] = value(before) if callable(value) else value
    kept = {name: value for name, value in after.items() if value is not None}
    return _encode(json.dumps(kept, separators=(",", ":")).encode())


def _read(part: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return read


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _mac(key: str, signing: str, digest: str) -> str:
    return _encode(hmac.new(key.encode(), signing.encode(), digest).digest())
