"""SQL of the hot paths: set-based, each prepared once per connection.

Many rows travel as arrays, one per column, and become rows again by `unnest`; a user's own command
is one row of each kind. The statements move, lock, filter and add; they decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import msgspec

from crypto_exchange.adapters.postgres.columns import (
    ADJUSTMENTS,
    API_KEYS,
    ASSETS,
    BREAKS,
    ORDERS,
    PURCHASES,
    RULE,
    SECOND_FACTORS,
    SESSIONS,
    TABLES,
    USERS,
)


@cache
def insert(table: str) -> str:
    """Insert rows from arrays."""
    types = TABLES[table]
    return f"INSERT INTO {table} ({', '.join(types)}) SELECT * FROM {_unnest(types)}"  # noqa: S608 - our own names


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """How rows of a table change: `key` finds one, `guard` says that it is as loaded."""

    table: str
    key: tuple[str, ...]
    guard: tuple[str, ...]
    writes: tuple[str, ...]

    @property
    def sql(self) -> str:
        """Move rows from arrays: key and guard as loaded, then what is written."""
        return _move(self.table, self.key, self.guard, self.writes)


MOVE_ORDERS = Move(
    table="orders",
    key=("user_id", "id"),
    guard=("state", "version"),
    writes=("state", "reason", "batch", "filled", "charged", "version"),
)
MOVE_BATCHES = Move(
    table="batches",
    key=("key", "asset"),
    guard=("version",),
    writes=(
        "state",
        "attempt",
        "live",
        "used",
        "surplus",
        "counted",
        "checks",
        "due_at_us",
        "version",
    ),
)
MOVE_PURCHASES = Move(
    table="purchases",
    key=("batch", "attempt", "asset"),
    guard=("state",),
    writes=("state", "code", "message"),
)
MOVE_BREAKS = Move(
    table="breaks",
    key=("key",),
    guard=("version",),
    writes=("closed_at_us", "evidence", "version"),
)
MOVE_ADJUSTMENTS = Move(
    table="adjustments",
    key=("user_id", "key"),
    guard=("version",),
    writes=("state", "decided_by", "decided_at_us", "version"),
)
MOVE_REVIEWS = Move(
    table="reviews",
    key=("user_id", "id"),
    guard=("version",),
    writes=("state", "decided_at_us", "decided_by", "version"),
)
MOVE_SESSIONS = Move(
    table="sessions",
    key=("user_id", "id"),
    guard=("generation", "ended_at_us"),
    writes=("generation", "used_at_us", "expires_at_us", "ended_at_us", "retry"),
)
MOVE_FACTORS = Move(
    table="second_factors",
    key=("user_id",),
    guard=("version",),
    writes=tuple(name for name in SECOND_FACTORS if name != "user_id"),
)
MOVE_KEYS = Move(
    table="api_keys", key=("user_id", "id"), guard=("ended_at_us",), writes=("ended_at_us",)
)
MOVE_USERS = Move(
    table="users",
    key=("id",),
    guard=("version",),
    writes=("username", "password_hash", "role", "version", "status"),
)
MOVE_ASSETS = Move(
    table="assets",
    key=("symbol",),
    guard=("version",),
    # Not the price: it moves without a version, so the loaded one may be old.
    writes=(*RULE, "halted", "trading", "version"),
)

MOVE_INVENTORY = """
UPDATE inventory SET quantity = quantity + $3, reserved = $4, expected = $5, failures = $6,
       retry_at_us = $7, version = $8
 WHERE asset = $1 AND version = $2"""
ADD_TO_INVENTORY = """
UPDATE inventory AS t SET quantity = t.quantity + n.quantity
  FROM unnest($1::text[], $2::numeric[]) AS n(asset, quantity)
 WHERE t.asset = n.asset"""
ADD_TO_WALLETS = """
UPDATE wallets AS t SET balance = t.balance + n.amount, version = t.version + 1
  FROM unnest($1::bigint[], $2::numeric[]) AS n(user_id, amount)
 WHERE t.user_id = n.user_id"""
ADD_TO_WALLET = """
UPDATE wallets SET balance = balance + $3, activity = coalesce($5::json, activity),
       version = version + $4 WHERE user_id = $1 AND version = $2"""
ADD_TO_HOLDINGS = """
INSERT INTO holdings AS t (user_id, asset, quantity, cost)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::numeric[], $4::numeric[])
    ON CONFLICT (user_id, asset) DO UPDATE
   SET quantity = t.quantity + excluded.quantity, cost = t.cost + excluded.cost"""
LOCK_WALLET = "SELECT 1 AS one FROM wallets WHERE user_id = $1 AND version = $2 FOR UPDATE"
SET_ACTIVITY = "UPDATE wallets SET activity = $3 WHERE user_id = $1 AND version = $2"

GET_WALLET = "SELECT user_id, balance, version, activity FROM wallets WHERE user_id = $1"
GET_WALLET_OF_SESSION = """
SELECT user_id, balance, version, activity,
       EXISTS (SELECT FROM sessions WHERE user_id = $1 AND id = $2 AND ended_at_us = 0)
       OR EXISTS (SELECT FROM api_keys WHERE user_id = $1 AND id = $2 AND ended_at_us = 0) AS lives,
       (SELECT status FROM users WHERE id = $1) AS status,
       (SELECT body FROM user_signals WHERE user_id = $1) AS signals
  FROM wallets WHERE user_id = $1"""
FIND_REQUEST = """
SELECT user_id, operation, key, fingerprint, resource_id
  FROM requests WHERE user_id = $1 AND operation = $2 AND key = $3"""
GET_ORDER = f"SELECT {', '.join(ORDERS)} FROM orders WHERE user_id = $1 AND id = $2"  # noqa: S608 - our own names
GET_ASSET = f"SELECT {', '.join(ASSETS)} FROM assets WHERE symbol = $1"  # noqa: S608 - our own names
GET_PURCHASE = f"SELECT {', '.join(PURCHASES)} FROM purchases WHERE batch = $1 AND attempt = $2"  # noqa: S608 - our own names
GET_BREAK = f"SELECT {', '.join(BREAKS)} FROM breaks WHERE key = $1"  # noqa: S608 - our own names
GET_ADJUSTMENT = f"SELECT {', '.join(ADJUSTMENTS)} FROM adjustments WHERE key = $1"  # noqa: S608 - our own names
GET_USER = f"SELECT {', '.join(USERS)} FROM users WHERE id = $1"  # noqa: S608 - our own names
FIND_USER_ID = "SELECT user_id FROM usernames WHERE username_key = $1"
FIND_SESSION = f"SELECT {', '.join(SESSIONS)} FROM sessions WHERE user_id = $1 AND id = $2"  # noqa: S608 - our own names
LIST_SESSIONS = f"""
SELECT {", ".join(SESSIONS)} FROM sessions WHERE user_id = $1 AND ended_at_us = 0
 ORDER BY created_at_us, id"""  # noqa: S608 - our own names
FIND_SECOND_FACTOR = f"SELECT {', '.join(SECOND_FACTORS)} FROM second_factors WHERE user_id = $1"  # noqa: S608 - our own names
FIND_KEY = f"SELECT {', '.join(API_KEYS)} FROM api_keys WHERE user_id = $1 AND id = $2"  # noqa: S608 - our own names
LIST_KEYS = f"""
SELECT {", ".join(API_KEYS)} FROM api_keys WHERE user_id = $1 AND ended_at_us = 0
 ORDER BY created_at_us, id"""  # noqa: S608 - our own names
NOTE_KEY_USES = """
UPDATE api_keys AS t SET used_at_us = greatest(t.used_at_us, n.at_us)
  FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS n(user_id, id, at_us)
 WHERE t.user_id = n.user_id AND t.id = n.id"""
FORGET_SESSIONS = """
DELETE FROM sessions AS t USING unnest($1::bigint[], $2::text[]) AS n(user_id, id)
 WHERE t.user_id = n.user_id AND t.id = n.id"""
FORGET_KEYS = """
DELETE FROM api_keys AS t USING unnest($1::bigint[], $2::text[]) AS n(user_id, id)
 WHERE t.user_id = n.user_id AND t.id = n.id"""
LOCK_INVENTORY = "SELECT 1 FROM inventory WHERE asset = $1 FOR UPDATE"
LOCK_PURCHASES = "SELECT 1 FROM purchases WHERE batch = $1 AND asset = $2 FOR UPDATE"
LOCK_BATCH = "SELECT 1 FROM batches WHERE key = $1 AND asset = $2 FOR UPDATE"
FIND_BATCH_ASSET = "SELECT asset FROM batches WHERE key = $1"

# The rule is a part of the row: readers take the fields they know from either.
_ASSET_JSON = "to_jsonb(a) || jsonb_build_object('rule', to_jsonb(a))"
_LOOSE = "state IN ('pending', 'aggregated') AND batch IS NULL AND reason IS NULL"


def _oldest(*, direct: bool) -> str:
    return f"""coalesce((SELECT json_agg(o) FROM (
           SELECT * FROM orders WHERE {_LOOSE} AND asset = $1 AND direct = {direct}
            ORDER BY created_at_us, id LIMIT $2) AS o), '[]')"""  # noqa: S608 - our own names


GET_BOOK = f"""
SELECT json_build_object('asset', {_ASSET_JSON}, 'inventory', to_json(i),
       'direct', {_oldest(direct=True)}, 'waiting', {_oldest(direct=False)})
  FROM assets AS a JOIN inventory AS i ON i.asset = a.symbol
 WHERE a.symbol = $1"""  # noqa: S608 - our own names
# Writes nothing; but whoever cancels one of them now waits, and finds it sealed.
CLAIM_ORDERS = """
UPDATE orders AS t SET version = t.version
  FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS n(user_id, id, version)
 WHERE t.user_id = n.user_id AND t.id = n.id AND t.version = n.version
