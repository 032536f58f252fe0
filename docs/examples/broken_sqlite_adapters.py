"""The same store with a bug that many write once: it forgets to compare the wallet's version, so that
two commands at once are decided on the same balance.
"""

from __future__ import annotations

from typing_extensions import override

from crypto_exchange.domain.wallet import Wallet
from crypto_exchange.testing import Adapters, Sim
from sqlite_adapters import SqliteStore, SqliteUnitOfWork
from sqlite_adapters import make_adapters as make_sound_adapters


class ForgetfulUnitOfWork(SqliteUnitOfWork):
    """Adds to wallets as they are."""

    @override
    def compare_wallet(self, wallet: Wallet) -> None:
        """Compare nothing."""


class ForgetfulStore(SqliteStore):
    """Opens units of work that forget."""

    unit_of_work = ForgetfulUnitOfWork


def make_adapters(sim: Sim) -> Adapters:
    """As the sound ones."""
    return make_sound_adapters(sim, ForgetfulStore)
