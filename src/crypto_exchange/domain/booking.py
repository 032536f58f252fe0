"""Booking: how a trade at the exchange enters the ledger."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.ledger import (
    USD,
    Account,
    AccountKind,
    Transfer,
    TransferKind,
    house_account,
    transfer,
)
from crypto_exchange.domain.purchase import Fill

_VENUE = AccountKind.VENUE


class Buyer(msgspec.Struct, frozen=True, gc=False):
    """The accounts that a purchase is booked on: where the coins go, and the dollars come from."""

    asset: Symbol
    coins: Account
    dollars: Account


def book_fill(fill: Fill, buyer: Buyer, at_us: int) -> tuple[Transfer, ...]:
    """Coins come in, dollars and the fee go out; a fee in a third coin is the house's own."""
    if fill.fee_currency == buyer.asset:
        fee_from = buyer.coins
    elif fill.fee_currency == USD:
        fee_from = buyer.dollars
    else:
        fee_from = house_account(AccountKind.FEES, fill.fee_currency)
    coins = house_account(_VENUE, buyer.asset)
    dollars, fees = house_account(_VENUE), house_account(_VENUE, fill.fee_currency)
    return (
        *transfer(TransferKind.FILL, coins, buyer.coins, fill.quantity, at_us),
        *transfer(TransferKind.COST, buyer.dollars, dollars, fill.cost, at_us),
        *transfer(TransferKind.FEE, fee_from, fees, fill.fee, at_us),
    )
