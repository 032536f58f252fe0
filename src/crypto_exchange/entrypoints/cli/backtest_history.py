"""`crypto-exchange replay-history` and `shadow`: what a service did, in the backtest."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from crypto_exchange.entrypoints.backtest.binding import ConfigurationError
from crypto_exchange.entrypoints.backtest.parity.replay import Replay, replay
from crypto_exchange.entrypoints.backtest.parity.replay_records import (
    HistoryError,
    parse_lines,
    read_event,
    read_header,
)
from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.settings import Settings

if TYPE_CHECKING:
    from crypto_exchange.entrypoints.backtest.parity.shadow import Comparison

_LOOK_S = 0.2
"""How often a file that is followed is looked at."""


def replay_history(_settings: Settings, options: argparse.Namespace) -> int:
    """Print the ledger of a history; exit code 1 if anything was decided otherwise than it tells."""
    with _mistakes_told(options.file):
        found = replay(options.file)
    _print_json(found) if options.json else _print(found)
    if found.disagreement is not None:
        print(found.disagreement.sentence, file=sys.stderr)
    return int(found.disagreement is not None)


def shadow(_settings: Settings, options: argparse.Namespace) -> int:
    """Print comparisons while the history grows, and one at its end."""
    from crypto_exchange.entrypoints.backtest.configuration import load_candidate
    from crypto_exchange.entrypoints.backtest.parity.live import LiveTrading
    from crypto_exchange.entrypoints.backtest.parity.shadow import compare

    with _mistakes_told(options.file):
        teller = _Teller(options.every)
        records = parse_lines(_lines(options.file, teller.tell_in_time if options.follow else None))
        try:
            header = read_header(records)
            policy, markets = load_candidate(options.config, [a.symbol for a in header.assets])
            trading = LiveTrading(header)
            teller.compare = lambda: compare(trading, policy, markets)
            for number, record in enumerate(records, 2):
                if record.get("record") == "event":
                    trading.feed(read_event(number, record))
                    teller.is_news = True
        except KeyboardInterrupt:
            print(file=sys.stderr)
        teller.tell()
    return 0


class _Teller:
    """Prints a comparison when it is asked to, or when it is time and there is something new."""

    def __init__(self, every_s: int) -> None:
        self.compare: Callable[[], Comparison | None] = lambda: None
        self.is_news = False
        self._every_s, self._next_s = every_s, time.monotonic()

    def tell_in_time(self) -> None:
        if self.is_news and time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + self._every_s
            self.tell()

    def tell(self) -> None:
        self.is_news = False
        found = self.compare()
        if found is None:
            print("no orders yet")
            return
        print(f"{'':<14}{'live':>16}{'candidate':>16}")
        for name, live, candidate in found.rows():
            print(f"{name:<14}{live:>16}{candidate:>16}")
        print(flush=True)


def _lines(path: str, while_waiting: Callable[[], None] | None) -> Iterator[bytes]:
    """Whole lines; at the end of what is there, wait for more if there is something to do meanwhile."""
    with Path(path).open("rb") as file:
        begun = b""
        while True:
            begun += file.readline()
            if begun.endswith(b"\n"):
                yield begun
                begun = b""
            elif while_waiting is not None:
                while_waiting()
                time.sleep(_LOOK_S)
            else:
                if begun:
                    yield begun
                return


def _print(found: Replay) -> None:
    for name, balance in found.ledger.items():
        print(f"{name:<48} {balance:>28f}")
    print(f"{found.events:,} events in {found.commits:,} commits were decided as they are told")
    print(f"ledger {found.ledger_hash}")


def _print_json(found: Replay) -> None:
    accounts = {name: f"{balance:f}" for name, balance in found.ledger.items()}
    body = {"accounts": accounts, "ledger_hash": found.ledger_hash, "events": found.events}
    print(json.dumps(body, indent=2))


@contextmanager
def _mistakes_told(file: str) -> Iterator[None]:
    """What a person can put right is a sentence."""
    try:
        yield
    except ConfigurationError as error:
        raise CommandError(str(error), 2) from None
    except HistoryError as error:
        raise CommandError(f"{file}: {error}", 2) from None
    except OSError as error:
        said = f"expected a file to read, was {error.filename}: {error.strerror}"
        raise CommandError(said, 2) from None
