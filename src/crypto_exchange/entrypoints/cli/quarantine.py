"""What an operator says of purchases in quarantine, and of breaks in the books."""

from __future__ import annotations

import argparse

import msgspec

from crypto_exchange.domain.audit_log import TERMINAL
from crypto_exchange.domain.money import format_units
from crypto_exchange.domain.purchase import Purchase
from crypto_exchange.domain.use_cases import reconciliation
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.cli.connection import run_with_context
from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.entrypoints.cli.receipt import read_file
from crypto_exchange.entrypoints.http.resolutions import (
    Outcome,
    ResolutionRequest,
    Trade,
    read_finding,
)
from crypto_exchange.entrypoints.http.schemas import instant
from crypto_exchange.settings import Settings

_ROW = "{:<24} {:>7} {:<8} {:>18} {:<27} {}"


def close_break(settings: Settings, options: argparse.Namespace) -> int:
    """Close a break with its explanation."""
    closed = run_with_context(
        settings,
        lambda context: reconciliation.close_break(
            context, options.key, options.evidence, actor=TERMINAL
        ),
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
    trades = None if options.filled is None else decode_trades(read_file(options.filled))
    outcome: Outcome = "not_placed" if trades is None else "filled"
    if options.rejected:
        outcome = "rejected"

    async def command(context: Context) -> Purchase:
        held = await reconciliation.get_quarantined(context, options.batch)
        said = ResolutionRequest(outcome, options.evidence, trades or [])
        finding = read_finding(
            said, held, quote=settings.exchange_quote, at_us=context.clock.now_us()
        )
        return await reconciliation.resolve_quarantine(
            context, options.batch, finding, options.evidence, actor=TERMINAL
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


def decode_trades(body: bytes) -> list[Trade]:
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
