"""`crypto_exchange.testing` loads what is asked for, and needs only what that needs."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import crypto_exchange.testing as kit

# Only the package itself, msgspec and the standard library can be found.
BARE = """
import sys

class Bare:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in {"crypto_exchange", "msgspec", *sys.stdlib_module_names}:
            raise ModuleNotFoundError(f"No module named {top!r}", name=top)

sys.meta_path.insert(0, Bare())
"""


def run_bare(program: str) -> str:
    command = [sys.executable, "-c", BARE + program]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("name", kit.__all__)
def test_everything_that_is_public_is_there(name: str) -> None:
    assert getattr(kit, name) is not None
    assert name in dir(kit)


def test_what_is_not_public_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'no_such'"):
        _ = import_module(kit.__name__).no_such


def test_the_module_itself_loads_nothing() -> None:
    loaded = run_bare("import crypto_exchange.testing; print(*sys.modules)").split()

    assert {name for name in loaded if name.startswith("crypto_exchange")} == {
        "crypto_exchange",
        "crypto_exchange.testing",
    }


def test_the_bare_package_simulates_and_checks_histories() -> None:
    told = run_bare(
        "from crypto_exchange.testing import MUTANTS, SimExchange, check_history, simulate\n"
        "history = simulate(seed=1, days=0.1)\n"
        "print(len(history.records) > 20, check_history(history.records), history.violations)"
    )

    assert told == "True [] ()\n"


@pytest.mark.parametrize(
    "name",
    ["AggregationMachine", "AggregationSuite", "UnitOfWorkTests", "run_machine", "strategies"],
)
def test_the_bare_package_says_what_to_install_for_the_rest(name: str) -> None:
    told = run_bare(
        f"try:\n    from crypto_exchange.testing import {name}\nexcept ImportError as error:\n"
        "    print(error)"
    )

    assert told.rstrip().endswith("was not: pip install 'crypto-exchange[testing]'")
    assert told.startswith(("expected hypothesis", "expected pytest"))
