"""The pytest plugin: its options, the cases it brings, what it tells, and that it costs nothing unused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from crypto_exchange import __version__
from crypto_exchange.entrypoints.testing import cases, plugin

pytest_plugins = ["pytester"]
assert cases.__file__  # it is loaded here, once for all runs inside of this process

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
QUICK = ("--cx-examples=1", "--cx-steps=2", "--cx-budget=1s", "--no-cx-require-reach", "-q")
ONE_RULE = "a_stale_wallet_is_a_conflict"


@pytest.fixture
def sqlite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A user's folder with the example in it."""
    for path in EXAMPLES.glob("*.py"):
        pytester.makepyfile(**{path.stem: path.read_text()})
    return pytester


@pytest.fixture(autouse=True)
def without_other_plugins(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the kit do with what its users have, and load nothing else."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", f"-p _hypothesis_pytestplugin -p {plugin.__name__}")
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # it doubles the time


def test_importing_the_plugin_loads_nothing_but_pytest_and_the_standard_library() -> None:
    program = (
        "import pytest, sys; known = set(sys.modules); "
        f"import {plugin.__name__}; print(*sorted(set(sys.modules) - known))"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    loaded = {
        name for name in ran.stdout.split() if name.partition(".")[0] not in sys.stdlib_module_names
    }
    parts = plugin.__name__.split(".")
    assert loaded == {".".join(parts[: n + 1]) for n in range(len(parts))}


def test_a_run_without_options_finds_the_plugin_and_loads_nothing_of_the_kit(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:schemathesis")
    pytester.makepyfile(
        """
        import sys

        def test_of_somebody_else():
            assert "crypto_exchange.entrypoints.testing.plugin" in sys.modules
            assert "crypto_exchange.entrypoints.testing.session" not in sys.modules
            assert "crypto_exchange.domain" not in sys.modules
        """
    )

    ran = pytester.runpytest_subprocess()

    ran.assert_outcomes(passed=1)
    ran.stdout.no_fnmatch_line("*crypto-exchange 0*")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--cx-level=4"], "expected 0, 1, 2 or 3, was '4'"),
        (["--cx-seed=-1"], "expected a whole number of 0 or more, was '-1'"),
        (["--cx-examples=0"], "expected a whole number of 1 or more, was '0'"),
        (["--cx-steps=many"], "expected a whole number of 1 or more, was 'many'"),
        (["--cx-budget=1h"], "expected a time such as 60s or 2m, was '1h'"),
        (["--cx-budget=0s"], "expected a time such as 60s or 2m, was '0s'"),
        (["--cx-adapters=mine"], "expected memory or MODULE:FUNCTION, was 'mine'"),
        (["--cx-adapters=no_such:make"], "can be imported, was 'no_such:make': No module named"),
        (["--cx-adapters=json:no_such"], "was 'json:no_such': module 'json' has no attribute"),
        (["--cx-adapters=sys:version"], "expected a function, was 'sys:version'"),
        (["--cx-faults=rain"], "expected all, none or some of reject"),
        (["--cx-url=nowhere"], "expected an address such as http://127.0.0.1:8000, was 'nowhere'"),
        (["--cx-level=3"], "expected the deployment with --cx-url, there was none"),
        (["--cx-xfail=none.txt"], "expected a file, was none.txt"),
        (["--cx-xfail=wrong.txt"], "expected `name: reason` in wrong.txt, line 1, was 'wrong'"),
        (["--cx-xfail=other.txt"], "expected the name of a check, was 'no.such': "),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_was_expected_and_what_it_was(
    pytester: pytest.Pytester, arguments: list[str], expected: str
) -> None:
    pytester.path.joinpath("wrong.txt").write_text("wrong\n")
    pytester.path.joinpath("other.txt").write_text("no.such: because\n")

    ran = pytester.runpytest_inprocess(*arguments)

    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(f"*{expected.replace('[', '[[]')}*")


def test_naming_adapters_runs_the_kit_over_them_without_a_test_file(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        mine="from crypto_exchange.testing import memory_adapters",
        test_other="def test_other(): assert False",
    )

    ran = pytester.runpytest_subprocess(
        "--cx-adapters=mine:memory_adapters",
        "--cx-seed=7",
        "--cx-report=report.json",
        f"-k=TestAdapters and ({ONE_RULE} or nothing)",
        *QUICK[:-1],
    )

    assert ran.ret == pytest.ExitCode.OK
    ran.stdout.fnmatch_lines(f"crypto-exchange {__version__}: *adapters=mine:*seed=7*")
    report = json.loads((pytester.path / "report.json").read_text())
    assert (report["version"], report["seed"], report["violations"]) == (__version__, 7, [])
    names = {check["name"] for check in report["checks"]}
    assert f"unit_of_work.{ONE_RULE}_and_nothing_is_written" in names
    assert {"kit.the_machine_finds_nothing", "kit.simulated_days_find_nothing"} <= names
    assert report["reach"]
    assert report["unreached"] == []


def test_adapters_that_forget_a_comparison_are_caught_with_a_short_report(
    sqlite: pytest.Pytester,
) -> None:
    ran = sqlite.runpytest_subprocess(
        "--cx-adapters=broken_sqlite_adapters:make_adapters",
        f"-k=TestAdapters and ({ONE_RULE} or machine)",
        "--cx-report=report.json",
        "--no-cx-require-reach",
    )

    assert ran.ret == pytest.ExitCode.TESTS_FAILED
    told = ran.stdout.str()
    assert "DID NOT RAISE Conflict" in told
    assert "To see it again:" in told
    assert "def test_found_by_the_testing_kit():" in told
    assert "machine.py" not in told
    report = json.loads((sqlite.path / "report.json").read_text())
    assert "kit.the_machine_finds_nothing" in report["violations"]


def test_a_check_that_is_expected_to_fail_must_fail(sqlite: pytest.Pytester) -> None:
    name = f"unit_of_work.{ONE_RULE}_and_nothing_is_written"
    sqlite.path.joinpath("known.txt").write_text(f"# known\n\n{name}: it forgets to compare\n")
    options = ("--cx-xfail=known.txt", f"-k=TestAdapters and {ONE_RULE}", *QUICK)

    broken = sqlite.runpytest_inprocess(
        "--cx-adapters=broken_sqlite_adapters:make_adapters", *options
    )
    sound = sqlite.runpytest_inprocess("--cx-adapters=sqlite_adapters:make_adapters", *options)

    assert broken.ret == pytest.ExitCode.OK
    broken.stdout.fnmatch_lines("*1 xfailed*")
    assert sound.ret == pytest.ExitCode.TESTS_FAILED
    sound.stdout.fnmatch_lines("*it forgets to compare*")


def test_a_run_that_never_got_anywhere_fails_if_reach_is_required(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        test_mine="""
        from crypto_exchange.testing import AggregationSuite, memory_adapters

        class TestMine(AggregationSuite):
            def make_adapters(self, sim):
                return memory_adapters(sim)
        """
    )
    options = ("test_mine.py", f"-k={ONE_RULE}")

    lenient = pytester.runpytest_inprocess(*options)
    strict = pytester.runpytest_inprocess(*options, "--cx-require-reach")

    assert lenient.ret == pytest.ExitCode.OK
    assert strict.ret == pytest.ExitCode.TESTS_FAILED
    strict.stdout.fnmatch_lines(["never reached: a partial fill"])


def test_levels_are_run_as_far_as_they_are_named(pytester: pytest.Pytester) -> None:
    def collected(*arguments: str) -> set[str]:
        ran = pytester.runpytest_inprocess("--collect-only", "-q", *arguments)
        found = {line.split("::")[1] for line in ran.outlines if "::" in line}
        assert found
        return found

    pure = {"TestDecisions", "TestAuditDecisions"}
    over_memory = {*pure, "TestMemory", "TestMemoryExchange", "TestMemoryQueue"}
    assert collected("--cx-adapters=memory", "--cx-level=0") == pure
    assert collected("--cx-adapters=memory", "--cx-level=1") == over_memory
    assert collected("--cx-adapters=memory") == {*over_memory, "TestAdapters"}
    assert collected("--cx-mutants") == {"TestMutants"}
    assert collected("--cx-url=http://127.0.0.1:8000") == {"TestDeployment"}
