"""Access: who may register, and when a login begins, is renewed or ends."""

from __future__ import annotations

import msgspec
import pytest

from crypto_exchange.domain.access import (
    MAX_SESSIONS,
    RETRY_US,
    CommonPasswords,
    change_password,
    find_own,
    log_in,
    register,
    require_own,
    require_password,
    require_username,
    revoke,
    rotate,
)
from crypto_exchange.domain.account_events import PasswordChanged, SessionReuseDetected
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import InvalidField, NotFound, Unauthenticated
from crypto_exchange.domain.user import Session, User

USER = User(id=1, username="alice", password_hash="h", version=4)
SESSION = Session(user_id=1, id="s", generation=3, used_at_us=50, expires_at_us=100)
RENEWED = msgspec.structs.replace(SESSION, expires_at_us=10**9, retry="digest")
COMMON = CommonPasswords(frozenset({"password1", "strasse123"}))


@pytest.mark.parametrize("username", ["abc", "A.b_c@d-9", "x" * 64])
def test_a_good_name_is_accepted(username: str) -> None:
    require_username(username)


@pytest.mark.parametrize("username", ["ab", "x" * 65, "a b c", "naïve", "abc\n", ""])
def test_a_bad_name_is_refused(username: str) -> None:
    with pytest.raises(InvalidField, match=r"^username: expected 3 to 64 characters"):
        require_username(username)


@pytest.mark.parametrize("username", ["closed-26", "Closed-1", "CLOSED-000"])
def test_the_name_of_a_closed_account_is_nobodys(username: str) -> None:
    with pytest.raises(InvalidField, match=r"^username: expected no name of a closed account"):
        require_username(username)
    require_username(f"{username}a")


@pytest.mark.parametrize("password", ["12345678", "p" * 128, "päßwörter"])
def test_a_password_of_8_to_128_characters_is_accepted(password: str) -> None:
    require_password(password, username="alice", common=COMMON)


@pytest.mark.parametrize("password", ["1234567", "p" * 129])
def test_a_bad_password_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(InvalidField, match=r"^new: expected .* characters$") as refusal:
        require_password(password, username="alice", common=COMMON, field="new")
    assert password not in str(refusal.value)


@pytest.mark.parametrize(
    "password", ["password1", "PassWord1", "\uff50assword1", "Straße123", "Alice.Smith"]
)
def test_a_password_that_is_guessed_first_is_refused_in_any_case_and_spelling(
    password: str,
) -> None:
    with pytest.raises(InvalidField, match=r"hard to guess") as refusal:
        require_password(password, username="alice.smith", common=COMMON)
    assert password not in str(refusal.value)


def test_without_a_list_no_password_is_common() -> None:
    require_password("alice.smith", username="alice.smith", common=CommonPasswords())


def test_a_user_may_be_created_logged_in_or_not() -> None:
    assert register(USER, None, at_us=5).new_sessions == ()
    assert register(USER, SESSION, at_us=5).new_sessions == (SESSION,)


def test_logging_in_raises_the_users_version_and_keeps_the_hash() -> None:
    change = log_in(USER, SESSION, [], new_hash=None, at_us=5)

    (move,) = change.moved_users
    assert (move.before, move.after.version, move.after.password_hash) == (USER, 5, "h")
    assert (change.new_sessions, change.sessions) == ((SESSION,), ())


def test_logging_in_may_renew_the_hash() -> None:
    (move,) = log_in(USER, SESSION, [], new_hash="h2", at_us=5).moved_users

    assert (move.after.version, move.after.password_hash) == (5, "h2")


def test_one_login_too_many_ends_that_which_was_not_used_for_the_longest_time() -> None:
    others = [
        Session(user_id=1, id=f"{number:03}", used_at_us=1_000 - number, expires_at_us=9_999)
        for number in range(MAX_SESSIONS)
    ]

    fits = log_in(USER, SESSION, others[1:], new_hash=None, at_us=5)
    surplus = log_in(USER, SESSION, others, new_hash=None, at_us=5)

    assert fits.sessions == ()
    assert [(m.after.id, m.after.ended_at_us) for m in surplus.sessions] == [("099", 5)]


def test_the_current_generation_gets_the_next_one() -> None:
    (move,) = rotate(SESSION, 3, at_us=99, expires_at_us=200, retry="digest").sessions

    after = move.after
    assert (after.generation, after.used_at_us, after.expires_at_us) == (4, 99, 200)
    assert (after.retry, after.revoked) == ("digest", False)


