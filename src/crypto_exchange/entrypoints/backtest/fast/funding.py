"""Funding: what the users of the fast engine bring in, and the ledger that is left.

Imports numpy at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from crypto_exchange.domain.ledger import (
    AccountKind,
    house_account,
    suspense_account,
    user_account,
)
from crypto_exchange.entrypoints.backtest.fast.quoting import Quotes
from crypto_exchange.entrypoints.backtest.fast.shelf_run import ShelfRun
from crypto_exchange.entrypoints.backtest.figures.vectors import Flags, Integers, total


class Funding(NamedTuple):
    """10⁻⁸ dollars brought in by all, how many times, and each user's balance at the end (of those who
    have any).
    """

    deposited: int
    deposits: int
    balances: dict[int, int]


class Refund(NamedTuple):
    """An order's total goes back just before the order of row `before` comes."""

    before: int
    row: int


def fund(users: Integers, quotes: Quotes, refunds: list[Refund]) -> Funding:
    """Whoever orders brings in what the wallet lacks. Only who had money back has any."""
    accepted = quotes.refusal == 0
    again = np.isin(users, users[[each.row for each in refunds]]) if refunds else ~accepted & False
    once = accepted & ~again
    deposited, deposits = total(quotes.total[once]), int(once.sum())
    moves = [(row, 1, row) for row in np.flatnonzero(again & accepted).tolist()]
    moves += [(each.before, 0, each.row) for each in refunds]
    balances: dict[int, int] = {}
    for _, is_order, row in sorted(moves):
        user, amount = int(users[row]), int(quotes.total[row])
        balance = balances.get(user, 0) + (-amount if is_order else amount)
        if balance < 0:
            deposited, deposits, balance = deposited - balance, deposits + 1, 0
        balances[user] = balance
    return Funding(deposited, deposits, balances)


def close_ledger(
    users: Integers, quotes: Quotes, is_open: Flags, runs: list[ShelfRun], funding: Funding
) -> dict[str, int]:
    """Every account that ever moved, by name."""
    accepted = quotes.refusal == 0
    known, place = _numbered(users[accepted])
    owed = _sums(place, quotes.total[accepted] * is_open[accepted], len(known))
    ledger: dict[str, int] = {}
    for user, amount in zip(known.tolist(), owed, strict=True):
        ledger[user_account(user).name] = funding.balances.get(user, 0)
        ledger[suspense_account(user).name] = amount
    if len(known):
        ledger[house_account(AccountKind.EXTERNAL).name] = -funding.deposited
    paid = profit = 0
    moved = False
    for run in runs:
        columns, done = run.columns, run.done
        costs = columns["cost"] + columns["fee"]
        gains = columns["charged"] - costs * done
        paid, profit = paid + total(costs), profit + total(gains)
        moved |= bool(gains.any())
        ledger |= _coins(run, users, quotes)
    if paid:
        ledger[house_account(AccountKind.VENUE).name] = paid
    if moved:
        ledger[house_account(AccountKind.PNL).name] = profit
    return ledger


def count_checks(
    quotes: Quotes,
    runs: list[ShelfRun],
    funding: Funding,
    refunds: int,
    verified: list[int],
) -> int:
    """How many balances the domain's engine verifies on the way; `verified` are sizes of its ledgers'
    lists of currencies, each time that it verified all.
    """
    checks = int((quotes.refusal == 0).sum()) + funding.deposits + refunds
    checks += sum(size + 1 for size in verified)
    for run in runs:
        columns, done = run.columns, run.done
        left = columns["bought"] + columns["used"] - columns["delivered"]
        profit = columns["charged"] - columns["cost"] - columns["fee"]
        moves = [
            columns["used"],
            left,
            profit,
            *(columns[name] for name in ("bought", "cost", "fee")),
        ]
        checks += run.shortcut.commits + 3 * int(done.sum())
        checks += sum(int(((each != 0) & done).sum()) for each in moves)
        checks += 2 * int(columns["members"][done].sum())
    return checks


def _coins(run: ShelfRun, users: Integers, quotes: Quotes) -> dict[str, int]:
    """The asset's accounts."""
    columns, done, symbol = run.columns, run.done, run.symbol
    rows = run.members[done[run.batch_of]]
    known, place = _numbered(users[rows])
    filled = _sums(place, quotes.quantity[rows], len(known))
    ledger = {
        user_account(user, symbol).name: units
        for user, units in zip(known.tolist(), filled, strict=True)
    }
    left = (columns["bought"] - columns["delivered"] + columns["used"]) * done
    used = columns["used"] * done
    if left.any() or used.any():
        inventory = house_account(AccountKind.INVENTORY, symbol)
        ledger[inventory.name] = total(left) - total(used)
    if columns["bought"].any():
        ledger[house_account(AccountKind.VENUE, symbol).name] = -total(columns["bought"])
    return ledger


def _numbered(users: Integers) -> tuple[Integers, Integers]:
    """Who there is, rising, and everybody's place in that list."""
    size = int(users.max(initial=0)) + 1
    if size > 4 * len(users) + 1_000:
        return np.unique(users, return_inverse=True)
    there = np.zeros(size, np.bool_)
    there[users] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[users]


def _sums(groups: Integers, values: Integers, size: int) -> list[int]:
    """Exact sums by group, however large."""
    high, low = np.zeros(size, np.int64), np.zeros(size, np.int64)
    np.add.at(high, groups, values >> 32)
    np.add.at(low, groups, values & 0xFFFF_FFFF)
    return [(one << 32) + other for one, other in zip(high.tolist(), low.tolist(), strict=True)]