RETURNING t.id"""
GET_BATCH = f"""
SELECT json_build_object('batch', to_json(b), 'asset', {_ASSET_JSON}, 'inventory', to_json(i),
       'purchase', (SELECT to_json(p) FROM purchases AS p
                     WHERE p.batch = b.key AND p.attempt = b.attempt AND p.asset = b.asset),
       'members', coalesce((SELECT json_agg(o ORDER BY o.created_at_us, o.id) FROM orders AS o
                             WHERE o.state = 'pending' AND o.batch = b.key), '[]'))
  FROM batches AS b JOIN assets AS a ON a.symbol = b.asset JOIN inventory AS i ON i.asset = b.asset
 WHERE b.key = $1"""  # noqa: S608 - our own names

FIND_WAITING = f"""
SELECT asset, count(*) FILTER (WHERE direct) AS direct,
       coalesce(sum(total) FILTER (WHERE NOT direct), 0) AS total, min(created_at_us) AS oldest_us
  FROM orders WHERE {_LOOSE} GROUP BY asset ORDER BY asset"""  # noqa: S608 - our own names


@cache
def user_command(tables: tuple[str, ...], *, move: bool) -> str:
    """One user's command as one statement: all of it, or nothing if a row is not as loaded.

    $1 user, $2 the wallet's version as loaded, $3 what is added to it, $4 by how much its version
    rises, $5 the user's activity after it (NULL: as it is); then the values of one row for each table, and of the order to move. Answers with the number
    of wallets written. When an order is moved the wallet is locked before, so that either both match
    or neither is written.
    """
    inserts, first = {}, 6
    for table in tables:
        names = ", ".join(TABLES[table])
        values = ", ".join(_numbered(TABLES[table].values(), first))
        inserts[f"new_{table}"] = f"INSERT INTO {table} ({names}) SELECT {values} FROM wallet"  # noqa: S608 - our own names
        first += len(TABLES[table])
    wallet, before = ADD_TO_WALLET, {}
    if move:
        before = {"locked": LOCK_WALLET, "moved": _move_order(first)}
        wallet += " AND EXISTS (SELECT FROM moved)"
    parts = before | {"wallet": f"{wallet} RETURNING 1"} | inserts
    ctes = ",\n".join(f"{name} AS ({sql})" for name, sql in parts.items())
    return f"WITH {ctes}\nSELECT count(*) FROM wallet"


def _move_order(first: int) -> str:
    """Move one order while its wallet is locked."""
    compared, written = (*MOVE_ORDERS.key, *MOVE_ORDERS.guard), MOVE_ORDERS.writes
    names = (*compared, *written)
    pairs = zip(names, _numbered([ORDERS[name] for name in names], first), strict=True)
    terms = [f"{name} = {value}" for name, value in pairs]
    conditions = " AND ".join(terms[: len(compared)])
    return f"""UPDATE orders SET {", ".join(terms[len(compared) :])}
         WHERE {conditions} AND EXISTS (SELECT FROM locked) RETURNING 1"""  # noqa: S608 - our own names


@cache
def _move(table: str, key: tuple[str, ...], guard: tuple[str, ...], writes: tuple[str, ...]) -> str:
    types = TABLES[table]
    was = {f"was_{name}": types[name] for name in (*key, *guard)}
    new = {f"new_{name}": types[name] for name in writes}
    assignments = ", ".join(f"{name} = n.new_{name}" for name in writes)
    conditions = " AND ".join(f"t.{name} = n.was_{name}" for name in (*key, *guard))
    source = f"{_unnest(was | new)} AS n({', '.join(was | new)})"
    return f"UPDATE {table} AS t SET {assignments} FROM {source} WHERE {conditions}"  # noqa: S608 - our own names


def _unnest(types: Mapping[str, str]) -> str:
    return f"unnest({', '.join(_numbered([f'{kind}[]' for kind in types.values()], 1))})"


def _numbered(types: Iterable[str], first: int) -> list[str]:
    return [f"${number}::{kind}" for number, kind in enumerate(types, start=first)]
