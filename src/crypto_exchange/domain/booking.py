"""Booking: how a trade at the exchange enters the ledger."""

from __future__ import annotations

from collections.abc import Iterator

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


class Buyer(msgspec.Struct, frozen=True):
    """The accounts that a purchase is booked on: where the coins go, and the dollars come from."""

    asset: Symbol
    coins: Account
    dollars: Account


def book_fill(fill: Fill, buyer: Buyer, at_us: int) -> Iterator[Transfer]:
    """Coins come in, dollars and the fee go out; a fee in a third coin is the house's own."""
    fee_from = {
        buyer.asset: buyer.coins,
        USD: buyer.dollars,
    }.get(fill.fee_currency, house_account(AccountKind.FEES, fill.fee_currency))
    venue = {
        currency: house_account(AccountKind.VENUE, currency)
        for currency in (buyer.asset, USD, fill.fee_currency)
    }
    yield from transfer(TransferKind.FILL, venue[buyer.asset], buyer.coins, fill.quantity, at_us)
    yield from transfer(TransferKind.COST, buyer.dollars, venue[USD], fill.cost, at_us)
    yield from transfer(TransferKind.FEE, fee_from, venue[fill.fee_currency], fill.fee, at_us)
