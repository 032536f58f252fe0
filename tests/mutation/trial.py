"""One fault planted, and the tests run until the first that notices."""

from __future__ import annotations

import ast
import gc
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import pytest
from hypothesis import HealthCheck, Phase, settings
from typing_extensions import override

from tests.mutation.operators import Mutant

settings.register_profile(
    "mutation",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=40,
    phases=(Phase.explicit, Phase.generate),  # which example noticed it is of no interest
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
OPTIONS = (
    *("-p", "pytest_asyncio.plugin", "-p", "pytest_timeout", "-p", "no:cacheprovider"),
    *("-o", "addopts=--import-mode=importlib", "-o", "timeout=60"),
    *("--noconftest", "--assert=plain", "--capture=no", "--tb=no", "--maxfail=1"),
)
"""Only the plugins that the tests of the domain need."""
_OURS = ("crypto_exchange", "tests")


@dataclass
class Trial:
    """A pytest plugin: tests in this order, none for much longer than it takes without a fault.

    What fails is written to `told`, a name a line. One that exceeds its time ends the process by
    SIGPROF, the machine's code being possibly in a loop that no Python would interrupt.
    """

    seconds: dict[str, float]
    touching: frozenset[str]
    told: int

    def sort(self, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        """Those that run the code in question first, quick ones first."""
        return sorted(items, key=lambda i: (i.nodeid not in self.touching, self._seconds(i.nodeid)))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """For a collection made anew."""
        items[:] = self.sort(items)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Give the test its time (of the processor: the machine may be busy)."""
        limit(2 + 10 * self._seconds(item.nodeid))
        result = yield
        limit(20)
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Name the test that noticed."""
        if report.failed:
            self._tell(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Name the file that could not even be imported."""
        if report.failed:
            self._tell(report.nodeid)

    def _tell(self, nodeid: str) -> None:
        os.write(self.told, f"{nodeid}\n".encode())

    def _seconds(self, nodeid: str) -> float:
        return self.seconds.get(nodeid, 1.0)


def limit(seconds: float) -> None:
    """End this process after so much time of the processor."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def plant_in_place(mutant: Mutant, root: Path) -> bool:
    """Put the fault into the functions that are loaded; False if there are none of that place."""
    assert mutant.place.function is not None
    path = str(root / mutant.path)
    code = _find_code(compile(mutant.plant(), path, "exec", dont_inherit=True), mutant)
    functions = [
        each
        for each in gc.get_objects()
        if isinstance(each, FunctionType)
        and each.__code__.co_filename == path
        and (each.__code__.co_qualname, each.__code__.co_firstlineno) == mutant.place.function
        and each.__code__.co_freevars == code.co_freevars
    ]
    for function in functions:
        function.__code__ = code
    return bool(functions)


def plant_in_import(module: str, tree: ast.Module) -> None:
    """Have the next import of the module bring the fault."""
    sys.meta_path.insert(0, _Finder(module, tree))


def forget() -> None:
    """Have the package and its tests imported anew."""
    for name in list(sys.modules):
        if name.partition(".")[0] in _OURS and not name.startswith("tests.mutation"):
            del sys.modules[name]


def _find_code(module: CodeType, mutant: Mutant) -> CodeType:
    codes = [module]
    for code in codes:
        if (code.co_qualname, code.co_firstlineno) == mutant.place.function:
            return code
        codes += [each for each in code.co_consts if isinstance(each, CodeType)]
    raise LookupError(f"expected code of {mutant.place.function} in {mutant.path}, was none")


class _Finder(MetaPathFinder):
    def __init__(self, module: str, tree: ast.Module) -> None:
        self.module, self.tree = module, tree

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec
        assert spec.origin
        spec.loader = _Loader(fullname, spec.origin, self.tree)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, tree: ast.Module) -> None:
        super().__init__(fullname, path)
        self.tree = tree

    @override
    def get_code(self, fullname: str) -> CodeType:
        return compile(self.tree, self.path, "exec", dont_inherit=True)
