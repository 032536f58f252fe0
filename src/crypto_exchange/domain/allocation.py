"""Allocation by largest remainder (Hamilton's method), exact on integers."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from crypto_exchange.domain.ids import BatchKey, OrderId


def allocate(amount: int, weights: Sequence[int], tie_keys: Sequence[bytes]) -> list[int]:
    """Split `amount` (≥ 0) in proportion to weights (≥ 0, sum > 0); the parts sum to it exactly.

    Everybody gets the floor of their exact share; the units left go to the largest remainders, ties
    to the smallest tie key. No part is off by a unit or more.

    >>> allocate(10, [1, 1, 1], [b"a", b"b", b"c"])
    [4, 3, 3]
    """
    whole = sum(weights)
    shares = [divmod(amount * weight, whole) for weight in weights]
    parts = [floor for floor, _ in shares]
    by_remainder = sorted(range(len(parts)), key=lambda i: (-shares[i][1], tie_keys[i]))
    for index in by_remainder[: amount - sum(parts)]:
        parts[index] += 1
    return parts


def tie_key(batch: BatchKey, order_id: OrderId) -> bytes:
    """Break ties in a way that can be replayed and favours nobody."""
    return sha256(f"{batch}|{order_id}".encode()).digest()
