"""Whether an account is in use, frozen or closed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    status = sa.Column("status", sa.Text(), nullable=False, server_default="active")
    op.add_column("users", status)
    op.alter_column("users", "status", server_default=None)
    op.create_check_constraint(
        op.f("ck_users_status"), "users", "status IN ('active', 'frozen', 'closed')"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_users_status"), "users")
    op.drop_column("users", "status")
