"""The tables of trading: orders, what is bought for them, how that was shared out, and what is amiss."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    text,
)
from sqlalchemy.dialects.postgresql import JSON

from crypto_exchange.adapters.postgres.column_kinds import (
    amount,
    big,
    flag,
    metadata,
    one_of,
    small,
    words,
)

_LOOSE = "state IN ('pending', 'aggregated') AND batch IS NULL AND reason IS NULL"
_MEMBER = "state = 'pending' AND batch IS NOT NULL"
_IN_FLIGHT = "state IN ('submitting', 'unknown', 'quarantined')"
_GIVEN_UP = "state IN ('rejected', 'not_placed')"

orders = Table(
    "orders",
    metadata,
    *big("user_id", "id"),
    *words("asset"),
    *amount("quantity", "unit_price", "total"),
    *flag("direct"),
    *words("state"),
    *big("created_at_us"),
    *words("reason", "batch", nullable=True),
    *amount("filled", "charged"),
    *big("version"),
    *words("pricing", "risk"),
    PrimaryKeyConstraint("user_id", "id"),
    one_of("pricing", "quoted", "average"),
    one_of(
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
    CheckConstraint(
        "reason <> 'under_review' OR (state = 'pending' AND batch IS NULL)", name="held"
    ),
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

reviews = Table(
    "reviews",
    metadata,
    *big("user_id"),
    *words("id", "kind"),
    *big("order_id", nullable=True),
    *amount("amount"),
    *words("risk", "state"),
    *big("opened_at_us", "decided_at_us", "decided_by", "version"),
    PrimaryKeyConstraint("user_id", "id"),
    one_of("kind", "order", "withdrawal"),
    one_of("state", "open", "released", "refused", "expired", "used"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("(kind = 'order') = (order_id IS NOT NULL)", name="order_id"),
    Index("ix_reviews_open", "opened_at_us", "id", postgresql_where=text("state = 'open'")),
    Index(
        "ix_reviews_subject",
        "user_id",
        "kind",
        "amount",
        text("coalesce(order_id, 0)"),
        unique=True,
        postgresql_where=text("state = 'open'"),
    ),
)
"""What the fraud rules hold. Of the same, at most one is open."""

batches = Table(
    "batches",
    metadata,
    *words("key", "asset", "kind", "state"),
    *small("attempt"),
    *flag("live"),
    *amount("used", "surplus"),
    *small("counted", "checks"),
    *big("due_at_us", "created_at_us", "version"),
    *words("pricing"),
    PrimaryKeyConstraint("key", "asset"),
    one_of("kind", "direct", "aggregated"),
    one_of("pricing", "quoted", "average"),
    one_of("state", "sealed", "settled", "returned", "refunded"),
    CheckConstraint("used >= 0 AND surplus >= 0", name="reservation"),
    CheckConstraint("live OR (used = 0 AND surplus = 0)", name="freed"),
    CheckConstraint("live <= (state = 'sealed')", name="live"),
    Index("ix_batches_due", "due_at_us", postgresql_where=text("state = 'sealed'")),
)

purchases = Table(
    "purchases",
    metadata,
    *words("batch"),
    *small("attempt"),
    *words("asset"),
    *small("scale"),
    *amount("quantity"),
    *big("timestamp_ms", "window_ms"),
    *words("state"),
    *words("code", "message", nullable=True),
    PrimaryKeyConstraint("batch", "attempt", "asset"),
    ForeignKeyConstraint(["batch", "asset"], ["batches.key", "batches.asset"]),
    one_of(
        "state",
        "submitting",
        "unknown",
        "filled",
        "partially_filled",
        "rejected",
        "not_placed",
        "quarantined",
        "late",
    ),
    CheckConstraint("quantity > 0", name="quantity"),
    Index("ix_purchases_in_flight", "timestamp_ms", postgresql_where=text(_IN_FLIGHT)),
    Index("ix_purchases_given_up", "timestamp_ms", postgresql_where=text(_GIVEN_UP)),
)

fills = Table(
    "fills",
    metadata,
    *words("batch"),
    *small("attempt"),
    *words("asset", "trade_id"),
    *amount("quantity", "cost", "fee"),
    *words("fee_currency"),
    PrimaryKeyConstraint("batch", "attempt", "trade_id", "asset"),
    ForeignKeyConstraint(
        ["batch", "attempt", "asset"],
        ["purchases.batch", "purchases.attempt", "purchases.asset"],
    ),
    CheckConstraint("quantity >= 0 AND cost >= 0 AND fee >= 0", name="amounts"),
)

statements = Table(
    "statements",
    metadata,
    *words("batch", "asset"),
    Column("body", JSON, nullable=False),
    PrimaryKeyConstraint("batch", "asset"),
    ForeignKeyConstraint(["batch", "asset"], ["batches.key", "batches.asset"]),
)
"""What a batch was shared out by, kept for ever."""

breaks = Table(
    "breaks",
    metadata,
    *words("key", "kind", "subject"),
    *amount("expected", "found"),
    *small("scale"),
    *big("opened_at_us"),
    *big("closed_at_us", nullable=True),
    *words("evidence", nullable=True),
    *big("version"),
    PrimaryKeyConstraint("key"),
    one_of(
        "kind",
        "currency",
        "balance",
        "cost",
        "order",
        "suspense",
        "clearing",
        "reservation",
        "venue",
        "late_fill",
    ),
    CheckConstraint("(closed_at_us IS NULL) = (evidence IS NULL)", name="closed"),
    Index(
        "ix_breaks_open",
        "kind",
        "subject",
        unique=True,
        postgresql_where=text("closed_at_us IS NULL"),
    ),
)
"""Differences that somebody has to explain; of a kind and subject at most one is open."""
