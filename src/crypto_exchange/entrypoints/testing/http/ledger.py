"""The ledger: what one user's wallet, orders and movements must be, from commands and their answers.

Plain integers, and no code of the domain: cents, and units of coins.
"""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec

from crypto_exchange.entrypoints.override import override
from crypto_exchange.entrypoints.testing.http.amounts import CENT_DIGITS, count, dollars
from crypto_exchange.entrypoints.testing.http.breaches import expect
from crypto_exchange.entrypoints.testing.http.rows import OrderRow


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks for, and under which idempotency key, if any.

    `operation` is orders, deposit or withdraw; `number` is the plain text of `field`, amount or spend.
    `order_id` is what it made.
    """

    operation: str
    field: str
    number: str
    key: str | None = None
    crypto: str = ""
    order_id: int | None = None

    @property
    def cents(self) -> int:
        """Of a number of dollars."""
        return self.count(CENT_DIGITS)

    def count(self, digits: int) -> int:
        """The number as a count of 10⁻ᵈⁱᵍⁱᵗˢ."""
        return count(Decimal(self.number), digits, self.field)

    def body(self, spelling: str = "number") -> str:
        """As JSON; a number may also be spelled as a string, or with more zeros."""
        written = {
            "number": self.number,
            "string": f'"{self.number}"',
            "zeros": self._with_zeros(),
        }[spelling]
        crypto = f'"crypto": {json.dumps(self.crypto)}, ' if self.crypto else ""
        return f'{{{crypto}"{self.field}": {written}}}'

    @override
    def __str__(self) -> str:
        """For people."""
        what = f"{self.number} {self.crypto}" if self.field == "amount" else f"{self.number} USD"
        of = f" of {self.crypto}" if self.crypto and self.field == "spend" else ""
        key = f" (key {self.key})" if self.key else ""
        return f"{what.strip()}{of}{key}"

    def _with_zeros(self) -> str:
        """With one decimal more, up to the eight that are taken."""
        whole, _, decimals = self.number.partition(".")
        return f"{whole}.{decimals}0" if len(decimals) < 8 else self.number


class Ledger:
    """One user. `orders` has every order as it was last seen."""

    def __init__(self) -> None:
        self.movements: list[int] = []
        self.orders: dict[int, OrderRow] = {}
        self.commands: list[Command] = []

    @property
    def least(self) -> int:
        """What the wallet holds if no open order has ended since it was last seen, in cents."""
        bought = sum(order.total - order.refunded for order in self.orders.values())
        return sum(self.movements) - bought

    @property
    def most(self) -> int:
        """What it holds if all of them have, and were refunded."""
        return self.least + self.open_total

    @property
    def open_total(self) -> int:
        """Cents in orders that had not ended when they were last seen."""
        return sum(order.total for order in self.orders.values() if not order.final)

    def waiting(self, crypto: str) -> int:
        """Cents in this user's orders of an asset that waited when they were last seen."""
        found = (o for o in self.orders.values() if o.crypto == crypto)
        return sum(order.total for order in found if order.state == "aggregated")

    def moved(self, cents: int) -> None:
        """Dollars came in, or went out if negative."""
        self.movements.append(cents)

    def saw(self, order: OrderRow) -> None:
        """Compare an order with what was known of it, and note it.

        Raises:
            Broken: it changed what must not change, or its parts do not agree.
        """
        require_coherent(order)
        known = self.orders.get(order.id)
        if known is not None:
            same = known.quoted == order.quoted
            expect("I9 what is quoted stands", same, str(known), order)
            unchanged = not known.final or known == order
            expect("I9 final states are final", unchanged, str(known), order)
        self.orders[order.id] = order

    def require_balance(self, balance: int) -> None:
        """The balance that an answer shows, while orders may end. Raises `Broken`."""
        expect("I2 nothing negative", balance >= 0, "a balance of 0 or more", dollars(balance))
        low, high = dollars(self.least), dollars(self.most)
        expected = f"a balance of {low}" if low == high else f"a balance from {low} to {high}"
        expect("I1 cash", self.least <= balance <= self.most, expected, dollars(balance))


def require_coherent(order: OrderRow) -> None:
    """An order by itself: every dollar of it has one outcome. Raises `Broken`."""
    name = f"order {order.id} ({order.state})"
    counted = min(order.amount, order.filled, order.refunded, order.unit_price, order.total)
    expect("I2 nothing negative", counted >= 0, f"{name} without negative amounts", order)
    expect("I2 nothing negative", order.total > 0 < order.amount, f"{name} of something", order)
    check = "I3 one outcome"
    below = order.refunded <= order.total
    expect(
        check, below, f"{name}: at most {dollars(order.total)} refunded", dollars(order.refunded)
    )
    if not order.final:
        untouched = order.filled == order.refunded == 0
        expect(check, untouched, f"{name}: nothing filled or refunded", order)
        reason = order.reason is None or order.reason == "under_review"
        expect(check, reason, f"{name}: no reason", order.reason)
    elif order.state in {"failed", "cancelled"}:
        refunded = order.refunded == order.total and order.filled == 0
        expect(check, refunded, f"{name}: refunded in full, nothing filled", order)
        why = (order.reason is None) == (order.state == "cancelled")
        expect(check, why, f"{name}: a reason if and only if it failed", order.reason)
    else:
        expect(check, order.filled > 0, f"{name}: something filled", order)
        expect(check, order.reason is None, f"{name}: no reason", order.reason)
