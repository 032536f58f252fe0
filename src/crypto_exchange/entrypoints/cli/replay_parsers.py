"""Arguments of the commands that give a service's history to the backtest."""

from __future__ import annotations

import argparse

from crypto_exchange.entrypoints.cli.definition import Commands, add


def add_replays(commands: Commands) -> None:
    """Replay a history; score another policy on one."""
    replay = add(
        commands,
        "replay-history",
        "backtest_history:replay_history",
        "decide an exported history once more, and show the ledger that comes of it; needs no server",
        "crypto-exchange replay-history history.jsonl --json",
        needs_servers=False,
    )
    replay.add_argument("file", metavar="FILE", help="JSON lines as export-history writes them")
    replay.add_argument("--json", action="store_true", help="print one JSON object")
    shadow = add(
        commands,
        "shadow",
        "backtest_history:shadow",
        "score another policy on the orders of an export, beside what the service did; buys nothing",
        "crypto-exchange shadow candidate.toml history.jsonl --follow",
        needs_servers=False,
    )
    shadow.add_argument(
        "config", metavar="CONFIG.toml", help="the policy and the market to try: [policy], [market]"
    )
    shadow.add_argument("file", metavar="FILE", help="JSON lines as export-history writes them")
    shadow.add_argument(
        "--follow", action="store_true", help="go on with what is written later, until Ctrl-C"
    )
    shadow.add_argument(
        "--every",
        type=_seconds,
        default=60,
        metavar="S",
        help="seconds from one comparison to the next (default: 60)",
    )


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected a whole number of seconds, was {text!r}")
    return int(text)
