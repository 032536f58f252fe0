"""`python -m tests.harness`: run the server adapters' suites over every bug of theirs, and once without.

Every run has servers of its own: in Postgres, the oldest transaction of any database keeps the event log
of all others waiting.
"""

import argparse
import sys

from crypto_exchange.entrypoints.testing.mutants.result import CLEAN, Result
from crypto_exchange.entrypoints.testing.mutants.runner import run_children, table
from tests.harness.server_mutants import SERVER_MUTANTS

TIMEOUT_S = 600


def main() -> int:
    """1 if a bug survives, or something is found where there is none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help="mutants (default: all)")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    titles = {each.name: each.title for each in SERVER_MUTANTS}
    chosen = [CLEAN, *(name for name in titles if not options.names or name in options.names)]
    commands = [(name, (sys.executable, "-m", "tests.harness.child", name)) for name in chosen]
    results = run_children(commands, jobs=options.jobs, timeout_s=TIMEOUT_S, tell=_tell)
    print("\n".join(table(results, titles)))
    return 0 if all(result.is_good for result in results) else 1


def _tell(result: Result) -> None:
    told = f"{result.name} {result.killed_by or 'nothing found'} {result.message}"
    print(told.rstrip(), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
