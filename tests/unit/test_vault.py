"""The vault: what is at rest is unreadable, in its own place, and outlives the keys that sealed it."""

import base64
import secrets

import pytest
from typing_extensions import override

from crypto_exchange.adapters.security import FernetVault
from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.entrypoints.testing.contracts import VaultTests

OLD, NEW = "an old key of 32 bytes or more ..", "a new key of 32 bytes or more .."
SECRET = b"12345678901234567890"


class TestVault(VaultTests):
    @override
    def make_vault(self) -> FernetVault:
        return FernetVault([secrets.token_hex(16)])


def test_what_is_sealed_shows_nothing_of_the_secret_and_is_never_the_same() -> None:
    vault = FernetVault([OLD])

    sealed = [vault.seal("a:1", SECRET) for _ in range(2)]

    assert sealed[0] != sealed[1]
    for text in sealed:
        inside = base64.urlsafe_b64decode(text)
        assert SECRET not in inside
        assert b"a:1" not in inside


def test_a_key_may_be_replaced_while_what_the_old_one_sealed_is_there() -> None:
    sealed = FernetVault([OLD]).seal("a:1", SECRET)

    both = FernetVault([NEW, OLD])
    anew = both.seal("a:1", both.open("a:1", sealed))

    assert FernetVault([NEW]).open("a:1", anew) == SECRET
    with pytest.raises(InvariantViolation):
        FernetVault([OLD]).open("a:1", anew)


def test_without_its_key_nothing_is_opened_and_the_message_says_what_is_missing() -> None:
    sealed = FernetVault([OLD]).seal("a:1", SECRET)

    with pytest.raises(InvariantViolation, match="one of the keys in SECRET_KEY"):
        FernetVault([NEW]).open("a:1", sealed)


def test_what_was_changed_is_not_opened() -> None:
    vault = FernetVault([OLD])
    sealed = vault.seal("a:1", SECRET)

    for place in range(0, len(sealed), 7):
        other = "A" if sealed[place] != "A" else "B"
        with pytest.raises(InvariantViolation):
            vault.open("a:1", sealed[:place] + other + sealed[place + 1 :])


def test_the_keys_are_checked() -> None:
    with pytest.raises(ValueError, match="expected at least one, was none"):
        FernetVault([])
    with pytest.raises(ValueError, match="expected at least 32 bytes, was 31"):
        FernetVault([OLD, "x" * 31])
