"""Runner: one process for every mutant, a few at a time, and one without a bug."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from crypto_exchange.entrypoints.testing.mutants import MUTANTS
from crypto_exchange.entrypoints.testing.mutants.result import CLEAN, Result

BUDGET_S = 10
"""How long the kit draws traffic for one bug, before the contract suites."""
STUCK_S = 120
"""How much longer a process may take before it is taken to run for ever, which is a finding, too."""

_CHILD = (sys.executable, "-m", "crypto_exchange.entrypoints.testing.mutants.child")


def run_mutants(
    names: Sequence[str] | None = None,
    *,
    seed: int = 0,
    jobs: int = 2,
    budget_s: int = BUDGET_S,
    tell: Callable[[Result], object] = str,
) -> list[Result]:
    """Look for every bug that is named (None: for all), `jobs` at a time, and for one in a clean run.

    `tell` hears of each result as it comes. The clean run comes first in the list.

    Raises:
        ValueError: there is no mutant of that name.
    """
    known = [mutant.name for mutant in MUTANTS]
    unknown = sorted(set(names or ()) - set(known))
    if unknown:
        raise ValueError(f"expected mutants of {known[0]} to {known[-1]}, was {', '.join(unknown)}")
    chosen = [CLEAN, *(name for name in known if names is None or name in names)]
    options = ("--seed", str(seed), "--budget", str(budget_s))
    commands = [(name, (*_CHILD, name, *options)) for name in chosen]
    return run_children(commands, jobs=jobs, timeout_s=budget_s + STUCK_S, tell=tell)


def run_children(
    commands: Sequence[tuple[str, Sequence[str]]],
    *,
    jobs: int,
    timeout_s: int,
    tell: Callable[[Result], object],
) -> list[Result]:
    """Run a process for each name, whose last line of output is its result."""

    def run(command: tuple[str, Sequence[str]]) -> Result:
        result = _run_child(*command, timeout_s)
        tell(result)
        return result

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(run, commands))


def table(results: Sequence[Result], titles: dict[str, str]) -> Iterator[str]:
    """Lines for people: in how long it was found, by which check, and what it is (`titles` by name)."""
    words = [each.killed_by or ("nothing" if each.is_good else "SURVIVED") for each in results]
    width = max(len(word) for word in words)
    for result, word in zip(results, words, strict=True):
        title = titles.get(result.name, "no bug")
        yield f"{result.name:5} {result.seconds:6.1f} s  {word:{width}}  {title}"


def _run_child(name: str, command: Sequence[str], timeout_s: int) -> Result:
    started = time.monotonic()
    try:
        ended = subprocess.run(  # noqa: S603 - our own commands
            command, capture_output=True, text=True, check=False, timeout=timeout_s
        )
    except subprocess.TimeoutExpired:
        message = f"expected an end within {timeout_s} s, there was none"
        return Result(name=name, killed_by="stuck", message=message, seconds=timeout_s)
    seconds = round(time.monotonic() - started, 1)
    try:
        result = msgspec.json.decode(ended.stdout.rstrip().rpartition("\n")[2], type=Result)
    except msgspec.DecodeError:
        lines = ended.stderr.strip().splitlines() or ["no output"]
        killed_by = f"crash: exit code {ended.returncode}"
        return Result(name=name, killed_by=killed_by, message=lines[-1], seconds=seconds)
    return msgspec.structs.replace(result, seconds=seconds)
