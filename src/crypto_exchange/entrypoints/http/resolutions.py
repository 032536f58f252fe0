"""Resolutions: what somebody says became of a purchase in quarantine, with its trades as the exchange
shows them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from crypto_exchange.domain.errors import InvalidField
from crypto_exchange.domain.ledger import USD
from crypto_exchange.domain.money import USD_SCALE, format_units, parse_units
from crypto_exchange.domain.purchase import (
    Absent,
    Fill,
    Filled,
    Purchase,
    Rejected,
    RejectionKind,
)
from crypto_exchange.entrypoints.http.receipts import fee_scale
from crypto_exchange.entrypoints.http.schemas import Instant, Quantity

_CURRENCY = re.compile(r"[A-Z0-9]{1,16}")
_TRADE_ID = re.compile(r"[!-~]{1,64}")

Outcome: TypeAlias = Literal["filled", "not_placed", "rejected"]
_Decimal = Annotated[str, Meta(description="Plain digits with at most one dot.")]


class Trade(Struct, frozen=True, forbid_unknown_fields=True):
    """One trade as the exchange shows it: decimals as strings, dollars for its quote coin."""

    trade_id: str
    quantity: _Decimal
    cost: _Decimal
    fee: _Decimal = "0"
    fee_currency: str = USD


class ResolutionRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What became of an attempt, and what that rests on; `trades` if it was filled, none if it ended
    with nothing.
    """

    outcome: Outcome
    evidence: Annotated[str, Meta(description="1 to 2,000 characters, kept in the event log.")]
    trades: list[Trade] = []


class AttemptResponse(Struct, frozen=True):
    """One attempt at the exchange, and what to find it there by."""

    batch: str
    attempt: int
    asset: str
    quantity: Quantity
    signed_at: Instant
    client_order_id: str
    state: str


def read_finding(
    said: ResolutionRequest, held: Purchase, *, quote: str, at_us: int
) -> Filled | Rejected | Absent:
    """What somebody says, as the exchange might have said it itself.

    Raises:
        InvalidField: there are trades of what was not filled, or as `read_trades`.
    """
    if said.outcome == "filled":
        return Filled(fills=read_trades(said.trades, held, quote))
    if said.trades:
        raise InvalidField("trades", f"none, for the outcome {said.outcome}", "some")
    if said.outcome == "rejected":
        return Rejected(kind=RejectionKind.FINAL, code="operator", message=said.evidence)
    return Absent(answered_ms=at_us // 1_000)


def read_trades(trades: Sequence[Trade], held: Purchase, quote: str) -> tuple[Fill, ...]:
    """Trades in the units of a purchase, for whose dollars the exchange says `quote`.

    Raises:
        InvalidField: an amount is not a plain decimal, a trade stands there twice, a fee is in a
            currency that cannot be, or they are more than was asked for.
    """
    fills = tuple(_read_trade(each, held, quote) for each in trades)
    if len({each.trade_id for each in fills}) != len(fills):
        raise InvalidField("trades", "every trade_id once", "one of them twice")
    bought = sum(each.quantity for each in fills)
    if bought > held.quantity:
        most, was = (format_units(n, held.scale, 0) for n in (held.quantity, bought))
        raise InvalidField("trades", f"at most {most} {held.asset} together", was)
    if sum(each.fee for each in fills if each.fee_currency == held.asset) > bought:
        raise InvalidField("trades", "fees below what was bought", "more")
    return fills


def _read_trade(trade: Trade, held: Purchase, quote: str) -> Fill:
    if trade.fee_currency == quote != USD:
        raise InvalidField("fee_currency", f"{USD}, which {quote} is booked as", quote)
    if not _CURRENCY.fullmatch(trade.fee_currency):
        raise InvalidField(
            "fee_currency", "capital letters and digits", repr(trade.fee_currency[:40])
        )
    if not _TRADE_ID.fullmatch(trade.trade_id):
        raise InvalidField(
            "trade_id", "1 to 64 printable ASCII characters", repr(trade.trade_id[:64])
        )
    fill = Fill(
        trade_id=trade.trade_id,
        quantity=_units("quantity", trade.quantity, held.scale),
        cost=_units("cost", trade.cost, USD_SCALE),
        fee=_units("fee", trade.fee, fee_scale(trade.fee_currency, held.asset, held.scale)),
        fee_currency=trade.fee_currency,
    )
    if fill.quantity == 0 or fill.cost == 0:
        raise InvalidField("trades", "a quantity and a cost above 0", "0")
    return fill


def _units(field: str, text: str, scale: int) -> int:
    try:
        return parse_units(text[:100], scale)
    except ValueError as error:
        expected, _, was = str(error).partition(", was ")
        raise InvalidField(field, expected.removeprefix("expected "), was) from None
