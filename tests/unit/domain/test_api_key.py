"""API keys: their texts, who may have one, and when they end."""

from __future__ import annotations

import msgspec
import pytest

from crypto_exchange.domain.api_key import (
    MAX_KEYS,
    ApiKey,
    Scope,
    TooManyKeys,
    digest_of,
    find_excess,
    find_owner,
    key_text,
    read_scopes,
    require_days,
    require_good,
    require_name,
)
from crypto_exchange.domain.audit_log import TERMINAL, Action
from crypto_exchange.domain.errors import AccountFrozen, InvalidField, NotFound, Unauthenticated
from crypto_exchange.domain.issuance import create, end, find_own
from crypto_exchange.domain.user import User, UserStatus

_replace = msgspec.structs.replace

ID = "0123456789abcdef01234567"
TEXT = key_text(7, ID, bytes(range(32)))
KEY = ApiKey(
    user_id=7,
    id=ID,
    name="bot",
    scopes=(Scope.READ, Scope.TRADE),
    digest=digest_of(TEXT),
    created_at_us=10,
    expires_at_us=100,
)
ALICE = User(id=7, username="alice", password_hash="hash", version=3)


def test_a_text_names_its_user_and_row_and_holds_256_bits() -> None:
    prefix, user_id, key_id, secret = TEXT.split("_")

    assert (prefix, user_id, key_id, len(bytes.fromhex(secret))) == ("cx", "7", ID, 32)
    assert find_owner(TEXT) == (7, ID)
    assert find_owner(TEXT + "\n") is None


def test_a_key_is_good_until_it_expires_or_ends() -> None:
    assert require_good(KEY, TEXT, at_us=99) == KEY

    for key, at_us in ((KEY, 100), (_replace(KEY, ended_at_us=1), 50)):
        with pytest.raises(Unauthenticated):
            require_good(key, TEXT, at_us=at_us)


def test_another_text_is_not_good_and_answered_like_one_that_nobody_has() -> None:
    told = set()
    for key, text in ((KEY, TEXT[:-1] + "0"), (None, TEXT), (_replace(KEY, digest=""), TEXT)):
        with pytest.raises(Unauthenticated) as caught:
            require_good(key, text, at_us=50)
        told.add(str(caught.value))

    assert len(told) == 1


def test_scopes_are_read_once_each_in_their_order() -> None:
    assert read_scopes(["trade", "read", "trade"]) == (Scope.READ, Scope.TRADE)
    for names, was in (([], "none"), (["read", "admin"], "'admin'"), (["Read"], "'Read'")):
        with pytest.raises(InvalidField, match=f"read, trade, withdraw, was {was}"):
            read_scopes(names)


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "tab\there", "zero\0", "\u202eexe", "\u3000"])
def test_a_name_that_would_not_show_is_refused(name: str) -> None:
    with pytest.raises(InvalidField):
        require_name(name)


def test_any_other_name_and_up_to_a_year_are_taken() -> None:
    for name in ("x", "x" * 64, "ボット 1"):
        require_name(name)
    require_days(1)
    require_days(365)
    for days in (0, -1, 366, 10**4_000):
        with pytest.raises(InvalidField, match="1 to 365"):
            require_days(days)


def test_a_key_opens_the_calls_of_its_scopes_and_none_for_people() -> None:
    given = frozenset(KEY.scopes)

    assert [find_excess(given, scope) is None for scope in (*Scope, None)] == [
        True,
        True,
        False,
        False,
    ]
    assert [find_excess(None, scope) for scope in (*Scope, None)] == [None] * 4
    assert "with scope withdraw, was one with an API key for read, trade" in str(
        find_excess(given, Scope.WITHDRAW)
    )


def test_a_key_comes_with_the_users_version_and_an_entry_in_the_audit_log() -> None:
    change = create(ALICE, KEY, [KEY] * (MAX_KEYS - 1), actor=TERMINAL, at_us=10)

    (move,), (entry,) = change.moved_users, change.audit
    assert change.new_keys == (KEY,)
    assert (move.before, move.after) == (ALICE, _replace(ALICE, version=4))
    assert (entry.action, entry.user_id, entry.subject) == (Action.API_KEY_CREATED, 7, ID)
    assert entry.details == {"scopes": "read trade", "expires_at_us": 100}


def test_the_21st_key_and_one_of_a_frozen_account_are_refused() -> None:
    with pytest.raises(TooManyKeys):
        create(ALICE, KEY, [KEY] * MAX_KEYS, actor=TERMINAL, at_us=10)
    for status in (UserStatus.FROZEN, UserStatus.CLOSED):
        with pytest.raises(AccountFrozen):
            create(_replace(ALICE, status=status), KEY, [], actor=TERMINAL, at_us=10)


def test_keys_end_each_with_an_entry_also_at_time_0() -> None:
    other = _replace(KEY, id="f" * 24)

    change = end([KEY, other], actor=TERMINAL, at_us=0)

    assert [(m.before, m.after) for m in change.keys] == [
        (key, _replace(key, ended_at_us=1)) for key in (KEY, other)
    ]
    assert [(e.action, e.subject) for e in change.audit] == [
        (Action.API_KEY_ENDED, ID),
        (Action.API_KEY_ENDED, "f" * 24),
    ]


def test_only_ones_own_key_is_found() -> None:
    assert find_own([_replace(KEY, id="f" * 24), KEY], ID) == KEY
    with pytest.raises(NotFound):
        find_own([KEY], "f" * 24)
