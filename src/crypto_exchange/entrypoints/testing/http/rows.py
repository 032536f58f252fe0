"""Rows: what the API shows, read into plain integers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from crypto_exchange.entrypoints.testing.http.amounts import CENT_DIGITS, PRICE_DIGITS, count
from crypto_exchange.entrypoints.testing.http.breaches import expect
from crypto_exchange.entrypoints.testing.http.options import HttpOptions

FINAL = frozenset({"completed", "partially_completed", "failed", "cancelled"})
STATES = FINAL | {"aggregated", "pending"}
_ORDER = "id crypto amount unit_price total_price state filled_amount refunded reason created_at"


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order. `amount` and `filled` in units, `total` and `refunded` in cents."""

    id: int
    crypto: str
    amount: int
    unit_price: int
    total: int
    state: str
    filled: int
    refunded: int
    reason: str | None
    created_at: datetime

    @property
    def final(self) -> bool:
        """Whether it has ended."""
        return self.state in FINAL

    @property
    def charged(self) -> int:
        """What was paid for it for good, in cents; 0 until it has ended."""
        return self.total - self.refunded if self.final else 0

    @property
    def quoted(self) -> tuple[object, ...]:
        """What never changes."""
        return (self.id, self.crypto, self.amount, self.unit_price, self.total, self.created_at)


class TransactionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A movement of the wallet: `cents` are positive if they came in."""

    id: int
    cents: int
    order_id: int | None
    created_at: datetime


class HoldingRow(msgspec.Struct, frozen=True, kw_only=True):
    """Coins of one kind: units, and cents."""

    crypto: str
    amount: int
    cost: int
    value: int | None


class Currency(msgspec.Struct, frozen=True, kw_only=True):
    """What can be bought. `price` in 10⁻¹² dollars a coin, `lot` in units, `minimum` in cents."""

    name: str
    price: int
    as_of: str
    lot: int
    minimum: int


def read_order(body: Any, options: HttpOptions) -> OrderRow:
    """Read an order. Raises `Broken` if it is none."""
    _require(body, "an order", _ORDER)
    expect("X5 known states", body["state"] in STATES, f"one of {sorted(STATES)}", body["state"])
    digits = options.digits_of(body["crypto"])
    return OrderRow(
        id=body["id"],
        crypto=body["crypto"],
        amount=count(body["amount"], digits, "amount"),
        unit_price=count(body["unit_price"], PRICE_DIGITS, "unit_price"),
        total=count(body["total_price"], CENT_DIGITS, "total_price"),
        state=body["state"],
        filled=count(body["filled_amount"], digits, "filled_amount"),
        refunded=count(body["refunded"], CENT_DIGITS, "refunded"),
        reason=body["reason"],
        created_at=read_instant(body["created_at"]),
    )


def read_transaction(body: Any) -> TransactionRow:
    """Read a transaction. Raises `Broken` if it is none."""
    _require(body, "a transaction", "id type amount order_id created_at")
    cents = count(body["amount"], CENT_DIGITS, "amount")
    expect("I2 nothing negative", cents > 0, "a transaction of more than 0", body["amount"])
    kinds = {"deposit": cents, "withdrawal": -cents}
    expect("X5 known states", body["type"] in kinds, f"one of {sorted(kinds)}", body["type"])
    return TransactionRow(
        id=body["id"],
        cents=kinds[body["type"]],
        order_id=body["order_id"],
        created_at=read_instant(body["created_at"]),
    )


def read_holding(body: Any, options: HttpOptions) -> HoldingRow:
    """Read a holding. Raises `Broken` if it is none."""
    _require(body, "a holding", "crypto amount cost value")
    value = body["value"]
    return HoldingRow(
        crypto=body["crypto"],
        amount=count(body["amount"], options.digits_of(body["crypto"]), "amount"),
        cost=count(body["cost"], CENT_DIGITS, "cost"),
        value=None if value is None else count(value, CENT_DIGITS, "value"),
    )


def read_balance(body: Any) -> int:
    """Read a wallet: its balance in cents. Raises `Broken` if it is none."""
    _require(body, "a wallet", "balance currency")
    return count(body["balance"], CENT_DIGITS, "balance")


def read_currency(body: Any, options: HttpOptions) -> Currency | None:
    """Read a crypto-currency; None if it cannot be bought now. Raises `Broken` if it is none."""
    _require(body, "a crypto-currency", "name price")
    if body["price"] is None or body.get("status", "active") != "active":
        return None
    digits = options.digits_of(body["name"])
    return Currency(
        name=body["name"],
        price=count(body["price"], PRICE_DIGITS, "price"),
        as_of=str(body.get("as_of")),
        lot=count(body.get("lot_step", 0), digits, "lot_step"),
        minimum=-(-count(body.get("min_notional", 0), 8, "min_notional") // 10**6),
    )


def read_instant(text: object) -> datetime:
    """RFC 3339 with a zone. Raises `Broken` if it is not."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        expect("X5 known fields", False, "an instant of RFC 3339", repr(text))
        raise


def _require(body: Any, what: str, fields: str) -> None:
    named = body if isinstance(body, dict) else {}
    missing = [field for field in fields.split() if field not in named]
    expect("X5 known fields", not missing, f"{what} with {', '.join(missing)}", str(body)[:200])
