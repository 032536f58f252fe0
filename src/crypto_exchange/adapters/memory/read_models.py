"""Queries over a `State`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator

from crypto_exchange.adapters.memory.account_views import AccountViews
from crypto_exchange.adapters.memory.audit import list_differences, scale_of
from crypto_exchange.adapters.memory.audit_queries import MemoryAuditQueries
from crypto_exchange.adapters.memory.kept_queries import MemoryKeptQueries
from crypto_exchange.adapters.memory.reviews import MemoryReviewQueries
from crypto_exchange.domain.adjustment import Adjustment, AdjustmentState
from crypto_exchange.domain.api_key import ApiKey
from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.batch import BatchState
from crypto_exchange.domain.breaks import Break, Difference
from crypto_exchange.domain.errors import NotFound
from crypto_exchange.domain.ids import OrderId, Symbol, UserId
from crypto_exchange.domain.ledger import (
    USD,
    AccountKind,
    Transfer,
    balances,
    listed_balances,
    user_account,
)
from crypto_exchange.domain.money import USD_SCALE
from crypto_exchange.domain.order import Order, is_loose
from crypto_exchange.domain.purchase import GIVEN_UP, IN_FLIGHT, Purchase, PurchaseState
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
    Waiting,
)
from crypto_exchange.domain.wallet import Wallet

DUE_LIMIT = 200
"""How many open batches one look gives."""
GIVEN_UP_LIMIT = 200
"""How many attempts that were given up one look gives."""
ADJUSTMENTS_LIMIT = 200
"""How many adjustments one look gives."""
EXPIRED_LIMIT = 1000
"""How many sessions that have expired one look gives."""


class MemoryReadModels(AccountViews, MemoryAuditQueries, MemoryKeptQueries, MemoryReviewQueries):
    """Every query walks through the rows: right for as many as a test has."""

    async def get_wallet(self, user_id: UserId) -> Wallet:
        return self._state.get_wallet(user_id)

    async def list_holdings(self, user_id: UserId) -> tuple[HoldingView, ...]:
        return self._state.list_holdings(user_id)

    async def get_order(self, user_id: UserId, order_id: OrderId) -> OrderView:
        return self._order_view(self._state.get_order(user_id, order_id))

    async def list_orders(
        self, user_id: UserId, *, limit: int, after: Cursor | None
    ) -> tuple[OrderView, ...]:
        own = [o for o in self._state.orders.values() if o.user_id == user_id]
        own = [o for o in own if _is_after(o.created_at_us, o.id, after)]
        own.sort(key=lambda order: (order.created_at_us, order.id), reverse=True)
        return tuple(self._order_view(order) for order in own[:limit])

    async def get_transaction(self, user_id: UserId, transaction_id: int) -> TransactionView:
        for view in self._transactions(user_id):
            if view.id == transaction_id:
                return view
        raise NotFound("transaction", transaction_id)

    async def list_transactions(
        self, user_id: UserId, *, limit: int, after: Cursor | None
    ) -> tuple[TransactionView, ...]:
        own = [
            view
            for view in self._transactions(user_id)
            if _is_after(view.created_at_us, view.id, after)
        ]
        own.sort(key=lambda view: (view.created_at_us, view.id), reverse=True)
        return tuple(own[:limit])

    async def list_assets(self) -> tuple[Asset, ...]:
        return tuple(self._state.assets[symbol] for symbol in sorted(self._state.assets))

    async def list_ledger(self) -> tuple[LedgerBalance, ...]:
        rows = listed_balances(self._state.transfers).items()
        return tuple(
            LedgerBalance(
                account.name, account.currency, scale_of(self._state, account.currency), balance
            )
            for account, balance in sorted(rows, key=lambda row: row[0].name)
        )

    async def find_due(self, at_us: int) -> Due:
        due = sorted(
            (batch.due_at_us, batch.key)
            for batch in self._state.batches.values()
            if batch.state is BatchState.SEALED and batch.due_at_us <= at_us
        )
        return Due(waiting=self._waiting(), batches=tuple(key for _, key in due[:DUE_LIMIT]))

    async def get_statement(self, user_id: UserId, order_id: OrderId) -> StatementView:
        order = self._state.get_order(user_id, order_id)
        statement = self._state.statements.get(order.batch or "")
        if statement is None:
            raise NotFound("statement of order", order_id)
        return StatementView(order=order, statement=statement)

    async def list_quarantined(self) -> tuple[Purchase, ...]:
        held = self._purchases(frozenset({PurchaseState.QUARANTINED}))
        return tuple(sorted(held, key=lambda p: (p.timestamp_ms, p.batch, p.attempt)))

    async def list_given_up(self, since_ms: int) -> tuple[Purchase, ...]:
        ended = [p for p in self._purchases(GIVEN_UP) if p.timestamp_ms >= since_ms]
        ended.sort(
            key=lambda p: (
                p.state is PurchaseState.REJECTED,
                -p.timestamp_ms,
                p.batch,
                p.attempt,
            )
        )
        return tuple(ended[:GIVEN_UP_LIMIT])

    async def list_ended_sessions(self, since_us: int) -> tuple[Ended, ...]:
        sessions = [Ended(s.id, s.ended_at_us) for s in self._state.sessions.values()]
        keys = [Ended(key.id, key.ended_at_us) for key in self._state.keys.values()]
        return tuple(e for e in sessions + keys if e.ended_at_us and e.ended_at_us >= since_us)

    async def list_expired_sessions(self, before_us: int) -> tuple[Session, ...]:
        gone = (s for s in self._state.sessions.values() if s.expires_at_us < before_us)
        return tuple(sorted(gone, key=lambda session: session.expires_at_us)[:EXPIRED_LIMIT])

    async def list_dead_keys(self, before_us: int) -> tuple[ApiKey, ...]:
        dead = [key for key in self._state.keys.values() if key.is_dead(before_us)]
        return tuple(dead[:EXPIRED_LIMIT])

    async def list_adjustments(self, since_us: int) -> tuple[Adjustment, ...]:
        def rank(each: Adjustment) -> tuple[bool, int, str]:
            waits = each.state is AdjustmentState.PROPOSED and each.proposed_at_us >= since_us
            return not waits, -each.proposed_at_us, each.key

        return tuple(sorted(self._state.adjustments.values(), key=rank)[:ADJUSTMENTS_LIMIT])

    async def list_breaks(self) -> tuple[Break, ...]:
        opened = [b for b in self._state.breaks.values() if b.closed_at_us is None]
        return tuple(sorted(opened, key=lambda b: (b.opened_at_us, b.key)))

    async def list_differences(self) -> tuple[Difference, ...]:
        return list_differences(self._state)

    async def get_mirror(self) -> Mirror:
        assets, ledger = self._state.assets.values(), balances(self._state.transfers)
        in_flight = self._purchases(IN_FLIGHT)
        return Mirror(
            balances={a.currency: -n for a, n in ledger.items() if a.kind is AccountKind.VENUE},
            scales={asset.symbol: asset.scale for asset in assets} | {USD: USD_SCALE},
            in_flight=tuple(sorted(in_flight, key=lambda p: (p.timestamp_ms, p.batch, p.attempt))),
            prices={a.symbol: a.price for a in assets if a.price is not None},
        )

    def _purchases(self, states: Container[PurchaseState]) -> list[Purchase]:
        return [p for p in self._state.purchases.values() if p.state in states]

    def _waiting(self) -> tuple[Waiting, ...]:
        loose: dict[Symbol, list[Order]] = defaultdict(list)
        for order in self._state.open_orders.values():
            if is_loose(order):
                loose[order.asset].append(order)
        return tuple(
            Waiting(
                asset=symbol,
                direct=sum(order.direct for order in orders),
                total=sum(order.total for order in orders if not order.direct),
                oldest_us=min(order.created_at_us for order in orders),
            )
            for symbol, orders in sorted(loose.items())
        )

    def _order_view(self, order: Order) -> OrderView:
        return OrderView(order=order, scale=self._state.assets[order.asset].scale)

    def _transactions(self, user_id: UserId) -> Iterator[TransactionView]:
        wallet = user_account(user_id)
        for number, transfer in enumerate(self._state.transfers, start=1):
            if wallet in (transfer.debit, transfer.credit):
                came_in = transfer.credit == wallet
                yield _transaction(number, transfer, came_in=came_in)


def _is_after(created_at_us: int, ident: int, after: Cursor | None) -> bool:
    return after is None or (created_at_us, ident) < (after.created_at_us, after.id)


def _transaction(number: int, transfer: Transfer, *, came_in: bool) -> TransactionView:
    return TransactionView(
        id=number,
        amount=transfer.amount if came_in else -transfer.amount,
        order_id=transfer.order_id,
        created_at_us=transfer.at_us,
    )
