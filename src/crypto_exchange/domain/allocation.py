"""Allocation by largest remainder (Hamilton's method), exact on integers; who gets what of a batch.

Not monotone in the amount (weights 1, 3, 5: 4 gives 1, 1, 2, but 5 gives 0, 2, 3), so a batch is
allocated once, when its purchase has ended, and never as trades come in.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.money import CENT, ceil_div
from crypto_exchange.domain.policy import Pricing
from crypto_exchange.domain.statement import Member, Statement


class Share(msgspec.Struct, frozen=True, gc=False):
    """One member's part: coins in units, dollars in 10⁻⁸. `whole`: the order is done, not cut short."""

    filled: int
    charged: int
    whole: bool


def share(statement: Statement) -> list[Share]:
    """Who gets which coins of a batch, and what they pay (SPEC §2 "Settlement"), in members' order.

    Raises:
        InvariantViolation: fees are more than what was bought.
    """
    available = statement.available
    if available < 0:
        raise InvariantViolation(
            f"batch {statement.batch} has {available} units: its fee is more than its fill"
        )
    if statement.pricing is Pricing.AVERAGE:
        return _share_average(statement, available)
    return _share_quoted(statement.members, available)


def allocate(amount: int, weights: Sequence[int], tie_keys: Sequence[str]) -> list[int]:
    """Split `amount` (≥ 0) in proportion to weights (≥ 0, sum > 0); the parts sum to it exactly.

    Everybody gets the floor of their exact share; the units left go to the largest remainders, ties
    to the smallest tie key. No part is off by a unit or more.

    >>> allocate(10, [1, 1, 1], ["a", "b", "c"])
    [4, 3, 3]
    """
    whole = sum(weights)
    shares = [divmod(amount * weight, whole) for weight in weights]
    parts = [floor for floor, _ in shares]
    by_remainder = sorted(range(len(parts)), key=lambda i: (-shares[i][1], tie_keys[i]))
    for index in by_remainder[: amount - sum(parts)]:
        parts[index] += 1
    return parts


def _share_quoted(members: Sequence[Member], left: int) -> list[Share]:
    """Everyone in full if the coins suffice: exactly what was quoted. Otherwise by largest remainder
    over the quantities, orders that were taken along before the large one; charges are rounded up to
    the cent.
    """
    if sum([m.quantity for m in members]) <= left:
        return [Share(m.quantity, m.total, True) for m in members]
    parts: dict[str, int] = {}
    for group in ([m for m in members if not m.direct], [m for m in members if m.direct]):
        needed = sum(m.quantity for m in group)
        if needed <= left:
            parts |= {m.hashed_id: m.quantity for m in group}
        else:
            shared = allocate(left, [m.quantity for m in group], _ties(group))
            parts |= {m.hashed_id: part for m, part in zip(group, shared, strict=True)}
        left -= min(needed, left)
    return [_quoted_share(m, parts[m.hashed_id]) for m in members]


def _quoted_share(member: Member, part: int) -> Share:
    charged = ceil_div(member.total * part, member.quantity * CENT) * CENT
    return Share(part, charged, whole=part == member.quantity)


def _share_average(statement: Statement, available: int) -> list[Share]:
    """The cost, in whole cents and at most the totals, and the coins, both by largest remainder over
    the totals. Who gets no coin pays nothing.
    """
    totals = [m.total // CENT for m in statement.members]
    cents = min(sum(totals), ceil_div(statement.cost, CENT))
    ties = _ties(statement.members)
    coins = allocate(available, totals, ties)
    charges = allocate(cents, totals, ties)
    whole = statement.filled >= statement.bought
    return [
        Share(part, charge * CENT if part else 0, whole)
        for part, charge in zip(coins, charges, strict=True)
    ]


def _ties(members: Sequence[Member]) -> list[str]:
    return [member.hashed_id for member in members]
