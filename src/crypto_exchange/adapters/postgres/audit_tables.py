"""The tables of the audit log. Nothing in them is ever changed or removed: see `privileges.py`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSON

from crypto_exchange.adapters.postgres.column_kinds import big, metadata, words

audit_ids = Sequence("audit_ids", start=1, maxvalue=2**53 - 1, metadata=metadata)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, nullable=False, server_default=text("nextval('audit_ids')")),
    *big("at_us", "actor_id"),
    *words("via", "address", "request_id", "action"),
    *big("user_id"),
    *words("subject"),
    Column("details", JSON, nullable=False),
    PrimaryKeyConstraint("user_id", "id"),
    Index("ix_audit_log_id", "id"),
    Index("ix_audit_log_actor", "actor_id", "id"),
    Index("ix_audit_log_action", "action", "id"),
)
"""`actor_id` and `user_id` are 0 for nobody. No key leads to users, so it outlives them."""

audit_chain = Table(
    "audit_chain",
    metadata,
    *big("position", "entry_id"),
    *words("hash"),
    PrimaryKeyConstraint("position"),
    UniqueConstraint("entry_id"),
    CheckConstraint("position > 0", name="position"),
)
