"""Ports: what the use cases need from outside, as Protocols. Adapters match them by shape alone.

All of them may raise `Unavailable` when their service cannot be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from crypto_exchange.domain.adjustment import Adjustment
from crypto_exchange.domain.api_key import ApiKey
from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.breaks import Break
from crypto_exchange.domain.change import Change, StoredRequest
from crypto_exchange.domain.ids import BatchKey, OrderId, Symbol, UserId
from crypto_exchange.domain.limits import Grant, Limit
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.purchase import Filled, Finding, Outcome, Purchase
from crypto_exchange.domain.review import Review
from crypto_exchange.domain.second_factor import SecondFactor
from crypto_exchange.domain.user import Session, User
from crypto_exchange.domain.views import (
    Belongings,
    Book,
    OpenBatch,
)
from crypto_exchange.domain.wallet import Wallet


class Clock(Protocol):
    """Time, in microseconds since 1970 UTC."""

    def now_us(self) -> int:
        """Now."""


class Ids(Protocol):
    """New identifiers: integers below 2⁵³, never given twice, and random keys."""

    async def next_user_id(self) -> UserId:
        """A new user's id."""

    async def next_order_id(self) -> OrderId:
        """A new order's id."""

    def new_key(self) -> str:
        """A random name of 24 hexadecimal characters, for a batch or a session."""


class UnitOfWork(Protocol):
    """One load → decide → commit. Loads see committed rows; `commit` writes all or nothing.

    Leaving its block cleanly without `commit` or `abandon` is an `InvariantViolation`.
    """

    async def commit(self, change: Change) -> None:
        """Write a change.

        Raises:
            Conflict: a row is not as it was loaded.
            RequestRepeated: the idempotency key is stored already.
            UsernameTaken: a new user's name is.
            Unavailable: it is not known to be written.
        """

    def abandon(self) -> None:
        """Decide to write nothing."""

    async def get_wallet(self, user_id: UserId) -> Wallet:
        """A user's wallet. Raises `NotFound`."""

    async def get_wallet_of_session(self, user_id: UserId, session_id: str) -> Wallet:
        """A user's wallet, for a command of a session of theirs, or of an API key under its id, with
        what may forbid the command as it is at the same time: a session may end, and an account be
        frozen, at any time.

        Raises:
            NotFound: there is no such wallet.
            Unauthenticated: the session, or key, has ended.
            AccountFrozen: the account is not active.
        """

    async def find_request(self, user_id: UserId, operation: str, key: str) -> StoredRequest | None:
        """What is stored under an idempotency key."""

    async def get_order(self, user_id: UserId, order_id: OrderId) -> Order:
        """A user's own order. Raises `NotFound`."""

    async def get_asset(self, symbol: Symbol) -> Asset:
        """An asset. Raises `UnknownAsset`."""

    async def get_book(self, symbol: Symbol, *, limit: int) -> Book:
        """An asset, its inventory and at most `limit` direct and small orders that wait, each oldest
        first, none of them in a batch. Raises `UnknownAsset`.
        """

    async def get_batch(self, key: BatchKey) -> OpenBatch:
        """A batch with its newest purchase and open members, the oldest first. Raises `NotFound`."""

    async def get_purchase(self, key: BatchKey, attempt: int) -> Purchase:
        """One attempt of a batch, also of one that has ended. Raises `NotFound`."""

    async def get_break(self, key: str) -> Break:
        """A break record. Raises `NotFound`."""

    async def get_review(self, user_id: UserId, review_id: str) -> Review:
        """A review of what a user did. Raises `NotFound`."""

    async def list_live_reviews(self, user_id: UserId) -> tuple[Review, ...]:
        """A user's open reviews and released withdrawals, newest first, at most 100."""

    async def get_adjustment(self, key: str) -> Adjustment:
        """An adjustment as it is stored. Raises `NotFound`."""

    async def find_user(self, username: str) -> User | None:
        """A user by name, without case."""

    async def get_user(self, user_id: UserId) -> User:
        """A user. Raises `NotFound`."""

    async def find_session(self, user_id: UserId, session_id: str) -> Session | None:
        """A user's session."""

    async def list_sessions(self, user_id: UserId) -> tuple[Session, ...]:
        """A user's sessions that nobody has ended, by (created_at, id); some may have expired."""

    async def get_belongings(self, user_id: UserId) -> Belongings:
        """What of a user's account is not done with, all as it is at the same time."""

    async def find_second_factor(self, user_id: UserId) -> SecondFactor | None:
        """A user's second factor, whatever its state."""

    async def find_api_key(self, user_id: UserId, key_id: str) -> ApiKey | None:
        """A user's API key, whatever has become of it."""

    async def list_api_keys(self, user_id: UserId) -> tuple[ApiKey, ...]:
        """A user's API keys that nobody has ended, by (created_at, id); some may have expired."""


