"""Ledger: double entry, one currency a transfer, never edited.

A transfer moves `amount` from its debit account to its credit account: the debit account goes down,
the credit account up, so all accounts of a currency sum to zero at all times. `venue` and `external`
hold minus the balance that is kept there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from crypto_exchange.domain.ids import HOUSE, BatchKey, OrderId, UserId
from crypto_exchange.domain.kind import Kind

USD = "USD"


class AccountKind(Kind):
    """Whose money an account counts."""

    USER = "user"
    SUSPENSE = "suspense"
    PNL = "house:pnl"
    INVENTORY = "house:inventory"
    FEES = "house:fees"
    CAPITAL = "house:capital"
    CLEARING = "clearing"
    VENUE = "venue"
    EXTERNAL = "external"


class TransferKind(Kind):
    """Why an amount moved."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    PURCHASE = "purchase"
    REFUND = "refund"
    CHARGE = "charge"
    DELIVERY = "delivery"
    FILL = "fill"
    COST = "cost"
    FEE = "fee"
    INVENTORY = "inventory"
    PNL = "pnl"
    FUNDING = "funding"
    ADJUSTMENT = "adjustment"


class Account(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """`owner` is a user id or a batch key where the kind has one, else None."""

    kind: AccountKind
    currency: str
    owner: UserId | BatchKey | None = None

    @property
    def name(self) -> str:
        """As printed by `ledger`: `user:1:USD`, `house:inventory:BTC`, `clearing:KEY:USD` …"""
        middle = "" if self.owner is None else f":{self.owner}"
        return f"{self.kind.value}{middle}:{self.currency}"


class Transfer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One ledger row. `amount` is positive: 10⁻⁸ dollars, or the asset's units."""

    kind: TransferKind
    debit: Account
    credit: Account
    amount: int
    at_us: int
    order_id: OrderId | None = None

    @property
    def currency(self) -> str:
        """The one currency that moves."""
        return self.debit.currency

    @property
    def user_id(self) -> UserId:
        """The one user touched, or the house."""
        for account in (self.debit, self.credit):
            if isinstance(account.owner, int):
                return account.owner
        return HOUSE


_REFUND = TransferKind.REFUND
_KNOWN = 65_536
"""How many accounts are kept at hand: one that is met again is found by its identity."""


@lru_cache(maxsize=_KNOWN)
def user_account(user_id: UserId, currency: str = USD) -> Account:
    """A user's wallet (USD) or holding (any other currency)."""
    return Account(AccountKind.USER, currency, user_id)


@lru_cache(maxsize=_KNOWN)
def suspense_account(user_id: UserId) -> Account:
    """The money of a user's unsettled orders."""
    return Account(AccountKind.SUSPENSE, USD, user_id)


def clearing_account(batch: BatchKey, currency: str = USD) -> Account:
    """What passes through one batch; zero when it is closed."""
    return Account(AccountKind.CLEARING, currency, batch)


@lru_cache(maxsize=_KNOWN)
def house_account(kind: AccountKind, currency: str = USD) -> Account:
    """An account without an owner: the house's own, the venue's or the outside world's."""
    return Account(kind, currency)


def refund(user_id: UserId, order_id: OrderId, amount: int, *, at_us: int) -> Transfer:
    """Give suspended dollars of an order back to its owner's wallet."""
    return Transfer(
        kind=_REFUND,
        debit=suspense_account(user_id),
        credit=user_account(user_id),
        amount=amount,
        at_us=at_us,
        order_id=order_id,
    )


def transfer(
    kind: TransferKind,
    debit: Account,
    credit: Account,
    amount: int,
    at_us: int,
    order_id: OrderId | None = None,
) -> tuple[Transfer, ...]:
    """One transfer, or none of an amount of 0."""
    if not amount:
        return ()
    moved = Transfer(
        kind=kind, debit=debit, credit=credit, amount=amount, at_us=at_us, order_id=order_id
    )
    return (moved,)


def balances(transfers: Iterable[Transfer]) -> dict[Account, int]:
    """Sum transfers per account: credits up, debits down."""
    sums: dict[Account, int] = defaultdict(int)
    for transfer in transfers:
        sums[transfer.debit] -= transfer.amount
        sums[transfer.credit] += transfer.amount
    return dict(sums)


def listed_balances(transfers: Iterable[Transfer]) -> dict[Account, int]:
    """The same without the clearing of batches that have ended, of which nothing is ever left."""
    return {
        account: balance
        for account, balance in balances(transfers).items()
        if balance or account.kind is not AccountKind.CLEARING
    }
