"""Cashier: decides deposits and withdrawals, and books the house's capital at the exchange; an
operator's halt of an asset is decided here too.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from crypto_exchange.domain.change import Change, RequestKey, store_request
from crypto_exchange.domain.events import (
    Deposited,
    HouseFunded,
    Withdrawn,
)
from crypto_exchange.domain.ids import HOUSE, UserId
from crypto_exchange.domain.ledger import (
    AccountKind,
    Transfer,
    TransferKind,
    house_account,
    user_account,
)
from crypto_exchange.domain.money import require_dollars
from crypto_exchange.domain.wallet import Wallet, require_funds

_DEPOSIT, _OUTSIDE = TransferKind.DEPOSIT, house_account(AccountKind.EXTERNAL)


class Deposit(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Put `amount` (10⁻⁸ dollars, whole cents) into a wallet."""

    user_id: UserId
    amount: int
    request: RequestKey | None = None


class Withdraw(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Take `amount` (10⁻⁸ dollars, whole cents) out of a wallet. A code of the second factor was last
    given at `verified_at_us` (0: never).
    """

    user_id: UserId
    amount: int
    verified_at_us: int = 0
    request: RequestKey | None = None


def deposit(command: Deposit, *, wallet: Wallet, at_us: int) -> Change:
    """Credit the wallet from outside.

    Raises:
        InvalidAmount: not positive or not whole cents.
        AmountTooLarge: above 10,000,000.00.
    """
    return Change(
        wallet=wallet,
        transfers=(deposit_transfer(command.user_id, command.amount, at_us=at_us),),
        events=(Deposited(at_us=at_us, user_id=command.user_id, amount=command.amount),),
        request=store_request(command.user_id, command.request),
    )


def deposit_transfer(user_id: UserId, amount: int, *, at_us: int) -> Transfer:
    """What a deposit moves (10⁻⁸ dollars). Raises as `deposit` does."""
    return Transfer(
        kind=_DEPOSIT,
        debit=_OUTSIDE,
        credit=user_account(user_id),
        amount=require_dollars("amount", amount),
        at_us=at_us,
    )


def withdraw(command: Withdraw, *, wallet: Wallet, at_us: int) -> Change:
    """Debit the wallet to outside.

    Raises:
        InvalidAmount: not positive or not whole cents.
        AmountTooLarge: above 10,000,000.00.
        InsufficientFunds: more than the balance.
    """
    require_dollars("amount", command.amount)
    require_funds(wallet, command.amount)
    transfer = Transfer(
        kind=TransferKind.WITHDRAWAL,
        debit=user_account(command.user_id),
        credit=_OUTSIDE,
        amount=command.amount,
        at_us=at_us,
    )
    return Change(
        wallet=wallet,
        transfers=(transfer,),
        events=(Withdrawn(at_us=at_us, user_id=command.user_id, amount=command.amount),),
        request=store_request(command.user_id, command.request),
    )


def fund(amounts: Mapping[str, int], *, at_us: int, request: RequestKey | None = None) -> Change:
    """Book balances found at, or moved to (from, if negative), the exchange as the house's capital.

    Amounts by currency, in 10⁻⁸ dollars or the asset's units; nothing is booked for 0.
    """
    moved = {currency: amount for currency, amount in amounts.items() if amount}
    return Change(
        transfers=tuple(_funding(currency, moved[currency], at_us) for currency in moved),
        events=tuple(HouseFunded(at_us=at_us, currency=c, amount=a) for c, a in moved.items()),
        request=store_request(HOUSE, request),
    )


def _funding(currency: str, amount: int, at_us: int) -> Transfer:
    venue = house_account(AccountKind.VENUE, currency)
    capital = house_account(AccountKind.CAPITAL, currency)
    return Transfer(
        kind=TransferKind.FUNDING,
        debit=venue if amount > 0 else capital,
        credit=capital if amount > 0 else venue,
        amount=abs(amount),
        at_us=at_us,
    )
