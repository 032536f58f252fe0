"""One bug in a server adapter, or none, and the suites that keep it: `python -m tests.harness.child S01`.

It prints pytest's own report, and last a line of JSON.
"""

import argparse
import sys

import msgspec

from crypto_exchange.entrypoints.testing.mutants.child import tried
from crypto_exchange.entrypoints.testing.mutants.result import CLEAN
from crypto_exchange.entrypoints.testing.mutants.suites import run_suites
from tests.harness.server_mutants import SERVER_MUTANTS, SUITES, suites_of


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=[CLEAN, *(mutant.name for mutant in SERVER_MUTANTS)])
    options = parser.parse_args()
    mutant = next((each for each in SERVER_MUTANTS if each.name == options.name), None)
    suites = sum(SUITES.values(), ()) if mutant is None else suites_of(mutant)
    result = tried(mutant, lambda: run_suites(suites))
    print(f"\n{msgspec.json.encode(result).decode()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
