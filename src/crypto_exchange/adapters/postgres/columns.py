"""Columns of every table that the hot paths write, with their types, in the order of the domain's Structs.

Kept apart from `tables.py` so that API and worker run without SQLAlchemy; a test compares the two.
"""

from __future__ import annotations

BIG, INT, NUM, TEXT, BOOL, JSON = "bigint", "integer", "numeric", "text", "boolean", "json"

USERNAMES = {"username_key": TEXT, "user_id": BIG}
USERS = {
    "id": BIG,
    "username": TEXT,
    "password_hash": TEXT,
    "role": TEXT,
    "version": BIG,
    "status": TEXT,
}
SESSIONS = {
    "user_id": BIG,
    "id": TEXT,
    "generation": INT,
    "created_at_us": BIG,
    "used_at_us": BIG,
    "expires_at_us": BIG,
    "ended_at_us": BIG,
    "device": TEXT,
    "retry": TEXT,
    "address": TEXT,
}
SECOND_FACTORS = {
    "user_id": BIG,
    "sealed": TEXT,
    "state": TEXT,
    "recovery": TEXT,
    "last_step": BIG,
    "wrong": INT,
    "locked_until_us": BIG,
    "version": BIG,
    "confirmed_at_us": BIG,
}
API_KEYS = {
    "user_id": BIG,
    "id": TEXT,
    "name": TEXT,
    "scopes": TEXT,
    "digest": TEXT,
    "created_at_us": BIG,
    "expires_at_us": BIG,
    "used_at_us": BIG,
    "ended_at_us": BIG,
}
WALLETS = {"user_id": BIG, "balance": NUM, "version": BIG, "activity": JSON}
RULE = {
    "lot_step": NUM,
    "min_notional": NUM,
    "min_quantity": NUM,
    "max_quantity": NUM,
    "fee_ppm": BIG,
}
ASSETS = RULE | {
    "symbol": TEXT,
    "scale": INT,
    "price": NUM,
    "priced_at_us": BIG,
    "halted": BOOL,
    "trading": BOOL,
    "version": BIG,
}
INVENTORY = {
    "asset": TEXT,
    "quantity": NUM,
    "reserved": NUM,
    "expected": NUM,
    "failures": BIG,
    "retry_at_us": BIG,
    "version": BIG,
}
ORDERS = {
    "user_id": BIG,
    "id": BIG,
    "asset": TEXT,
    "quantity": NUM,
    "unit_price": NUM,
    "total": NUM,
    "direct": BOOL,
    "pricing": TEXT,
    "state": TEXT,
    "created_at_us": BIG,
    "reason": TEXT,
    "batch": TEXT,
    "filled": NUM,
    "charged": NUM,
    "version": BIG,
    "risk": TEXT,
}
BATCHES = {
    "key": TEXT,
    "asset": TEXT,
    "kind": TEXT,
    "pricing": TEXT,
    "state": TEXT,
    "attempt": INT,
    "live": BOOL,
    "used": NUM,
    "surplus": NUM,
    "counted": INT,
    "checks": INT,
    "due_at_us": BIG,
    "created_at_us": BIG,
    "version": BIG,
}
PURCHASES = {
    "batch": TEXT,
    "attempt": INT,
    "asset": TEXT,
    "scale": INT,
    "quantity": NUM,
    "timestamp_ms": BIG,
    "window_ms": BIG,
    "state": TEXT,
    "code": TEXT,
    "message": TEXT,
}
FILLS = {
    "batch": TEXT,
    "attempt": INT,
    "asset": TEXT,
    "trade_id": TEXT,
    "quantity": NUM,
    "cost": NUM,
    "fee": NUM,
    "fee_currency": TEXT,
}
STATEMENTS = {"batch": TEXT, "asset": TEXT, "body": JSON}
REVIEWS = {
    "user_id": BIG,
    "id": TEXT,
    "kind": TEXT,
    "order_id": BIG,
    "amount": NUM,
    "risk": TEXT,
    "state": TEXT,
    "opened_at_us": BIG,
    "decided_at_us": BIG,
    "decided_by": BIG,
    "version": BIG,
}
BREAKS = {
    "key": TEXT,
    "kind": TEXT,
    "subject": TEXT,
    "expected": NUM,
    "found": NUM,
    "scale": INT,
    "opened_at_us": BIG,
    "closed_at_us": BIG,
    "evidence": TEXT,
    "version": BIG,
}
ADJUSTMENTS = {
    "key": TEXT,
    "user_id": BIG,
    "amount": NUM,
    "reason": TEXT,
    "proposed_by": BIG,
    "proposed_at_us": BIG,
    "state": TEXT,
    "decided_by": BIG,
    "decided_at_us": BIG,
    "version": BIG,
}
TRANSFERS = {
    "user_id": BIG,
    "kind": TEXT,
    "currency": TEXT,
    "debit": TEXT,
    "credit": TEXT,
    "amount": NUM,
    "at_us": BIG,
    "order_id": BIG,
}
REQUESTS = {"user_id": BIG, "operation": TEXT, "key": TEXT, "fingerprint": TEXT, "resource_id": BIG}
EVENTS = {"user_id": BIG, "at_us": BIG, "event": TEXT, "body": JSON}
AUDIT_LOG = {
    "at_us": BIG,
    "actor_id": BIG,
    "via": TEXT,
    "address": TEXT,
    "request_id": TEXT,
    "action": TEXT,
    "user_id": BIG,
    "subject": TEXT,
    "details": JSON,
}
AUDIT_CHAIN = {"position": BIG, "entry_id": BIG, "hash": TEXT}
HOLDINGS = {"user_id": BIG, "asset": TEXT, "quantity": NUM, "cost": NUM}

TABLES = {
    "usernames": USERNAMES,
    "users": USERS,
    "sessions": SESSIONS,
    "second_factors": SECOND_FACTORS,
    "api_keys": API_KEYS,
    "wallets": WALLETS,
    "assets": ASSETS,
    "inventory": INVENTORY,
    "orders": ORDERS,
    "batches": BATCHES,
    "purchases": PURCHASES,
    "fills": FILLS,
    "statements": STATEMENTS,
    "breaks": BREAKS,
    "reviews": REVIEWS,
    "adjustments": ADJUSTMENTS,
    "transfers": TRANSFERS,
    "requests": REQUESTS,
    "audit_log": AUDIT_LOG,
    "audit_chain": AUDIT_CHAIN,
    "events": EVENTS,
}
