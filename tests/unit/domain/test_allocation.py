"""Largest remainder: exact, fair, and the same whatever the order of the members."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from crypto_exchange.domain.allocation import allocate
from crypto_exchange.domain.statement import hashed_id

WEIGHTS = st.lists(st.integers(0, 10**12), min_size=1, max_size=30).filter(any)
AMOUNTS = st.integers(0, 10**15)


def keys(count: int) -> list[str]:
    return [hashed_id("batch", number) for number in range(count)]


@given(AMOUNTS, WEIGHTS)
def test_the_parts_sum_to_the_amount(amount: int, weights: list[int]) -> None:
    assert sum(allocate(amount, weights, keys(len(weights)))) == amount


@given(AMOUNTS, WEIGHTS)
def test_no_part_is_off_by_a_unit_or_more(amount: int, weights: list[int]) -> None:
    parts = allocate(amount, weights, keys(len(weights)))

    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(amount * weight, sum(weights))) < 1


@given(AMOUNTS, WEIGHTS, st.randoms(use_true_random=False))
def test_everyone_gets_the_same_in_whatever_order_they_stand(
    amount: int, weights: list[int], random: object
) -> None:
    members = list(zip(weights, keys(len(weights)), strict=True))
    before = dict(zip((key for _, key in members), allocate(amount, *_unzip(members)), strict=True))
    random.shuffle(members)  # type: ignore[attr-defined]  # Hypothesis gives a random.Random

    parts = allocate(amount, *_unzip(members))

    assert dict(zip((key for _, key in members), parts, strict=True)) == before


@given(st.integers(1, 10**6), WEIGHTS)
def test_nobody_gets_more_than_their_weight_if_there_is_not_enough(
    missing: int, weights: list[int]
) -> None:
    amount = max(0, sum(weights) - missing)

    parts = allocate(amount, weights, keys(len(weights)))

    assert all(part <= weight for part, weight in zip(parts, weights, strict=True))


def test_a_worked_example() -> None:
    assert allocate(100, [1, 2, 3], ["a", "b", "c"]) == [17, 33, 50]
    assert allocate(2, [1, 1, 1], ["c", "b", "a"]) == [0, 1, 1]
    assert allocate(0, [5, 5], ["a", "b"]) == [0, 0]


def test_ties_are_broken_by_batch_and_order_together() -> None:
    assert hashed_id("a", 1) != hashed_id("a", 2) != hashed_id("b", 2)
    assert hashed_id("a", 1) == hashed_id("a", 1)


def _unzip(members: list[tuple[int, str]]) -> tuple[list[int], list[str]]:
    return [weight for weight, _ in members], [key for _, key in members]
