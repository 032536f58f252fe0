"""Draws: what the machine's rules take from Hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from crypto_exchange.entrypoints.testing import steps
from crypto_exchange.entrypoints.testing.steps import Aim, Setup

HOUR_S = 3_600
PEOPLE = st.integers(0, steps.PEOPLE - 1)
ASSETS = st.integers(0, len(steps.SYMBOLS) - 1)
KEYS = st.one_of(st.none(), st.integers(0, 5))
SETUPS = st.builds(
    Setup,
    pricing=st.sampled_from(["quoted", "quoted", "average"]),
    spread_bps=st.sampled_from([0, 50, 133]),
    fee_in=st.sampled_from(["quote", "coin", "other"]),
    on_deadline=st.sampled_from(["refund", "top_up", "wait"]),
    take_along=st.booleans(),
    inventory_cap=st.sampled_from([10, 2, 0, 40]),
    max_wait=st.sampled_from([24 * HOUR_S, 2 * HOUR_S, 600]),
    quarantine=st.sampled_from([24 * HOUR_S, HOUR_S]),
    threshold=st.sampled_from([1_000, 1_000, 300, 2_500]),
    tolerance_bps=st.sampled_from([200, 200, 0, 1_000]),
    batch_limit=st.sampled_from([500, 500, 2, 3]),
    group_limit=st.sampled_from([20, 1]),
    counted=st.sampled_from([3, 1, 2]),
    window=st.sampled_from([5, 5, 1, 20]),
)
PURCHASES = st.one_of(
    st.builds(
        steps.Buy,
        person=PEOPLE,
        asset=ASSETS,
        plus=st.one_of(st.integers(1, 999), st.integers(1, 6_000)),
        units=st.one_of(st.none(), st.none(), st.integers(-2, 12_345)),
        key=KEYS,
    ),
    st.builds(
        steps.Buy,
        person=PEOPLE,
        asset=ASSETS,
        aim=st.sampled_from([aim for aim in Aim if aim is not Aim.CENTS]),
        plus=st.sampled_from([0, 0, 1, -1, 525]),
        units=st.one_of(st.none(), st.none(), st.integers(-1, 1)),
        key=KEYS,
    ),
)
ANSWERS = st.builds(
    steps.Answer,
    kind=st.sampled_from(
        ["part", "zero", "reject", "lost_before", "lost_after", "lost_late", "slow", "duplicate"]
    ),
    fraction_ppm=st.sampled_from([1_000_000, 990_000, 500_000, 333_333, 3_000, 1]),
    trades=st.integers(1, 3),
    rejection=st.sampled_from(["venue", "rules", "final"]),
    delay_ms=st.sampled_from([4_000, 15_000, 34_000]),
)
Act = TypeVar("Act", bound=Callable[..., None])
WAITS = st.sampled_from([1, 6, 7, 36, 40, 70, 181, 600, 2 * HOUR_S, 24 * HOUR_S])
FAULT_OF_ANSWER = {
    "part": "partial_fill",
    "zero": "partial_fill",
    "reject": "reject",
    "lost_before": "timeout",
    "lost_after": "timeout",
    "lost_late": "timeout",
    "slow": "timeout",
    "duplicate": "duplicate",
}


def only_with(name: str) -> Callable[[Act], Act]:
    """Only while a fault of that name is asked for."""
    only: Callable[[Act], Act] = precondition(lambda self: name in self.faults)
    return only
