"""Closing an account over Postgres: what it still has, and what is erased of it."""

from __future__ import annotations

from crypto_exchange.adapters.postgres.pool import Connection
from crypto_exchange.domain.change import Erasure

GET_BELONGINGS = """
SELECT json_build_object('orders', o.orders, 'held', o.held,
       'adjustments', coalesce((SELECT json_agg(a ORDER BY a.key) FROM adjustments AS a
                                 WHERE a.user_id = $1 AND a.state = 'proposed'), '[]'),
       'coins', coalesce((SELECT json_agg(c ORDER BY c.asset COLLATE "C")
                            FROM (SELECT h.asset, a.scale, h.quantity, h.cost, a.price
                                    FROM holdings AS h JOIN assets AS a ON a.symbol = h.asset
                                   WHERE h.user_id = $1 AND h.quantity > 0) AS c), '[]'))
  FROM (SELECT count(*) AS orders, coalesce(sum(total), 0) AS held
          FROM orders WHERE user_id = $1 AND state IN ('pending', 'aggregated')) AS o"""

_FORGET_NAME = "DELETE FROM usernames WHERE username_key = $1 AND user_id = $2"
# The rows stay until they expire: processes find there which access tokens are good no longer.
_END_SESSIONS = """
UPDATE sessions SET ended_at_us = CASE ended_at_us WHEN 0 THEN $2 ELSE ended_at_us END,
       device = '', address = '', retry = ''
 WHERE user_id = $1"""
_END_KEYS = """
UPDATE api_keys SET ended_at_us = CASE ended_at_us WHEN 0 THEN $2 ELSE ended_at_us END,
       name = '', digest = ''
 WHERE user_id = $1"""
_FORGET_SIGNALS = "DELETE FROM user_signals WHERE user_id = $1"


async def erase(connection: Connection, erasure: Erasure | None) -> None:
    """Write an erasure inside the transaction of the connection."""
    if erasure is not None:
        user = erasure.user
        await connection.execute(_FORGET_NAME, user.username.lower(), user.id)
        await connection.execute(_FORGET_SIGNALS, user.id)
        for ending in (_END_SESSIONS, _END_KEYS):
            await connection.execute(ending, user.id, max(erasure.at_us, 1))
