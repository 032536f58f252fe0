"""Session: a run of pytest with options of the kit. It chooses the cases, counts what was reached and
writes the report.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Generator, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crypto_exchange import __version__
from crypto_exchange.entrypoints.testing.adapters import Factory, memory_adapters
from crypto_exchange.entrypoints.testing.disturbances import names_of
from crypto_exchange.entrypoints.testing.plugin import NAMES
from crypto_exchange.entrypoints.testing.reach import CORNERS_VISITED, REQUIRED, Reach

FACTORY = pytest.StashKey[Factory]()
"""What `--cx-adapters` names."""
PURE, SIMULATED, OVER_ADAPTERS, OVER_HTTP, SEEDED = range(5)
"""Levels: decisions alone, simulation over memory, somebody's adapters, a deployment; seeded bugs."""
BUDGET_S = 60
"""How long the kit's own cases search, if nothing else is said."""
CASES = Path(__file__).with_name("cases.py")
_PROPERTY = "crypto_exchange_check"
_SEARCHES = (
    "kit.corners_find_nothing",
    "kit.the_machine_finds_nothing",
    "kit.simulated_days_find_nothing",
)


class KitSession:
    """Hooks of a run with options."""

    def __init__(self, config: pytest.Config) -> None:
        """Check the options and choose the files.

        Raises:
            pytest.UsageError: one of them cannot be meant.
        """
        self._config, self._option = config, config.option
        self._started_s = time.monotonic()
        self._reached: Counter[str] = Counter()
        self._checks: list[dict[str, Any]] = []
        self._visited: dict[str, list[int]] = {}
        _require_possible(self._option)
        self._expected = _expected_failures(self._option.cx_xfail)
        if self._option.cx_adapters is not None:
            config.stash[FACTORY] = load_factory(self._option.cx_adapters)
        wanted = (self._option.cx_adapters, self._option.cx_url, self._option.cx_mutants)
        named = config.args_source is pytest.Config.ArgsSource.ARGS
        self._packaged = named and config.args == [str(CASES)]  # in a process of pytest-xdist
        if any(wanted) and not named:
            self._packaged = True
            config.args = [str(CASES)]
        if self._packaged:
            self._option.cx_budget = self._option.cx_budget or BUDGET_S

    def pytest_report_header(self) -> str:
        """Everything that is needed to run it again."""
        values = {name: getattr(self._option, name) for name in sorted(NAMES)}
        values["cx_seed"] = self._option.cx_seed or 0
        shown = (f"{name[3:]}={value}" for name, value in values.items() if value is not None)
        return f"crypto-exchange {__version__}: {', '.join(shown)}"

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what is above the level; mark what is expected to fail."""
        levels = set(_levels(self._option))
        items.sort(key=lambda item: check_name(item) in _SEARCHES)  # what is quick comes first
        left_out = [item for item in items if getattr(_class_of(item), "level", None) not in levels]
        left_out = [item for item in left_out if item.path == CASES]
        if left_out:
            items[:] = [item for item in items if item not in left_out]
            self._config.hook.pytest_deselected(items=left_out)
        names = {check_name(item) for item in items}
        if unknown := sorted(self._expected.keys() - names - _known_checks(self._expected)):
            raise pytest.UsageError(
                f"--cx-xfail: expected the name of a check, was {unknown[0]!r}: --collect-only "
                "and --cx-report tell them"
            )
        for item in items:
            if (name := check_name(item)) in self._expected:
                reason = self._expected[name]
                item.add_marker(pytest.mark.xfail(strict=True, reason=reason))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        """Count what a check reaches."""
        with Reach() as reach:
            try:
                return (yield)
            finally:
                if name := check_name(item):
                    item.user_properties.append((_PROPERTY, [name, dict(reach.counts)]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up, in the process that reports."""
        found = dict(report.user_properties).get(_PROPERTY)
        if not isinstance(found, list) or report.when != "call":
            return
        name, reached = found
        self._reached.update(reached)
        if visited := dict(report.user_properties).get(CORNERS_VISITED):
            assert isinstance(visited, list)
            self._visited[report.nodeid] = visited
        self._checks.append(
            {
                "name": name,
                "test": report.nodeid,
                "outcome": "expected to fail" if hasattr(report, "wasxfail") else report.outcome,
                "seconds": round(report.duration, 3),
                "message": report.longreprtext if report.failed else "",
            }
        )

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a run that has not been where it had to be; write the report."""
        if hasattr(self._config, "workerinput"):
            return
        if self._unreached() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self._option.cx_report is not None:
            self._option.cx_report.write_bytes(msgspec.json.format(self._report(), indent=2))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name what was never met, and say of searches that had no time for all corners."""
        for test, (visited, there_are) in self._visited.items():
            if visited < there_are:
                terminalreporter.write_line(f"{test}: {visited} of {there_are} corners visited")
        for name in self._unreached():
            terminalreporter.write_line(f"never reached: {name}", red=True)
        if self._unreached():
            longer = "--cx-budget=2m, or --no-cx-require-reach"
            terminalreporter.write_line(f"expected a run that meets all of these: try {longer}")

    def _unreached(self) -> list[str]:
        """What was required and never met."""
        required = self._option.cx_require_reach
        if required is None:
            required = self._packaged and any(check["name"] in _SEARCHES for check in self._checks)
        return [name for name in REQUIRED if not self._reached[name]] if required else []

    def _report(self) -> bytes:
        named = {name: getattr(self._option, name) for name in sorted(NAMES)}
        report = {
            "version": __version__,
            "seed": self._option.cx_seed or 0,
            "options": {n[3:]: v for n, v in named.items() if isinstance(v, int | str)},
            "checks": self._checks,
            "violations": [check["name"] for check in self._checks if check["message"]],
            "reach": dict(sorted(self._reached.items())),
            "unreached": self._unreached(),
            "corners": self._visited,
            "seconds": round(time.monotonic() - self._started_s, 1),
        }
        return msgspec.json.encode(report)


