"""`crypto-exchange mutants`: shows that the testing kit finds bugs, by planting some."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

import msgspec

from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.entrypoints.testing.mutants import MUTANTS
from crypto_exchange.entrypoints.testing.mutants.result import Result
from crypto_exchange.entrypoints.testing.mutants.runner import run_mutants, table
from crypto_exchange.settings import Settings

_FAILED, _USAGE = 1, 2


def mutants(_settings: Settings, options: argparse.Namespace) -> int:
    """Run the kit over every mutant that is named, and once without; 1 if one survives."""
    importlib.import_module("crypto_exchange.entrypoints.testing.campaign")  # names a missing extra
    try:
        results = run_mutants(
            options.names or None,
            seed=options.seed,
            jobs=options.jobs,
            budget_s=options.budget,
            tell=_tell,
        )
    except ValueError as error:
        raise CommandError(str(error), _USAGE) from error
    if options.json:
        print(msgspec.json.encode({"seed": options.seed, "results": results}).decode())
    else:
        _print(results)
    return 0 if all(result.is_good for result in results) else _FAILED


def _tell(result: Result) -> None:
    """Progress, on the other stream."""
    told = f"{result.name} {result.killed_by or 'nothing found'} {result.message}"
    print(told.rstrip(), file=sys.stderr)


def _print(results: Sequence[Result]) -> None:
    print("\n".join(table(results, {mutant.name: mutant.title for mutant in MUTANTS})))
    bad = [result.name for result in results if not result.is_good]
    clean, *planted = results
    found = sum(result.is_good for result in planted)
    print(f"{found} of {len(planted)} bugs were found; without a bug {_said(clean)}.")
    if bad:
        print(f"Not as it should be: {', '.join(bad)}")


def _said(clean: Result) -> str:
    return "nothing was" if clean.is_good else f"{clean.killed_by} was: {clean.message}"
