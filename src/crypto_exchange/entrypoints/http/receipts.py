"""Receipts on the wire: written by the API, and read back, exactly, by whoever checks one offline.

Reading needs nothing but msgspec.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Annotated

from msgspec import Meta, MsgspecError, Raw, Struct, json

from crypto_exchange.domain.ledger import USD
from crypto_exchange.domain.money import DEFAULT_ASSET_SCALE, USD_SCALE, format_units, pow10
from crypto_exchange.domain.policy import Pricing
from crypto_exchange.domain.purchase import Fill
from crypto_exchange.domain.receipt import Receipt
from crypto_exchange.domain.statement import Member, Statement
from crypto_exchange.entrypoints.http import amounts
from crypto_exchange.entrypoints.http.schemas import Dollars, Ident, Quantity, Symbol

Exact = Annotated[
    Raw,
    Meta(description="Dollars with 2 to 8 decimals.", extra_json_schema={"type": "number"}),
]
Fee = Annotated[
    Raw,
    Meta(description="In `fee_currency`, exactly.", extra_json_schema={"type": "number"}),
]
Hash = Annotated[
    str,
    Meta(
        description="SHA-256 of `BATCH|ORDER_ID` in hexadecimal: tells nobody whose order it is.",
        pattern="^[0-9a-f]{64}$",
    ),
]
_LONGEST_NUMBER = 60


class MemberResponse(Struct, frozen=True, forbid_unknown_fields=True):
    """One order of the batch: coins and dollars that were asked for, and whether it is the large
    order that took the others along.
    """

    id: Hash
    quantity: Quantity
    total: Dollars
    direct: bool


class FillResponse(Struct, frozen=True, forbid_unknown_fields=True):
    """One trade at the exchange: coins, what they cost before the fee, and the fee."""

    trade_id: str
    quantity: Quantity
    cost: Exact
    fee: Fee
    fee_currency: str


class ReceiptResponse(Struct, frozen=True, forbid_unknown_fields=True):
    """What an order got of its batch, and everything that this follows from: `rule` is the version of
    the rules, `bought` what was asked for at the exchange, `inventory_used` the coins that the house
    gave, `index` this order's place in `members`; `quantity`, `charge` and `refund` are its share.
    `scale` is the number of decimals of the smallest unit of `asset`.
    """

    order_id: Ident
    batch: str
    rule: int
    asset: Symbol
    scale: Annotated[int, Meta(ge=0, le=18)]
    pricing: Pricing
    bought: Quantity
    inventory_used: Quantity
    members: list[MemberResponse]
    fills: list[FillResponse]
    index: int
    quantity: Quantity
    charge: Dollars
    refund: Dollars


class ReceiptError(ValueError):
    """What was read is no receipt; the message says what was expected and what it was."""


def receipt_response(receipt: Receipt) -> ReceiptResponse:
    """A receipt as it is sent."""
    statement = receipt.statement
    scale = statement.scale
    return ReceiptResponse(
        order_id=receipt.order_id,
        batch=statement.batch,
        rule=statement.rule,
        asset=statement.asset,
        scale=scale,
        pricing=statement.pricing,
        bought=amounts.quantity(statement.bought, scale),
        inventory_used=amounts.quantity(statement.used, scale),
        members=[_member_response(each, scale) for each in statement.members],
        fills=[_fill_response(each, statement) for each in statement.fills],
        index=receipt.index,
        quantity=amounts.quantity(receipt.filled, scale),
        charge=amounts.dollars(receipt.charged),
        refund=amounts.dollars(receipt.refunded),
    )


def read_receipt(body: bytes) -> Receipt:
    """Read what `receipt_response` wrote, from the literal text of its numbers.

    Raises:
        ReceiptError: it is not JSON, or not exactly these fields, or an amount is finer than its unit.
    """
    try:
        wire = json.decode(body, type=ReceiptResponse)
    except (MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ReceiptError(f"expected the JSON of a receipt, was something else: {error}") from None
    scale = wire.scale
    statement = Statement(
        batch=wire.batch,
        asset=wire.asset,
        scale=scale,
        pricing=wire.pricing,
        bought=_units("bought", wire.bought, scale),
        used=_units("inventory_used", wire.inventory_used, scale),
        members=tuple(_read_member(each, scale) for each in wire.members),
        fills=tuple(_read_fill(each, wire) for each in wire.fills),
        rule=wire.rule,
    )
    return Receipt(
        order_id=wire.order_id,
        index=wire.index,
        filled=_units("quantity", wire.quantity, scale),
        charged=_units("charge", wire.charge, USD_SCALE),
        refunded=_units("refund", wire.refund, USD_SCALE),
        statement=statement,
    )


def fee_scale(currency: str, asset: str, scale: int) -> int:
    """Digits that a fee is counted with: those of dollars, of the asset, or 8 for a third coin."""
    return {USD: USD_SCALE, asset: scale}.get(currency, DEFAULT_ASSET_SCALE)


def _member_response(member: Member, scale: int) -> MemberResponse:
    quantity, total = amounts.quantity(member.quantity, scale), amounts.dollars(member.total)
    return MemberResponse(member.hashed_id, quantity, total, member.direct)


def _fill_response(fill: Fill, statement: Statement) -> FillResponse:
    digits = fee_scale(fill.fee_currency, statement.asset, statement.scale)
    return FillResponse(
        trade_id=fill.trade_id,
        quantity=amounts.quantity(fill.quantity, statement.scale),
        cost=amounts.dollars(fill.cost),
        fee=Raw(format_units(fill.fee, digits, min(2, digits)).encode()),
        fee_currency=fill.fee_currency,
    )


def _read_member(wire: MemberResponse, scale: int) -> Member:
    quantity = _units("members: quantity", wire.quantity, scale)
    return Member(wire.id, quantity, _units("members: total", wire.total, USD_SCALE), wire.direct)


def _read_fill(wire: FillResponse, receipt: ReceiptResponse) -> Fill:
    digits = fee_scale(wire.fee_currency, receipt.asset, receipt.scale)
    return Fill(
        trade_id=wire.trade_id,
        quantity=_units("fills: quantity", wire.quantity, receipt.scale),
        cost=_units("fills: cost", wire.cost, USD_SCALE),
        fee=_units("fills: fee", wire.fee, digits),
        fee_currency=wire.fee_currency,
    )


def _units(field: str, raw: Raw, scale: int) -> int:
    """A JSON number as a count of 10⁻ˢᶜᵃˡᵉ; another program may have rewritten it as 1e-05."""
    text = bytes(raw).decode()
    try:
        number = Decimal(text[: _LONGEST_NUMBER + 1])
    except InvalidOperation:
        raise ReceiptError(f"{field}: expected a number, was {text[:40]}") from None
    if len(text) > _LONGEST_NUMBER or abs(number.adjusted()) > _LONGEST_NUMBER or number < 0:
        raise ReceiptError(f"{field}: expected a number from 0 on, was {text[:40]}")
    units = Fraction(number) * pow10(scale)
    if units.denominator != 1:
        raise ReceiptError(f"{field}: expected at most {scale} decimals, was {text[:40]}")
    return units.numerator
