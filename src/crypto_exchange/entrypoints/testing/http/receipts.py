"""Receipts: who gets what of a batch, computed again from a receipt alone (rules of version 1).

Written from the rules, not from the code that makes receipts.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from hashlib import sha256
from typing import Any

import msgspec

from crypto_exchange.entrypoints.testing.http.amounts import CENT_DIGITS, count, dollars
from crypto_exchange.entrypoints.testing.http.breaches import expect
from crypto_exchange.entrypoints.testing.http.rows import OrderRow

_RULE = 1
_COST_DIGITS = 8
_FIELDS = (
    "order_id batch rule asset scale pricing bought inventory_used members fills index quantity "
    "charge refund"
)


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One order of a batch: units and cents asked for."""

    id: str
    quantity: int
    total: int
    direct: bool


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch got, and one order's share of it, in units and cents.

    `bought` was asked for, `filled` was sold by the exchange before fees, `available` is there to
    share; `cost` is in 10⁻⁸ dollars, with the fees in dollars.
    """

    batch: str
    asset: str
    average: bool
    members: tuple[Member, ...]
    bought: int
    filled: int
    available: int
    cost: int
    index: int
    quantity: int
    charge: int
    refund: int

    @property
    def own(self) -> Member:
        """The member that the receipt is of."""
        return self.members[self.index]

    @property
    def total(self) -> int:
        """Cents of all members together."""
        return sum(member.total for member in self.members)

    @property
    def statement(self) -> tuple[object, ...]:
        """What every member's receipt says alike."""
        return (self.members, self.bought, self.filled, self.available, self.cost)


def read_receipt(body: Any) -> Receipt:
    """Read what the API sent. Raises `Broken` if it is no receipt."""
    missing = set(_FIELDS.split()) - set(body if isinstance(body, dict) else ())
    expect("X5 known fields", not missing, f"a receipt with {sorted(missing)}", str(body)[:200])
    expect("R1 receipt", body["rule"] == _RULE, f"version {_RULE} of the rules", body["rule"])
    scale, asset = body["scale"], body["asset"]
    fills = [_read_fill(fill, asset, scale) for fill in body["fills"]]
    return Receipt(
        batch=body["batch"],
        asset=asset,
        average=body["pricing"] == "average",
        members=tuple(_read_member(member, scale) for member in body["members"]),
        bought=count(body["bought"], scale, "bought"),
        filled=sum(quantity for quantity, _, _ in fills),
        available=count(body["inventory_used"], scale, "inventory_used")
        + sum(quantity - in_coin for quantity, in_coin, _ in fills),
        cost=sum(cost for _, _, cost in fills),
        index=body["index"],
        quantity=count(body["quantity"], scale, "quantity"),
        charge=count(body["charge"], CENT_DIGITS, "charge"),
        refund=count(body["refund"], CENT_DIGITS, "refund"),
    )


def verify(receipt: Receipt, order: OrderRow, threshold: int, *, overdue: bool) -> None:
    """Check a receipt against itself, and against the order as it was shown.

    `overdue`: the order had waited so long that it could be bought below the threshold.

    Raises:
        Broken: the rules give something else.
    """
    check, members = "R1 receipt", receipt.members
    known = 0 <= receipt.index < len(members)
    expect(check, known, f"an index below {len(members)}", receipt.index)
    name = sha256(f"{receipt.batch}|{order.id}".encode()).hexdigest()
    expect(check, receipt.own.id == name, f"order {order.id} to be {name}", receipt.own.id)
    once = len({member.id for member in members}) == len(members)
    expect(check, once, "every member once", [member.id for member in members])
    asked, own = (order.crypto, order.amount, order.total), receipt.own
    shown = (receipt.asset, own.quantity, own.total)
    expect(check, shown == asked, f"order {order.id} to have asked for {asked}", shown)
    got = (order.filled, order.charged, order.refunded)
    says = (receipt.quantity, receipt.charge, receipt.refund)
    expect(check, says == got, f"order {order.id}: (filled, charged, refunded) {got}", says)
    enough = receipt.available >= 0
    expect(check, enough, "a fee below what was bought", f"{receipt.available} units left")
    (filled, charged), whole = _share(receipt)
    fair = (filled, charged, order.total - charged)
    expect("I5 fair shares", got == fair, f"order {order.id}: {fair} by the rules", got)
    state = "failed" if filled == 0 else "completed" if whole else "partially_completed"
    expect("I5 fair shares", order.state == state, f"order {order.id} {state}", order.state)
    _verify_batch(receipt, order, threshold, overdue=overdue)


