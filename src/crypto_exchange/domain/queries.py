"""Queries: what can be asked beside units of work, as a Protocol.

Each may raise `Unavailable` when its service cannot be reached.
"""

from __future__ import annotations

from typing import Protocol

from crypto_exchange.domain.account_queries import AccountQueries
from crypto_exchange.domain.adjustment import Adjustment
from crypto_exchange.domain.api_key import ApiKey
from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.audit_queries import AuditQueries
from crypto_exchange.domain.breaks import Break, Difference
from crypto_exchange.domain.ids import OrderId, UserId
from crypto_exchange.domain.kept_queries import KeptQueries
from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.domain.review import Review
from crypto_exchange.domain.user import Ended, Session
from crypto_exchange.domain.views import (
    Cursor,
    Due,
    HoldingView,
    LedgerBalance,
    Mirror,
    OrderView,
    StatementView,
    TransactionView,
)
from crypto_exchange.domain.wallet import Wallet


class ReadModels(AccountQueries, AuditQueries, KeptQueries, Protocol):
    """Queries. Lists are ordered by (created_at, id) descending and hold at most `limit`."""

    async def get_wallet(self, user_id: UserId) -> Wallet:
        """Raises `NotFound`."""

    async def list_holdings(self, user_id: UserId) -> tuple[HoldingView, ...]:
        """A user's holdings with a quantity, by symbol."""

    async def get_order(self, user_id: UserId, order_id: OrderId) -> OrderView:
        """Raises `NotFound`, also for another user's."""

    async def list_orders(
        self, user_id: UserId, *, limit: int, after: Cursor | None
    ) -> tuple[OrderView, ...]:
        """A page of a user's orders."""

    async def get_transaction(self, user_id: UserId, transaction_id: int) -> TransactionView:
        """Raises `NotFound`, also for another user's."""

    async def list_transactions(
        self, user_id: UserId, *, limit: int, after: Cursor | None
    ) -> tuple[TransactionView, ...]:
        """A page of the movements of a user's wallet."""

    async def list_assets(self) -> tuple[Asset, ...]:
        """All assets by symbol."""

    async def list_ledger(self) -> tuple[LedgerBalance, ...]:
        """Every account that has ever moved, by name, from one snapshot; of the clearing of batches
        (`clearing:…`) only what is not 0.
        """

    async def find_due(self, at_us: int) -> Due:
        """Assets with waiting orders, and the keys of open batches to look at by now (at most 200)."""

    async def get_statement(self, user_id: UserId, order_id: OrderId) -> StatementView:
        """The statement that a user's own order was settled by. Raises `NotFound`."""

    async def list_quarantined(self) -> tuple[Purchase, ...]:
        """Attempts in quarantine, oldest first."""

    async def list_given_up(self, since_ms: int) -> tuple[Purchase, ...]:
        """Attempts that ended without a fill, signed at or after a time (the exchange's clock): those
        proven absent before those rejected, each newest first, at most 200.
        """

    async def list_ended_sessions(self, since_us: int) -> tuple[Ended, ...]:
        """Sessions, and API keys, that were ended at or after a time."""

    async def list_expired_sessions(self, before_us: int) -> tuple[Session, ...]:
        """Sessions that expired before a time, oldest first, at most 1000."""

    async def list_dead_keys(self, before_us: int) -> tuple[ApiKey, ...]:
        """API keys that were ended or expired before a time, at most 1000."""

    async def list_adjustments(self, since_us: int) -> tuple[Adjustment, ...]:
        """Adjustments as they are stored: those that wait since a time at the earliest, then all
        others; each newest first, at most 200.
        """

    async def list_reviews(self, *, limit: int, after: Cursor | None = None) -> tuple[Review, ...]:
        """Open reviews by (opened_at, user, id), oldest first; those after a time and a user."""

    async def list_breaks(self) -> tuple[Break, ...]:
        """Open breaks, oldest first."""

    async def list_differences(self) -> tuple[Difference, ...]:
        """Where the books contradict themselves (all kinds but `venue` and `late_fill`), from one
        snapshot if the database has them.
        """

    async def get_mirror(self) -> Mirror:
        """What should be kept at the exchange, from one snapshot."""
