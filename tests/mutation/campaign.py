"""The mutants, each tried in a process that is forked off one which has collected the tests."""

from __future__ import annotations

import os
import random
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mutation import trial
from tests.mutation.baseline import AT_IMPORT, Baseline, Observer
from tests.mutation.operators import Mutant, mutants_of
from tests.mutation.record import ERROR, KILLED, SURVIVED, TIMEOUT, Record, Sources, fingerprint

_TELL_EVERY = 50


@dataclass(frozen=True)
class Aim:
    """What is mutated, by which tests it has to be noticed, and where the results go."""

    root: Path
    package: Path
    tests: tuple[Path, ...]
    results: Path

    @property
    def arguments(self) -> list[str]:
        """What pytest is called with."""
        return [*trial.OPTIONS, *map(str, self.tests)]

    def mutants(self, only: str = "") -> list[Mutant]:
        """Every mutant of the modules whose path contains `only`."""
        return [
            mutant
            for path in sorted(self.package.rglob("*.py"))
            if only in (name := path.relative_to(self.root).as_posix())
            for mutant in mutants_of(name, path.read_text(encoding="utf-8"))
        ]

    def sources(self) -> Sources:
        """Fingerprints of everything of ours that the collected tests have imported."""
        loaded = {Path(f) for m in sys.modules.values() if (f := getattr(m, "__file__", None))}
        runner = Path(__file__).parent
        ours = {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted(loaded)
            if any(path.is_relative_to(self.root / each) for each in ("src", "tests"))
            and (path.parent != runner or path.name == "trial.py")
        }
        within = tuple(each.relative_to(self.root).as_posix() for each in self.tests)
        tests = {name: fingerprint([ours[name]]) for name in ours if name.startswith(within)}
        return Sources(fingerprint(ours[name] for name in ours if name not in tests), tests)


class Campaign:
    """A pytest plugin that, instead of running the tests, tries mutants on them.

    `forked` is set in the processes that run tests: they end with what pytest returns.
    """

    def __init__(self, aim: Aim, mutants: list[Mutant], jobs: int, out: TextIO) -> None:
        self.aim, self.mutants, self.jobs, self.out = aim, mutants, jobs, out
        self.forked = False
        self.record: Record
        self.baseline = Baseline()
        self._running: dict[int, tuple[Mutant, int]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Try what is not known yet. None in a forked process, whose pytest goes on to run tests."""
        sources = self.aim.sources()
        self.record = Record(self.aim.results / "results.jsonl", sources)
        self._take_baseline(sources)
        waiting = [each for each in self.mutants if each.name not in self.record.verdicts]
        self._tell(f"{len(self.mutants)} mutants, {len(self.mutants) - len(waiting)} known")
        _warm_up()
        try:
            for number, mutant in enumerate(waiting, start=1):
                if len(self._running) == self.jobs:
                    self._reap()
                if self._fork(session, mutant):
                    return None
                if number % _TELL_EVERY == 0:
                    self._tell(f"{number} of {len(waiting)} tried")
            while self._running:
                self._reap()
        finally:
            for child in () if self.forked else self._running:
                os.kill(child, signal.SIGKILL)
        return True

    def _take_baseline(self, sources: Sources) -> None:
        """Measure the tests, unless that was done."""
        name = fingerprint([sources.code.encode(), sources.all_tests.encode()])
        path = self.aim.results / f"baseline-{name}.json"
        if not path.exists():
            self._tell("running the tests without a fault")
            child = os.fork()
            if child == 0:
                _be_silent()
                trial.forget()
                observer = Observer(self.aim.root, self.aim.package, path)
                os._exit(pytest.main(self.aim.arguments, plugins=[observer]))
            os.waitpid(child, 0)
        self.baseline = Baseline.read(path)
        if self.baseline.failed:
            path.unlink()
            raise pytest.UsageError(f"expected tests that pass, these fail: {self.baseline.failed}")

    def _fork(self, session: pytest.Session, mutant: Mutant) -> bool:
        """Start trying a mutant; whether this is the process that tries it."""
        hears, tells = os.pipe()
        child = os.fork()
        if child:
            os.close(tells)
            self._running[child] = (mutant, hears)
            return False
        self.forked = True
        trial.limit(20)
        _be_silent()
        touching = self.baseline.tests_of(mutant.path, mutant.place.lines)
        runner = trial.Trial(self.baseline.seconds, touching, tells)
        here = mutant.place.function and touching and AT_IMPORT not in touching
        if here and trial.plant_in_place(mutant, self.aim.root):
            session.items = [i for i in runner.sort(session.items) if i.nodeid in touching]
            session.config.pluginmanager.register(runner)
            return True
        runner.touching = self.baseline.tests_of_file(mutant.path)
        trial.forget()
        trial.plant_in_import(_module(mutant.path), mutant.plant())
        os._exit(pytest.main(self.aim.arguments, plugins=[runner]))

    def _reap(self) -> None:
        """Wait for one of the processes, and keep what it found out."""
        child, status, used = os.wait4(-1, 0)
        mutant, hears = self._running.pop(child)
        by = os.read(hears, 1000).decode().partition("\n")[0]
        os.close(hears)
        if os.WIFSIGNALED(status):
            outcome = TIMEOUT if os.WTERMSIG(status) == signal.SIGPROF else ERROR
        else:
            outcome = {0: SURVIVED, 1: KILLED, 2: KILLED}.get(os.WEXITSTATUS(status), ERROR)
        self.record.add(mutant.name, outcome, by, used.ru_utime + used.ru_stime)

    def _tell(self, text: str) -> None:
        print(text, file=self.out, flush=True)


def sample(mutants: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """So many of them, the same for the same seed, in the order of the text."""
    chosen = random.Random(seed).sample(range(len(mutants)), min(count, len(mutants)))
    return [mutants[index] for index in sorted(chosen)]


def _module(path: str) -> str:
    """The name of the module in a file below src/."""
    parts = Path(path).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _be_silent() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


def _warm_up() -> None:
    """Have Hypothesis do what it does only once, before rather than after each fork."""

    @settings(max_examples=1)
    @given(st.integers())
    def example(_: int) -> None:
        pass

    example()
