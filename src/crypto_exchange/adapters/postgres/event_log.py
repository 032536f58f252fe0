"""The event log, in an order that has no gaps."""

from __future__ import annotations

import msgspec

from crypto_exchange.adapters.postgres.pool import Database
from crypto_exchange.domain.events import AnyEvent

# Numbers are drawn before commits, so a lower one may appear later. But what a transaction wrote that
# was still open when the oldest open one began is never passed over: reading stops before that.
_READ = """
SELECT xid, seq, body FROM events
 WHERE (xid, seq) > ($1, $2) AND xid < (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint
 ORDER BY xid, seq LIMIT $3"""


class LoggedEvent(msgspec.Struct, frozen=True):
    """An event at its place in the log, (xid, seq)."""

    xid: int
    seq: int
    event: AnyEvent


class EventLog:
    """Reads events of transactions that have all ended, in the order (xid, seq)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(
        self, after: LoggedEvent | None = None, *, limit: int
    ) -> tuple[LoggedEvent, ...]:
        """Up to `limit` events behind the last one read. None is ever inserted before it later."""
        xid, seq = (0, 0) if after is None else (after.xid, after.seq)
        rows = await self._database.fetch(_READ, xid, seq, limit)
        return tuple(
            LoggedEvent(row["xid"], row["seq"], msgspec.json.decode(row["body"], type=AnyEvent))
            for row in rows
        )
