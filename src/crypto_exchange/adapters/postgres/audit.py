"""The books compared with themselves: rows with the transfers that they should follow from.

Each query walks through a table once and answers with what differs alone: kind, subject, expected,
found, and the currency that these are amounts of. What decides about money stays in the domain; this
adds up and compares.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import msgspec

from crypto_exchange.adapters.postgres.pool import Connection
from crypto_exchange.domain.breaks import Difference
from crypto_exchange.domain.money import DEFAULT_ASSET_SCALE, USD_SCALE

PATIENCE_S = 120
"""For a walk through the whole ledger."""

# Every account and kind of transfer, once for all that is compared with them.
_ACCOUNTS = """
WITH moves AS MATERIALIZED (
  SELECT account, split_part(account, ':', -1) AS of_name, currency, kind, sum(amount) AS amount,
         sum(abs(amount)) AS gross
    FROM (SELECT debit AS account, currency, kind, -amount AS amount FROM transfers
          UNION ALL SELECT credit, currency, kind, amount FROM transfers) AS m
   GROUP BY account, currency, kind),
ledger AS MATERIALIZED (
  SELECT account, of_name, sum(amount) AS balance FROM moves GROUP BY account, of_name),
kept AS (
  SELECT 'user:' || user_id || ':USD' AS account, balance FROM wallets
  UNION ALL SELECT 'user:' || user_id || ':' || asset, quantity FROM holdings
  UNION ALL SELECT 'house:inventory:' || asset, quantity FROM inventory),
traded AS (
  SELECT f.batch, p.state, f.asset AS currency, f.quantity AS amount
    FROM fills AS f JOIN purchases AS p USING (batch, attempt, asset)
  UNION ALL
  SELECT f.batch, p.state, 'USD', -f.cost FROM fills AS f JOIN purchases AS p USING (batch, attempt, asset)
  UNION ALL
  SELECT f.batch, CASE WHEN f.fee_currency IN ('USD', f.asset) THEN p.state END, f.fee_currency, -f.fee
    FROM fills AS f JOIN purchases AS p USING (batch, attempt, asset)),
booked AS (
  SELECT account, of_name, sum(amount) AS amount FROM moves
   WHERE kind IN ('fill', 'cost', 'fee') GROUP BY account, of_name)"""

_CURRENCY = """
SELECT 'currency' AS kind, of_name AS subject, 0 AS expected, sum(balance) AS found, of_name AS currency
  FROM ledger GROUP BY of_name HAVING sum(balance) <> 0
