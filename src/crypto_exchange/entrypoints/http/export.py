"""Export: one JSON document with what is kept of a user, written page by page.

`SECTIONS` says for each table that has rows of users where in the document they are, `LEFT_OUT` why a
table is not in it; a test compares both with the schema. A new field of a row is told unless it is hidden
here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from crypto_exchange.domain.account_queries import AccountView
from crypto_exchange.domain.adjustment import Adjustment
from crypto_exchange.domain.api_key import ApiKey
from crypto_exchange.domain.audit_log import LoggedEntry, Via
from crypto_exchange.domain.ids import HOUSE, UserId
from crypto_exchange.domain.kept_queries import Kept
from crypto_exchange.domain.review import Review
from crypto_exchange.domain.second_factor import SecondFactor
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.use_cases.export import Exported
from crypto_exchange.domain.user import Session
from crypto_exchange.domain.views import Cursor, OrderView, TransactionView
from crypto_exchange.entrypoints.http import amounts
from crypto_exchange.entrypoints.http.replies import encode
from crypto_exchange.entrypoints.http.schemas import (
    HoldingResponse,
    Instant,
    OrderResponse,
    TransactionResponse,
    WalletResponse,
    holding_response,
    instant,
    order_response,
    transaction_response,
    wallet_response,
)

SECTIONS = {
    "usernames": "account",
    "users": "account",
    "sessions": "sessions",
    "second_factors": "second_factor",
    "api_keys": "api_keys",
    "wallets": "wallet",
    "holdings": "holdings",
    "orders": "orders",
    "transfers": "transactions",
    "adjustments": "adjustments",
    "reviews": "reviews",
    "audit_log": "security_log",
}
LEFT_OUT = {
    "events": "the log that the ledger can be computed from again: it tells, in numbers, what the "
    "orders, the transactions and the security log tell in words",
    "user_signals": "what workers found by comparing accounts: like the assessments of orders, and why a "
    "review was opened, it would teach how to get past the fraud rules",
    "requests": "idempotency keys, which the user's own programs chose, and hashes of their commands: "
    "what came of them is in the orders and transactions",
}

PAGE = 200
"""Rows that are held in memory at a time."""

_DOLLARS = frozenset({"deposited", "withdrawn", "traded", "largest", "total", "amount"})
_HIDDEN = frozenset({"user_id", "retry", "digest", "sealed", "last_step", "version"})
"""Whose it is, which is said once; what opens something, and what only this service has a use for."""
Row = TypeVar("Row")


class ExportResponse(msgspec.Struct, frozen=True):
    """What is kept of a user. Lists are complete; times are RFC 3339, null for never."""

    exported_at: Instant
    account: dict[str, Any]
    second_factor: dict[str, Any] | None
    wallet: WalletResponse
    activity: dict[str, Any]
    holdings: list[HoldingResponse]
    sessions: list[dict[str, Any]]
    api_keys: list[dict[str, Any]]
    orders: list[OrderResponse]
    transactions: list[TransactionResponse]
    adjustments: list[dict[str, Any]]
    reviews: list[dict[str, Any]]
    security_log: list[dict[str, Any]]


async def write_export(context: Context, exported: Exported) -> AsyncIterator[bytes]:
    """The document, in pieces."""
    user_id, queries = exported.user.id, context.queries
    view = await queries.get_account(user_id, at_us=exported.at_us)
    head = _head(exported, view)
    head["holdings"] = [holding_response(each) for each in await queries.list_holdings(user_id)]
    yield encode(head)[:-1]
    for name, rows in _lists(context, user_id):
        yield b',"%s":[' % name.encode()
        separator = b""
        async for page in rows:
            yield separator + b",".join(map(encode, page))
            separator = b","
        yield b"]"
    yield b"}\n"


def _head(exported: Exported, view: AccountView) -> dict[str, Any]:
    """What there is one of."""
    user, factor, wallet = exported.user, exported.factor, exported.wallet
    account = told(user, "password_hash") | {
        "created_at": None if view.created_at_us is None else instant(view.created_at_us)
    }
    return {
        "exported_at": instant(exported.at_us),
        "account": account,
        "second_factor": None if factor is None else _factor(factor),
        "wallet": wallet_response(wallet),
        "activity": told(wallet.activity),
    }


def told(row: msgspec.Struct, *hidden: str) -> dict[str, Any]:
    """A row's fields by name, but those that are hidden: times as text, dollars with their decimals."""
    shown = (name for name in row.__struct_fields__ if name not in _HIDDEN.union(hidden))
    return dict(_field(name, getattr(row, name)) for name in shown)


