"""Access: who may register, and when a login is renewed or ended."""

from __future__ import annotations

import msgspec
import pytest

from crypto_exchange.domain.access import (
    open_session,
    register,
    require_credentials,
    revoke,
    rotate,
)
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import InvalidField, Unauthenticated
from crypto_exchange.domain.user import Session, User

SESSION = Session(user_id=1, id="s", generation=3, expires_at_us=100)


@pytest.mark.parametrize("username", ["abc", "A.b_c@d-9", "x" * 64])
@pytest.mark.parametrize("password", ["12345678", "p" * 128, "päßwörter"])
def test_good_names_and_passwords_are_accepted(username: str, password: str) -> None:
    require_credentials(username, password)


@pytest.mark.parametrize("username", ["ab", "x" * 65, "a b c", "naïve", "abc\n", ""])
def test_a_bad_name_is_refused(username: str) -> None:
    with pytest.raises(InvalidField, match=r"^username: expected 3 to 64 characters"):
        require_credentials(username, "12345678")


@pytest.mark.parametrize("password", ["1234567", "p" * 129])
def test_a_bad_password_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(InvalidField, match=r"^password: expected .* characters$") as refusal:
        require_credentials("alice", password)
    assert password not in str(refusal.value)


def test_a_user_may_be_created_logged_in_or_not() -> None:
    user = User(id=1, username="alice", password_hash="h")

    assert register(user, None, at_us=5).new_sessions == ()
    assert register(user, SESSION, at_us=5).new_sessions == (SESSION,)
    assert open_session(SESSION) == Change(new_sessions=(SESSION,))


def test_the_current_generation_gets_the_next_one() -> None:
    (move,) = rotate(SESSION, 3, at_us=99, expires_at_us=200).sessions

    assert (move.after.generation, move.after.expires_at_us, move.after.revoked) == (4, 200, False)


@pytest.mark.parametrize("generation", [0, 2, 4])
def test_any_other_generation_ends_the_session(generation: int) -> None:
    (move,) = rotate(SESSION, generation, at_us=99, expires_at_us=200).sessions

    assert move.after.revoked


@pytest.mark.parametrize(
    "session",
    [None, msgspec.structs.replace(SESSION, revoked=True)],
    ids=["none", "revoked"],
)
def test_a_session_that_is_gone_is_not_renewed(session: Session | None) -> None:
    with pytest.raises(Unauthenticated):
        rotate(session, 3, at_us=99, expires_at_us=200)


def test_a_session_ends_at_its_time() -> None:
    with pytest.raises(Unauthenticated):
        rotate(SESSION, 3, at_us=100, expires_at_us=200)


def test_a_session_is_ended_once() -> None:
    (move,) = revoke(SESSION).sessions

    assert move.after.revoked
    assert revoke(move.after) == Change()
