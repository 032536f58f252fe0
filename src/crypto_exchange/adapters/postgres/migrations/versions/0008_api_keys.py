"""API keys of programs, by their digests."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "api_keys",
        *(
            sa.Column(name, kind, nullable=False, autoincrement=False)
            for name, kind in (
                ("user_id", sa.BigInteger()),
                ("id", sa.Text()),
                ("name", sa.Text()),
                ("scopes", sa.Text()),
                ("digest", sa.Text()),
                ("created_at_us", sa.BigInteger()),
                ("expires_at_us", sa.BigInteger()),
                ("used_at_us", sa.BigInteger()),
                ("ended_at_us", sa.BigInteger()),
            )
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_keys_user_id_users")),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_api_keys")),
    )
    ended = sa.text("ended_at_us > 0")
    op.create_index("ix_api_keys_ended", "api_keys", ["ended_at_us"], postgresql_where=ended)


def downgrade() -> None:
    op.drop_table("api_keys")