def _verify_batch(receipt: Receipt, order: OrderRow, threshold: int, *, overdue: bool) -> None:
    """Who is bought with whom."""
    check, name = "I8 routing", f"order {order.id} of {dollars(order.total)}"
    direct = sum(member.direct for member in receipt.members)
    expect(check, direct <= 1, "at most one large order in a batch", direct)
    large = receipt.own.total >= threshold or not receipt.own.direct
    expect(check, large, f"{name}: not bought as a large order", "direct")
    reached = receipt.total >= threshold or overdue
    expected = f"{name}: bought in a batch of {dollars(threshold)} or more"
    expect(check, reached, expected, dollars(receipt.total))


def _share(receipt: Receipt) -> tuple[tuple[int, int], bool]:
    """Units and cents of the receipt's own order, and whether it is done."""
    if receipt.average:
        totals = [(member.total, member.id) for member in receipt.members]
        cents = min(receipt.total, -(-receipt.cost // 10 ** (_COST_DIGITS - CENT_DIGITS)))
        filled = _split(receipt.available, totals)[receipt.index]
        charged = _split(cents, totals)[receipt.index] if filled else 0
        return (filled, charged), receipt.filled >= receipt.bought
    filled, own = _quoted_part(receipt), receipt.own
    charged = -(-own.total * filled // own.quantity)
    return (filled, charged), filled == own.quantity


def _quoted_part(receipt: Receipt) -> int:
    """Small orders are served before the one that took them along; each kind in full, or by shares."""
    own = receipt.own
    small = sum(member.quantity for member in receipt.members if not member.direct)
    left = receipt.available - min(receipt.available, small) if own.direct else receipt.available
    kind = [member for member in receipt.members if member.direct == own.direct]
    if sum(member.quantity for member in kind) <= left:
        return own.quantity
    return _split(left, [(member.quantity, member.id) for member in kind])[kind.index(own)]


def _split(amount: int, weighted: Sequence[tuple[int, str]]) -> list[int]:
    """Largest remainder: whole parts of the exact shares, then one unit each to the largest remainders,
    of equal ones to the smallest name.
    """
    sum_of_weights = sum(weight for weight, _ in weighted)
    exact = [Fraction(amount * weight, sum_of_weights) for weight, _ in weighted]
    parts = [int(share) for share in exact]
    places = range(len(exact))
    ranked = sorted(places, key=lambda i: (parts[i] - exact[i], weighted[i][1]))
    for place in ranked[: amount - sum(parts)]:
        parts[place] += 1
    return parts


def _read_member(body: Any, scale: int) -> Member:
    return Member(
        id=body["id"],
        quantity=count(body["quantity"], scale, "members: quantity"),
        total=count(body["total"], CENT_DIGITS, "members: total"),
        direct=body["direct"],
    )


def _read_fill(body: Any, asset: str, scale: int) -> tuple[int, int, int]:
    """Units sold, units kept as the fee, and 10⁻⁸ dollars with the fee if it is in dollars."""
    quantity = count(body["quantity"], scale, "fills: quantity")
    cost = count(body["cost"], _COST_DIGITS, "fills: cost")
    if body["fee_currency"] == asset:
        return quantity, count(body["fee"], scale, "fills: fee"), cost
    if body["fee_currency"] == "USD":
        return quantity, 0, cost + count(body["fee"], _COST_DIGITS, "fills: fee")
    return quantity, 0, cost
