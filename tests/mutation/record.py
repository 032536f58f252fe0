"""What became of each mutant, kept in a file, so that what is known is not found out again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

KILLED, TIMEOUT, SURVIVED, ERROR = "killed", "timeout", "survived", "error"


@dataclass(frozen=True)
class Sources:
    """Fingerprints: of the code in question with all that it runs with, and of each file of tests."""

    code: str
    tests: Mapping[str, str]

    @property
    def all_tests(self) -> str:
        """Changes with any of the tests."""
        return fingerprint(f"{name} {each}".encode() for name, each in sorted(self.tests.items()))

    def test(self, nodeid: str) -> str:
        """Changes with the file that a test is in; with any of them if it names none."""
        return self.tests.get(nodeid.partition("::")[0], self.all_tests)


@dataclass(frozen=True)
class Verdict:
    """`by` is the test that noticed, `cpu` in seconds; `code` and `tests` are fingerprints."""

    mutant: str
    outcome: str
    by: str
    cpu: float
    code: str
    tests: str

    @property
    def noticed(self) -> bool:
        """Whether a test failed or ran out of time."""
        return self.outcome in {KILLED, TIMEOUT}

    def holds(self, sources: Sources) -> bool:
        """Whether it need not be tried again: a test that notices does, whatever the others do."""
        tests = sources.test(self.by) if self.noticed else sources.all_tests
        return self.outcome != ERROR and (self.code, self.tests) == (sources.code, tests)


class Record:
    """A file of verdicts, one a line; the last one of a mutant counts."""

    def __init__(self, path: Path, sources: Sources) -> None:
        self.path, self.sources = path, sources
        self.verdicts: dict[str, Verdict] = {}
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines()
            known = (Verdict(**json.loads(line)) for line in lines if line.endswith("}"))
            self.verdicts = {each.mutant: each for each in known if each.holds(sources)}

    def add(self, mutant: str, outcome: str, by: str, cpu: float) -> None:
        """Keep what was found out."""
        verdict = Verdict(mutant, outcome, by, round(cpu, 2), self.sources.code, "")
        tests = self.sources.test(by) if verdict.noticed else self.sources.all_tests
        verdict = Verdict(**{**asdict(verdict), "tests": tests})
        self.verdicts[mutant] = verdict
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(verdict), ensure_ascii=False) + "\n")


def fingerprint(contents: Iterable[bytes]) -> str:
    """A short name that other contents do not have."""
    digest = hashlib.sha256()
    for content in contents:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


def summarize(verdicts: Iterable[Verdict]) -> tuple[float, str]:
    """The share that was noticed, in percent, and the report. Mutants that change nothing count."""
    verdicts = list(verdicts)
    noticed = sum(each.noticed for each in verdicts)
    late = sum(each.outcome == TIMEOUT for each in verdicts)
    score = 100 * noticed / max(1, len(verdicts))
    lines = [f"{each.outcome}  {each.mutant}" for each in verdicts if not each.noticed]
    lines.append(
        f"{len(verdicts)} mutants: {noticed} killed (of them {late} by their time),"
        f" {len(verdicts) - noticed} not; score {score:.1f} %"
    )
    return score, "\n".join(lines)
