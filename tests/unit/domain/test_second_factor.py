"""The second factor: which codes are good, how often, and when none is looked at."""

import msgspec
import pytest

from crypto_exchange.domain import enrolment, totp
from crypto_exchange.domain.account_events import (
    RecoveryCodeUsed,
    SecondFactorDisabled,
    SecondFactorEnrolled,
    SecondFactorLocked,
)
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import (
    CodesLocked,
    InvalidCode,
    InvalidField,
    NotFound,
    SecondFactorActive,
    StepUpRequired,
    Unauthenticated,
)
from crypto_exchange.domain.second_factor import (
    FRESH_US,
    LOCK_US,
    LONGEST_LOCK_US,
    RECOVERY_BYTES,
    FactorState,
    Given,
    SecondFactor,
    Verdict,
    read_code,
    recovery_code,
    recovery_hash,
    require_fresh,
    try_code,
)
from crypto_exchange.domain.user import User

SECRET = b"12345678901234567890"
NOW_US = 1_767_225_600_000_000
STEP = totp.step_at(NOW_US)
RECOVERY = tuple(recovery_code(bytes([n]) * RECOVERY_BYTES) for n in range(10))
PENDING = SecondFactor(user_id=7, sealed="sealed")
WRONG = "000000"


def given(code: str, secret: bytes = SECRET) -> Given:
    return Given(code, secret, "sealed anew")


def code_of(step: int) -> str:
    return totp.hotp(SECRET, step)


def after(change: Change) -> SecondFactor:
    return change.factors[0].after


@pytest.fixture
def active() -> SecondFactor:
    """Confirmed some minutes ago."""
    first = enrolment.confirm(
        PENDING, given(code_of(STEP - 9)), recovery=RECOVERY, at_us=NOW_US - 9 * 30 * 10**6
    )
    return after(first)


def tried(factor: SecondFactor, codes: list[str], at_us: int = NOW_US) -> SecondFactor:
    for code in codes:
        factor = try_code(factor, given(code), at_us=at_us).factor
    return factor


# ---- codes


def test_a_code_is_good_once(active: SecondFactor) -> None:
    first = try_code(active, given(code_of(STEP)), at_us=NOW_US)

    again = try_code(first.factor, given(code_of(STEP)), at_us=NOW_US)

    assert first == Verdict(
        msgspec.structs.replace(active, sealed="sealed anew", last_step=STEP, version=2)
    )
    assert isinstance(again.refusal, InvalidCode)


def test_of_the_steps_around_now_each_is_good_once_and_none_before_the_last(
    active: SecondFactor,
) -> None:
    late = try_code(active, given(code_of(STEP - 1)), at_us=NOW_US)
    early = try_code(late.factor, given(code_of(STEP + 1)), at_us=NOW_US)
    between = try_code(early.factor, given(code_of(STEP)), at_us=NOW_US)

    assert (late.refusal, early.refusal) == (None, None)
    assert isinstance(between.refusal, InvalidCode)


def test_a_factor_says_when_it_was_confirmed_also_after_codes(active: SecondFactor) -> None:
    wrong, good = (tried(active, [code]) for code in ("000000", code_of(STEP)))

    assert (PENDING.confirmed_at_us, active.confirmed_at_us) == (0, NOW_US - 9 * 30 * 10**6)
    assert wrong.confirmed_at_us == good.confirmed_at_us == active.confirmed_at_us


def test_the_code_that_confirmed_is_used(active: SecondFactor) -> None:
    verdict = try_code(active, given(code_of(STEP - 9)), at_us=NOW_US - 9 * 30 * 10**6)

    assert isinstance(verdict.refusal, InvalidCode)


def test_a_recovery_code_is_good_once_wherever_a_code_is(active: SecondFactor) -> None:
    verdict, change = enrolment.verify(active, given(read_code(RECOVERY[3])), at_us=NOW_US)
    again = try_code(verdict.factor, given(read_code(RECOVERY[3])), at_us=NOW_US)

    assert verdict.refusal is None
    assert len(after(change).recovery) == 9
    assert change.events == (RecoveryCodeUsed(at_us=NOW_US, user_id=7, left=9),)
    assert isinstance(again.refusal, InvalidCode)
    assert tried(verdict.factor, [read_code(RECOVERY[4])]).wrong == 0


