"""Risk policy: the numbers of the fraud rules. What none of them should ever stop is an ordinary user."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.activity import DAY_US
from crypto_exchange.domain.kind import Kind
from crypto_exchange.domain.money import DOLLAR


class RiskMode(Kind):
    """What the rules may do: nothing (activity is counted all the same, so that they can be put in
    force later), decide and tell, or decide.
    """

    OFF = "off"
    OBSERVE = "observe"
    ENFORCE = "enforce"


class RiskPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts in 10⁻⁸ dollars, times in microseconds, shares in basis points. A limit is broken by
    more than it says; of limits with steps, twice as much is worse, four times the worst.

    `orders_per_minute` is more than anybody clicks, and less than a rate limit lets through;
    `orders_per_hour` what a program of a real customer does. `dollars_per_day` is far above what retail
    customers spend. An order is out of all proportion when it is `history_factor` times the largest of
    at least `history_orders` before it, and at least `history_minimum`: below that nobody robs an account.
    `under_per_day` orders may be within `under_bps` below the threshold: more are cut to stay below.
    An address may be an office's or a carrier's: so many are `accounts_on_address`. What is called a device
    is what clients say of themselves, the same in a whole household: more than `accounts_on_device` are
    none (with 5, one customer in twenty was stopped in the evaluation). From `linked_accounts` on, accounts
    that belong together count as one, with `linked_orders` small orders an hour.

    `withdrawals_per_day` and `withdrawn_per_day` bound what a thief gets before somebody looks. An account
    is new for `new_account_us`, in which a deposit by a stolen card is seldom noticed: above
    `new_account_withdrawal` it waits. Money that came within `untraded_us` and leaves while less than
    `untraded_bps` of all deposits was traded came to be moved, if it is `untraded_minimum` or more. A
    learned score from `score_from` on (of 10,000: one case in a hundred) raises what other rules say; from
    9,000 on, it made three times as many holds of customers. What the worker found holds for `signals_max_age_us`.
    """

    mode: RiskMode = RiskMode.OBSERVE
    orders_per_minute: int = 30
    orders_per_hour: int = 300
    dollars_per_day: int = 50_000 * DOLLAR
    history_orders: int = 5
    history_factor: int = 10
    history_minimum: int = 1_000 * DOLLAR
    under_bps: int = 1_000
    under_per_day: int = 20
    accounts_on_address: int = 200
    accounts_on_device: int = 10
    linked_accounts: int = 3
    linked_orders: int = 30
    withdrawals_per_day: int = 5
    withdrawn_per_day: int = 10_000 * DOLLAR
    new_account_us: int = DAY_US
    new_account_withdrawal: int = 100 * DOLLAR
    untraded_us: int = 3 * DAY_US
    untraded_bps: int = 1_000
    untraded_minimum: int = 100 * DOLLAR
    score_from: int = 9_900
    signals_max_age_us: int = DAY_US
