"""The arithmetic of the rules, on plain integers.

USD in 10⁻⁸ dollars, quantities in units of 10⁻ˢᶜᵃˡᵉ coins, prices in 10⁻¹² dollars a coin. A quantity
times a price is therefore in 10⁻⁽ˢᶜᵃˡᵉ⁺¹²⁾ dollars.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

CENT = 1_000_000
DOLLAR = 100 * CENT
LARGEST_DOLLARS = 10_000_000 * DOLLAR
LARGEST_COINS = 1_000_000_000


def round_up(dividend: int, divisor: int) -> int:
    """The quotient, rounded up; the divisor is positive."""
    quotient, rest = divmod(dividend, divisor)
    return quotient + (1 if rest else 0)


def per_dollar_unit(scale: int) -> int:
    """How many units of quantity × price make 10⁻⁸ dollars."""
    return int(10 ** (scale + 4))


def total_of(quantity: int, price: int, scale: int, spread_bps: int) -> int:
    """The price of a quantity with the spread, rounded up to the cent."""
    exact, unit = quantity * price * (10_000 + spread_bps), per_dollar_unit(scale) * 10_000
    return round_up(exact, unit * CENT) * CENT


def quantity_of(spend: int, price: int, scale: int, spread_bps: int) -> int:
    """What a sum buys at the price with the spread, rounded down."""
    return spend * per_dollar_unit(scale) * 10_000 // (price * (10_000 + spread_bps))


def split(amount: int, weights: Sequence[int], names: Sequence[str]) -> list[int]:
    """Largest remainder: everybody's floor, and a unit more for the largest remainders (ties: the
    smallest names) until the amount is given out.
    """
    whole = sum(weights)
    floors = [amount * weight // whole for weight in weights]
    order = sorted((-(amount * weight % whole), names[i], i) for i, weight in enumerate(weights))
    for _, _, i in order[: amount - sum(floors)]:
        floors[i] += 1
    return floors


def tie_name(batch: str, order_id: int) -> str:
    """What ties are broken by: SHA-256 of the batch's key and the order's id."""
    return sha256(f"{batch}|{order_id}".encode()).hexdigest()
