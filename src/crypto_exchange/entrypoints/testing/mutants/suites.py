"""Suites: runs tests with pytest in this process, up to the first that fails."""

from __future__ import annotations

from collections.abc import Sequence

import pytest


class FirstFailure:
    """Notes which test found something first, and what it said."""

    def __init__(self) -> None:
        self.found: tuple[str, str] | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that failed."""
        if report.failed:
            self._note(report.nodeid.partition("::")[2], report.longreprtext)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that could not even be loaded."""
        if report.failed:
            self._note(f"crash: {report.nodeid}", report.longreprtext)

    def _note(self, name: str, text: str) -> None:
        errors = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
        self.found = self.found or (name, errors[0] if errors else text[-200:])


def run_suites(arguments: Sequence[str], *plugins: object) -> tuple[str, str] | None:
    """The first test that fails, and what it says; pytest's arguments say which are run."""
    first = FirstFailure()
    code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *arguments], [first, *plugins])
    if code == pytest.ExitCode.OK or first.found is not None:
        return first.found
    return f"crash: pytest ended with {code!r}", ""
