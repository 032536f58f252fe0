"""What a market order does to the account: it fills at once, at one price."""

import random
from decimal import Decimal
from itertools import pairwise
from typing import Literal

import msgspec

from crypto_exchange.entrypoints.exchange.amounts import ONE, ceil_div

Side = Literal["BUY", "SELL"]


class Fill(msgspec.Struct, frozen=True):
    """Amounts in units of 10⁻⁸. `changes` are the movements of balances, summed per asset."""

    quantity: int
    price: int
    cost: int
    commission: int
    commission_asset: str
    changes: dict[str, int]


class FeeRule(msgspec.Struct, frozen=True):
    """`rate` in units of 10⁻⁸ of the value; `value_of_other` is the price of a third coin.

    `charged_in` is `quote`, `received` (what the order brings: the coin of a purchase, the quote
    currency of a sale) or the symbol of a third coin.
    """

    rate: int
    charged_in: str
    value_of_other: int = ONE


def fill_order(
    coin: str, quote: str, side: Side, *, quantity: int, price: int, fee: FeeRule
) -> Fill:
    """Fill `quantity` at `price`. Every rounding is in the venue's favour.

    The cost of a purchase and the fee are rounded up to 8 decimals, the proceeds of a sale down.
    """
    buying = side == "BUY"
    cost = ceil_div(quantity * price, ONE) if buying else quantity * price // ONE
    received = (quantity, coin) if buying else (cost, quote)
    commission, asset = _commission(received, cost, quote, fee)
    changes = {coin: quantity, quote: -cost} if buying else {coin: -quantity, quote: cost}
    changes[asset] = changes.get(asset, 0) - commission
    return Fill(quantity, price, cost, commission, asset, changes)


def split(quantity: int, lot_step: int, fraction: Decimal, draw: random.Random) -> list[int]:
    """`fraction` of the quantity, rounded down to whole lots, in two or three trades.

    In one if it is one lot, in none if it is less.
    """
    numerator, denominator = fraction.as_integer_ratio()
    lots = quantity * numerator // (denominator * lot_step)
    if lots == 0:
        return []
    trades = min(lots, draw.randint(2, 3))
    cuts = sorted(draw.sample(range(1, lots), trades - 1))
    return [(end - start) * lot_step for start, end in pairwise((0, *cuts, lots))]


def _commission(received: tuple[int, str], cost: int, quote: str, fee: FeeRule) -> tuple[int, str]:
    if fee.charged_in == "received":
        return ceil_div(received[0] * fee.rate, ONE), received[1]
    if fee.charged_in == "quote":
        return ceil_div(cost * fee.rate, ONE), quote
    return ceil_div(cost * fee.rate, fee.value_of_other), fee.charged_in
