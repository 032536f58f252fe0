"""Arguments of the commands that judge the books."""

from __future__ import annotations

import argparse

from crypto_exchange.entrypoints.cli.definition import Commands, add


def add_books(commands: Commands) -> None:
    """Audits, breaks, quarantine, receipts, histories."""
    audit = add(
        commands,
        "audit",
        "audit:audit",
        "compare the books with themselves and with the exchange; exit code 1 if somebody has to act",
        "crypto-exchange audit --metrics > audit.prom",
    )
    form = audit.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object (default: a text)")
    form.add_argument(
        "--metrics", action="store_true", help="print gauges in Prometheus' text format"
    )
    broken = add(
        commands,
        "close-break",
        "quarantine:close_break",
        "close a break that `audit` shows, once it is explained; nothing is booked",
        "crypto-exchange close-break 5fb0c2 --evidence 'deposit of 1 May, booked with fund'",
    )
    broken.add_argument("key", metavar="KEY", help="the break's key, as `audit` shows it")
    _add_evidence(broken)
    held = "list purchases of which only somebody at the exchange can say what became of them"
    example = "crypto-exchange quarantine"
    add(commands, "quarantine", "quarantine:list_quarantined", held, example)
    _add_resolution(commands)
    receipt = add(
        commands,
        "verify-receipt",
        "receipt:verify_receipt",
        "compute an order's share of its batch again from its receipt; needs no server",
        "crypto-exchange verify-receipt receipt.json",
        needs_servers=False,
    )
    receipt.add_argument("file", metavar="FILE", help="the receipt as the API gave it; - for input")


def _add_resolution(commands: Commands) -> None:
    resolution = add(
        commands,
        "resolve-quarantine",
        "quarantine:resolve",
        "say what became of a purchase in quarantine, as the exchange itself shows it",
        "crypto-exchange resolve-quarantine 5fb0c2 --not-placed --evidence 'ticket 4711'",
    )
    resolution.add_argument("batch", metavar="BATCH", help="as `quarantine` lists it")
    outcome = resolution.add_mutually_exclusive_group(required=True)
    outcome.add_argument(
        "--filled",
        metavar="FILE",
        help='it was executed: a JSON list of its trades (- for input), as [{"trade_id": "28457",'
        ' "quantity": "0.0002", "cost": "10.00", "fee": "0.01", "fee_currency": "USD"}]; an empty'
        " list if it ended with nothing; members are settled",
    )
    outcome.add_argument(
        "--not-placed",
        action="store_true",
        help="the exchange never got it: it is tried again once the asset is resumed",
    )
    outcome.add_argument(
        "--rejected", action="store_true", help="the exchange refused it: members are refunded"
    )
    _add_evidence(resolution)


def _add_evidence(parser: argparse.ArgumentParser) -> None:
    text = "what this rests on, at most 2,000 characters; kept in the event log"
    parser.add_argument("--evidence", metavar="TEXT", required=True, help=text)
