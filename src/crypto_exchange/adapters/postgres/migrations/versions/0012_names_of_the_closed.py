"""No names in the event log: it is never edited, so an account that is closed could not be forgotten."""

from alembic import op

revision = "0012"
down_revision = "0011"

# All that is left of the event stands beside it, in its columns.
_WITHOUT_NAMES = """
UPDATE events SET body = json_build_object('event', event, 'at_us', at_us, 'user_id', user_id)
 WHERE event = 'UserRegistered'"""
_WITH_NAMES = """
UPDATE events AS e
   SET body = json_build_object('event', event, 'at_us', at_us, 'user_id', user_id, 'username', username)
  FROM users AS u WHERE e.user_id = u.id AND event = 'UserRegistered'"""


def upgrade() -> None:
    op.execute(_WITHOUT_NAMES)


def downgrade() -> None:
    """The names of those who have left stay away."""
    op.execute(_WITH_NAMES)
