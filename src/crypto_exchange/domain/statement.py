"""Statement: everything that decides who gets what of a batch, kept for ever, so that anybody can check it.

Members are named by a hash, so that a receipt tells nobody whose the other orders are.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from crypto_exchange.domain.ids import BatchKey, OrderId, Symbol
from crypto_exchange.domain.ledger import USD
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.policy import Pricing
from crypto_exchange.domain.purchase import Fill

RULE = 1
"""The version of the rules of `allocation.py`; a statement names the one that it was made by."""


class Member(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One order of a batch: its hashed id, quantity in units, total in 10⁻⁸ dollars, and whether it is
    the large order that took the others along.
    """

    hashed_id: str
    quantity: int
    total: int
    direct: bool


class Statement(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`bought` is what was asked for at the exchange, `used` the coins that the inventory gave."""

    batch: BatchKey
    asset: Symbol
    scale: int
    pricing: Pricing
    bought: int
    used: int
    members: tuple[Member, ...]
    fills: tuple[Fill, ...]
    rule: int = RULE

    @property
    def filled(self) -> int:
        """What the exchange sold, before fees."""
        return sum([fill.quantity for fill in self.fills])

    @property
    def available(self) -> int:
        """Coins to share: from the inventory, and bought less fees in coin."""
        units = self.used
        for fill in self.fills:
            units += fill.quantity - (fill.fee if fill.fee_currency == self.asset else 0)
        return units

    @property
    def cost(self) -> int:
        """What the exchange took in dollars, its fees in dollars included."""
        dollars = 0
        for fill in self.fills:
            dollars += fill.cost + (fill.fee if fill.fee_currency == USD else 0)
        return dollars


def member(batch: BatchKey, order: Order) -> Member:
    """An order as statements have it."""
    return Member(hashed_id(batch, order.id), order.quantity, order.total, order.direct)


def hashed_id(batch: BatchKey, order_id: OrderId) -> str:
    """An order's name in statements, SHA-256 of batch key and id; it also breaks ties, in a way that
    can be replayed and favours nobody.
    """
    return sha256(f"{batch}|{order_id}".encode()).hexdigest()
