"""Change: everything a decision wants written, and the only thing it returns.

Committing it is all or nothing. A transition is written only if the row is still as it was when
loaded; otherwise the commit is a `Conflict` and writes nothing. Balances of wallets, holdings and
inventory move by `transfers` alone; every write of a wallet raises its version.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec

from crypto_exchange.domain.activity import Activity
from crypto_exchange.domain.adjustment import Adjustment
from crypto_exchange.domain.api_key import ApiKey, KeyUse
from crypto_exchange.domain.asset import Asset, Inventory
from crypto_exchange.domain.audit_chain import Link
from crypto_exchange.domain.audit_log import AuditEntry
from crypto_exchange.domain.batch import Batch
from crypto_exchange.domain.breaks import Break
from crypto_exchange.domain.events import AnyEvent
from crypto_exchange.domain.ids import Symbol, UserId
from crypto_exchange.domain.ledger import USD, AccountKind, Transfer, balances
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.purchase import Fill, Purchase
from crypto_exchange.domain.review import Review
from crypto_exchange.domain.second_factor import SecondFactor
from crypto_exchange.domain.statement import Statement
from crypto_exchange.domain.user import Session, User
from crypto_exchange.domain.wallet import Wallet

Row = TypeVar("Row")


class Transition(msgspec.Struct, Generic[Row], frozen=True, gc=False):
    """A row as it was loaded, and as it shall be. What of `before` is compared is the version
    (for users, second factors, orders, batches, inventory, assets, breaks, reviews, adjustments) or the state
    (purchases) or the generation and when it ended (sessions). A transition of an asset leaves its
    price as it is.
    """

    before: Row
    after: Row


class RequestKey(msgspec.Struct, frozen=True, gc=False):
    """A client's idempotency key for one operation, with a digest of the decoded command."""

    operation: str
    key: str
    fingerprint: str


class StoredRequest(msgspec.Struct, frozen=True, gc=False):
    """What is kept for ever in the commit of the effect. `resource_id` is 0 for the wallet."""

    user_id: UserId
    operation: str
    key: str
    fingerprint: str
    resource_id: int = 0


def store_request(
    user_id: UserId, request: RequestKey | None, resource_id: int = 0
) -> StoredRequest | None:
    """What to keep of a command's idempotency key, if it came with one."""
    if request is None:
        return None
    return StoredRequest(user_id, request.operation, request.key, request.fingerprint, resource_id)


class Erasure(msgspec.Struct, frozen=True):
    """Of a user, as loaded, nothing is to be left but numbers: the name leaves the directory, and what
    is known of their logins goes but for when they began and ended, which is at `at_us` at the latest.
    """

    user: User
    at_us: int


class Change(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Rows to insert, transitions of rows, transfers and events of one commit.

    `wallet` is set by a user's own command: the wallet as loaded, whose version must still hold. The
    transfers then touch that user alone. Settlements leave it None and add to balances as they are.
    `activity` is that of the wallet's user, or of the one new user, after it (None: as it was).
    `fenced` are users whose wallets' versions rise though nothing moves: no command of theirs that was
    loaded before can be written after. `forgotten` are sessions whose rows go, whatever they are now;
    `forgotten_keys` are API keys.
    """

    wallet: Wallet | None = None
    activity: Activity | None = None
    fenced: tuple[UserId, ...] = ()
    users: tuple[User, ...] = ()
    moved_users: tuple[Transition[User], ...] = ()
    new_sessions: tuple[Session, ...] = ()
    sessions: tuple[Transition[Session], ...] = ()
    forgotten: tuple[Session, ...] = ()
    forgotten_keys: tuple[ApiKey, ...] = ()
    erased: Erasure | None = None
    new_factors: tuple[SecondFactor, ...] = ()
    factors: tuple[Transition[SecondFactor], ...] = ()
    new_keys: tuple[ApiKey, ...] = ()
    keys: tuple[Transition[ApiKey], ...] = ()
    key_uses: tuple[KeyUse, ...] = ()
    new_assets: tuple[Asset, ...] = ()
    assets: tuple[Transition[Asset], ...] = ()
    new_orders: tuple[Order, ...] = ()
    orders: tuple[Transition[Order], ...] = ()
    new_batches: tuple[Batch, ...] = ()
    batches: tuple[Transition[Batch], ...] = ()
    new_purchases: tuple[Purchase, ...] = ()
    purchases: tuple[Transition[Purchase], ...] = ()
    fills: tuple[tuple[Purchase, Fill], ...] = ()
    new_statements: tuple[Statement, ...] = ()
    new_breaks: tuple[Break, ...] = ()
    breaks: tuple[Transition[Break], ...] = ()
    new_reviews: tuple[Review, ...] = ()
    reviews: tuple[Transition[Review], ...] = ()
    new_adjustments: tuple[Adjustment, ...] = ()
    adjustments: tuple[Transition[Adjustment], ...] = ()
    inventory: Transition[Inventory] | None = None
    transfers: tuple[Transfer, ...] = ()
    events: tuple[AnyEvent, ...] = ()
    audit: tuple[AuditEntry, ...] = ()
    links: tuple[Link, ...] = ()
    request: StoredRequest | None = None


class BalanceDeltas(msgspec.Struct, frozen=True):
    """What transfers do to the balances that are kept as rows."""

    wallets: dict[UserId, int]
    holdings: dict[tuple[UserId, Symbol], int]
    inventory: dict[Symbol, int]


def balance_deltas(
    transfers: tuple[Transfer, ...], fenced: tuple[UserId, ...] = ()
) -> BalanceDeltas:
    """Add the transfers up per row, so that no row is written twice in one commit."""
    deltas = BalanceDeltas(
        defaultdict(int, dict.fromkeys(fenced, 0)), defaultdict(int), defaultdict(int)
    )
    for account, amount in balances(transfers).items():
        if account.kind is AccountKind.USER and isinstance(account.owner, int):
            if account.currency == USD:
                deltas.wallets[account.owner] += amount
            else:
                deltas.holdings[account.owner, account.currency] += amount
        elif account.kind is AccountKind.INVENTORY:
            deltas.inventory[account.currency] += amount
    return deltas


def charges_by_holding(change: Change) -> dict[tuple[UserId, Symbol], int]:
    """What was charged for what each holding gained: its cost, 10⁻⁸ dollars."""
    costs: dict[tuple[UserId, Symbol], int] = defaultdict(int)
    for move in change.orders:
        if move.after.charged:
            costs[move.after.user_id, move.after.asset] += move.after.charged
    return dict(costs)


def inventory_after(
    change: Change, deltas: Mapping[Symbol, int], rows: Mapping[Symbol, Inventory]
) -> dict[Symbol, Inventory]:
    """The row that was loaded, and what others have added to it since; others by the transfers."""
    after = {}
    if change.inventory is not None:
        before, moved = change.inventory.before, change.inventory.after
        added = rows[before.asset].quantity - before.quantity
        after[moved.asset] = msgspec.structs.replace(moved, quantity=moved.quantity + added)
    for symbol, amount in deltas.items():
        row = after.get(symbol, rows[symbol])
        after[symbol] = msgspec.structs.replace(row, quantity=row.quantity + amount)
    return after
