"""Windows: when they start and end, what is granted in them, and how large the blocks are."""

import pytest

from crypto_exchange.domain.limits import Grant, Limit, Window, make_room, take

LIMIT = Limit("calls", 3, 60)


def test_the_first_call_opens_the_window() -> None:
    window, grant = take(None, LIMIT, 1, now_us=100)

    assert window == Window(used=1, ends_us=160)
    assert grant == Grant(granted=1, left=2, reset_us=60)


def test_later_calls_leave_its_end_where_it_is() -> None:
    window, grant = take(Window(1, 160), LIMIT, 1, now_us=140)

    assert window == Window(2, 160)
    assert grant == Grant(1, 1, 20)


@pytest.mark.parametrize(("used", "count", "granted"), [(0, 3, 3), (0, 4, 3), (2, 2, 1), (3, 1, 0)])
def test_as_many_are_granted_as_are_left(used: int, count: int, granted: int) -> None:
    window, grant = take(Window(used, 160), LIMIT, count, now_us=100)

    assert window.used == used + granted
    assert grant == Grant(granted, 3 - used - granted, 60)


@pytest.mark.parametrize(("now_us", "granted"), [(159, 0), (160, 1), (161, 1)])
def test_a_window_is_over_at_its_end(now_us: int, granted: int) -> None:
    window, grant = take(Window(3, 160), LIMIT, 1, now_us)

    assert grant.granted == granted
    assert window.ends_us == (now_us + 60 if granted else 160)


@pytest.mark.parametrize(
    ("quota", "block"), [(1, 1), (99, 1), (100, 1), (101, 5), (120, 6), (1_000, 50), (3_000, 150)]
)
def test_large_limits_are_taken_in_blocks_of_a_twentieth(quota: int, block: int) -> None:
    assert Limit("calls", quota, 60).block == block


def test_as_long_as_there_is_room_nothing_is_dropped() -> None:
    kept = {"over": Window(1, 10), "open": Window(1, 90)}

    make_room(kept, now_us=50, most=3)

    assert list(kept) == ["over", "open"]


def test_what_has_ended_goes_first() -> None:
    kept = {"open": Window(1, 51), "over": Window(1, 50), "long over": Window(1, 10)}

    make_room(kept, now_us=50, most=3)

    assert list(kept) == ["open"]


def test_if_that_is_not_enough_the_oldest_half_goes() -> None:
    kept = {name: Window(1, 90) for name in "abcdef"}

    make_room(kept, now_us=50, most=6)

    assert list(kept) == ["d", "e", "f"]
