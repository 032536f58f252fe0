"""Child: a process with one bug in it, or none, that says how the kit's default run found it.

    python -m crypto_exchange.entrypoints.testing.mutants.child M05 --seed 1 --budget 20

It prints one line of JSON. A run that breaks down has found the bug, too.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from crypto_exchange.entrypoints.testing.mutants import MUTANTS
from crypto_exchange.entrypoints.testing.mutants.mutant import Mutant, plant
from crypto_exchange.entrypoints.testing.mutants.result import CLEAN, Result


def run(arguments: Sequence[str]) -> Result:
    """Plant the bug that is named, run the kit, and tell what it found first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=[CLEAN, *(mutant.name for mutant in MUTANTS)])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=int, default=10, help="seconds")
    options = parser.parse_args(arguments)
    mutant = next((each for each in MUTANTS if each.name == options.name), None)
    return tried(mutant, lambda: _run_kit(options.seed, options.budget))


def tried(mutant: Mutant | None, find: Callable[[], tuple[str, str] | None]) -> Result:
    """Plant a bug (None: none) and look for it; `find` gives the check and what it said, if one did."""
    started, name = time.monotonic(), CLEAN if mutant is None else mutant.name
    if mutant is not None:
        plant(mutant)
    try:
        found = find()
    except Exception as error:  # however it breaks down, the bug is found
        found = f"crash: {type(error).__name__}", str(error)
    check, message = found or (None, "")
    return Result(
        name=name,
        killed_by=check,
        message=message[:500],
        seconds=round(time.monotonic() - started, 1),
    )


def _run_kit(seed: int, budget_s: int) -> tuple[str, str] | None:
    from crypto_exchange.entrypoints.testing import campaign

    report = campaign.run(seed, budget_s)
    if not report.violations:
        return run_contracts()
    first = report.violations[0]
    return first.check, first.message


def run_contracts() -> tuple[str, str] | None:
    """Run the kit's contract suites over the adapters in memory, whatever pytest is told elsewhere."""
    from crypto_exchange.entrypoints.testing.mutants.suites import run_suites

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    suites = Path(__file__).with_name("memory_suites.py")
    return run_suites(
        ["-c", os.devnull, "--noconftest", "--rootdir", str(suites.parent), str(suites)]
    )


if __name__ == "__main__":
    print(msgspec.json.encode(run(sys.argv[1:])).decode())
