"""`crypto-exchange backtest` and `sweep`: replay prices and orders as a TOML file says."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.entrypoints.backtest.binding import ConfigurationError
from crypto_exchange.entrypoints.backtest.configuration import Configuration, load
from crypto_exchange.entrypoints.backtest.result import Result
from crypto_exchange.entrypoints.backtest.sweeps.frontier import label
from crypto_exchange.entrypoints.backtest.sweeps.outcomes import Kept
from crypto_exchange.entrypoints.backtest.sweeps.sweep import Sweep
from crypto_exchange.entrypoints.backtest.sweeps.sweep import sweep as run_sweep
from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.settings import Settings

if TYPE_CHECKING:
    import polars

_FAILED, _USAGE = 1, 2


def backtest(_settings: Settings, options: argparse.Namespace) -> int:
    """Run one backtest; print what it came to, and write what is asked for."""
    with _mistakes_told():
        _check_targets(options.report, options.orders_out)
        configuration = _load(options)
        result = _run(configuration)
        if options.orders_out:
            _write_frame(result.orders.to_polars(), Path(options.orders_out))
        _print_result(result, as_json=options.json)
        if options.report:
            _report(result, configuration, options)
    return 0


def sweep(_settings: Settings, options: argparse.Namespace) -> int:
    """Run every cell of a grid that is not kept from before; 1 if one of them fails."""
    with _mistakes_told():
        _check_targets(options.report, options.out)
        configuration = _load(options)
        if not configuration.grid:
            said = (
                'expected a table [sweep] with lists, as threshold = ["10.00", "50.00"], was none'
            )
            raise CommandError(f"{options.file}: {said}", _USAGE)
        found = _swept(configuration, options)
        if options.out:
            _write_frame(found.to_polars(), Path(options.out))
        _print_sweep(found, as_json=options.json)
        if options.report:
            _report(found, configuration, options)
    for row in found.failed:
        print(f"{label(row, found.names)}: {row['error']}", file=sys.stderr)
    return _FAILED if found.failed else 0


def _load(options: argparse.Namespace) -> Configuration:
    return load(options.file, seed=options.seed, engine=options.engine)


def _run(configuration: Configuration) -> Result:
    """Only the run can tell that amounts are too large together, or that the engine can't do it."""
    try:
        return configuration.backtest.run()
    except ValueError as error:
        raise CommandError(f"{configuration.path}: {error}", _USAGE) from error


def _swept(configuration: Configuration, options: argparse.Namespace) -> Sweep:
    kept = Path(options.resume or Path(options.file).with_suffix(".sweep.jsonl"))
    _prepare(kept, is_fresh=options.fresh)
    try:
        with _sigterm_as_interrupt():
            return run_sweep(
                configuration.backtest.inputs,
                configuration.grid,
                n_jobs=options.jobs,
                resume=kept,
            )
    except KeyboardInterrupt:
        said = f"Stopped. Finished cells are in {kept}; the same command does the rest."
        print(said, file=sys.stderr)
        raise


def _prepare(path: Path, *, is_fresh: bool) -> None:
    """Look whether it is a file of finished cells before anything is run, and say that it is used."""
    try:
        with Kept(path) as kept:
            if is_fresh:
                kept.clear()
            count = len(kept)
    except ValueError as error:
        raise CommandError(str(error), _USAGE) from error
    except OSError as error:
        said = f"expected a file to keep cells in, was {path}: {error.strerror} (--resume FILE)"
        raise CommandError(said, _USAGE) from error
    if count:
        said = f"{count} finished cells are in {path}; those of this sweep are not run again (--fresh)."
        print(said, file=sys.stderr)


def _print_result(result: Result, *, as_json: bool) -> None:
    qualities = [series.quality for series in result.inputs.prices.values()]
    if as_json:
        _print_json(
            {
                "run_id": result.run_id,
                "ledger_hash": result.ledger_hash,
                "seed": result.inputs.seed,
                "engine": result.inputs.engine,
                "quality": qualities,
                "summary": result.summary,
            }
        )
    else:
        print("\n".join([*map(str, qualities), str(result)]))


def _print_sweep(found: Sweep, *, as_json: bool) -> None:
    frontier = found.frontier()
    if as_json:
        efficient = {"x": frontier.x, "y": frontier.y, "points": frontier.points}
        _print_json({"cells": found.table, "frontier": efficient})
    else:
        print(f"{found}\n\n{frontier}")


def _print_json(value: object) -> None:
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _check_targets(*names: str | None) -> None:
    """Find out before the work that its results could not be written; nothing is changed."""
    for path in (Path(name) for name in names if name is not None):
        if not path.absolute().parent.is_dir():
            raise CommandError(f"expected a file in a folder that there is, was {path}", _USAGE)
        is_new = not path.exists()
        try:
            path.open("ab").close()
        except OSError as error:
            said = f"expected a file that can be written, was {path}: {error.strerror}"
            raise CommandError(said, _USAGE) from error
        if is_new:
            path.unlink()


def _write_frame(frame: polars.DataFrame, path: Path) -> None:
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_csv(path)
    print(f"{len(frame):,} rows written to {path}", file=sys.stderr)


def _report(
    found: Result | Sweep, configuration: Configuration, options: argparse.Namespace
) -> None:
    """Write the page, with the command that makes it again and the file that was read."""
    command = ["crypto-exchange", options.name, options.file, "--report", options.report]
    for name in ("seed", "engine"):
        value = getattr(options, name)
        command += [] if value is None else [f"--{name}", str(value)]
    found.report(options.report, command=shlex.join(command), configuration=configuration.text)
    print(f"report written to {options.report}", file=sys.stderr)


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _mistakes_told() -> Iterator[None]:
    """What a person can put right is a sentence; anything else is a bug, and has its traceback."""
    try:
        yield
    except InvariantViolation as error:
        raise CommandError(f"a check failed: {error}", _FAILED) from error
    except (BrokenPipeError, ModuleNotFoundError):  # main.py knows what to say
        raise
    except (ConfigurationError, ImportError, OSError) as error:
        raise CommandError(str(error), _USAGE) from error
