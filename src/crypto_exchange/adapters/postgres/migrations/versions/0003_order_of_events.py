"""Numbers of events are drawn one by one, so that they tell in which order decisions were made."""

from alembic import op

revision = "0003"
down_revision = "0002"

# Sessions drew fifty at a time: what is there keeps the order of its transactions.
_NUMBER_ANEW = """
UPDATE events AS e SET seq = (SELECT last_value FROM event_ids) + n.place
  FROM (SELECT user_id, seq, row_number() OVER (ORDER BY xid, seq) AS place FROM events) AS n
 WHERE e.user_id = n.user_id AND e.seq = n.seq"""


def upgrade() -> None:
    op.execute("ALTER SEQUENCE event_ids CACHE 1")
    op.execute(_NUMBER_ANEW)
    op.execute("SELECT setval('event_ids', max(seq)) FROM events")


def downgrade() -> None:
    """The new numbers stay."""
    op.execute("ALTER SEQUENCE event_ids CACHE 50")
