"""Unit of work and market over a `State`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

import msgspec

from crypto_exchange.domain.adjustment import Adjustment
from crypto_exchange.domain.api_key import ApiKey
from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.breaks import Break
from crypto_exchange.domain.change import Change, StoredRequest
from crypto_exchange.domain.errors import InvariantViolation, session_ended
from crypto_exchange.domain.ids import BatchKey, OrderId, Symbol, UserId
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.domain.review import Review
from crypto_exchange.domain.second_factor import SecondFactor
from crypto_exchange.domain.state import State
from crypto_exchange.domain.user import Session, User, require_active
from crypto_exchange.domain.views import Belongings, Book, OpenBatch
from crypto_exchange.domain.wallet import Wallet


class MemoryBegin:
    """Opens units of work on a state. One lock stands for all row locks of a database: a unit of
    work with `lock` holds it for its whole block, any other while it commits.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._rows = asyncio.Lock()

    def __call__(self, *, lock: bool = False) -> AbstractAsyncContextManager[MemoryUnitOfWork]:
        return self._open(lock=lock)

    @asynccontextmanager
    async def _open(self, *, lock: bool) -> AsyncIterator[MemoryUnitOfWork]:
        held, on_commit = (self._rows, None) if lock else (nullcontext(), self._rows)
        await _let_others_run()
        async with held:
            work = MemoryUnitOfWork(self._state, on_commit)
            yield work
            work.require_ended()


class MemoryUnitOfWork:
    """One load → decide → commit over a state."""

    def __init__(self, state: State, lock: asyncio.Lock | None) -> None:
        self._state, self._lock = state, lock
        self._ended = False

    async def commit(self, change: Change) -> None:
        self._end()
        await _let_others_run()
        async with self._lock or nullcontext():
            self._state.apply(change)

    def abandon(self) -> None:
        self._end()

    def require_ended(self) -> None:
        """Refuse to leave the block without having said what becomes of it."""
        if not self._ended:
            raise InvariantViolation("expected commit or abandon before the end of a unit of work")

    def _end(self) -> None:
        if self._ended:
            raise InvariantViolation("a unit of work ends once, by commit or abandon")
        self._ended = True

    async def get_wallet(self, user_id: UserId) -> Wallet:
        return self._state.get_wallet(user_id)

    async def get_wallet_of_session(self, user_id: UserId, session_id: str) -> Wallet:
        wallet = self._state.get_wallet(user_id)
        place = user_id, session_id
        session = self._state.sessions.get(place) or self._state.keys.get(place)
        if session is None or session.ended_at_us:
            raise session_ended()
        require_active(self._state.get_user(user_id).status)
        return msgspec.structs.replace(wallet, signals=self._state.signals.get(user_id))

    async def find_request(self, user_id: UserId, operation: str, key: str) -> StoredRequest | None:
        return self._state.requests.get((user_id, operation, key))

    async def get_order(self, user_id: UserId, order_id: OrderId) -> Order:
        return self._state.get_order(user_id, order_id)

    async def get_asset(self, symbol: Symbol) -> Asset:
        return self._state.get_asset(symbol)

    async def get_book(self, symbol: Symbol, *, limit: int) -> Book:
        return self._state.get_book(symbol, limit=limit)

    async def get_batch(self, key: BatchKey) -> OpenBatch:
        return self._state.get_batch(key)

    async def get_purchase(self, key: BatchKey, attempt: int) -> Purchase:
        return self._state.get_purchase(key, attempt)

    async def get_belongings(self, user_id: UserId) -> Belongings:
        return self._state.get_belongings(user_id)

    async def get_break(self, key: str) -> Break:
        return self._state.get_break(key)

    async def get_adjustment(self, key: str) -> Adjustment:
        return self._state.get_adjustment(key)

    async def get_review(self, user_id: UserId, review_id: str) -> Review:
        return self._state.get_review(user_id, review_id)

    async def list_live_reviews(self, user_id: UserId) -> tuple[Review, ...]:
        return self._state.list_live_reviews(user_id)

    async def find_user(self, username: str) -> User | None:
        return self._state.find_user(username)

    async def get_user(self, user_id: UserId) -> User:
        return self._state.get_user(user_id)

    async def find_session(self, user_id: UserId, session_id: str) -> Session | None:
        return self._state.sessions.get((user_id, session_id))

    async def list_sessions(self, user_id: UserId) -> tuple[Session, ...]:
        return self._state.list_sessions(user_id)

    async def find_second_factor(self, user_id: UserId) -> SecondFactor | None:
        return self._state.factors.get(user_id)

    async def find_api_key(self, user_id: UserId, key_id: str) -> ApiKey | None:
        return self._state.keys.get((user_id, key_id))

    async def list_api_keys(self, user_id: UserId) -> tuple[ApiKey, ...]:
        return self._state.list_keys(user_id)


class MemoryMarket:
    """Prices and rules kept in the state."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def save_prices(self, prices: Mapping[Symbol, int], at_us: int) -> tuple[Asset, ...]:
        self._state.save_prices(prices, at_us)
        return tuple(self._state.assets[symbol] for symbol in sorted(self._state.assets))

    async def save_rules(self, rules: Mapping[Symbol, MarketRule | None]) -> None:
        self._state.save_rules(rules)


async def _let_others_run() -> None:
    """Where a database would be waited for, so that races that it has happen here too."""
    await asyncio.sleep(0)
