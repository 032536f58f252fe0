"""The schema, as SQLAlchemy knows it: migrations are made from it and compared with it.

Built to be spread over machines by `user_id`: it leads every key, unique index and foreign key of what
users own, and no key crosses users; rows of the house have `user_id` 0. Batches and what belongs to
them go by `asset`. No triggers, no extensions. Checks assert what the rules have already decided.

Amounts are NUMERIC(38, 0): integers in the units of `domain/money.py`, beyond 64 bits if need be.
Times are microseconds (`_us`) or milliseconds (`_ms`) since 1970 UTC.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from advanced_alchemy.base import convention
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.types import TypeEngine

metadata = MetaData(naming_convention=convention)

Columns: TypeAlias = list[Column[Any]]

_LARGEST_ID = 2**53 - 1
_LOOSE = "state IN ('pending', 'aggregated') AND batch IS NULL"
_MEMBER = "state = 'pending' AND batch IS NOT NULL"
_MOVES_WALLET = "kind IN ('deposit', 'withdrawal', 'purchase', 'refund')"


def _columns(kind: TypeEngine[Any], names: tuple[str, ...], *, nullable: bool) -> Columns:
    return [Column(name, kind, autoincrement=False, nullable=nullable) for name in names]


def _big(*names: str, nullable: bool = False) -> Columns:
    return _columns(BigInteger(), names, nullable=nullable)


def _int(*names: str) -> Columns:
    return _columns(Integer(), names, nullable=False)


def _amount(*names: str, nullable: bool = False) -> Columns:
    return _columns(Numeric(38, 0), names, nullable=nullable)


def _text(*names: str, nullable: bool = False) -> Columns:
    return _columns(Text(), names, nullable=nullable)


def _flag(*names: str) -> Columns:
    return _columns(Boolean(), names, nullable=False)


def _one_of(column: str, *values: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(map(repr, values))})", name=column)


user_ids = Sequence("user_ids", start=1, maxvalue=_LARGEST_ID, metadata=metadata)
order_ids = Sequence(
    "order_ids", start=1, increment=100, maxvalue=_LARGEST_ID - 100, metadata=metadata
)
"""One number is a block: that order id and the 99 after it."""
transfer_ids = Sequence("transfer_ids", start=1, maxvalue=_LARGEST_ID, cache=50, metadata=metadata)
event_ids = Sequence("event_ids", start=1, maxvalue=_LARGEST_ID, cache=50, metadata=metadata)

usernames = Table(
    "usernames",
    metadata,
    *_text("username_key"),
    *_big("user_id"),
    PrimaryKeyConstraint("username_key"),
)
"""The directory: who has a name, in lower case. The only unique key over all users."""

users = Table(
    "users",
    metadata,
    *_big("id"),
    *_text("username", "password_hash", "role"),
    PrimaryKeyConstraint("id"),
    _one_of("role", "user", "operator", "admin"),
)

sessions = Table(
    "sessions",
    metadata,
    *_big("user_id"),
    *_text("id"),
    *_int("generation"),
    *_big("expires_at_us"),
    *_flag("revoked"),
    PrimaryKeyConstraint("user_id", "id"),
    ForeignKeyConstraint(["user_id"], ["users.id"]),
)

wallets = Table(
    "wallets",
    metadata,
    *_big("user_id"),
    *_amount("balance"),
    *_big("version"),
    PrimaryKeyConstraint("user_id"),
    ForeignKeyConstraint(["user_id"], ["users.id"]),
    CheckConstraint("balance >= 0", name="balance"),
)

holdings = Table(
    "holdings",
    metadata,
    *_big("user_id"),
    *_text("asset"),
    *_amount("quantity", "cost"),
    PrimaryKeyConstraint("user_id", "asset"),
    CheckConstraint("quantity >= 0", name="quantity"),
    CheckConstraint("cost >= 0", name="cost"),
)

assets = Table(
    "assets",
    metadata,
    *_text("symbol"),
    *_amount("lot_step", "min_notional", "min_quantity", "max_quantity"),
    *_big("fee_ppm"),
    *_int("scale"),
    *_amount("price", nullable=True),
    *_big("priced_at_us", nullable=True),
    *_flag("halted", "trading"),
    *_big("version"),
    PrimaryKeyConstraint("symbol"),
    CheckConstraint("scale BETWEEN 0 AND 18", name="scale"),
    CheckConstraint("lot_step > 0", name="lot_step"),
    CheckConstraint("price >= 0", name="price"),
    CheckConstraint("(price IS NULL) = (priced_at_us IS NULL)", name="priced"),
)

inventory = Table(
    "inventory",
    metadata,
    *_text("asset"),
    *_amount("quantity", "reserved", "expected"),
    *_big("failures", "retry_at_us", "version"),
    PrimaryKeyConstraint("asset"),
    ForeignKeyConstraint(["asset"], ["assets.symbol"]),
    CheckConstraint("reserved >= 0 AND reserved <= quantity", name="reserved"),
    CheckConstraint("expected >= 0", name="expected"),
)

orders = Table(
    "orders",
    metadata,
    *_big("user_id", "id"),
    *_text("asset"),
    *_amount("quantity", "unit_price", "total"),
    *_flag("direct"),
    *_text("state"),
    *_big("created_at_us"),
    *_text("reason", "batch", nullable=True),
    *_amount("filled", "charged"),
    *_big("version"),
    PrimaryKeyConstraint("user_id", "id"),
    _one_of(
        "state",
        "pending",
        "aggregated",
        "completed",
        "partially_completed",
        "failed",
        "cancelled",
    ),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint("unit_price > 0", name="unit_price"),
    CheckConstraint("total > 0", name="total"),
    CheckConstraint("filled >= 0", name="filled"),
    CheckConstraint("charged >= 0 AND charged <= total", name="charged"),
    Index("ix_orders_page", "user_id", "created_at_us", "id"),
    Index(
        "ix_orders_loose",
        "asset",
        "direct",
        "created_at_us",
        "id",
        postgresql_where=text(_LOOSE),
    ),
    Index("ix_orders_member", "batch", postgresql_where=text(_MEMBER)),
)

batches = Table(
    "batches",
    metadata,
    *_text("key", "asset", "kind", "state"),
    *_int("attempt"),
    *_flag("live"),
    *_amount("used", "surplus"),
    *_int("counted", "checks"),
    *_big("due_at_us", "created_at_us", "version"),
    PrimaryKeyConstraint("key", "asset"),
    _one_of("kind", "direct", "aggregated"),
    _one_of("state", "sealed", "settled", "returned", "refunded"),
    CheckConstraint("used >= 0 AND surplus >= 0", name="reservation"),
    CheckConstraint("live OR (used = 0 AND surplus = 0)", name="freed"),
    CheckConstraint("live <= (state = 'sealed')", name="live"),
    Index("ix_batches_due", "due_at_us", postgresql_where=text("state = 'sealed'")),
)

purchases = Table(
    "purchases",
    metadata,
    *_text("batch"),
    *_int("attempt"),
    *_text("asset"),
    *_int("scale"),
    *_amount("quantity"),
    *_big("timestamp_ms", "window_ms"),
    *_text("state"),
    *_text("code", "message", nullable=True),
    PrimaryKeyConstraint("batch", "attempt", "asset"),
    ForeignKeyConstraint(["batch", "asset"], ["batches.key", "batches.asset"]),
    _one_of("state", "submitting", "filled", "rejected", "not_placed"),
    CheckConstraint("quantity > 0", name="quantity"),
)

fills = Table(
    "fills",
    metadata,
    *_text("batch"),
    *_int("attempt"),
    *_text("asset", "trade_id"),
    *_amount("quantity", "cost", "fee"),
    *_text("fee_currency"),
    PrimaryKeyConstraint("batch", "attempt", "trade_id", "asset"),
    ForeignKeyConstraint(
        ["batch", "attempt", "asset"],
        ["purchases.batch", "purchases.attempt", "purchases.asset"],
    ),
    CheckConstraint("quantity >= 0 AND cost >= 0 AND fee >= 0", name="amounts"),
)

transfers = Table(
    "transfers",
    metadata,
    *_big("user_id"),
    Column("id", BigInteger, nullable=False, server_default=text("nextval('transfer_ids')")),
    *_text("kind", "currency", "debit", "credit"),
    *_amount("amount"),
    *_big("at_us"),
    *_big("order_id", nullable=True),
    PrimaryKeyConstraint("user_id", "id"),
    CheckConstraint("amount > 0", name="amount"),
    Index("ix_transfers_wallet", "user_id", "at_us", "id", postgresql_where=text(_MOVES_WALLET)),
)
"""The ledger, never edited. `debit` and `credit` are accounts by their printed names."""

requests = Table(
    "requests",
    metadata,
    *_big("user_id"),
    *_text("operation", "key", "fingerprint"),
    *_big("resource_id"),
    PrimaryKeyConstraint("user_id", "operation", "key"),
)
"""Idempotency keys, kept for ever."""

events = Table(
    "events",
    metadata,
    *_big("user_id"),
    Column("seq", BigInteger, nullable=False, server_default=text("nextval('event_ids')")),
    Column(
        "xid",
        BigInteger,
        nullable=False,
        server_default=text("(pg_current_xact_id()::text)::bigint"),
    ),
    *_big("at_us"),
    *_text("event"),
    Column("body", JSON, nullable=False),
    PrimaryKeyConstraint("user_id", "seq"),
    Index("ix_events_log", "xid", "seq"),
)
"""Append-only. Read in the order (xid, seq), up to the oldest transaction that is still open."""
