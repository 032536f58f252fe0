"""What a user has done, folded event by event into a few numbers."""

from __future__ import annotations

from crypto_exchange.domain.activity import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    NO_ACTIVITY,
    Activity,
    Signals,
    Window,
    after_cancel,
    after_denial,
    after_deposit,
    after_order,
    after_withdrawal,
)

NOW_US = 1_767_225_600_000_000


def test_nobody_has_done_anything_and_nothing_is_known_at_first() -> None:
    nothing = Activity(
        registered_at_us=0,
        deposited_at_us=0,
        deposited=0,
        withdrawn=0,
        traded=0,
        orders=0,
        largest=0,
        minute=Window(0, 0, 0),
        hour=Window(0, 0, 0),
        day=Window(0, 0, 0),
        under=Window(0, 0, 0),
        withdrawals=Window(0, 0, 0),
        waiting=Window(0, 0, 0),
        waited=Window(0, 0, 0),
        denied=Window(0, 0, 0),
    )

    assert nothing == NO_ACTIVITY
    assert Signals() == Signals(
        at_us=0, on_address=0, on_device=0, linked=0, linked_orders=0, score=0, model="", top=()
    )


def test_windows_are_a_minute_an_hour_and_a_day_long() -> None:
    assert (MINUTE_US, HOUR_US, DAY_US) == (60 * 10**6, 3_600 * 10**6, 86_400 * 10**6)


def test_orders_add_up_in_all_their_windows() -> None:
    def more(activity: Activity, total: int, later_us: int, *, under: bool = True) -> Activity:
        return after_order(activity, total, under=under, waits=False, at_us=NOW_US + later_us)

    first = more(NO_ACTIVITY, 900, 0)
    second = more(first, 500, MINUTE_US, under=False)
    third = more(second, 700, HOUR_US)
    fourth = more(third, 800, DAY_US)

    begun = Window(NOW_US, 1, 900)
    assert first == Activity(
        traded=900, orders=1, largest=900, minute=begun, hour=begun, day=begun, under=begun
    )
    assert second == Activity(
        traded=1_400,
        orders=2,
        largest=900,
        minute=Window(NOW_US + MINUTE_US, 1, 500),
        hour=Window(NOW_US, 2, 1_400),
        day=Window(NOW_US, 2, 1_400),
        under=begun,
    )
    assert third.hour == Window(NOW_US + HOUR_US, 1, 700)
    assert (third.day, third.under) == (Window(NOW_US, 3, 2_100), Window(NOW_US, 2, 1_600))
    assert fourth.day == fourth.under == Window(NOW_US + DAY_US, 1, 800)


def test_a_cancelled_order_is_no_trade_and_there_are_none_below_zero() -> None:
    placed = after_order(NO_ACTIVITY, 900, under=False, waits=False, at_us=NOW_US)

    assert (after_cancel(placed, 300).traded, after_cancel(placed, 300).orders) == (600, 1)
    assert after_cancel(placed, 901).traded == 0


def test_an_order_that_waits_is_surely_a_trade_a_day_after_it_was_placed() -> None:
    activity = NO_ACTIVITY
    for total, waits, later_us in ((1, False, 0), (10, True, 0), (100, True, DAY_US - 1)):
        activity = after_order(activity, total, under=False, waits=waits, at_us=NOW_US + later_us)
    again = after_order(activity, 1_000, under=False, waits=True, at_us=NOW_US + DAY_US)

    assert again.waiting == Window(NOW_US + DAY_US, 1, 1_000)
    assert again.waited == activity.waiting == Window(NOW_US, 2, 110)
    assert again.traded == 1_111
    for later_us, sure in ((2 * DAY_US - 1, 1), (2 * DAY_US, 111), (3 * DAY_US, 1_111)):
        assert again.surely_traded(NOW_US + later_us) == sure
    assert after_cancel(again, 5).surely_traded(NOW_US + DAY_US) == 0


def test_what_is_denied_counts_by_itself_in_a_minute() -> None:
    first = after_denial(NO_ACTIVITY, at_us=NOW_US)
    second = after_denial(first, at_us=NOW_US + MINUTE_US - 1)

    assert first == Activity(denied=Window(NOW_US, 1, 0))
    assert second.denied == Window(NOW_US, 2, 0)
    assert after_denial(second, at_us=NOW_US + MINUTE_US).denied.count == 1


def test_money_in_and_out_adds_up() -> None:
    came = after_deposit(after_deposit(NO_ACTIVITY, 5, at_us=NOW_US), 7, at_us=NOW_US + 1)
    went = after_withdrawal(
        after_withdrawal(came, 2, at_us=NOW_US + 2), 3, at_us=NOW_US + DAY_US + 1
    )
    later = after_withdrawal(went, 4, at_us=NOW_US + DAY_US + 2)

    assert came == Activity(deposited_at_us=NOW_US + 1, deposited=12)
    assert (went.withdrawn, went.withdrawals) == (5, Window(NOW_US + 2, 2, 5))
    assert (later.withdrawn, later.withdrawals) == (9, Window(NOW_US + DAY_US + 2, 1, 4))
