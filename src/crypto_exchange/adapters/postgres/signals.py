"""Signals over Postgres: everybody's sessions and orders in one statement, which locks nothing."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg
import msgspec

from crypto_exchange.adapters.postgres import audit
from crypto_exchange.adapters.postgres.failures import translated
from crypto_exchange.adapters.postgres.pool import Connection, Database
from crypto_exchange.adapters.postgres.rows import read, read_signals
from crypto_exchange.domain.activity import Activity, Signals
from crypto_exchange.domain.errors import Conflict
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.signals import (
    NEW_US,
    PLACED_US,
    SEEN_US,
    Observation,
    Place,
    SignalRun,
    say_nothing,
)

# Windows count every account once at an address, whatever it came with, and nothing is joined: a join of
# everybody with everybody at an address would take the square of their number.
_OBSERVE = """
WITH came AS MATERIALIZED (
  SELECT DISTINCT user_id, address, device FROM sessions
   WHERE address <> '' AND used_at_us > $1),
counted AS (
  SELECT c.*, row_number() OVER (PARTITION BY address, user_id ORDER BY device) = 1 AS once,
         (SELECT count(*) FROM orders AS o WHERE o.user_id = c.user_id AND o.created_at_us > $2
             AND o.total < $3) AS placed,
         (SELECT (w.activity->>'registered_at_us')::bigint > $4 FROM wallets AS w
           WHERE w.user_id = c.user_id) AS fresh
    FROM came AS c),
places AS (
  SELECT user_id, placed, device,
         count(*) FILTER (WHERE once) OVER here AS accounts,
         coalesce(sum(placed) FILTER (WHERE once) OVER here, 0) AS orders,
         count(*) OVER alike AS alike,
         count(*) FILTER (WHERE fresh) OVER alike AS fresh,
         coalesce(sum(placed) FILTER (WHERE fresh) OVER alike, 0) AS fresh_orders
    FROM counted
  WINDOW here AS (PARTITION BY address), alike AS (PARTITION BY address, device)),
people AS (
  SELECT user_id, max(placed) AS orders, max(accounts) AS most,
         json_agg(json_build_array(accounts, orders, alike, fresh, fresh_orders)
                  ORDER BY accounts, orders, alike, fresh, fresh_orders)
           FILTER (WHERE accounts > 0) AS places
    FROM (SELECT user_id, placed, accounts, orders, alike, fresh, fresh_orders FROM places
          UNION ALL SELECT user_id, 0, 0, 0, 0, 0, 0 FROM user_signals) AS each
   GROUP BY user_id),
known AS (
  SELECT p.*, (SELECT s.body FROM user_signals AS s WHERE s.user_id = p.user_id) AS body,
         EXISTS (SELECT FROM transfers AS t WHERE t.user_id = p.user_id AND t.at_us >= $5
                    AND t.kind IN ('deposit', 'withdrawal', 'purchase', 'refund', 'adjustment')) AS moved
    FROM people AS p)
SELECT user_id, orders, places, body, moved,
       (SELECT w.activity FROM wallets AS w WHERE w.user_id = known.user_id) AS activity
  FROM known WHERE most > 1 OR moved OR body IS NOT NULL
 ORDER BY user_id"""
_FIND_RUN = "SELECT at_us, model, memory FROM signal_runs WHERE name = $1"
_SAVE_RUN = """
INSERT INTO signal_runs AS r (name, at_us, model, memory) VALUES ($1, $2, $3, $4)
    ON CONFLICT (name) DO UPDATE
   SET at_us = excluded.at_us, model = excluded.model, memory = excluded.memory
 WHERE r.at_us = $5"""
_SAVE = """
INSERT INTO user_signals (user_id, at_us, body)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::json[])
    ON CONFLICT (user_id) DO UPDATE SET at_us = excluded.at_us, body = excluded.body"""
_FORGET = "DELETE FROM user_signals WHERE user_id = ANY($1::bigint[])"
_NAME = "signals"
_NEVER = -1
_AT_ONCE = 2_000
"""Rows that a statement writes within its time, however many there are."""


class PostgresSignals:
    """Implements `SignalStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_run(self) -> SignalRun | None:
        row = await self._database.fetchrow(_FIND_RUN, _NAME)
        return None if row is None else read(SignalRun, row)

    async def observe(
        self, *, at_us: int, moved_since_us: int, small: int
    ) -> tuple[Observation, ...]:
        since = at_us - SEEN_US, at_us - PLACED_US, small, at_us - NEW_US, moved_since_us

        async def read_all(connection: Connection) -> list[asyncpg.Record]:
            async with audit.patience(connection):
                return await connection.fetch(_OBSERVE, *since, timeout=audit.PATIENCE_S)

        return tuple(_observation(row) for row in await self._database.load(read_all))

    async def save(
        self, found: Mapping[UserId, Signals], before: SignalRun | None, after: SignalRun
    ) -> None:
        kept = [user_id for user_id in sorted(found) if not say_nothing(found[user_id])]
        gone = sorted(found.keys() - set(kept))
        run = (
            _NAME,
            after.at_us,
            after.model,
            after.memory,
            _NEVER if before is None else before.at_us,
        )
        async with self._database.connection() as connection:
            with translated():
                async with connection.transaction():
                    if await connection.execute(_SAVE_RUN, *run) != "INSERT 0 1":
                        raise Conflict("somebody else has looked for signals")
                    await connection.execute(_FORGET, gone)
                    for first in range(0, len(kept), _AT_ONCE):
                        part = kept[first : first + _AT_ONCE]
                        times = [found[user_id].at_us for user_id in part]
                        bodies = [msgspec.json.encode(found[u]).decode() for u in part]
                        await connection.execute(_SAVE, part, times, bodies)


def _observation(row: asyncpg.Record) -> Observation:
    return Observation(
        user_id=row["user_id"],
        orders=row["orders"],
        places=msgspec.json.decode(row["places"] or "[]", type=tuple[Place, ...]),
        activity=msgspec.json.decode(row["activity"] or "{}", type=Activity),
        moved=row["moved"],
        known=read_signals(row["body"]) or Signals(),
    )
