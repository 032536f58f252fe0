"""Signals: what becomes of the worker's observations, which look at many users, for the rules, which
look at one.

Accounts are linked if they came from one address. Where more came than live together (an office, a
network that hides its users), only new ones are, and only to new ones that have the same device: what a
client says of its device tells families apart, not the staff of an office.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from crypto_exchange.domain.activity import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    NO_ACTIVITY,
    Activity,
    Signals,
    Window,
)
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.money import DOLLAR

SEEN_US = DAY_US
"""For how long an account counts as having come from an address, after the login was last renewed."""
PLACED_US = HOUR_US
"""For how long an order counts as one of now."""
HOUSEHOLD = 10
"""So many accounts of one address live together."""
NEW_US = 7 * DAY_US
"""For how long an account is new."""
SURE_US = HOUR_US
"""How often what has not changed is written all the same: the rules trust nothing that is old."""
TOP = 3
"""So many features explain a score."""
MOST_SCORED = 2_000
"""Users whose activity is scored in one run, at most: those who do most."""
WORST = 10_000
"""The highest score."""


class Place(msgspec.Struct, frozen=True, array_like=True):
    """An address that a user came from: the accounts that did, this one too, and the small orders of all
    of them; how many of them have the same device, how many of these are new, and the small orders of
    those.
    """

    accounts: int
    orders: int
    alike: int
    fresh: int
    fresh_orders: int


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What is seen of a user in a run: `orders` are their own small ones, `moved` says that their wallet
    has moved since the last run, `known` what was found before.
    """

    user_id: UserId
    orders: int = 0
    places: tuple[Place, ...] = ()
    activity: Activity = NO_ACTIVITY
    moved: bool = False
    known: Signals = Signals()


class Score(msgspec.Struct, frozen=True):
    """How strange something is, from 0 to 10,000: of so many in 10,000 of late were less. `top` are the
    features that make it so, the weightiest first.
    """

    value: int
    top: tuple[str, ...] = ()


class SignalRun(msgspec.Struct, frozen=True, kw_only=True):
    """When observations were made last, and what the model `model` knew after that."""

    at_us: int
    model: str = ""
    memory: str = ""


def find_signals(seen: Observation, *, model: str, at_us: int) -> Signals:
    """What an observation says. The score stays as the model that is in force found it, unless nobody
    saw the user in a day.
    """
    new = is_new(seen.activity, at_us)
    links = [_links(place, seen.orders, new=new) for place in seen.places]
    linked, linked_orders, on_device = max(links, default=(0, 0, 0))
    found = Signals(
        at_us=at_us,
        on_address=max((place.accounts for place in seen.places), default=0),
        on_device=on_device,
        linked=linked,
        linked_orders=linked_orders,
    )
    if seen.known.model != model or not (seen.places or seen.moved):
        return found
    return replace(found, score=seen.known.score, model=seen.known.model, top=seen.known.top)


def with_score(signals: Signals, score: Score, model: str) -> Signals:
    """The same with what a model says."""
    return replace(signals, score=score.value, model=model, top=score.top)


def is_new(activity: Activity, at_us: int) -> bool:
    """Whether an account was made lately; of old ones nobody knows when."""
    return activity.registered_at_us > at_us - NEW_US


def say_the_same(before: Signals, after: Signals) -> bool:
    """Whether nothing but the time differs, and that not by much."""
    return after.at_us < before.at_us + SURE_US and replace(before, at_us=after.at_us) == after


def say_nothing(signals: Signals) -> bool:
    """Whether there is nothing that a rule could look at, so that nothing has to be kept."""
    return signals.on_address <= 1 and not signals.score


def features(activity: Activity, signals: Signals, *, at_us: int) -> dict[str, int]:
    """Numbers that a model compares users by, none negative; the names are stable."""
    deposited, traded = activity.deposited, activity.traded
    usual = traded // activity.orders if activity.orders else 0
    return {
        "account_age_hours": _since(activity.registered_at_us, at_us) // HOUR_US,
        "minutes_since_deposit": _since(activity.deposited_at_us, at_us) // MINUTE_US,
        "orders_in_minute": _within(activity.minute, MINUTE_US, at_us).count,
        "orders_in_hour": _within(activity.hour, HOUR_US, at_us).count,
        "orders_in_day": _within(activity.day, DAY_US, at_us).count,
        "dollars_in_day": _within(activity.day, DAY_US, at_us).total // DOLLAR,
        "largest_to_usual_percent": activity.largest * 100 // usual if usual else 0,
        "orders_under_threshold": _within(activity.under, DAY_US, at_us).count,
        "withdrawals_in_day": _within(activity.withdrawals, DAY_US, at_us).count,
        "withdrawn_percent": activity.withdrawn * 100 // deposited if deposited else 0,
        "untraded_percent": max(deposited - traded, 0) * 100 // deposited if deposited else 0,
        "accounts_on_address": signals.on_address,
        "linked_orders": signals.linked_orders,
    }


def _links(place: Place, own: int, *, new: bool) -> tuple[int, int, int]:
    """How many other accounts are linked there, their small orders, and how many have the device."""
    if place.accounts <= HOUSEHOLD:
        return place.accounts - 1, place.orders - own, place.alike
    return (place.fresh - 1, place.fresh_orders - own, place.fresh) if new else (0, 0, 0)


def _since(then_us: int, at_us: int) -> int:
    return max(at_us - then_us, 0) if then_us else 0


def _within(window: Window, length_us: int, at_us: int) -> Window:
    """A window, empty if it is over."""
    return window if at_us < window.began_us + length_us else Window()
