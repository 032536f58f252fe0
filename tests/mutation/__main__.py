"""`python -m tests.mutation --seed 1 --mutants 1000`: what the unit tests of the domain notice."""

import argparse
import contextlib
import os
import sys
from pathlib import Path

os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
os.environ["HYPOTHESIS_NO_PLUGINS"] = "1"  # nor what the package itself offers to Hypothesis
os.environ["COVERAGE_CORE"] = "ctrace"  # the others do not tell which test ran a line

import pytest
from hypothesis import settings

from tests.mutation.campaign import Aim, Campaign, sample
from tests.mutation.record import summarize

_ROOT = Path(__file__).parents[2]


def main() -> int:
    """Try the mutants and print the report; 1 if too few were noticed, 2 if it could not be run."""
    options = _options()
    aim = Aim(
        root=_ROOT,
        package=_ROOT / "src/crypto_exchange/domain",
        tests=(_ROOT / "tests/unit/domain", _ROOT / "tests/unit/test_contracts_memory.py"),
        results=_ROOT / "build/mutation",
    )
    aim.results.mkdir(parents=True, exist_ok=True)
    mutants = sample(aim.mutants(options.only), options.mutants, options.seed)
    settings.load_profile("mutation")
    campaign = Campaign(aim, mutants, options.jobs, sys.stdout)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        code = pytest.main(aim.arguments, plugins=[campaign])
    if campaign.forked:
        os._exit(code)
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        print("no score: expected tests that are collected and pass, ask pytest", file=sys.stderr)
        return 2
    score, report = summarize(campaign.record.verdicts[each.name] for each in mutants)
    print(report)
    return int(score < options.least)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--mutants", type=int, default=1000, help="at most so many")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--only", default="", help="modules whose path contains this")
    parser.add_argument("--least", type=float, default=90, help="the score that is enough, in %%")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
