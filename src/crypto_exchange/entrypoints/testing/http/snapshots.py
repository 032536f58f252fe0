"""Snapshots: everything that one user can see, read while nothing changed, and checked as a whole."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise

import msgspec

from crypto_exchange.entrypoints.testing.http.amounts import dollars, value_of
from crypto_exchange.entrypoints.testing.http.breaches import Broken, expect
from crypto_exchange.entrypoints.testing.http.ledger import Ledger
from crypto_exchange.entrypoints.testing.http.options import HttpOptions
from crypto_exchange.entrypoints.testing.http.rows import (
    Currency,
    HoldingRow,
    OrderRow,
    TransactionRow,
)

_ATTEMPTS = 20
_PAUSE_MS = 20
_SECOND_LOOK_S = (0.3, 1.5)


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What a user saw: newest first where the API says so. `listing` is None if prices moved."""

    balance: int
    orders: Sequence[OrderRow]
    transactions: Sequence[TransactionRow]
    holdings: Sequence[HoldingRow]
    listing: Sequence[Currency] | None


def check_settled_view(
    read: Callable[[], Snapshot], ledger: Ledger, options: HttpOptions
) -> Snapshot:
    """Read everything and compare it with the ledger, which learns what became of the orders.

    A difference is reported when it is still there a moment later: replicas may lag.
    """
    for pause_s in _SECOND_LOOK_S:
        try:
            return _check(read(), ledger, options)
        except Broken:
            time.sleep(pause_s)
    return _check(read(), ledger, options)


def read_stable(
    read: Callable[[], Snapshot], read_orders: Callable[[], Sequence[OrderRow]]
) -> Snapshot:
    """Read everything between two readings of the orders that agree: then no order changed in
    between, because what settlement did is never undone.
    """
    before, seen = read_orders(), read()
    for attempt in range(_ATTEMPTS):
        if list(seen.orders) == list(before):
            break
        time.sleep(attempt * _PAUSE_MS / 1000)
        before, seen = seen.orders, read()
    same = list(seen.orders) == list(before)
    expect("X4 complete lists", same, "the same orders, asked twice", "others each time")
    return seen


def _check(seen: Snapshot, ledger: Ledger, options: HttpOptions) -> Snapshot:
    _check_orders(seen.orders, ledger)
    _check_transactions(seen.transactions, ledger)
    balance, least = seen.balance, ledger.least
    expect("I2 nothing negative", balance >= 0, "a balance of 0 or more", dollars(balance))
    expect("I1 cash", balance == least, f"a balance of {dollars(least)}", dollars(balance))
    _check_holdings(seen, options)
    return seen


def _check_orders(rows: Sequence[OrderRow], ledger: Ledger) -> None:
    require_newest_first(rows)
    shown = [row.id for row in rows]
    unknown = sorted(set(shown) - set(ledger.orders))
    expect("I7 one effect a command", not unknown, "only orders that were placed", unknown)
    missing = sorted(set(ledger.orders) - set(shown))
    expect("X4 complete lists", not missing, "every order in the list", f"without {missing}")
    for row in rows:
        ledger.saw(row)


def _check_transactions(rows: Sequence[TransactionRow], ledger: Ledger) -> None:
    require_newest_first(rows)
    by_order: dict[int | None, list[int]] = defaultdict(list)
    for row in reversed(rows):
        by_order[row.order_id].append(row.cents)
    moved = by_order.pop(None, [])
    check = "I10 movements"
    expect(check, sorted(moved) == sorted(ledger.movements), str(ledger.movements), moved)
    unknown = [each for each in by_order if each not in ledger.orders]
    expect(check, not unknown, "transactions of this user's orders alone", unknown)
    for order in ledger.orders.values():
        expected = [-order.total, *([order.refunded] if order.refunded else [])]
        was = by_order[order.id]
        expect("I3 one outcome", was == expected, f"order {order.id} moved {expected} cents", was)


def _check_holdings(seen: Snapshot, options: HttpOptions) -> None:
    names = [row.crypto for row in seen.holdings]
    expect("X4 complete lists", len(set(names)) == len(names), "every holding once", names)
    held = {row.crypto: row for row in seen.holdings}
    for crypto in sorted({order.crypto for order in seen.orders} | set(names)):
        mine = [order for order in seen.orders if order.crypto == crypto]
        filled, cost = sum(o.filled for o in mine), sum(o.charged for o in mine)
        row = held.get(crypto, HoldingRow(crypto=crypto, amount=0, cost=0, value=None))
        what = f"{crypto} held, in units"
        expect("I5 coins delivered", row.amount == filled, f"{filled} {what}", row.amount)
        what = f"{crypto} to have cost {dollars(cost)}"
        expect("I6 coins paid for", row.cost == cost, what, dollars(row.cost))
        _check_value(row, seen.listing, options)


def _check_value(row: HoldingRow, listing: Sequence[Currency] | None, options: HttpOptions) -> None:
    for currency in listing or ():
        if currency.name == row.crypto and row.value is not None:
            worth = value_of(row.amount, currency.price, options.digits_of(row.crypto))
            what = f"{row.crypto} worth {dollars(worth)}"
            expect("Q2 value of a holding", row.value == worth, what, dollars(row.value))


def require_newest_first(rows: Sequence[OrderRow] | Sequence[TransactionRow]) -> None:
    """A list is in the order of the API, everything once. Raises `Broken`."""
    keys = [(row.created_at, row.id) for row in rows]
    in_order = all(later < sooner for sooner, later in pairwise(keys))
    expect("X4 newest first", in_order, "a list by (created_at, id) descending", keys[:20])