def test_of_a_recovery_code_only_a_keyed_hash_is_kept(active: SecondFactor) -> None:
    stored = " ".join(active.recovery)

    assert not [code for code in RECOVERY if code in stored or read_code(code) in stored]
    assert recovery_hash(SECRET, RECOVERY[0]) == active.recovery[0]
    assert recovery_hash(SECRET, RECOVERY[0]) != recovery_hash(b"another", RECOVERY[0])
    assert {len(code.replace("-", "")) for code in RECOVERY} == {16}
    assert RECOVERY_BYTES * 8 == 80


@pytest.mark.parametrize("text", ["287 082", " 287082 ", "287-082", "287082\n"])
def test_spaces_and_dashes_in_a_code_do_no_harm(text: str) -> None:
    assert read_code(text) == "287082"


def test_a_recovery_code_may_be_written_in_capitals() -> None:
    assert read_code("ABCD EFGH-IJKL 2345") == "abcdefghijkl2345"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "28708",
        "2870821",
        "٢٨٧٠٨٢",
        "abcd",
        "abcd-efgh-ijkl-mno1",
        "287082" + " " * 59,
        "28708a",
        "0" * 10**6,
    ],
)
def test_what_no_code_looks_like_is_refused_without_showing_or_counting_it(text: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        read_code(text)

    assert str(refusal.value) == (
        "code: expected 6 digits, or a recovery code of 16 letters and digits, "
        f"was another text of {len(text)} characters"
    )


# ---- the lock


def test_five_wrong_codes_lock_for_fifteen_minutes_also_for_good_ones(active: SecondFactor) -> None:
    locked = tried(active, [WRONG] * 5)

    assert locked.locked_until_us == NOW_US + LOCK_US == NOW_US + 15 * 60 * 10**6
    for code in (code_of(STEP), read_code(RECOVERY[0]), WRONG):
        with pytest.raises(CodesLocked, match="try again in 1 s"):
            try_code(locked, given(code), at_us=NOW_US + LOCK_US - 1)
    later = NOW_US + LOCK_US
    good = try_code(locked, given(code_of(totp.step_at(later))), at_us=later)
    assert (good.refusal, good.factor.wrong, good.factor.locked_until_us) == (None, 0, 0)


def test_four_wrong_codes_do_not_lock_and_a_good_one_resets(active: SecondFactor) -> None:
    four = tried(active, [WRONG] * 4)
    reset = tried(four, [code_of(STEP), WRONG, WRONG, WRONG, WRONG])

    assert (four.wrong, four.locked_until_us) == (4, 0)
    assert (reset.wrong, reset.locked_until_us) == (4, 0)


def test_wrong_recovery_codes_and_used_codes_are_counted_alike(active: SecondFactor) -> None:
    wrong = ["x" * 16, code_of(STEP), "y" * 16, WRONG, "z" * 16]

    locked = tried(tried(active, [code_of(STEP)]), wrong)

    assert locked.locked_until_us == NOW_US + LOCK_US


def test_each_further_lock_is_twice_as_long_up_to_a_day(active: SecondFactor) -> None:
    factor, at_us, locks = active, NOW_US, []
    for _ in range(20):
        factor = tried(factor, [WRONG] * 5, at_us)
        locks.append(factor.locked_until_us - at_us)
        at_us = factor.locked_until_us

    assert locks[:4] == [LOCK_US, 2 * LOCK_US, 4 * LOCK_US, 8 * LOCK_US]
    assert set(locks[7:]) == {LONGEST_LOCK_US} == {86_400 * 10**6}


def test_the_code_that_locks_is_told(active: SecondFactor) -> None:
    factor = active
    told: list[object] = []
    for _ in range(5):
        verdict, change = enrolment.verify(factor, given(WRONG), at_us=NOW_US)
        factor = verdict.factor
        told.extend(change.events)

    assert told == [SecondFactorLocked(at_us=NOW_US, user_id=7, wrong=5, until_us=NOW_US + LOCK_US)]


# ---- enrolment


def test_a_secret_protects_nothing_before_it_is_confirmed_and_may_be_drawn_anew() -> None:
    first = enrolment.enroll(None, 7, "one")
    again = enrolment.enroll(first.new_factors[0], 7, "two")

    assert not first.new_factors[0].active
    assert (after(again).sealed, after(again).version) == ("two", 1)
    assert not after(again).active


def test_the_first_code_puts_it_in_force() -> None:
    change = enrolment.confirm(PENDING, given(code_of(STEP)), recovery=RECOVERY, at_us=NOW_US)

    assert after(change).active
    assert (after(change).last_step, len(after(change).recovery)) == (STEP, 10)
    assert change.events == (SecondFactorEnrolled(at_us=NOW_US, user_id=7),)


def test_a_wrong_first_code_changes_nothing() -> None:
    with pytest.raises(InvalidCode):
        enrolment.confirm(PENDING, given(WRONG), recovery=RECOVERY, at_us=NOW_US)


def test_one_in_force_is_neither_replaced_nor_confirmed_again(active: SecondFactor) -> None:
    with pytest.raises(SecondFactorActive):
        enrolment.enroll(active, 7, "another")
    with pytest.raises(SecondFactorActive):
        enrolment.confirm(active, given(code_of(STEP)), recovery=(), at_us=NOW_US)


def test_it_is_given_up_for_a_code_and_nothing_of_it_is_kept(active: SecondFactor) -> None:
    _, change = enrolment.disable(active, given(code_of(STEP)), at_us=NOW_US)
    off = after(change)

    assert off == SecondFactor(user_id=7, sealed="", state=FactorState.OFF, version=2)
    assert change.events == (SecondFactorDisabled(at_us=NOW_US, user_id=7),)
    assert after(enrolment.enroll(off, 7, "new")).state is FactorState.PENDING
    with pytest.raises(NotFound):
        enrolment.require_pending(off)


def test_a_recovery_code_gives_it_up_too(active: SecondFactor) -> None:
    verdict, change = enrolment.disable(active, given(read_code(RECOVERY[0])), at_us=NOW_US)

    assert verdict.refusal is None
    assert change.events == (
        RecoveryCodeUsed(at_us=NOW_US, user_id=7, left=9),
        SecondFactorDisabled(at_us=NOW_US, user_id=7),
    )


def test_a_wrong_code_does_not_give_it_up_and_counts(active: SecondFactor) -> None:
    verdict, change = enrolment.disable(active, given(WRONG), at_us=NOW_US)

    assert isinstance(verdict.refusal, InvalidCode)
    assert (after(change).active, after(change).wrong) == (True, 1)


def test_an_operator_takes_it_away_without_a_code(active: SecondFactor) -> None:
    change = enrolment.reset(active, at_us=NOW_US)

    assert after(change) == SecondFactor(user_id=7, sealed="", state=FactorState.OFF, version=2)
    assert change.events == (SecondFactorDisabled(at_us=NOW_US, user_id=7, by_operator=True),)


@pytest.mark.parametrize("factor", [None, PENDING])
def test_what_is_not_in_force_has_no_codes(factor: SecondFactor | None) -> None:
    with pytest.raises(NotFound):
        enrolment.require_active(factor)


def test_nothing_is_confirmed_that_was_not_enrolled() -> None:
    with pytest.raises(NotFound):
        enrolment.require_pending(None)


# ---- stepping up


def test_a_code_is_fresh_for_five_minutes(active: SecondFactor) -> None:
    require_fresh(active, NOW_US - FRESH_US, at_us=NOW_US)

    with pytest.raises(StepUpRequired):
        require_fresh(active, NOW_US - FRESH_US - 1, at_us=NOW_US)
    with pytest.raises(StepUpRequired):
        require_fresh(active, 0, at_us=NOW_US)
    assert FRESH_US == 300 * 10**6


@pytest.mark.parametrize("factor", [None, PENDING])
def test_nobody_is_asked_for_a_code_that_they_cannot_have(factor: SecondFactor | None) -> None:
    require_fresh(factor, 0, at_us=NOW_US)


def test_a_challenge_is_for_the_user_as_they_were() -> None:
    user = User(id=7, username="alice", password_hash="", version=3)

    assert enrolment.require_unchanged(user, 3) is user
    with pytest.raises(Unauthenticated):
        enrolment.require_unchanged(user, 2)
