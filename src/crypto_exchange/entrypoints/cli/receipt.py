"""`crypto-exchange verify-receipt`: computes a share of a batch again, from the receipt alone."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from crypto_exchange.domain.money import USD_SCALE, format_units
from crypto_exchange.domain.policy import Pricing
from crypto_exchange.domain.receipt import Receipt, list_faults
from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.entrypoints.http.receipts import ReceiptError, read_receipt
from crypto_exchange.settings import Settings

_RULES = {
    Pricing.QUOTED: "every member pays what was quoted for what it gets",
    Pricing.AVERAGE: "every member pays its share of what the batch cost",
}


def verify_receipt(_settings: Settings, options: argparse.Namespace) -> int:
    """Print the own share in words, or what does not add up; exit code 1 then."""
    try:
        receipt = read_receipt(read_file(options.file))
    except ReceiptError as error:
        raise CommandError(f"{options.file}: {error}", 2) from None
    faults = list(list_faults(receipt))
    for fault in faults:
        print(f"wrong: {fault}")
    if not faults:
        print(_share(receipt))
    return int(bool(faults))


def read_file(name: str) -> bytes:
    """The bytes of a file, or of standard input for `-`.

    Raises:
        CommandError: it cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"expected a file to read, was {name}: {error.strerror}", 2) from None


def _share(receipt: Receipt) -> str:
    statement, place = receipt.statement, receipt.index
    own = statement.members[place]
    asset, scale = statement.asset, statement.scale
    return "\n".join(
        (
            f"right: order {receipt.order_id} is member {place + 1} of {len(statement.members)} of"
            f" batch {statement.batch}",
            f"  asked for  {_coins(own.quantity, scale)} {asset} for {_usd(own.total)} USD",
            f"  delivered  {_coins(receipt.filled, scale)} {asset}",
            f"  charged    {_usd(receipt.charged)} USD",
            f"  refunded   {_usd(receipt.refunded)} USD",
            f"  the batch  {_coins(statement.filled, scale)} {asset} bought in"
            f" {len(statement.fills)} trades of {_coins(statement.bought, scale)} asked for,"
            f" {_coins(statement.used, scale)} from the inventory",
            f"  the rules  version {statement.rule}, {statement.pricing.value}:"
            f" {_RULES[statement.pricing]}",
        )
    )


def _coins(units: int, scale: int) -> str:
    return format_units(units, scale, 0)


def _usd(usd: int) -> str:
    return format_units(usd, USD_SCALE, 2)
