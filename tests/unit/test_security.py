"""Passwords and tokens."""

import asyncio
import base64
import json
import secrets
import threading
from typing import Any

import jwt
import pytest
from typing_extensions import override

from crypto_exchange.adapters.security import Argon2Passwords, JwtTokens, load_common_passwords
from crypto_exchange.domain.access import CommonPasswords, plain_password
from crypto_exchange.domain.errors import Unauthenticated, Unavailable
from crypto_exchange.domain.user import ChallengeClaims, Role, Session, User
from crypto_exchange.entrypoints.testing.contracts import PasswordHasherTests, TokensTests

KEY, OTHER_KEY = "k" * 31 + "1", "k" * 31 + "2"
NOW_S = 1_700_000_000
SESSION = Session(user_id=7, id="a" * 24, generation=3, expires_at_us=(NOW_S + 5_000) * 1_000_000)


class Watch:
    def __init__(self) -> None:
        self.now_s = NOW_S

    def now_us(self) -> int:
        return self.now_s * 1_000_000


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def tokens(watch: Watch) -> JwtTokens:
    return JwtTokens(keys=[KEY], now_us=watch.now_us)


@pytest.fixture(scope="module")
def passwords() -> Argon2Passwords:
    return Argon2Passwords()


class TestPasswordHasher(PasswordHasherTests):
    @override
    def make_hasher(self) -> Argon2Passwords:
        return Argon2Passwords(memory_kib=64, time_cost=1, workers=1)


class TestTokens(TokensTests):
    @override
    def make_tokens(self) -> JwtTokens:
        key = secrets.token_hex(16)
        return JwtTokens(keys=[key], now_us=lambda: NOW_S * 1_000_000)


async def test_a_hash_is_slow_and_salted(passwords: Argon2Passwords) -> None:
    hashed = await passwords.hash("correct horse")

    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.hash("correct horse") != hashed


async def test_nobody_has_a_password_not_even_the_one_that_is_compared_with(
    passwords: Argon2Passwords,
) -> None:
    assert not await passwords.verify("nobody has this password", None)


async def test_what_looks_the_same_is_the_same_password(passwords: Argon2Passwords) -> None:
    hashed = await passwords.hash("\u00c5ngstr\u00f6m \ufb01le")

    assert await passwords.verify("A\u030angstro\u0308m file", hashed)


async def test_hashes_are_computed_in_threads_of_a_bounded_number() -> None:
    passwords = Argon2Passwords(memory_kib=64, time_cost=1, workers=1)

    for _ in range(3):
        await passwords.hash("correct horse")

    names = [t.name for t in threading.enumerate() if t in passwords._threads._threads]
    assert names == ["passwords_0"]
    passwords.close()


async def test_more_than_may_wait_are_refused_at_once_and_others_served() -> None:
    passwords = Argon2Passwords(memory_kib=64, time_cost=1, workers=1, waiting=2)

    results = await asyncio.gather(
        *(passwords.hash("correct horse") for _ in range(5)), return_exceptions=True
    )
    later = await passwords.verify("correct horse", None)

    assert [type(result) for result in results] == [str, str, str, Unavailable, Unavailable]
    assert not later
    passwords.close()


