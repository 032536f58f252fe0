"""Adjustments of balances that wait for a second pair of eyes."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_MOVES_WALLET = "'deposit', 'withdrawal', 'purchase', 'refund'"
_CHECKS = {
    "state": "state IN ('proposed', 'approved', 'rejected')",
    "amount": "amount <> 0",
    "decided": "(state = 'proposed') = (decided_by IS NULL)",
    "dated": "(decided_by IS NULL) = (decided_at_us IS NULL)",
    "four_eyes": "state <> 'approved' OR decided_by <> proposed_by",
}


def upgrade() -> None:
    op.create_table(
        "adjustments",
        *(
            sa.Column(name, kind, nullable=name.startswith("decided"), autoincrement=False)
            for name, kind in (
                ("key", sa.Text()),
                ("user_id", sa.BigInteger()),
                ("amount", sa.Numeric(38, 0)),
                ("reason", sa.Text()),
                ("proposed_by", sa.BigInteger()),
                ("proposed_at_us", sa.BigInteger()),
                ("state", sa.Text()),
                ("decided_by", sa.BigInteger()),
                ("decided_at_us", sa.BigInteger()),
                ("version", sa.BigInteger()),
            )
        ),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_adjustments_{name}"))
            for name, rule in _CHECKS.items()
        ),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_adjustments")),
    )
    op.create_index("ix_adjustments_key", "adjustments", ["key"])
    _index_movements(f"{_MOVES_WALLET}, 'adjustment'")


def downgrade() -> None:
    _index_movements(_MOVES_WALLET)
    op.drop_table("adjustments")


def _index_movements(kinds: str) -> None:
    op.drop_index("ix_transfers_wallet", "transfers")
    op.create_index(
        "ix_transfers_wallet",
        "transfers",
        ["user_id", "at_us", "id"],
        postgresql_where=sa.text(f"kind IN ({kinds})"),
    )