def check_name(item: pytest.Item) -> str | None:
    """What a check is called, as in "unit_of_work.a_batch_is_settled_once"; None for other tests."""
    return getattr(getattr(getattr(item, "function", None), "check", None), "name", None)


def load_factory(name: str) -> Factory:
    """What MODULE:FUNCTION names.

    Raises:
        pytest.UsageError: there is none.
    """
    if name == "memory":
        return memory_adapters
    module, _, path = name.partition(":")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise pytest.UsageError(
            f"--cx-adapters: expected a module and a function in it that can be imported, "
            f"was {name!r}: {error}"
        ) from error
    if not callable(found):
        raise pytest.UsageError(f"--cx-adapters: expected a function, was {name!r}: {found!r}")
    factory: Factory = found
    return factory


def _known_checks(wanted: Collection[str]) -> set[str]:
    """Names of the kit's checks, if any is wanted."""
    if not wanted:
        return set()
    from crypto_exchange.entrypoints.testing import cases
    from crypto_exchange.entrypoints.testing.contracts.checks import Suite, check_of

    suites = (value for value in vars(cases).values() if isinstance(value, type))
    bases = {base for suite in suites for base in suite.__mro__ if issubclass(base, Suite)}
    return {check_of(check).name for base in bases for check in base.own_checks.values()}


def _class_of(item: pytest.Item) -> type | None:
    return getattr(item, "cls", None)


def _require_possible(option: Any) -> None:
    """Refuse what no single option can tell."""
    if option.cx_faults is not None:
        try:
            names_of(option.cx_faults)
        except ValueError as error:
            raise pytest.UsageError(f"--cx-faults: {error}") from None
    if option.cx_level == OVER_HTTP and option.cx_url is None:
        raise pytest.UsageError(
            "--cx-level=3: expected the deployment with --cx-url, there was none"
        )


def _levels(option: Any) -> Iterator[int]:
    """What of the kit's own cases is run."""
    named = option.cx_adapters is not None
    highest = OVER_HTTP if option.cx_level is None else option.cx_level
    if named:
        yield from range(min(highest, OVER_ADAPTERS) + 1)
    if option.cx_url is not None and highest == OVER_HTTP:
        yield OVER_HTTP
    if option.cx_mutants:
        yield SEEDED


def _expected_failures(path: Path | None) -> dict[str, str]:
    """Reasons by the names of checks.

    Raises:
        pytest.UsageError: the file cannot be read, or a line has no reason.
    """
    if path is None:
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise pytest.UsageError(f"--cx-xfail: expected a file, was {path}: {error}") from None
    expected = {}
    for number, line in enumerate(lines, start=1):
        name, colon, reason = line.partition(":")
        if not line.strip() or line.startswith("#"):
            continue
        if not colon or not reason.strip():
            raise pytest.UsageError(
                f"--cx-xfail: expected `name: reason` in {path}, line {number}, was {line!r}"
            )
        expected[name.strip()] = reason.strip()
    return expected