async def test_whoever_gives_up_waiting_leaves_the_queue() -> None:
    passwords = Argon2Passwords(memory_kib=64, time_cost=1, workers=1, waiting=1)

    tasks = [asyncio.create_task(passwords.hash("correct horse")) for _ in range(2)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert await passwords.hash("correct horse")
    passwords.close()


async def test_a_hash_of_weaker_parameters_is_outdated(passwords: Argon2Passwords) -> None:
    weaker = Argon2Passwords(memory_kib=64, time_cost=1)

    hashed = await weaker.hash("correct horse")

    assert passwords.is_outdated(hashed)
    assert not weaker.is_outdated(hashed)
    assert await passwords.verify("correct horse", hashed)


def test_the_list_of_common_passwords_holds_what_could_be_registered_with() -> None:
    common = load_common_passwords()

    assert len(common) > 1_000
    assert {"password", "12345678", "qwertyuiop", "iloveyou1", "trustno1"} <= common
    assert all(len(word) >= 8 and word == plain_password(word) for word in common)
    assert not {"correct horse", "battery staple", "new_password"} & common


def test_the_list_has_words_of_the_context() -> None:
    common = CommonPasswords(load_common_passwords())

    assert all(common.has(word, "alice") for word in ("Crypto_Exchange", "bitcoin123", "ethereum"))


def test_tokens_name_type_key_issuer_audience_and_times(tokens: JwtTokens) -> None:
    pair = tokens.issue(Role.USER, SESSION)

    access, refresh = claims_of(pair.access), claims_of(pair.refresh)
    header = jwt.get_unverified_header(pair.access)
    assert (header["alg"], header["typ"], len(header["kid"])) == ("HS256", "at+jwt", 16)
    assert jwt.get_unverified_header(pair.refresh)["typ"] == "rt+jwt"
    assert (access["iss"], access["sub"], access["iat"]) == ("crypto_exchange", "7", NOW_S)
    assert (access["exp"], refresh["exp"]) == (NOW_S + 900, NOW_S + 5_000)
    assert access["aud"] != refresh["aud"]
    again = claims_of(tokens.issue(Role.USER, SESSION).access)
    assert len({access["jti"], refresh["jti"], again["jti"]}) == 3


def test_an_access_token_is_good_for_15_minutes(tokens: JwtTokens, watch: Watch) -> None:
    access = tokens.issue(Role.USER, SESSION).access

    watch.now_s += 899
    assert tokens.read_access(access).user_id == 7
    watch.now_s += 1
    with pytest.raises(Unauthenticated, match="past its time; renew it"):
        tokens.read_access(access)


def test_a_refresh_token_ends_with_its_session(tokens: JwtTokens, watch: Watch) -> None:
    refresh = tokens.issue(Role.USER, SESSION).refresh

    watch.now_s += 4_999
    assert tokens.read_refresh(refresh).generation == 3
    watch.now_s += 1
    with pytest.raises(Unauthenticated, match="past its time; log in again"):
        tokens.read_refresh(refresh)


def test_a_token_from_the_future_is_refused_but_for_a_little_skew(
    tokens: JwtTokens, watch: Watch
) -> None:
    access = tokens.issue(Role.USER, SESSION).access

    watch.now_s -= 5
    assert tokens.read_access(access).user_id == 7
    watch.now_s -= 1
    with pytest.raises(Unauthenticated):
        tokens.read_access(access)


def test_neither_token_passes_for_the_other(tokens: JwtTokens) -> None:
    pair = tokens.issue(Role.USER, SESSION)

    with pytest.raises(Unauthenticated, match="access token: expected one that this service gave"):
        tokens.read_access(pair.refresh)
    with pytest.raises(Unauthenticated, match="refresh token: expected one that this service gave"):
        tokens.read_refresh(pair.access)


def test_tokens_of_the_key_before_are_read_and_new_ones_signed_with_the_first(
    tokens: JwtTokens, watch: Watch
) -> None:
    old = tokens.issue(Role.USER, SESSION).access
    both = JwtTokens(keys=[OTHER_KEY, KEY], now_us=watch.now_us)

    assert both.read_access(old).user_id == 7
    with pytest.raises(Unauthenticated):
        tokens.read_access(both.issue(Role.USER, SESSION).access)


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"typ": "rt+jwt"}, {}),
        ({"typ": "JWT"}, {}),
        ({"kid": "unknown"}, {}),
        ({"kid": 1}, {}),
        ({"kid": None}, {}),
        ({"alg": "HS384"}, {}),
        ({"jku": "http://127.0.0.1/keys"}, {}),
        ({"crit": ["exp"]}, {}),
        ({}, {"iss": "somebody"}),
        ({}, {"aud": "crypto_exchange/refresh"}),
        ({}, {"aud": ["crypto_exchange/api"]}),
        ({}, {"sub": 7}),
        ({}, {"sub": "seven"}),
        ({}, {"role": "owner"}),
        ({}, {"exp": "tomorrow"}),
        ({}, {"exp": None}),
        ({}, {"sid": None}),
        ({}, {"jti": None}),
    ],
)
def test_a_signed_token_that_is_not_quite_ours_is_refused(
    tokens: JwtTokens, header: dict[str, Any], claims: dict[str, Any]
) -> None:
    genuine = tokens.issue(Role.USER, SESSION).access
    forged = forge(genuine, header, claims)

    assert tokens.read_access(forge(genuine, {}, {})).user_id == 7
    with pytest.raises(Unauthenticated) as refusal:
        tokens.read_access(forged)
    assert str(refusal.value) == (
        "access token: expected one that this service gave out for this use, was another one; "
        "log in again"
    )


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "sid", "jti", "iat", "exp", "role"])
def test_every_claim_is_needed(tokens: JwtTokens, claim: str) -> None:
    genuine = tokens.issue(Role.USER, SESSION).access

    with pytest.raises(Unauthenticated):
        tokens.read_access(forge(genuine, {}, {}, without=claim))


