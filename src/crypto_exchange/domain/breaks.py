"""Break: a difference between the books and what they should say, that somebody has to explain.

It is recorded, never corrected by itself.
"""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.kind import Kind


class BreakKind(Kind):
    """Which rule of the books is broken."""

    CURRENCY = "currency"
    """All accounts of a currency sum to zero."""
    BALANCE = "balance"
    """A balance that is kept equals the sum of its transfers."""
    COST = "cost"
    """The cost of a holding is what was charged for it."""
    ORDER = "order"
    """An order's total, charge, refund and delivery are what its transfers moved."""
    SUSPENSE = "suspense"
    """A user's suspense is the total of their unsettled orders."""
    CLEARING = "clearing"
    """Nothing is left in the clearing of a batch."""
    RESERVATION = "reservation"
    """What is reserved and expected of an inventory is what live batches say."""
    VENUE = "venue"
    """The balance at the exchange equals its mirror account, purchases in flight aside."""
    LATE_FILL = "late_fill"
    """An attempt that was given up was executed after all."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What was found where something else was expected, in units of `scale` digits."""

    kind: BreakKind
    subject: str
    expected: int
    found: int
    scale: int = 0


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded difference; `subject` is an account, an order or an attempt by its printed name.

    At most one of a kind and subject is open at a time. `evidence` is what an operator closed it with.
    """

    key: str
    kind: BreakKind
    subject: str
    expected: int
    found: int
    scale: int
    opened_at_us: int
    closed_at_us: int | None = None
    evidence: str | None = None
    version: int = 0
