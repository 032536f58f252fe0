"""What an operator says of purchases in quarantine, and of breaks in the books."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

import msgspec

from crypto_exchange.domain.errors import NotFound
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
from crypto_exchange.domain.use_cases import reconciliation
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.cli.connection import run_with_context
from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.entrypoints.cli.receipt import read_file
from crypto_exchange.entrypoints.http.receipts import fee_scale
from crypto_exchange.entrypoints.http.schemas import instant
from crypto_exchange.settings import Settings

_ROW = "{:<24} {:>7} {:<8} {:>18} {:<27} {}"
_CURRENCY = re.compile(r"[A-Z0-9]{1,16}")


class Trade(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One trade as the exchange shows it: decimals as strings, dollars for its quote coin."""

    trade_id: str
    quantity: str
    cost: str
    fee: str = "0"
    fee_currency: str = USD


def close_break(settings: Settings, options: argparse.Namespace) -> int:
    """Close a break with its explanation."""
    closed = run_with_context(
        settings, lambda context: reconciliation.close_break(context, options.key, options.evidence)
    )
    print(f"closed break {closed.key}: {closed.kind.value} {closed.subject}")
    return 0


def list_quarantined(settings: Settings, _options: argparse.Namespace) -> int:
    """List attempts in quarantine."""
    held = run_with_context(settings, lambda context: context.queries.list_quarantined())
    print(
        _ROW.format(
            "BATCH", "ATTEMPT", "ASSET", "QUANTITY", "SIGNED AT", "CLIENT ORDER ID"
        ).rstrip()
    )
    for each in held:
        print(_ROW.format(*purchase_as_json(each).values()))
    return 0


def resolve(settings: Settings, options: argparse.Namespace) -> int:
    """Carry out what an operator says became of an attempt in quarantine."""
    trades = None if options.filled is None else read_trades(read_file(options.filled))

    async def command(context: Context) -> Purchase:
        held = await _get_quarantined(context, options.batch)
        finding: Filled | Rejected | Absent
        if trades is not None:
            finding = Filled(fills=check_trades(trades, held, settings.exchange_quote))
        elif options.rejected:
            finding = Rejected(kind=RejectionKind.FINAL, code="operator", message=options.evidence)
        else:
            finding = Absent(answered_ms=context.clock.now_us() // 1_000)
        return await reconciliation.resolve_quarantine(
            context, options.batch, finding, options.evidence
        )

    after = run_with_context(settings, command)
    print(
        f"{after.client_order_id} is {after.state.value};"
        f" {after.asset} stays halted until `crypto-exchange asset resume {after.asset}`"
    )
    return 0


def purchase_as_json(held: Purchase) -> dict[str, object]:
    """What an operator needs to find a purchase at the exchange."""
    return {
        "batch": held.batch,
        "attempt": held.attempt,
        "asset": held.asset,
        "quantity": format_units(held.quantity, held.scale, 0),
        "signed_at": instant(held.timestamp_ms * 1_000),
        "client_order_id": held.client_order_id,
    }


def read_trades(body: bytes) -> list[Trade]:
    """Read a JSON list of trades.

    Raises:
        CommandError: it is something else.
    """
    try:
        return msgspec.json.decode(body, type=list[Trade])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CommandError(
            "FILE: expected a JSON list of trades, each with trade_id, quantity, cost, and fee and"
            f" fee_currency if it has any, all of them strings; was something else: {error}",
            2,
        ) from None


def check_trades(trades: Sequence[Trade], held: Purchase, quote: str) -> tuple[Fill, ...]:
    """Trades in the units of a purchase.

    Raises:
        CommandError: an amount is not a plain decimal, a trade stands there twice, a fee is in a
            currency that cannot be, or they are more than was asked for.
    """
    fills = tuple(_read_trade(each, held, quote) for each in trades)
    if len({each.trade_id for each in fills}) != len(fills):
        raise CommandError("FILE: expected every trade_id once, was one of them twice", 2)
    bought = sum(each.quantity for each in fills)
    if bought > held.quantity:
        most, was = (format_units(n, held.scale, 0) for n in (held.quantity, bought))
        raise CommandError(
            f"FILE: expected trades of at most {most} {held.asset} together, was {was}", 2
        )
    if sum(each.fee for each in fills if each.fee_currency == held.asset) > bought:
        raise CommandError("FILE: expected fees below what was bought, was more", 2)
    return fills


async def _get_quarantined(context: Context, batch: str) -> Purchase:
    for each in await context.queries.list_quarantined():
        if each.batch == batch:
            return each
    raise NotFound("attempt in quarantine of batch", batch)


def _read_trade(trade: Trade, held: Purchase, quote: str) -> Fill:
    if trade.fee_currency == quote != USD:
        raise CommandError(
            f"FILE: fee_currency: expected {USD}, which {quote} is booked as, was {quote}", 2
        )
    if not _CURRENCY.fullmatch(trade.fee_currency) or not trade.trade_id:
        raise CommandError(
            f"FILE: expected a trade_id, and a fee_currency of capital letters and digits, was"
            f" {trade.trade_id[:40]!r}, {trade.fee_currency[:40]!r}",
            2,
        )
    fill = Fill(
        trade_id=trade.trade_id,
        quantity=_units("quantity", trade.quantity, held.scale),
        cost=_units("cost", trade.cost, USD_SCALE),
        fee=_units("fee", trade.fee, fee_scale(trade.fee_currency, held.asset, held.scale)),
        fee_currency=trade.fee_currency,
    )
    if fill.quantity == 0 or fill.cost == 0:
        raise CommandError("FILE: expected a quantity and a cost above 0, was 0", 2)
    return fill


def _units(field: str, text: str, scale: int) -> int:
    try:
        return parse_units(text, scale)
    except ValueError as error:
        raise CommandError(f"FILE: {field}: {error}", 2) from None
