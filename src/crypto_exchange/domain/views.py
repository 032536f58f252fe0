"""What queries return: frozen Structs of integers, in the units of `money.py`."""

from __future__ import annotations

import msgspec

from crypto_exchange.domain.adjustment import Adjustment
from crypto_exchange.domain.asset import Asset, Inventory
from crypto_exchange.domain.batch import Batch
from crypto_exchange.domain.ids import BatchKey, OrderId, Symbol
from crypto_exchange.domain.money import DEFAULT_ASSET_SCALE
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.domain.statement import Statement


class Book(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Everything sealing decides on, of one asset. Orders oldest first, none in a live batch."""

    asset: Asset
    inventory: Inventory
    direct: tuple[Order, ...]
    waiting: tuple[Order, ...]


class OpenBatch(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A batch with its newest purchase (None if nothing had to be bought) and its members."""

    batch: Batch
    purchase: Purchase | None
    members: tuple[Order, ...]
    asset: Asset
    inventory: Inventory


class Waiting(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What waits of one asset: how many direct orders, the small ones' total and the oldest's time."""

    asset: Symbol
    direct: int
    total: int
    oldest_us: int


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """Work that the database knows of: assets with orders that wait, batches to look at again."""

    waiting: tuple[Waiting, ...]
    batches: tuple[BatchKey, ...]


class Mirror(msgspec.Struct, frozen=True, kw_only=True):
    """What should be kept at the exchange by the ledger (minus `venue`), per currency in its scale;
    purchases in flight, which it does not count; the last prices to value them with.
    """

    balances: dict[str, int]
    scales: dict[str, int]
    in_flight: tuple[Purchase, ...]
    prices: dict[Symbol, int]

    def scale_of(self, currency: str) -> int:
        """Digits of the currency's unit; 8 for what is not listed."""
        return self.scales.get(currency, DEFAULT_ASSET_SCALE)


class StatementView(msgspec.Struct, frozen=True, kw_only=True):
    """A settled order, and the statement of its batch."""

    order: Order
    statement: Statement


class HoldingView(msgspec.Struct, frozen=True, kw_only=True):
    """A user's coins of one asset: `cost` = Σ charges; price and scale to value them with."""

    asset: Symbol
    scale: int
    quantity: int
    cost: int
    price: int | None


class Belongings(msgspec.Struct, frozen=True, kw_only=True):
    """What of an account is not done with: how many orders are open and what they hold (10⁻⁸ dollars),
    adjustments that nobody has decided, and its coins, by symbol.
    """

    orders: int = 0
    held: int = 0
    adjustments: tuple[Adjustment, ...] = ()
    coins: tuple[HoldingView, ...] = ()


class TransactionView(msgspec.Struct, frozen=True, kw_only=True):
    """A movement of a user's wallet: `amount` in 10⁻⁸ dollars, positive if it came in."""

    id: int
    amount: int
    order_id: OrderId | None
    created_at_us: int


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """An order with the scale that its quantities are in."""

    order: Order
    scale: int


class Cursor(msgspec.Struct, frozen=True):
    """Where a page ended: lists go by (created_at, id), newest first."""

    created_at_us: int
    id: int


class LedgerBalance(msgspec.Struct, frozen=True):
    """One account by its printed name: `user:1:USD`, `venue:BTC` …; balance in units of `scale`."""

    account: str
    currency: str
    scale: int
    balance: int
