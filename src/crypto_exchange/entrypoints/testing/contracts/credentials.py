"""The contracts of `PasswordHasher`, `Tokens` and `Vault`: override `make_hasher`, `make_tokens` or
`make_vault`.
"""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from crypto_exchange.domain.credentials import PasswordHasher, Tokens, Vault
from crypto_exchange.domain.errors import InvariantViolation, Unauthenticated
from crypto_exchange.domain.user import (
    AccessClaims,
    ChallengeClaims,
    RefreshClaims,
    Role,
    Session,
    User,
)
from crypto_exchange.entrypoints.testing.contracts.checks import Suite, given, since

_FAR_US = 4_000_000_000 * 10**6
_SESSION = Session(user_id=7, id="a" * 24, generation=3, expires_at_us=_FAR_US)
_USER = User(id=7, username="alice", password_hash="", version=5)


class PasswordHasherTests(Suite):
    """A password fits its own hash and nothing else does."""

    def make_hasher(self) -> PasswordHasher | Awaitable[PasswordHasher]:
        """Give a hasher; one with settings that cost little will do."""
        raise NotImplementedError

    async def test_a_password_fits_its_own_hash_and_no_other(self) -> None:
        hasher = await given(self.make_hasher())

        hashed = await hasher.hash("correct horse")

        assert await hasher.verify("correct horse", hashed)
        assert not await hasher.verify("correct horsf", hashed)
        assert not await hasher.verify("Correct horse", hashed)
        assert not await hasher.verify("", hashed)

    async def test_nobody_has_a_password(self) -> None:
        hasher = await given(self.make_hasher())

        assert not await hasher.verify("correct horse", None)

    async def test_what_is_no_hash_fits_no_password(self) -> None:
        hasher = await given(self.make_hasher())

        for hashed in ("", "correct horse", "$argon2id$v=19$m=19456,t=2,p=1$AAAA$"):
            assert not await hasher.verify("correct horse", hashed)

    @since("2")
    async def test_a_new_hash_is_not_outdated(self) -> None:
        hasher = await given(self.make_hasher())

        assert not hasher.is_outdated(await hasher.hash("correct horse"))

    async def test_any_text_is_a_password(self) -> None:
        hasher = await given(self.make_hasher())

        for password in ("\ud800", "\u00e5" * 128, "a\0b"):
            hashed = await hasher.hash(password)
            assert await hasher.verify(password, hashed)
            assert not await hasher.verify(password + "c", hashed)


class TokensTests(Suite):
    """A token says who and for which session, to whoever it was made for."""

    def make_tokens(self) -> Tokens | Awaitable[Tokens]:
        """Give tokens of a service; those of two calls do not know each other's."""
        raise NotImplementedError

    async def test_a_pair_says_who_and_for_which_session(self) -> None:
        tokens = await given(self.make_tokens())

        for role in Role:
            pair = tokens.issue(role, _SESSION)
            assert tokens.read_access(pair.access) == AccessClaims(7, role, _SESSION.id)
            assert tokens.read_refresh(pair.refresh) == RefreshClaims(7, _SESSION.id, 3)

    async def test_neither_token_passes_for_the_other(self) -> None:
        tokens = await given(self.make_tokens())
        pair = tokens.issue(Role.USER, _SESSION)

        with pytest.raises(Unauthenticated):
            tokens.read_access(pair.refresh)
        with pytest.raises(Unauthenticated):
            tokens.read_refresh(pair.access)

    async def test_what_another_service_gave_or_nobody_did_is_refused(self) -> None:
        tokens, other = await given(self.make_tokens()), await given(self.make_tokens())
        pair = other.issue(Role.USER, _SESSION)

        for token in (pair.access, "", "a.b.c", tokens.issue(Role.USER, _SESSION).access + "x"):
            with pytest.raises(Unauthenticated):
                tokens.read_access(token)
        for token in (pair.refresh, "", "a.b.c", tokens.issue(Role.USER, _SESSION).refresh + "x"):
            with pytest.raises(Unauthenticated):
                tokens.read_refresh(token)

    async def test_no_token_is_given_twice(self) -> None:
        tokens = await given(self.make_tokens())

        pairs = [tokens.issue(Role.USER, _SESSION) for _ in range(20)]

        assert len({token for pair in pairs for token in (pair.access, pair.refresh)}) == 40

    @since("2")
    async def test_an_access_token_says_when_a_code_was_given(self) -> None:
        tokens = await given(self.make_tokens())
        at_us = 1_700_000_000 * 10**6

        pair = tokens.issue(Role.USER, _SESSION, verified_at_us=at_us)

        assert tokens.read_access(pair.access) == AccessClaims(7, Role.USER, _SESSION.id, at_us)
        assert tokens.read_refresh(pair.refresh) == RefreshClaims(7, _SESSION.id, 3)
        assert tokens.read_access(tokens.issue(Role.USER, _SESSION).access).verified_at_us == 0

    @since("2")
    async def test_a_challenge_says_whose_password_was_right_and_passes_for_nothing_else(
        self,
    ) -> None:
        tokens, other = await given(self.make_tokens()), await given(self.make_tokens())
        pair = tokens.issue(Role.USER, _SESSION)

        challenge = tokens.challenge(_USER)

        assert tokens.read_challenge(challenge) == ChallengeClaims(7, 5)
        for token in (pair.access, pair.refresh, other.challenge(_USER), "", "a.b.c"):
            with pytest.raises(Unauthenticated):
                tokens.read_challenge(token)
        for read in (tokens.read_access, tokens.read_refresh):
            with pytest.raises(Unauthenticated):
                read(challenge)


class VaultTests(Suite):
    """What is sealed is opened in its own place alone."""

    def make_vault(self) -> Vault | Awaitable[Vault]:
        """Give a vault, with a key of any kind."""
        raise NotImplementedError

    @since("2")
    async def test_what_was_sealed_is_opened_with_the_same_label(self) -> None:
        vault = await given(self.make_vault())

        for secret in (b"", b"\0" * 20, vault.draw(20)):
            assert vault.open("a:1", vault.seal("a:1", secret)) == secret

    @since("2")
    async def test_what_was_sealed_for_another_place_is_not_opened(self) -> None:
        vault = await given(self.make_vault())
        sealed = vault.seal("a:1", b"secret")

        for label in ("a:2", "a:11", "a:", ""):
            with pytest.raises(InvariantViolation):
                vault.open(label, sealed)
        for text in ("", "secret", "x" + sealed):
            with pytest.raises(InvariantViolation):
                vault.open("a:1", text)

    @since("2")
    async def test_what_is_drawn_is_as_long_as_asked_and_never_the_same(self) -> None:
        vault = await given(self.make_vault())

        drawn = [vault.draw(20) for _ in range(50)]

        assert {len(secret) for secret in drawn} == {20}
        assert len(set(drawn)) == 50