def _field(name: str, value: Any) -> tuple[str, Any]:
    if name.endswith("_us"):
        return name.removesuffix("_us"), instant(value) if value else None
    if isinstance(value, msgspec.Struct):
        return name, told(value)
    if name in _DOLLARS:
        return name, amounts.dollars(value)
    return name, msgspec.to_builtins(value)


def _factor(factor: SecondFactor) -> dict[str, Any]:
    return told(factor, "recovery") | {"recovery_codes_left": len(factor.recovery)}


def _entry(entry: LoggedEntry, user_id: UserId) -> dict[str, Any]:
    """An entry as far as it is about the user: who else was there, from where and why, is not told."""
    by = {user_id: "you", HOUSE: "nobody who had logged in"}.get(entry.actor_id, "somebody else")
    row = told(entry, "id", "actor_id", "details") | {"by": by}
    row["details"] = {name: v for name, v in entry.details.items() if not name.endswith("_by")}
    hidden: tuple[str, ...] = ("details",) if entry.via is not Via.API else ()
    if entry.user_id != user_id:
        hidden = ("address", "request_id", "subject", "details")
    elif by == "somebody else":
        hidden = ("address", "request_id", "details")
    return {name: value for name, value in row.items() if name not in hidden}


def _lists(context: Context, user_id: UserId) -> Iterator[tuple[str, AsyncIterator[list[object]]]]:
    """Each list by its name, in pages that are loaded when they are asked for."""
    queries = context.queries

    def kept(kind: type[Kept], *hidden: str) -> AsyncIterator[list[object]]:
        async def load(after: Kept | None) -> Sequence[Kept]:
            return await queries.list_kept(kind, user_id, limit=PAGE, after=after)

        return _pages(load, lambda row: told(row, *hidden))

    async def orders(after: OrderView | None) -> Sequence[OrderView]:
        end = None if after is None else Cursor(after.order.created_at_us, after.order.id)
        return await queries.list_orders(user_id, limit=PAGE, after=end)

    async def transactions(after: TransactionView | None) -> Sequence[TransactionView]:
        end = None if after is None else Cursor(after.created_at_us, after.id)
        return await queries.list_transactions(user_id, limit=PAGE, after=end)

    async def entries(after: LoggedEntry | None) -> Sequence[LoggedEntry]:
        before = None if after is None else after.id
        return await queries.list_audit(limit=PAGE, after=before, user_id=user_id)

    yield "sessions", kept(Session, "generation")
    yield "api_keys", kept(ApiKey)
    yield "orders", _pages(orders, lambda each: order_response(each.order, each.scale))
    yield "transactions", _pages(transactions, transaction_response)
    yield "adjustments", kept(Adjustment, "proposed_by", "decided_by")
    yield "reviews", kept(Review, "decided_by", "risk")
    yield "security_log", _pages(entries, lambda entry: _entry(entry, user_id))


async def _pages(
    load: Callable[[Row | None], Awaitable[Sequence[Row]]], tell: Callable[[Row], object]
) -> AsyncIterator[list[object]]:
    last: Row | None = None
    while page := await load(last):
        yield [tell(each) for each in page]
        last = page[-1]
