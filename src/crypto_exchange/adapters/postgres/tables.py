"""The schema, as SQLAlchemy knows it: migrations are made from it and compared with it.

Built to be spread over machines by `user_id`: it leads every key, unique index and foreign key of what
users own, and no key crosses users; rows of the house have `user_id` 0. Batches and what belongs to
them go by `asset`. No triggers, no extensions. Checks assert what the rules have already decided.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    text,
)
from sqlalchemy.dialects.postgresql import JSON

from crypto_exchange.adapters.postgres import audit_tables, signal_tables, trade_tables
from crypto_exchange.adapters.postgres.column_kinds import (
    amount,
    big,
    flag,
    metadata,
    one_of,
    small,
    words,
)

__all__ = ["audit_tables", "metadata", "order_ids", "signal_tables", "trade_tables"]

_LARGEST_ID = 2**53 - 1
_MOVES_WALLET = "kind IN ('deposit', 'withdrawal', 'purchase', 'refund', 'adjustment')"

user_ids = Sequence("user_ids", start=1, maxvalue=_LARGEST_ID, metadata=metadata)
order_ids = Sequence(
    "order_ids", start=1, increment=100, maxvalue=_LARGEST_ID - 100, metadata=metadata
)
"""One number is a block: that order id and the 99 after it."""
transfer_ids = Sequence("transfer_ids", start=1, maxvalue=_LARGEST_ID, cache=50, metadata=metadata)
event_ids = Sequence("event_ids", start=1, maxvalue=_LARGEST_ID, metadata=metadata)
"""Drawn one by one: they tell in which order decisions were made (see `event_log.py`)."""

usernames = Table(
    "usernames",
    metadata,
    *words("username_key"),
    *big("user_id"),
    PrimaryKeyConstraint("username_key"),
)
"""The directory: who has a name, in lower case. The only unique key over all users."""

users = Table(
    "users",
    metadata,
    *big("id"),
    *words("username", "password_hash", "role"),
    *big("version"),
    *words("status"),
    PrimaryKeyConstraint("id"),
    one_of("role", "user", "operator", "admin"),
    one_of("status", "active", "frozen", "closed"),
)

sessions = Table(
    "sessions",
    metadata,
    *big("user_id"),
    *words("id"),
    *small("generation"),
    *big("expires_at_us", "ended_at_us", "created_at_us", "used_at_us"),
    *words("device", "retry", "address"),
    PrimaryKeyConstraint("user_id", "id"),
    ForeignKeyConstraint(["user_id"], ["users.id"]),
    Index("ix_sessions_ended", "ended_at_us", postgresql_where=text("ended_at_us > 0")),
    Index("ix_sessions_expiry", "expires_at_us"),
    Index("ix_sessions_used", "used_at_us", postgresql_where=text("address <> ''")),
)

second_factors = Table(
    "second_factors",
    metadata,
    *big("user_id"),
    *words("sealed", "state", "recovery"),
    *big("last_step"),
    *small("wrong"),
    *big("locked_until_us", "version", "confirmed_at_us"),
    PrimaryKeyConstraint("user_id"),
    ForeignKeyConstraint(["user_id"], ["users.id"]),
    one_of("state", "pending", "active", "off"),
)
"""One of a user. `sealed` is encrypted, `recovery` are hashes with spaces between."""

api_keys = Table(
    "api_keys",
    metadata,
    *big("user_id"),
    *words("id", "name", "scopes", "digest"),
    *big("created_at_us", "expires_at_us", "used_at_us", "ended_at_us"),
    PrimaryKeyConstraint("user_id", "id"),
    ForeignKeyConstraint(["user_id"], ["users.id"]),
    Index("ix_api_keys_ended", "ended_at_us", postgresql_where=text("ended_at_us > 0")),
)
"""`scopes` are words with spaces between."""

wallets = Table(
    "wallets",
    metadata,
    *big("user_id"),
    *amount("balance"),
    *big("version"),
    Column("activity", JSON, nullable=False),
    PrimaryKeyConstraint("user_id"),
    ForeignKeyConstraint(["user_id"], ["users.id"]),
    CheckConstraint("balance >= 0", name="balance"),
)

holdings = Table(
    "holdings",
    metadata,
    *big("user_id"),
    *words("asset"),
    *amount("quantity", "cost"),
    PrimaryKeyConstraint("user_id", "asset"),
    CheckConstraint("quantity >= 0", name="quantity"),
    CheckConstraint("cost >= 0", name="cost"),
)

assets = Table(
    "assets",
    metadata,
    *words("symbol"),
    *amount("lot_step", "min_notional", "min_quantity", "max_quantity"),
    *big("fee_ppm"),
    *small("scale"),
    *amount("price", nullable=True),
    *big("priced_at_us", nullable=True),
    *flag("halted", "trading"),
    *big("version"),
    PrimaryKeyConstraint("symbol"),
    CheckConstraint("scale BETWEEN 0 AND 18", name="scale"),
    CheckConstraint("lot_step > 0", name="lot_step"),
    CheckConstraint("price >= 0", name="price"),
    CheckConstraint("(price IS NULL) = (priced_at_us IS NULL)", name="priced"),
)

inventory = Table(
    "inventory",
    metadata,
    *words("asset"),
    *amount("quantity", "reserved", "expected"),
    *big("failures", "retry_at_us", "version"),
    PrimaryKeyConstraint("asset"),
    ForeignKeyConstraint(["asset"], ["assets.symbol"]),
    CheckConstraint("reserved >= 0 AND reserved <= quantity", name="reserved"),
    CheckConstraint("expected >= 0", name="expected"),
)

transfers = Table(
    "transfers",
    metadata,
    *big("user_id"),
    Column("id", BigInteger, nullable=False, server_default=text("nextval('transfer_ids')")),
    *words("kind", "currency", "debit", "credit"),
    *amount("amount"),
    *big("at_us"),
    *big("order_id", nullable=True),
    PrimaryKeyConstraint("user_id", "id"),
    CheckConstraint("amount > 0", name="amount"),
    Index("ix_transfers_wallet", "user_id", "at_us", "id", postgresql_where=text(_MOVES_WALLET)),
)
"""The ledger, never edited. `debit` and `credit` are accounts by their printed names."""

adjustments = Table(
    "adjustments",
    metadata,
    *words("key"),
    *big("user_id"),
    *amount("amount"),
    *words("reason"),
    *big("proposed_by", "proposed_at_us"),
    *words("state"),
    *big("decided_by", "decided_at_us", nullable=True),
    *big("version"),
    PrimaryKeyConstraint("user_id", "key"),
    one_of("state", "proposed", "approved", "rejected"),
    CheckConstraint("amount <> 0", name="amount"),
    CheckConstraint("(state = 'proposed') = (decided_by IS NULL)", name="decided"),
    CheckConstraint("(decided_by IS NULL) = (decided_at_us IS NULL)", name="dated"),
    CheckConstraint("state <> 'approved' OR decided_by <> proposed_by", name="four_eyes"),
    Index("ix_adjustments_key", "key"),
)
"""An administrator proposes, another one decides: by the key alone, then on the user's own machine."""

requests = Table(
    "requests",
    metadata,
    *big("user_id"),
    *words("operation", "key", "fingerprint"),
    *big("resource_id"),
    PrimaryKeyConstraint("user_id", "operation", "key"),
)
"""Idempotency keys, kept for ever."""

events = Table(
    "events",
    metadata,
    *big("user_id"),
    Column("seq", BigInteger, nullable=False, server_default=text("nextval('event_ids')")),
    Column(
        "xid",
        BigInteger,
        nullable=False,
        server_default=text("(pg_current_xact_id()::text)::bigint"),
    ),
    *big("at_us"),
    *words("event"),
    Column("body", JSON, nullable=False),
    PrimaryKeyConstraint("user_id", "seq"),
    Index("ix_events_log", "xid", "seq"),
)
"""Append-only. `seq` says in which order decisions were made, `xid` what was committed together."""
