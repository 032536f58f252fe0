"""What users have done, what the fraud rules said, and what waits for review.

What users did before was not counted: their past begins empty.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_OPEN = "state IN ('pending', 'aggregated') AND batch IS NULL"
_CHECKS = {
    "kind": "kind IN ('order', 'withdrawal')",
    "state": "state IN ('open', 'released', 'refused', 'expired', 'used')",
    "amount": "amount > 0",
    "order_id": "(kind = 'order') = (order_id IS NOT NULL)",
}


def upgrade() -> None:
    for table, column in (
        ("wallets", sa.Column("activity", sa.JSON(), nullable=False, server_default="{}")),
        ("orders", sa.Column("risk", sa.Text(), nullable=False, server_default="")),
    ):
        op.add_column(table, column)
        op.alter_column(table, column.name, server_default=None)
    op.create_check_constraint(
        op.f("ck_orders_held"),
        "orders",
        "reason <> 'under_review' OR (state = 'pending' AND batch IS NULL)",
    )
    _index_loose(f"{_OPEN} AND reason IS NULL")
    op.create_table(
        "reviews",
        *(
            sa.Column(name, kind, nullable=name == "order_id", autoincrement=False)
            for name, kind in (
                ("user_id", sa.BigInteger()),
                ("id", sa.Text()),
                ("kind", sa.Text()),
                ("order_id", sa.BigInteger()),
                ("amount", sa.Numeric(38, 0)),
                ("risk", sa.Text()),
                ("state", sa.Text()),
                ("opened_at_us", sa.BigInteger()),
                ("decided_at_us", sa.BigInteger()),
                ("decided_by", sa.BigInteger()),
                ("version", sa.BigInteger()),
            )
        ),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_reviews_{name}"))
            for name, rule in _CHECKS.items()
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_reviews")),
    )
    opened = sa.text("state = 'open'")
    op.create_index("ix_reviews_open", "reviews", ["opened_at_us", "id"], postgresql_where=opened)
    op.create_index(
        "ix_reviews_subject",
        "reviews",
        ["user_id", "kind", "amount", sa.text("coalesce(order_id, 0)")],
        unique=True,
        postgresql_where=opened,
    )


def downgrade() -> None:
    op.drop_table("reviews")
    _index_loose(_OPEN)
    op.drop_constraint(op.f("ck_orders_held"), "orders")
    op.drop_column("orders", "risk")
    op.drop_column("wallets", "activity")


def _index_loose(rows: str) -> None:
    op.drop_index("ix_orders_loose", "orders")
    op.create_index(
        "ix_orders_loose",
        "orders",
        ["asset", "direct", "created_at_us", "id"],
        postgresql_where=sa.text(rows),
    )
