"""Pricing, statements of settled batches, break records, and more ends of purchases."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

_PRICED = ("orders", "batches")
_STATES = (
    "'submitting', 'unknown', 'filled', 'partially_filled', 'rejected', 'not_placed', "
    "'quarantined', 'late'"
)
_FIRST_STATES = "'submitting', 'filled', 'rejected', 'not_placed'"
_KINDS = (
    "'currency', 'balance', 'cost', 'order', 'suspense', 'clearing', 'reservation', 'venue', "
    "'late_fill'"
)


def upgrade() -> None:
    for table in _PRICED:
        # What is there was quoted; new rows say it themselves.
        op.add_column(
            table, sa.Column("pricing", sa.Text(), nullable=False, server_default="quoted")
        )
        op.alter_column(table, "pricing", server_default=None)
        name = op.f(f"ck_{table}_pricing")
        op.create_check_constraint(name, table, "pricing IN ('quoted', 'average')")
    _limit_states(_STATES)
    _index_purchases("ix_purchases_in_flight", "'submitting', 'unknown', 'quarantined'")
    _index_purchases("ix_purchases_given_up", "'rejected', 'not_placed'")
    _create_statements()
    _create_breaks()


def downgrade() -> None:
    """Fails while there are purchases in a state that the first migration does not know."""
    op.drop_table("breaks")
    op.drop_table("statements")
    op.drop_index("ix_purchases_given_up", "purchases")
    op.drop_index("ix_purchases_in_flight", "purchases")
    _limit_states(_FIRST_STATES)
    for table in _PRICED:
        op.drop_column(table, "pricing")


def _limit_states(states: str) -> None:
    name = op.f("ck_purchases_state")
    op.drop_constraint(name, "purchases")
    op.create_check_constraint(name, "purchases", f"state IN ({states})")


def _index_purchases(name: str, states: str) -> None:
    where = sa.text(f"state IN ({states})")
    op.create_index(name, "purchases", ["timestamp_ms"], postgresql_where=where)


def _create_statements() -> None:
    op.create_table(
        "statements",
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch", "asset"],
            ["batches.key", "batches.asset"],
            name=op.f("fk_statements_batch_batches"),
        ),
        sa.PrimaryKeyConstraint("batch", "asset", name=op.f("pk_statements")),
    )


def _create_breaks() -> None:
    op.create_table(
        "breaks",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("expected", sa.Numeric(38, 0), nullable=False),
        sa.Column("found", sa.Numeric(38, 0), nullable=False),
        sa.Column("scale", sa.Integer(), nullable=False),
        sa.Column("opened_at_us", sa.BigInteger(), nullable=False),
        sa.Column("closed_at_us", sa.BigInteger(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(f"kind IN ({_KINDS})", name=op.f("ck_breaks_kind")),
        sa.CheckConstraint(
            "(closed_at_us IS NULL) = (evidence IS NULL)", name=op.f("ck_breaks_closed")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_breaks")),
    )
    op.create_index(
        "ix_breaks_open",
        "breaks",
        ["kind", "subject"],
        unique=True,
        postgresql_where=sa.text("closed_at_us IS NULL"),
    )
