"""No record of a history can be altered without the checker noticing, but for those that are named."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

import pytest

from tests.unit.testing.alterations import (
    History,
    alterations,
    as_exported,
    decoded,
    first_violation,
)
from tests.unit.testing.histories import a_history

SEEDS = range(24)
MOST = 8
NOTICED = {
    "AssetHaltChanged": {"repeated": "I10", "other asset": "I3 I4 I10"},
    "BalanceAdjusted": {"repeated": "I10", "less": "I1", "more": "I1", "other user": "I10"},
    "BatchRefunded": {
        "repeated": "I9",
        "one less": "I3",
        "one twice": "I3",
        "other asset": "I4",
        "other batch": "I3",
        "other order": "I3 I4 I9",
        "other user": "I3",
    },
    "BatchReturned": {"repeated": "I3 I9", "other asset": "I4", "other batch": "I3"},
    "BatchSettled": {
        "repeated": "I9",
        "less": "I1 I4 I5 I6",
        "more": "I1 I4 I5 I6",
        "one less": "I3",
        "one twice": "I3",
        "other asset": "I4",
        "other batch": "I3",
        "other order": "I1 I3 I4 I9",
        "other user": "I3",
    },
    "BreakClosed": {"repeated": "I11"},
    "BreakOpened": {"dropped": "I3", "repeated": "I11", "less": "I3", "more": "I3"},
    "Deposited": {"less": "I1", "more": "I1"},
    "LateFillBought": {
        "dropped": "I11",
        "repeated": "I3",
        "less": "I6",
        "more": "I6",
        "other asset": "I4",
        "other attempt": "I6 I11",
        "other batch": "I3",
    },
    "OrderCancelled": {"repeated": "I9", "other order": "I1 I3 I9", "other user": "I3"},
    "OrderPlaced": {
        "repeated": "I3",
        "other asset": "I1 I4",
        "other route": "I8",
        "other state": "I8",
    },
    "OrdersFailed": {
        "repeated": "I9",
        "one less": "I2 I3 I4 I12",
        "one twice": "I3",
        "other asset": "I4",
        "other order": "I3 I4 I9",
        "other user": "I3",
    },
    "OrderReleased": {
        "dropped": "I3 I9 I12",
        "repeated": "I3",
        "other asset": "I4",
        "other state": "I8",
        "other user": "I3",
    },
    "OrdersReturned": {
        "dropped": "I3",
        "repeated": "I3",
        "one less": "I3",
        "one twice": "I3",
        "other asset": "I3",
        "other order": "I3",
        "other user": "I3",
    },
    "PurchaseIntended": {
        "dropped": "I3 I4 I6 I9",
        "repeated": "I6",
        "less": "I4",
        "more": "I4",
        "one less": "I4",
        "one twice": "I3",
        "other asset": "I4",
        "other attempt": "I6",
        "other batch": "I3 I6",
        "other order": "I3 I4 I9",
        "other user": "I3",
    },
    "PurchaseLost": {
        "repeated": "I6",
        "other asset": "I4",
        "other attempt": "I6",
        "other batch": "I3",
    },
    "PurchaseNotPlaced": {
        "repeated": "I6",
        "other asset": "I4",
        "other attempt": "I6",
        "other batch": "I3",
    },
    "PurchaseQuarantined": {
        "dropped": "I6",
        "repeated": "I3 I6",
        "other asset": "I4",
        "other attempt": "I6",
        "other batch": "I3",
    },
    "PurchaseRejected": {
        "repeated": "I3 I6",
        "other asset": "I4",
        "other attempt": "I6",
        "other batch": "I3",
    },
    "QuarantineResolved": {
        "repeated": "I3",
        "other asset": "I4",
        "other attempt": "I6",
        "other batch": "I3",
    },
    "UserRegistered": {"dropped": "I3", "repeated": "I3", "other user": "I3"},
    "Withdrawn": {"less": "I1", "more": "I1"},
    "fills": {"repeated": "I6", "other attempt": "I6", "other batch": "I6"},
}
"""By kind and alteration: the invariants of which one is said to be broken, every time."""
SOMETIMES = {
    "AssetHaltChanged": {"dropped"},  # unless it mattered
    "BalanceAdjusted": {"dropped"},  # if nothing of it had to be given back
    "BatchRefunded": {"dropped"},  # the others at the end, if everything has ended then
    "BatchReturned": {"dropped"},
    "BatchSettled": {"dropped"},
    "BreakClosed": {"dropped"},  # a break may stay open
    "Deposited": {"dropped", "other user"},  # if the money was not needed
    "OrderCancelled": {"dropped"},
    # One that was never sealed; a unit more may cost the same, whole cents being what it is.
    "OrderPlaced": {"dropped", "other user", "more", "less"},
    "OrdersFailed": {"dropped"},
    "PurchaseNotPlaced": {"dropped"},
    "PurchaseRejected": {"dropped"},
    "QuarantineResolved": {"dropped"},  # an attempt's own sender may come back from the dead
    "Withdrawn": {"other user", "repeated"},
}
"""Alterations that are noticed only if something depends on them."""
UNSEEN = {
    "BreakClosed": {"dropped"},
    "Deposited": {"repeated"},  # a second one would look the same
    "HouseFunded": {"dropped", "repeated", "more", "less"},  # only the venue knows
    "PurchaseLost": {"dropped"},  # nobody need say that nobody knows
    "Withdrawn": {"dropped"},
    "fills": {"dropped"},  # the event sums them up
}
"""Alterations that give another history which may have been."""


@cache
def histories() -> tuple[tuple[History, bool], ...]:
    brokers = [a_history(seed, 100) for seed in SEEDS]
    return tuple((decoded(b.records), b.policy.on_deadline.value != "wait") for b in brokers)


def altered(kind: str) -> list[tuple[str, str | None]]:
    """Each alteration of up to so many records of a kind, and the check that noticed it."""
    found: list[tuple[str, str | None]] = []
    left = MOST
    for history, drained in histories():
        for index, record in enumerate(history):
            if left and record.get("event", record["record"]) == kind:
                left -= 1
                found += [
                    (name, first_violation(other, drained=drained))
                    for name, other in alterations(history, index)
                ]
    assert left < MOST, f"{kind} happens in no history"
    return found


@pytest.mark.no_cover  # each alteration is measured by itself
def test_every_kind_of_event_is_altered() -> None:
    kinds = {each["event"] for history, _ in histories() for each in history if "event" in each}

    assert len(kinds) == 23
    assert {*NOTICED, *UNSEEN} == kinds | {"fills"}


@pytest.mark.parametrize("kind", NOTICED)
def test_what_was_altered_is_noticed_by_the_check_whose_rule_it_breaks(kind: str) -> None:
    noticed: defaultdict[str, set[str | None]] = defaultdict(set)

    for name, check in altered(kind):
        noticed[name].add(check.split()[0] if check else None)

    free = SOMETIMES.get(kind, set()) | UNSEEN.get(kind, set())
    for name, checks in noticed.items():
        if name not in free:
            assert checks <= set(NOTICED[kind][name].split()), name
    assert noticed.keys() - free == NOTICED[kind].keys()


@pytest.mark.parametrize("kind", UNSEEN)
def test_what_may_have_been_is_not_found_fault_with(kind: str) -> None:
    noticed = {check for name, check in altered(kind) if name in UNSEEN[kind]}

    assert noticed == {None}


@pytest.mark.no_cover  # each alteration is measured by itself
def test_an_altered_export_is_noticed_without_prices_rules_or_trades() -> None:
    noticed: defaultdict[str, list[bool]] = defaultdict(list)

    for whole, drained in histories()[:3]:
        history = as_exported(whole)
        assert first_violation(history, drained=drained) is None
        for index, record in enumerate(history):
            if record.get("event") in {"PurchaseIntended", "BatchSettled", "BatchRefunded"}:
                for name, other in alterations(history, index):
                    caught = first_violation(other, drained=drained) is not None
                    noticed[f"{record['event']} {name}"].append(caught)

    for name in ("repeated", "one less", "one twice", "other user", "other order"):
        for kind in ("PurchaseIntended", "BatchSettled", "BatchRefunded"):
            assert all(noticed[f"{kind} {name}"]), (kind, name)
