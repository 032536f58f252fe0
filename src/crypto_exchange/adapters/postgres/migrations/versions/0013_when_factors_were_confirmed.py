"""When second factors were confirmed: one that was enrolled on the spot is worth less. Those that there are
count as confirmed long ago.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    column = sa.Column("confirmed_at_us", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("second_factors", column)
    op.alter_column("second_factors", "confirmed_at_us", server_default=None)


def downgrade() -> None:
    op.drop_column("second_factors", "confirmed_at_us")
