"""Seeded bugs: each fits the code as it is, is planted without a file being changed, and is reported."""

import ast
import json
import subprocess
import sys

import pytest

from crypto_exchange.entrypoints.testing.mutants import MUTANTS, Mutant
from crypto_exchange.entrypoints.testing.mutants.child import tried
from crypto_exchange.entrypoints.testing.mutants.mutant import plant, read_source
from crypto_exchange.entrypoints.testing.mutants.result import Result
from crypto_exchange.entrypoints.testing.mutants.runner import run_children, run_mutants, table
from tests.harness.server_mutants import SERVER_MUTANTS, suites_of

ALL = {mutant.name: mutant for mutant in (*MUTANTS, *SERVER_MUTANTS)}


@pytest.mark.parametrize("mutant", ALL.values(), ids=ALL)
def test_a_mutant_is_another_program_than_the_module_as_it_is(mutant: Mutant) -> None:
    source = read_source(mutant.module)

    patched = mutant.patch(source)

    assert ast.dump(ast.parse(patched)) != ast.dump(ast.parse(source))
    assert "\n" not in mutant.before.strip()


def test_the_list_has_the_published_33_and_enough_others_each_named_once() -> None:
    names = [mutant.name for mutant in (*MUTANTS, *SERVER_MUTANTS)]

    assert len(ALL) == len(names)
    for number in range(1, 34):
        assert f"M{number:02}" in ALL[f"M{number:02}"].origin
    assert sum(mutant.origin == "new" for mutant in MUTANTS) >= 12
    assert len(SERVER_MUTANTS) >= 10
    assert all(suites_of(mutant) for mutant in SERVER_MUTANTS)


def test_mutants_of_the_shipped_list_need_no_server() -> None:
    packages = ("crypto_exchange.domain.", "crypto_exchange.adapters.memory.")

    assert all(mutant.module.startswith(packages) for mutant in MUTANTS)


def test_a_patch_that_fits_nowhere_or_twice_is_refused() -> None:
    mutant = Mutant(name="X", title="", module="a.module", before="x", after="y")

    with pytest.raises(ValueError, match=r"expected 'x' once in a\.module, was there 0 times"):
        mutant.patch("z")
    with pytest.raises(ValueError, match="was there 2 times"):
        mutant.patch("x + x")


def test_a_module_that_was_imported_before_cannot_get_its_bug() -> None:
    with pytest.raises(RuntimeError, match="expected json not to be imported yet"):
        plant(Mutant(name="X", title="", module="json", before="a", after="b"))


def test_a_bug_is_in_the_process_where_it_is_planted_and_in_no_other() -> None:
    script = """
from crypto_exchange.entrypoints.testing.mutants import MUTANTS
from crypto_exchange.entrypoints.testing.mutants.mutant import plant
plant(next(mutant for mutant in MUTANTS if mutant.name == "M02"))
from crypto_exchange.domain.wallet import Wallet, require_funds
require_funds(Wallet(1, balance=0), 1_000_000)
"""

    planted = run_python(script)
    clean = run_python(script.replace("plant(next", "print(next"))

    assert planted.returncode == 0, planted.stderr
    assert "InsufficientFunds" in clean.stderr


def test_what_a_run_finds_or_breaks_down_with_kills() -> None:
    def break_down() -> None:
        raise ArithmeticError("too much")

    found = tried(None, lambda: ("I1 cash", "expected 1, was 2"))
    broken = tried(None, break_down)

    assert (found.killed_by, found.message) == ("I1 cash", "expected 1, was 2")
    assert (broken.killed_by, broken.message) == ("crash: ArithmeticError", "too much")
    assert tried(None, lambda: None).killed_by is None


def test_a_process_that_says_nothing_or_never_ends_has_found_its_bug() -> None:
    says = 'print(\'by the way\'); print(\'{"name": "M01", "killed_by": null}\')'
    told: list[Result] = []

    results = run_children(
        [("M01", python(says)), ("M02", python("raise SystemError('gone')"))],
        jobs=1,
        timeout_s=60,
        tell=told.append,
    )
    endless = [("M03", python("import time; time.sleep(60)"))]
    results += run_children(endless, jobs=1, timeout_s=1, tell=told.append)

    assert [result.killed_by for result in results] == [None, "crash: exit code 1", "stuck"]
    assert results[1].message == "SystemError: gone"
    assert [result.is_good for result in results] == [False, True, True]
    assert told == results


def test_a_clean_run_is_good_if_nothing_is_found() -> None:
    assert Result(name="clean", killed_by=None).is_good
    assert not Result(name="clean", killed_by="I1 cash").is_good


def test_the_table_says_which_bugs_survived() -> None:
    results = [
        Result(name="clean", killed_by=None, seconds=9.5),
        Result(name="M01", killed_by="I7 keys", seconds=0.5),
        Result(name="M02", killed_by=None, seconds=9.0),
    ]

    lines = [*table(results, {"M01": "a bug", "M02": "another"})]

    assert lines == [
        "clean    9.5 s  nothing   no bug",
        "M01      0.5 s  I7 keys   a bug",
        "M02      9.0 s  SURVIVED  another",
    ]


def test_a_mutant_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="expected mutants of M01 to M90, was M99"):
        run_mutants(["M99"])


def test_the_kit_finds_a_bug_that_is_planted() -> None:
    command = ["-m", "crypto_exchange.entrypoints.testing.mutants.child"]

    ended = subprocess.run(
        [sys.executable, *command, "M03", "--seed", "1", "--budget", "60"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(ended.stdout)["killed_by"]


def run_python(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(python(script), capture_output=True, text=True, check=False)


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]
