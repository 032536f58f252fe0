"""Identifiers.

Order, user and transfer ids are integers below 2⁵³ from blocks of a sequence. A batch key is random
(96 bits as 24 hexadecimal characters), so that a new database beside an exchange that remembers an old
one can never ask for, or be given, an order that is not its own.
"""

from __future__ import annotations

from typing import TypeAlias

UserId: TypeAlias = int
OrderId: TypeAlias = int
BatchKey: TypeAlias = str
Symbol: TypeAlias = str

HOUSE: UserId = 0
"""The owner of rows that belong to no user."""


def client_order_id(batch: BatchKey, attempt: int) -> str:
    """Name one attempt at the exchange; at most 36 characters of `[a-z0-9-]`."""
    return f"{batch}-{attempt}"
