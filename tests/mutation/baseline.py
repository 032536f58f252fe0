"""What the tests do without a fault: how long each takes, and which lines it runs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest
from coverage import Coverage

AT_IMPORT = ""
"""Stands for a test where code is run before any of them."""


@dataclass
class Baseline:
    """Seconds per test, and the tests that run each line of each file."""

    seconds: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    lines: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def tests_of(self, path: str, lines: range) -> frozenset[str]:
        """The tests that run any of these lines."""
        known = self.lines.get(path, {})
        return frozenset(test for line in lines for test in known.get(str(line), []))

    def tests_of_file(self, path: str) -> frozenset[str]:
        """The tests that run anything of a file."""
        return frozenset(test for tests in self.lines.get(path, {}).values() for test in tests)

    def write(self, path: Path) -> None:
        """Keep it for the next run."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Baseline:
        """What an earlier run kept."""
        return cls(**json.loads(path.read_text()))


class Observer:
    """A pytest plugin that takes the baseline and writes it to a file at the end."""

    def __init__(self, root: Path, package: Path, result: Path) -> None:
        self.root, self.package, self.result = root, package, result
        self.baseline = Baseline()
        self.coverage = Coverage(data_file=None, config_file=False, include=[f"{package}/*"])
        self.coverage.start()  # in the context AT_IMPORT

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Measure one test."""
        self.coverage.switch_context(item.nodeid)
        started = time.perf_counter()
        result = yield
        self.baseline.seconds[item.nodeid] = round(time.perf_counter() - started, 4)
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what fails: then nothing can be said about faults."""
        if report.failed:
            self.baseline.failed.append(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write it."""
        self.coverage.stop()
        measured = self.coverage.get_data()
        for name in measured.measured_files():
            lines = measured.contexts_by_lineno(name)
            path = str(Path(name).relative_to(self.root))
            self.baseline.lines[path] = {str(n): sorted(tests) for n, tests in lines.items()}
        self.baseline.write(self.result)
