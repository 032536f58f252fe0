"""When sessions began, were used and ended, and on what; and a version of users.

Of sessions from before nobody knows their device; they began when they were last renewed, as far as
anybody can tell, and those that were revoked ended a long time ago.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_NEW: dict[str, sa.types.TypeEngine[Any]] = {
    "created_at_us": sa.BigInteger(),
    "used_at_us": sa.BigInteger(),
    "device": sa.Text(),
    "retry": sa.Text(),
}

_RENEWED = f"greatest(expires_at_us - {14 * 24 * 3600 * 10**6}, 0)"
"""A session expires 14 days after it was last renewed."""


def upgrade() -> None:
    _add("users", "version", sa.BigInteger())
    _turn("revoked", "ended_at_us", sa.BigInteger(), "CASE WHEN revoked THEN 1 ELSE 0 END")
    for name, kind in _NEW.items():
        _add("sessions", name, kind)
    op.execute(f"UPDATE sessions SET created_at_us = {_RENEWED}, used_at_us = {_RENEWED}")  # noqa: S608 - our own words
    ended = sa.text("ended_at_us > 0")
    op.create_index("ix_sessions_ended", "sessions", ["ended_at_us"], postgresql_where=ended)
    op.create_index("ix_sessions_expiry", "sessions", ["expires_at_us"])


def downgrade() -> None:
    """When sessions ended is not kept."""
    op.drop_index("ix_sessions_expiry", "sessions")
    op.drop_index("ix_sessions_ended", "sessions")
    for name in _NEW:
        op.drop_column("sessions", name)
    _turn("ended_at_us", "revoked", sa.Boolean(), "ended_at_us > 0")
    op.drop_column("users", "version")


def _add(table: str, name: str, kind: sa.types.TypeEngine[Any]) -> None:
    """A column that rows from before have empty, and new ones must give."""
    nothing = "" if isinstance(kind, sa.Text) else "0"
    op.add_column(table, sa.Column(name, kind, nullable=False, server_default=nothing))
    op.alter_column(table, name, server_default=None)


def _turn(old: str, new: str, kind: sa.types.TypeEngine[Any], values: str) -> None:
    """One column into another, whose constraint Postgres names anew."""
    op.alter_column("sessions", old, type_=kind, nullable=True, postgresql_using=values)
    op.alter_column("sessions", old, new_column_name=new)
    op.alter_column("sessions", new, nullable=False)
