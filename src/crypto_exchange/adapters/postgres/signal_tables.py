"""The tables of what the worker finds about users."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, PrimaryKeyConstraint, Table
from sqlalchemy.dialects.postgresql import JSON

from crypto_exchange.adapters.postgres.column_kinds import big, metadata, words

user_signals = Table(
    "user_signals",
    metadata,
    *big("user_id", "at_us"),
    Column("body", JSON, nullable=False),
    PrimaryKeyConstraint("user_id"),
    ForeignKeyConstraint(["user_id"], ["users.id"]),
)
"""Of those alone of whom there is something to say."""

signal_runs = Table(
    "signal_runs",
    metadata,
    *words("name"),
    *big("at_us"),
    *words("model", "memory"),
    PrimaryKeyConstraint("name"),
)
"""One row: when a worker looked last, and what the learned score knows, under its version."""
