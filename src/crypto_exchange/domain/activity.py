"""Activity: what a user has done so far, as a few numbers, and what the worker has found about them.

The fraud rules look at these alone. An `Activity` is a part of the wallet's row: it is loaded and
written with it, in the same statements, so it is as exact as the balance and costs no question. It
follows from the user's events, one after the other, and from nothing else; but for what was denied, of
which there are no events, and at which no rule looks.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

MINUTE_US = 60 * 1_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


class Window(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What happened since `began_us`: how often, and dollars in all (10⁻⁸). A fixed window, which
    begins with the first thing that happens after the one before is over.
    """

    began_us: int = 0
    count: int = 0
    total: int = 0

    def add(self, amount: int, length_us: int, at_us: int) -> Window:
        """One thing more; it begins a new window if this one is over."""
        if at_us - self.began_us >= length_us:
            return Window(at_us, 1, amount)
        return Window(self.began_us, self.count + 1, self.total + amount)


_EMPTY = Window()


class Activity(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Sums in 10⁻⁸ dollars since the account exists; times in microseconds, 0 if never.

    `traded` is what was paid for orders, without those that their owner cancelled or that were held;
    `largest` the largest order. `minute`, `hour` and `day` count orders, `under` those of a day just under
    the threshold from which they go to the exchange at once, `withdrawals` those of a day, `denied` what
    was denied in a minute. `waiting` are the orders of a day that were not bought at once, so that they
    may still come back, and `waited` those of the window before.
    """

    registered_at_us: int = 0
    deposited_at_us: int = 0
    deposited: int = 0
    withdrawn: int = 0
    traded: int = 0
    orders: int = 0
    largest: int = 0
    minute: Window = _EMPTY
    hour: Window = _EMPTY
    day: Window = _EMPTY
    under: Window = _EMPTY
    withdrawals: Window = _EMPTY
    waiting: Window = _EMPTY
    waited: Window = _EMPTY
    denied: Window = _EMPTY

    def surely_traded(self, at_us: int) -> int:
        """What was traded, without orders that had to wait and were placed less than a day ago."""
        unsure = (w.total for w in (self.waiting, self.waited) if at_us < w.began_us + 2 * DAY_US)
        return max(0, self.traded - sum(unsure))


NO_ACTIVITY = Activity()


class Signals(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the worker has found about a user at `at_us`, from what many users do; it may be minutes old.

    `on_address` accounts came from one address within a day, the user's own included, `on_device` of
    them with the same device. `linked` other accounts belong together with the user's by that; they
    placed `linked_orders` orders under the threshold in the last hour. `score` is how strange a model of
    version `model` finds the user's activity, from 0 to 10,000, mostly for `top` features. Version and
    features are words of `[A-Za-z0-9_.-]`.
    """

    at_us: int = 0
    on_address: int = 0
    on_device: int = 0
    linked: int = 0
    linked_orders: int = 0
    score: int = 0
    model: str = ""
    top: tuple[str, ...] = ()


def after_order(
    activity: Activity, total: int, *, under: bool, waits: bool, at_us: int
) -> Activity:
    """With one order more, of a total in 10⁻⁸ dollars, that is just under the threshold or not, and waits
    for others or does not.
    """
    if waits:
        waiting = activity.waiting.add(total, DAY_US, at_us)
        waited = activity.waited if waiting.count > 1 else activity.waiting
        activity = replace(activity, waiting=waiting, waited=waited)
    return replace(
        activity,
        traded=activity.traded + total,
        orders=activity.orders + 1,
        largest=max(activity.largest, total),
        minute=activity.minute.add(total, MINUTE_US, at_us),
        hour=activity.hour.add(total, HOUR_US, at_us),
        day=activity.day.add(total, DAY_US, at_us),
        under=activity.under.add(total, DAY_US, at_us) if under else activity.under,
    )


def after_cancel(activity: Activity, total: int) -> Activity:
    """An order was not a trade after all, or is held. That it was placed stays counted."""
    return replace(activity, traded=max(0, activity.traded - total))


def after_denial(activity: Activity, *, at_us: int) -> Activity:
    """With one command more that was denied."""
    return replace(activity, denied=activity.denied.add(0, MINUTE_US, at_us))


def after_deposit(activity: Activity, amount: int, *, at_us: int) -> Activity:
    """With one deposit more."""
    return replace(activity, deposited_at_us=at_us, deposited=activity.deposited + amount)


def after_withdrawal(activity: Activity, amount: int, *, at_us: int) -> Activity:
    """With one withdrawal more."""
    return replace(
        activity,
        withdrawn=activity.withdrawn + amount,
        withdrawals=activity.withdrawals.add(amount, DAY_US, at_us),
    )