def test_an_unsigned_or_tampered_token_is_refused(tokens: JwtTokens) -> None:
    genuine = tokens.issue(Role.USER, SESSION).access
    header, payload, signature = genuine.split(".")
    unsigned = {**jwt.get_unverified_header(genuine), "alg": "none"}
    admin = {**claims_of(genuine), "role": "admin"}

    for token in (
        f"{encoded(unsigned)}.{payload}.",
        f"{encoded(unsigned)}.{payload}.{signature}",
        f"{header}.{encoded(admin)}.{signature}",
        f"{header}.{payload}.{encoded('other')}",
        f"{header}.{payload}",
    ):
        with pytest.raises(Unauthenticated):
            tokens.read_access(token)


@pytest.mark.parametrize(
    "token",
    ["", "..", "a.b.c", "\u00e9.\u00e9.\u00e9", "\ud800", "x" * 100_000, "=.=.=", "\x00"],
)
def test_what_is_no_token_is_refused(tokens: JwtTokens, token: str) -> None:
    with pytest.raises(Unauthenticated):
        tokens.read_access(token)
    with pytest.raises(Unauthenticated):
        tokens.read_refresh(token)


def test_a_header_nested_too_deep_is_refused(tokens: JwtTokens) -> None:
    header = base64.urlsafe_b64encode(b"[" * 1_200).decode().rstrip("=")

    with pytest.raises(Unauthenticated):
        tokens.read_access(f"{header}.e30.e30")


def test_a_short_key_is_refused_without_being_shown(watch: Watch) -> None:
    with pytest.raises(ValueError, match="token key: expected at least 32 bytes, was 31") as error:
        JwtTokens(keys=["z" * 31], now_us=watch.now_us)
    assert "zz" not in str(error.value)
    with pytest.raises(ValueError, match="expected at least one, was none"):
        JwtTokens(keys=[], now_us=watch.now_us)


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def forge(
    genuine: str, header: dict[str, Any], claims: dict[str, Any], without: str | None = None
) -> str:
    """A token like the genuine one but for some fields, signed with the right key."""
    fields = {**jwt.get_unverified_header(genuine), **header}
    payload = {k: v for k, v in {**claims_of(genuine), **claims}.items() if k != without}
    signed = f"{encoded(fields)}.{encoded(payload)}"
    algorithm = jwt.get_algorithm_by_name("HS384" if fields["alg"] == "HS384" else "HS256")
    signature = algorithm.sign(signed.encode(), KEY.encode())
    return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def test_a_challenge_is_good_for_five_minutes(tokens: JwtTokens, watch: Watch) -> None:
    challenge = tokens.challenge(User(id=7, username="alice", password_hash="", version=5))
    assert jwt.get_unverified_header(challenge)["typ"] == "mfa+jwt"
    assert (
        jwt.decode(challenge, options={"verify_signature": False})["aud"] == "crypto_exchange/mfa"
    )

    watch.now_s += 299
    assert tokens.read_challenge(challenge) == ChallengeClaims(7, 5)
    watch.now_s += 1

    with pytest.raises(Unauthenticated, match="challenge: expected one that is still good"):
        tokens.read_challenge(challenge)


def test_an_access_token_says_how_and_when_in_standard_words(tokens: JwtTokens) -> None:
    """RFC 8176 names the methods, RFC 9470 asks for the time."""
    plain = tokens.issue(Role.USER, SESSION)
    verified = tokens.issue(Role.USER, SESSION, verified_at_us=NOW_S * 1_000_000 + 999_999)

    said = jwt.decode(verified.access, options={"verify_signature": False})
    unsaid = jwt.decode(plain.access, options={"verify_signature": False})

    assert (said["amr"], said["auth_time"]) == (["pwd", "otp", "mfa"], NOW_S)
    assert unsaid.keys().isdisjoint({"amr", "auth_time"})
    assert tokens.read_access(verified.access).verified_at_us == NOW_S * 1_000_000