class Begin(Protocol):
    """Open a unit of work. With `lock`, the wallet, inventory, batch, adjustment or review loaded is locked
    until the block ends, so that a commit of it cannot conflict: for the retry after a conflict.
    """

    def __call__(self, *, lock: bool = False) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open one."""


class Market(Protocol):
    """What is known of the exchange's market, as the service keeps it."""

    async def save_prices(self, prices: Mapping[Symbol, int], at_us: int) -> tuple[Asset, ...]:
        """Keep prices (10⁻¹² dollars) seen at a time. One older than what is kept is ignored, unless
        that is further in the future than clocks may differ.

        Returns the assets as they are now.
        """

    async def save_rules(self, rules: Mapping[Symbol, MarketRule | None]) -> None:
        """Keep market rules; None says that the exchange does not trade the asset now."""


class AssetCache(Protocol):
    """Assets with their prices, near by. Never fails: a cache that is down is a miss."""

    async def find(self, symbol: Symbol) -> Asset | None:
        """One asset, or a miss."""

    async def list_all(self) -> tuple[Asset, ...] | None:
        """All assets by symbol, or a miss."""

    async def put(self, assets: Sequence[Asset]) -> None:
        """Keep all assets; one older (by version, then by price time) than what is kept is ignored."""


class Tally(Protocol):
    """A running total of what waits per asset, which gives the wake-up: a hint, and may be lost."""

    async def add(self, symbol: Symbol, total: int, *, direct: bool) -> None:
        """Count an order; wake up the worker if it is direct or the threshold is reached."""

    async def overwrite(self, symbol: Symbol, total: int) -> None:
        """Replace the total by what the database says."""


class Limiter(Protocol):
    """Counts calls. Each key has, for each limit, a window, which starts with its first call."""

    async def take(self, key: str, limit: Limit, count: int) -> Grant:
        """Take `count` calls (at least 1), or as many as are left, in one step whoever else does."""


class JobQueue(Protocol):
    """Brings jobs, each a name and ids, to any worker: hints, which may be lost or come twice."""

    def register(self, name: str, job: Callable[..., Coroutine[Any, Any, None]]) -> None:
        """Say what to run for a name, before `start` and `send`."""

    async def send(self, name: str, *ids: str) -> None:
        """Send a job. Raises `Unavailable` soon if that is not possible."""

    async def start(self) -> None:
        """Begin to run jobs on this event loop."""

    async def stop(self, timeout_s: int) -> None:
        """Take no more jobs, give back those not begun, and wait for the others."""


class Exchange(Protocol):
    """The venue. Prices in 10⁻¹² dollars, quantities in assets' units."""

    async def list_prices(self, symbols: Sequence[Symbol]) -> Mapping[Symbol, int]:
        """The last prices; an unknown symbol is left out."""

    async def list_rules(self, scales: Mapping[Symbol, int]) -> Mapping[Symbol, MarketRule | None]:
        """Market rules in units of the given scales; None for what does not trade now."""

    async def list_balances(self, scales: Mapping[str, int]) -> Mapping[str, int]:
        """What is kept there, rounded down: currencies of `scales` in units of so many digits, any
        other in 10⁻⁸ (dollars, coins). A currency of which there is none may be left out.
        """

    def now_ms(self) -> int:
        """The exchange's clock in milliseconds, not ahead of it, as last compared with ours.

        Raises `Unavailable` before it was first read: then nothing can be sealed.
        """

    async def submit(self, purchase: Purchase) -> Outcome:
        """Send a purchase, once, signed with exactly its times; nothing after its window.

        Raises:
            OutcomeUnknown: anything but a final fill or a definite rejection.
        """

    async def find(self, purchase: Purchase) -> Finding:
        """Look a purchase up by order and by trades; never changes anything there.

        An exchange whose requests do not expire never says `Absent`: it may come at any time.
        """

    async def find_late(self, purchase: Purchase) -> Filled | None:
        """What a purchase that was given up was executed with after all, at whatever time; None if
        nothing of it is known, or it has not ended.
        """

    def reach_ms(self) -> int:
        """For how long after its timestamp a purchase can surely be looked up."""