def test_a_session_ends_ninety_days_after_it_began_however_often_it_is_renewed() -> None:
    session = msgspec.structs.replace(SESSION, created_at_us=7)

    (move,) = rotate(session, 3, at_us=99, expires_at_us=10**18).sessions

    assert move.after.expires_at_us == 7 + 90 * 24 * 3600 * 10**6


@pytest.mark.parametrize("generation", [0, 2, 4])
def test_any_other_generation_ends_the_session_and_is_told(generation: int) -> None:
    change = rotate(SESSION, generation, at_us=99, expires_at_us=200)

    (move,) = change.sessions
    assert (move.after.revoked, move.after.ended_at_us) == (True, 99)
    told = SessionReuseDetected(
        at_us=99, user_id=1, session_id="s", generation=generation, newest=3
    )
    assert change.events == (told,)


def test_the_token_before_may_come_again_with_the_same_key_within_ten_seconds() -> None:
    again = rotate(RENEWED, 2, at_us=50 + RETRY_US, expires_at_us=200, retry="digest")

    assert again == Change()


@pytest.mark.parametrize(
    ("generation", "at_us", "retry", "kept"),
    [
        (2, 51, "", "digest"),
        (2, 51, "another", "digest"),
        (2, 51, "", ""),
        (2, 51 + RETRY_US, "digest", "digest"),
        (1, 51, "digest", "digest"),
        (4, 51, "digest", "digest"),
    ],
    ids=["no key", "another key", "never a key", "too late", "older", "from the future"],
)
def test_any_other_repetition_is_a_reuse(
    generation: int, at_us: int, retry: str, kept: str
) -> None:
    session = msgspec.structs.replace(RENEWED, retry=kept)

    (move,) = rotate(session, generation, at_us=at_us, expires_at_us=200, retry=retry).sessions

    assert move.after.revoked


def test_once_the_successor_was_used_the_key_does_not_help() -> None:
    (used,) = rotate(RENEWED, 3, at_us=60, expires_at_us=10**9, retry="digest").sessions

    (move,) = rotate(used.after, 2, at_us=61, expires_at_us=10**9, retry="digest").sessions

    assert move.after.revoked


@pytest.mark.parametrize(
    "session",
    [None, msgspec.structs.replace(SESSION, ended_at_us=1)],
    ids=["none", "ended"],
)
def test_a_session_that_is_gone_is_not_renewed(session: Session | None) -> None:
    with pytest.raises(Unauthenticated):
        rotate(session, 3, at_us=99, expires_at_us=200)


def test_a_session_ends_at_its_time() -> None:
    with pytest.raises(Unauthenticated):
        rotate(SESSION, 3, at_us=100, expires_at_us=200)


def test_sessions_are_ended_once() -> None:
    (move,) = revoke([SESSION], at_us=7).sessions

    assert move.after.ended_at_us == 7
    assert revoke([move.after], at_us=8) == Change()


def test_a_session_that_ends_at_time_0_has_ended() -> None:
    (move,) = revoke([SESSION], at_us=0).sessions

    assert move.after.revoked


def test_a_new_password_leaves_only_the_new_session() -> None:
    new = msgspec.structs.replace(SESSION, id="new", generation=0)

    change = change_password(USER, "h2", new, [SESSION], at_us=9)

    assert [(m.after.password_hash, m.after.version) for m in change.moved_users] == [("h2", 5)]
    assert [(m.after.id, m.after.ended_at_us) for m in change.sessions] == [("s", 9)]
    assert change.new_sessions == (new,)
    assert change.events == (PasswordChanged(at_us=9, user_id=1, ended=1),)


def test_who_asks_must_have_a_live_session() -> None:
    assert require_own([SESSION], "s", at_us=99) is SESSION
    for sessions, at_us in (([], 99), ([SESSION], 100)):
        with pytest.raises(Unauthenticated, match="live session"):
            require_own(sessions, "s", at_us=at_us)


def test_a_session_that_is_not_ones_own_is_not_found() -> None:
    assert find_own([SESSION], "s") is SESSION
    with pytest.raises(NotFound, match=r"expected an existing session, was t$"):
        find_own([SESSION], "t")
