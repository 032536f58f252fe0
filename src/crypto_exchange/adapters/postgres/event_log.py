"""The event log, in an order in which each event comes after those that its decision had seen.

An event's number is drawn when its transaction has all of its locks, which it keeps until it ends: who
saw another's rows, or waited for them, has the higher number (two-phase locking). Transaction numbers
tell less: two who wait for one row have theirs before it is known who comes first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from crypto_exchange.adapters.postgres.audit import PATIENCE_S, patience
from crypto_exchange.adapters.postgres.failures import translated
from crypto_exchange.adapters.postgres.pool import Database
from crypto_exchange.domain.events import AnyEvent

_NOTHING = "1:1:"
"""The snapshot in which no transaction is seen."""
# Commits that draw at the same time have nothing to do with each other, so each may be kept together.
_READ = """
SELECT xid, body FROM events
 WHERE xid >= (pg_snapshot_xmin($1::text::pg_snapshot)::text)::bigint
   AND NOT pg_visible_in_snapshot(xid::text::xid8, $1::text::pg_snapshot)
 ORDER BY min(seq) OVER (PARTITION BY xid), seq"""


class LoggedEvent(msgspec.Struct, frozen=True):
    """An event, and the number of the transaction that it was written in."""

    xid: int
    event: AnyEvent


class EventLog:
    """Reads all events once, as they come."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen = _NOTHING

    async def read(self) -> AsyncIterator[LoggedEvent]:
        """What was committed since the last reading that went to its end; at first, all there is.

        One snapshot has whatever its events had seen, and what it lacks the next reading has: numbers
        are drawn before commits, so no number says up to where a log has been read.
        """
        async with self._database.connection() as connection:
            with translated():
                async with patience(connection):
                    # Whoever takes the events may take them slowly.
                    await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                    now = await connection.fetchval("SELECT pg_current_snapshot()::text")
                    cursor = connection.cursor(
                        _READ, self._seen, prefetch=1_000, timeout=PATIENCE_S
                    )
                    async for row in cursor:
                        event = msgspec.json.decode(row["body"], type=AnyEvent)
                        yield LoggedEvent(row["xid"], event)
        self._seen = now
