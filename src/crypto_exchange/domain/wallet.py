"""Wallet: one per user, in USD, never negative; every write of it raises its version."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.activity import NO_ACTIVITY, Activity, Signals
from crypto_exchange.domain.errors import InsufficientFunds
from crypto_exchange.domain.ids import UserId


class Wallet(msgspec.Struct, frozen=True, gc=False):
    """`balance` in 10⁻⁸ dollars, a whole number of cents. `activity` is written with it; `signals` are
    the worker's, and come with it when a session asks.
    """

    user_id: UserId
    balance: int = 0
    version: int = 0
    activity: Activity = NO_ACTIVITY
    signals: Signals | None = None


def require_funds(wallet: Wallet, amount: int) -> None:
    """Refuse to take more than there is.

    Raises:
        InsufficientFunds: the balance is below the amount (10⁻⁸ dollars).
    """
    if wallet.balance < amount:
        raise InsufficientFunds(required=amount, available=wallet.balance)