UNION ALL
SELECT 'currency', account, 0, sum(gross), of_name FROM moves
 WHERE of_name <> currency GROUP BY account, of_name"""
_BALANCE = """
SELECT 'balance', coalesce(k.account, l.account), coalesce(l.balance, 0), coalesce(k.balance, 0),
       split_part(coalesce(k.account, l.account), ':', -1)
  FROM kept AS k
  FULL JOIN (SELECT * FROM ledger WHERE account LIKE 'user:%' OR account LIKE 'house:inventory:%') AS l
       ON l.account = k.account
 WHERE coalesce(k.balance, 0) <> coalesce(l.balance, 0)"""
_SUSPENSE = """
SELECT 'suspense', coalesce(l.account, o.account), coalesce(o.total, 0), coalesce(l.balance, 0), 'USD'
  FROM (SELECT * FROM ledger WHERE account LIKE 'suspense:%') AS l
  FULL JOIN (SELECT 'suspense:' || user_id || ':USD' AS account, sum(total) AS total FROM orders
              WHERE state IN ('pending', 'aggregated') GROUP BY user_id) AS o ON o.account = l.account
 WHERE coalesce(o.total, 0) <> coalesce(l.balance, 0)"""
# Either something is left of a batch, or the trades booked are not those that the exchange reported.
_CLEARING = """
SELECT 'clearing', account, CASE WHEN balance <> 0 THEN 0 ELSE traded END,
       CASE WHEN balance <> 0 THEN balance ELSE booked END, split_part(account, ':', -1)
  FROM (SELECT coalesce(l.account, t.account) AS account, coalesce(l.balance, 0) AS balance,
               coalesce(t.amount, 0) AS traded, coalesce(b.amount, 0) AS booked
          FROM (SELECT * FROM ledger WHERE account LIKE 'clearing:%') AS l
          FULL JOIN (SELECT 'clearing:' || batch || ':' || currency AS account, sum(amount) AS amount
                       FROM traded WHERE state IN ('filled', 'partially_filled')
                      GROUP BY batch, currency) AS t ON t.account = l.account
          LEFT JOIN booked AS b ON b.account = l.account) AS c
 WHERE balance <> 0 OR traded <> booked"""
_VENUE = """
SELECT 'balance', coalesce(t.account, b.account), coalesce(t.amount, 0), coalesce(b.amount, 0),
       split_part(coalesce(t.account, b.account), ':', -1)
  FROM (SELECT 'venue:' || currency AS account, -sum(amount) AS amount FROM traded GROUP BY currency) AS t
  FULL JOIN (SELECT * FROM booked WHERE account LIKE 'venue:%') AS b ON b.account = t.account
 WHERE coalesce(t.amount, 0) <> coalesce(b.amount, 0)"""
_OF_ACCOUNTS = (
    f"{_ACCOUNTS} {' UNION ALL '.join((_CURRENCY, _BALANCE, _SUSPENSE, _CLEARING, _VENUE))}"
)

# The first of the four that an order and its transfers do not agree on.
_OF_ORDERS = """
SELECT 'order' AS kind, 'order:' || user_id || ':' || id AS subject, d.expected, d.found, d.currency
  FROM (SELECT coalesce(o.user_id, t.user_id) AS user_id, coalesce(o.id, t.order_id) AS id, o.asset,
               coalesce(o.total, 0) AS total, coalesce(o.charged, 0) AS charged,
               coalesce(o.filled, 0) AS filled,
               CASE WHEN o.state IN ('pending', 'aggregated') THEN 0
                    ELSE coalesce(o.total - o.charged, 0) END AS refunded,
               coalesce(t.paid, 0) AS was_paid, coalesce(t.charged, 0) AS was_charged,
               coalesce(t.refunded, 0) AS was_refunded, coalesce(t.delivered, 0) AS was_delivered
          FROM orders AS o
          FULL JOIN (SELECT user_id, order_id,
                            sum(amount) FILTER (WHERE kind = 'purchase') AS paid,
                            sum(amount) FILTER (WHERE kind = 'charge') AS charged,
                            sum(amount) FILTER (WHERE kind = 'refund') AS refunded,
                            sum(amount) FILTER (WHERE kind = 'delivery') AS delivered
                       FROM transfers WHERE order_id IS NOT NULL GROUP BY user_id, order_id) AS t
               ON t.user_id = o.user_id AND t.order_id = o.id) AS b
  CROSS JOIN LATERAL (
       SELECT * FROM (VALUES (1, was_paid, total, 'USD'), (2, was_charged, charged, 'USD'),
                             (3, was_refunded, refunded, 'USD'), (4, was_delivered, filled, asset))
                     AS v(number, expected, found, currency)
        WHERE expected <> found ORDER BY number LIMIT 1) AS d"""
_OF_COSTS = """
SELECT 'cost' AS kind, 'user:' || user_id || ':' || asset AS subject, coalesce(o.charged, 0) AS expected,
       coalesce(h.cost, 0) AS found, 'USD' AS currency
  FROM holdings AS h
  FULL JOIN (SELECT user_id, asset, sum(charged) AS charged FROM orders GROUP BY user_id, asset) AS o
       USING (user_id, asset)
 WHERE coalesce(o.charged, 0) <> coalesce(h.cost, 0)"""
_OF_RESERVATIONS = """
SELECT 'reservation' AS kind, 'house:inventory:' || i.asset || ' ' || d.word AS subject, d.expected,
       d.found, i.asset AS currency
  FROM inventory AS i
  LEFT JOIN (SELECT asset, sum(used) AS used, sum(surplus) AS surplus FROM batches
              WHERE state = 'sealed' AND live GROUP BY asset) AS b ON b.asset = i.asset
  CROSS JOIN LATERAL (VALUES ('reserved', coalesce(b.used, 0), i.reserved),
                             ('expected', coalesce(b.surplus, 0), i.expected))
                     AS d(word, expected, found)
 WHERE d.expected <> d.found"""

_SETTINGS = (
    # Nothing is locked here, and much is read: other plans than those of the hot paths are best.
    "SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on;"
    f"SET LOCAL statement_timeout = '{PATIENCE_S}s'"
)


@asynccontextmanager
async def patience(connection: Connection) -> AsyncIterator[None]:
    """One snapshot, and time to read all of it."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(_SETTINGS)
        yield


async def list_differences(connection: Connection) -> tuple[Difference, ...]:
    """Where the books contradict themselves, by kind and subject, from one snapshot."""
    found: list[asyncpg.Record] = []
    async with patience(connection):
        for query in (_OF_ACCOUNTS, _OF_ORDERS, _OF_COSTS, _OF_RESERVATIONS):
            found += await connection.fetch(query, timeout=PATIENCE_S)
        assets = await connection.fetch("SELECT symbol, scale FROM assets")
    scales = {asset["symbol"]: asset["scale"] for asset in assets} | {"USD": USD_SCALE}
    return tuple(sorted(_differences(found, scales), key=lambda d: (d.kind.value, d.subject)))


def _differences(rows: list[asyncpg.Record], scales: dict[str, int]) -> Iterator[Difference]:
    for row in rows:
        fields = dict(row)
        scale = scales.get(fields.pop("currency"), DEFAULT_ASSET_SCALE)
        yield msgspec.convert({**fields, "scale": scale}, Difference)
