"""Fraud rules: each says something from its limit on and nothing up to it; the strictest holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_exchange.domain.activity import DAY_US, HOUR_US, MINUTE_US, Activity, Signals, Window
from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.money import DOLLAR
from crypto_exchange.domain.risk import (
    RULES,
    Assessment,
    Case,
    Verdict,
    assess_order,
    assess_withdrawal,
    find_signals,
    parse_assessment,
)
from crypto_exchange.domain.risk_policy import RiskMode, RiskPolicy
from crypto_exchange.entrypoints.testing import strategies

NOW_US = 1_767_225_600_000_000
POLICY = RiskPolicy(mode=RiskMode.ENFORCE)
BUSY = Window(NOW_US, 1, DOLLAR)


def a_case(
    amount: int = DOLLAR,
    *,
    before: Activity | None = None,
    signals: Signals | None = None,
    small: bool = True,
    step_up: int | None = None,
    **after: Any,
) -> Case:
    """An order, or a withdrawal, of somebody who has done little; `after` are fields of their activity."""
    before = before or Activity(registered_at_us=1, deposited=1_000 * DOLLAR, traded=500 * DOLLAR)
    done = {"minute": BUSY, "hour": BUSY, "day": BUSY, "withdrawals": BUSY, **after}
    return Case(
        amount=amount,
        before=before,
        after=msgspec.structs.replace(before, **done),
        signals=signals or Signals(),
        at_us=NOW_US,
        small=small,
        step_up=step_up,
    )


def counted(number: int) -> Window:
    return Window(NOW_US, number, DOLLAR)


def worth(dollars: int, cents: int = 0) -> Window:
    return Window(NOW_US, 1, dollars * DOLLAR + cents * DOLLAR // 100)


def test_nobody_who_does_little_is_suspected() -> None:
    for assess in (assess_order, assess_withdrawal):
        assert assess(a_case(), POLICY) == Assessment(verdict=Verdict.ALLOW)


ALLOW, CHALLENGE, HOLD, DENY = Verdict


@pytest.mark.parametrize(
    ("rule", "case", "verdict"),
    [
        ("velocity_minute", a_case(minute=counted(30)), ALLOW),
        ("velocity_minute", a_case(minute=counted(31)), CHALLENGE),
        ("velocity_minute", a_case(minute=counted(60)), CHALLENGE),
        ("velocity_minute", a_case(minute=counted(61)), HOLD),
        ("velocity_minute", a_case(minute=counted(120)), HOLD),
        ("velocity_minute", a_case(minute=counted(121)), DENY),
        ("velocity_hour", a_case(hour=counted(300)), ALLOW),
        ("velocity_hour", a_case(hour=counted(301)), CHALLENGE),
        ("velocity_hour", a_case(hour=counted(601)), HOLD),
        ("velocity_hour", a_case(hour=counted(10**6)), HOLD),
        ("dollars_day", a_case(day=worth(50_000)), ALLOW),
        ("dollars_day", a_case(day=worth(50_000, 1)), CHALLENGE),
        ("dollars_day", a_case(day=worth(100_000, 1)), HOLD),
        ("structuring", a_case(under=counted(20)), ALLOW),
        ("structuring", a_case(under=counted(21)), HOLD),
        ("structuring", a_case(before=Activity(under=counted(21)), under=counted(21)), ALLOW),
        ("accounts_on_address", a_case(signals=Signals(on_address=200)), ALLOW),
        ("accounts_on_address", a_case(signals=Signals(on_address=10**6)), CHALLENGE),
        ("accounts_on_device", a_case(signals=Signals(on_device=10)), ALLOW),
        ("accounts_on_device", a_case(signals=Signals(on_device=11)), CHALLENGE),
        ("accounts_on_device", a_case(signals=Signals(on_device=21)), HOLD),
        ("linked_orders", a_case(signals=Signals(linked=3, linked_orders=29)), ALLOW),
        ("linked_orders", a_case(signals=Signals(linked=3, linked_orders=30)), HOLD),
        ("linked_orders", a_case(signals=Signals(linked=2, linked_orders=900)), ALLOW),
        ("linked_orders", a_case(signals=Signals(linked=3, linked_orders=10**6)), HOLD),
        ("linked_orders", a_case(signals=Signals(linked=3, linked_orders=900), small=False), ALLOW),
    ],
)
def test_a_rule_for_orders_speaks_from_its_limit_on(
    rule: str, case: Case, verdict: Verdict
) -> None:
    assessment = assess_order(case, POLICY)

    assert assessment.verdict is verdict
    assert assessment.reasons == (() if verdict is ALLOW else (rule,))


@pytest.mark.parametrize(
    ("orders", "dollars", "largest", "verdict"),
    [
        (5, 1_000, 100, CHALLENGE),
        (5, 1_000, 101, ALLOW),
        (4, 1_000, 100, ALLOW),
        (5, 999, 1, ALLOW),
    ],
)
def test_an_order_out_of_all_proportion_to_those_before_is_challenged(
    orders: int, dollars: int, largest: int, verdict: Verdict
) -> None:
    before = Activity(orders=orders, largest=largest * DOLLAR)

    assessment = assess_order(a_case(dollars * DOLLAR, before=before, small=False), POLICY)

    assert assessment.verdict is verdict
    assert assessment.reasons == (("out_of_proportion",) if verdict is CHALLENGE else ())


NEW = Activity(registered_at_us=NOW_US - DAY_US + 1)
OLD = Activity(registered_at_us=NOW_US - DAY_US)
MOVED = Activity(deposited_at_us=NOW_US - 3 * DAY_US + 1, deposited=1_000 * DOLLAR)


@pytest.mark.parametrize(
    ("rule", "case", "verdict"),
    [
        ("withdrawals_day", a_case(withdrawals=counted(5)), ALLOW),
        ("withdrawals_day", a_case(withdrawals=counted(6)), CHALLENGE),
        ("withdrawals_day", a_case(withdrawals=counted(11)), HOLD),
        ("withdrawn_day", a_case(withdrawals=worth(10_000)), ALLOW),
        ("withdrawn_day", a_case(withdrawals=worth(10_000, 1)), CHALLENGE),
        ("withdrawn_day", a_case(withdrawals=worth(20_000, 1)), HOLD),
        ("split", a_case(step_up=7 * DOLLAR, withdrawals=worth(7)), ALLOW),
        ("split_withdrawals", a_case(step_up=7 * DOLLAR, withdrawals=worth(7, 1)), CHALLENGE),
        ("split", a_case(8 * DOLLAR, step_up=7 * DOLLAR, withdrawals=worth(8)), ALLOW),
        (
            "split_withdrawals",
            a_case(7 * DOLLAR, step_up=7 * DOLLAR, withdrawals=worth(9)),
            CHALLENGE,
        ),
        ("new_account", a_case(100 * DOLLAR, before=NEW), ALLOW),
        ("new_account", a_case(100 * DOLLAR + 1, before=NEW), HOLD),
        ("new_account", a_case(900 * DOLLAR, before=OLD), ALLOW),
        ("new_account", a_case(900 * DOLLAR, before=Activity()), ALLOW),
        ("untraded", a_case(100 * DOLLAR, before=MOVED), HOLD),
        ("untraded", a_case(100 * DOLLAR - 1, before=MOVED), ALLOW),
        ("linked_accounts", a_case(signals=Signals(linked=2)), ALLOW),
        ("linked_accounts", a_case(signals=Signals(linked=3)), CHALLENGE),
        ("accounts_on_device", a_case(signals=Signals(on_device=11)), CHALLENGE),
    ],
)
def test_a_rule_for_withdrawals_speaks_from_its_limit_on(
    rule: str, case: Case, verdict: Verdict
) -> None:
    assessment = assess_withdrawal(case, POLICY)

    assert assessment.verdict is verdict
    assert assessment.reasons == (() if verdict is ALLOW else (rule,))


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"deposited_at_us": MOVED.deposited_at_us - 1}, ALLOW),
        ({"traded": 100 * DOLLAR}, ALLOW),
        ({"traded": 100 * DOLLAR - 1}, HOLD),
        ({"deposited": 0}, ALLOW),
        ({"traded": 101 * DOLLAR, "waiting": Window(NOW_US, 1, DOLLAR)}, ALLOW),
        ({"traded": 101 * DOLLAR, "waiting": Window(NOW_US, 1, DOLLAR + 1)}, HOLD),
        ({"traded": 101 * DOLLAR, "waited": Window(NOW_US - DAY_US, 1, DOLLAR + 1)}, HOLD),
        ({"traded": 101 * DOLLAR, "waited": Window(NOW_US - 2 * DAY_US, 1, DOLLAR + 1)}, ALLOW),
    ],
)
def test_what_was_traded_or_came_long_ago_may_leave(
    change: dict[str, int], verdict: Verdict
) -> None:
    before = msgspec.structs.replace(MOVED, **change)

    assert assess_withdrawal(a_case(100 * DOLLAR, before=before), POLICY).verdict is verdict


@pytest.mark.parametrize(("minute", "verdict"), [(30, ALLOW), (31, HOLD), (61, HOLD), (121, DENY)])
def test_a_learned_score_says_nothing_alone_and_makes_a_step_more_of_what_is_said(
    minute: int, verdict: Verdict
) -> None:
    strange = Signals(score=9_900, model="m1", top=("orders_in_minute",))
    case = a_case(minute=counted(minute), signals=strange)

    assessment = assess_order(case, POLICY)

    assert assessment.verdict is verdict
    assert assessment.reasons == (() if verdict is ALLOW else ("velocity_minute", "score"))
    assert assessment.signals is strange
    assert set(assessment.reasons) <= set(RULES)
    unremarkable = msgspec.structs.replace(case, signals=Signals(score=9_899))
    assert "score" not in assess_order(unremarkable, POLICY).reasons


def test_the_strictest_of_several_verdicts_holds_and_all_reasons_are_told() -> None:
    case = a_case(minute=counted(31), hour=counted(601), signals=Signals(on_device=11))

    assessment = assess_order(case, POLICY)

    assert assessment.verdict is HOLD
    assert assessment.reasons == ("velocity_minute", "velocity_hour", "accounts_on_device")


def test_what_the_worker_found_long_ago_is_not_looked_at() -> None:
    found = Signals(at_us=NOW_US, linked=4)

    assert find_signals(None, POLICY, NOW_US) == Signals()
    assert find_signals(found, POLICY, NOW_US + DAY_US) == Signals(linked=4)
    assert find_signals(found, POLICY, NOW_US + DAY_US + 1) == Signals()


SIGNALS = st.builds(
    Signals,
    on_address=st.integers(0, 10**6),
    on_device=st.integers(0, 99),
    linked=st.integers(0, 99),
    linked_orders=st.integers(0, 10**6),
    score=st.integers(0, 10_000),
    model=st.sampled_from(("", "half-space-1.0")),
    top=st.lists(st.sampled_from(("orders_in_minute", "x")), max_size=3).map(tuple),
)


@given(st.sampled_from(Verdict), st.lists(st.sampled_from(RULES), unique=True).map(tuple), SIGNALS)
def test_an_assessment_is_read_as_it_was_kept(
    verdict: Verdict, reasons: tuple[str, ...], signals: Signals
) -> None:
    assessment = Assessment(verdict=verdict, reasons=reasons, signals=signals)

    assert parse_assessment(assessment.text) == assessment


@given(strategies.people.activity(), SIGNALS, st.booleans())
def test_nobody_is_denied_anything_by_what_others_do(
    activity: Activity,
    signals: Signals,
    small: bool,
) -> None:
    case = msgspec.structs.replace(
        a_case(before=activity, signals=signals, small=small),
        after=msgspec.structs.replace(activity, minute=counted(4 * POLICY.orders_per_minute)),
    )

    for assess in (assess_order, assess_withdrawal):
        assert assess(case, POLICY).verdict is not DENY


@pytest.mark.parametrize("text", ["", "allow", "maybe/1", "allow/x", "allow/1 - 1:2", "hold/1 a 1"])
def test_what_is_no_assessment_is_not_read(text: str) -> None:
    with pytest.raises(InvariantViolation, match="no assessment"):
        parse_assessment(text)


def test_an_assessment_is_kept_in_few_words() -> None:
    assert Assessment(verdict=ALLOW).text == "allow/1"
    assert Assessment(verdict=HOLD, reasons=("structuring", "score")).text == (
        "hold/1 structuring,score"
    )
    assert Assessment(verdict=ALLOW, signals=Signals(linked=2)).text == "allow/1 - 0:0:2:0:0::"


MORE: dict[str, Callable[[Activity, int], dict[str, Any]]] = {
    "minute": lambda a, n: {"minute": Window(NOW_US, a.minute.count + n, a.minute.total)},
    "hour": lambda a, n: {"hour": Window(NOW_US, a.hour.count + n, a.hour.total)},
    "day": lambda a, n: {"day": Window(NOW_US, a.day.count, a.day.total + n * DOLLAR)},
    "withdrawals": lambda a, n: {
        "withdrawals": Window(
            NOW_US, a.withdrawals.count + n, a.withdrawals.total + n * 100 * DOLLAR
        )
    },
    "deposited": lambda a, n: {"deposited": a.deposited + n * DOLLAR},
}


@given(
    strategies.people.activity(),
    SIGNALS,
    SIGNALS,
    st.sampled_from(sorted(MORE)),
    st.integers(0, 1_000),
    st.integers(1, 10**6),
)
def test_the_rules_never_become_more_lenient_with_more_of_what_they_count(
    activity: Activity, signals: Signals, more_signals: Signals, field: str, more: int, dollars: int
) -> None:
    after = msgspec.structs.replace(activity, **MORE[field](activity, more))
    worse = Signals(
        **{
            name: max(getattr(signals, name), getattr(more_signals, name))
            for name in ("on_address", "on_device", "linked", "linked_orders", "score")
        }
    )
    one = a_case(dollars * DOLLAR, before=activity, signals=signals)
    less = msgspec.structs.replace(one, after=activity)
    many = msgspec.structs.replace(one, after=after, before=after, signals=worse)

    for assess in (assess_order, assess_withdrawal):
        lenient, strict = assess(less, POLICY), assess(many, POLICY)
        assert lenient.verdict.strictness <= strict.verdict.strictness
        assert assess(many, POLICY) == strict
        assert set(lenient.reasons) <= set(strict.reasons)


def test_a_window_begins_anew_when_it_is_over() -> None:
    first = Window().add(5, MINUTE_US, NOW_US)
    second = first.add(7, MINUTE_US, NOW_US + MINUTE_US - 1)

    assert second == Window(NOW_US, 2, 12)
    assert second.add(1, MINUTE_US, NOW_US + MINUTE_US) == Window(NOW_US + MINUTE_US, 1, 1)
    assert second.add(1, HOUR_US, NOW_US - 1) == Window(NOW_US, 3, 13)
