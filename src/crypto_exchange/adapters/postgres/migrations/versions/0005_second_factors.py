"""Second factors: a sealed secret and hashed recovery codes of each user who has one."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "second_factors",
        *(
            sa.Column(name, kind, nullable=False, autoincrement=False)
            for name, kind in (
                ("user_id", sa.BigInteger()),
                ("sealed", sa.Text()),
                ("state", sa.Text()),
                ("recovery", sa.Text()),
                ("last_step", sa.BigInteger()),
                ("wrong", sa.Integer()),
                ("locked_until_us", sa.BigInteger()),
                ("version", sa.BigInteger()),
            )
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'active', 'off')", name=op.f("ck_second_factors_state")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_second_factors_user_id_users")
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_second_factors")),
    )


def downgrade() -> None:
    op.drop_table("second_factors")
