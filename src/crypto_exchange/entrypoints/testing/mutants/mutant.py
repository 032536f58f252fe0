"""Mutant: one seeded bug, and how a module gets it while it is imported. No file is changed."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

import msgspec

from crypto_exchange.entrypoints.override import override


class Mutant(msgspec.Struct, frozen=True, kw_only=True):
    """A patch of one line: in the source of `module`, `before` becomes `after`.

    `origin` says which of the published list M01–M33 it is or stands for, or "new"; `title` says in
    words what goes wrong.
    """

    name: str
    title: str
    module: str
    before: str
    after: str
    origin: str = "new"

    def patch(self, source: str) -> str:
        """The module's source with the bug.

        Raises:
            ValueError: `before` does not occur there exactly once.
        """
        found = source.count(self.before)
        if found != 1:
            raise ValueError(
                f"{self.name}: expected {self.before!r} once in {self.module}, was there {found} times"
            )
        return source.replace(self.before, self.after)


def read_source(module: str) -> str:
    """The source of a module, which is not imported for it (but for the packages it is in)."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"expected a module with a source file, was {module!r}")
    return Path(spec.origin).read_text(encoding="utf-8")


def plant(mutant: Mutant) -> None:
    """Import the mutant's module with the bug in it, for the rest of this process.

    Raises:
        RuntimeError: the module has been imported already.
        ValueError: the patch does not fit.
    """
    if mutant.module in sys.modules:
        raise RuntimeError(f"expected {mutant.module} not to be imported yet, was")
    finder = _Finder(mutant)
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module(mutant.module)
    finally:
        sys.meta_path.remove(finder)


class _Finder(MetaPathFinder):
    """Finds one module, and gives it a loader that patches it."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(self._mutant, spec.origin)
        return spec


class _Loader(SourceFileLoader):
    """Compiles the patched source, and neither reads nor writes a bytecode cache."""

    def __init__(self, mutant: Mutant, path: str) -> None:
        super().__init__(mutant.module, path)
        self._mutant = mutant

    @override
    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        source = self._mutant.patch(self.get_data(path).decode())
        return compile(source, path, "exec", dont_inherit=True)
