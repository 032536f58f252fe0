"""The command line's arguments, put together from those of each topic."""

from __future__ import annotations

import argparse

from crypto_exchange import __version__
from crypto_exchange.entrypoints.cli.adjustment_parsers import add_adjustments
from crypto_exchange.entrypoints.cli.audit_log_parsers import add_audit_log
from crypto_exchange.entrypoints.cli.backtest_parsers import add_backtests
from crypto_exchange.entrypoints.cli.book_parsers import add_books
from crypto_exchange.entrypoints.cli.history_parsers import add_histories
from crypto_exchange.entrypoints.cli.house_parsers import add_house, add_tools
from crypto_exchange.entrypoints.cli.people_parsers import add_assets, add_people
from crypto_exchange.entrypoints.cli.replay_parsers import add_replays
from crypto_exchange.entrypoints.cli.review_parsers import add_reviews
from crypto_exchange.entrypoints.cli.service_parsers import add_services


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; `command` of what it gives names the function to call."""
    parser = argparse.ArgumentParser(
        prog="crypto-exchange",
        description="A crypto purchase exchange: small orders are aggregated and bought in bulk.",
        epilog="Settings come from the environment; `crypto-exchange serve --help` lists them.",
    )
    parser.add_argument("--version", action="version", version=f"crypto-exchange {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    add_services(commands)
    add_house(commands)
    add_people(commands)
    add_assets(commands)
    add_adjustments(commands)
    add_books(commands)
    add_audit_log(commands)
    add_histories(commands)
    add_backtests(commands)
    add_replays(commands)
    add_reviews(commands)
    add_tools(commands)
    return parser
