"""Arguments of the commands that replay prices and orders."""

from __future__ import annotations

import argparse
from pathlib import Path

from crypto_exchange.entrypoints.cli.definition import Commands, add


def add_backtests(commands: Commands) -> None:
    """One run, and many."""
    _add_backtest(commands)
    _add_sweep(commands)


def _add_backtest(commands: Commands) -> None:
    backtest = add(
        commands,
        "backtest",
        "backtest:backtest",
        "replay a price history and a stream of orders under a policy, as a TOML file says; needs no server",
        "crypto-exchange backtest docs/examples/backtest.toml --report run.html",
        needs_servers=False,
    )
    _add_common(backtest, "backtest")
    backtest.add_argument(
        "--orders-out",
        type=_table_file,
        metavar="FILE",
        help="write what became of each order: .csv or .parquet",
    )


def _add_sweep(commands: Commands) -> None:
    sweep = add(
        commands,
        "sweep",
        "backtest:sweep",
        "run a backtest with every combination of the values in [sweep], and compare what they come to",
        "crypto-exchange sweep docs/examples/backtest.toml --jobs 2",
        needs_servers=False,
    )
    _add_common(sweep, "sweep")
    sweep.add_argument(
        "--jobs", type=_positive, default=1, metavar="N", help="so many at a time (default: 1)"
    )
    sweep.add_argument(
        "--out", type=_table_file, metavar="FILE", help="write the table: .csv or .parquet"
    )
    kept = sweep.add_mutually_exclusive_group()
    kept.add_argument(
        "--resume",
        metavar="FILE",
        help="what keeps finished cells, to go on with (default: NAME.sweep.jsonl beside the TOML file)",
    )
    kept.add_argument("--fresh", action="store_true", help="run finished cells again")


def _add_common(command: argparse.ArgumentParser, name: str) -> None:
    command.set_defaults(name=name)
    command.add_argument("file", metavar="TOML", help="as docs/examples/backtest.toml")
    command.add_argument(
        "--report",
        type=_page_file,
        metavar="FILE",
        help="write everything into one page: .html, without a network",
    )
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument(
        "--engine",
        choices=("domain", "fast"),
        help="who decides: the service's own code or arrays (default: as in the file)",
    )
    command.add_argument(
        "--seed", type=int, metavar="N", help="what is drawn (default: as in the file)"
    )


def _positive(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, was {text!r}")
    return number


def _page_file(text: str) -> str:
    return _file(text, ".html")


def _table_file(text: str) -> str:
    return _file(text, ".csv", ".parquet")


def _file(text: str, *endings: str) -> str:
    """By its ending, so that a slip does not write over the TOML file."""
    if Path(text).suffix not in endings:
        raise argparse.ArgumentTypeError(f"expected a file {' or '.join(endings)}, was {text!r}")
    return text
