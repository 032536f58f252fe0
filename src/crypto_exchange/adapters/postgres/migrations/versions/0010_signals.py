"""What the worker finds about users, and from where they logged in.

Of sessions from before nobody knows the address.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("sessions", sa.Column("address", sa.Text(), nullable=False, server_default=""))
    op.alter_column("sessions", "address", server_default=None)
    known = sa.text("address <> ''")
    op.create_index("ix_sessions_used", "sessions", ["used_at_us"], postgresql_where=known)
    op.create_table(
        "user_signals",
        sa.Column("user_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_user_signals")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_signals_user_id_users")
        ),
    )
    op.create_table(
        "signal_runs",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("memory", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_signal_runs")),
    )


def downgrade() -> None:
    op.drop_table("signal_runs")
    op.drop_table("user_signals")
    op.drop_index("ix_sessions_used", "sessions")
    op.drop_column("sessions", "address")
