"""The audit log and its chain."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSON

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("audit_ids", start=1, maxvalue=2**53 - 1)))
    number = sa.text("nextval('audit_ids')")
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), nullable=False, server_default=number),
        *(
            sa.Column(name, kind, nullable=False, autoincrement=False)
            for name, kind in (
                ("at_us", sa.BigInteger()),
                ("actor_id", sa.BigInteger()),
                ("via", sa.Text()),
                ("address", sa.Text()),
                ("request_id", sa.Text()),
                ("action", sa.Text()),
                ("user_id", sa.BigInteger()),
                ("subject", sa.Text()),
                ("details", JSON()),
            )
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_id", "audit_log", ["id"])
    op.create_index("ix_audit_log_actor", "audit_log", ["actor_id", "id"])
    op.create_index("ix_audit_log_action", "audit_log", ["action", "id"])
    op.create_table(
        "audit_chain",
        sa.Column("position", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint("position > 0", name=op.f("ck_audit_chain_position")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_audit_chain")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_audit_chain_entry_id")),
    )


def downgrade() -> None:
    op.drop_table("audit_chain")
    op.drop_table("audit_log")
    op.execute(sa.schema.DropSequence(sa.Sequence("audit_ids")))
