"""The guide of the testing kit: its programs run, and it names what there is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from crypto_exchange import testing
from crypto_exchange.entrypoints.testing.disturbances import FAULTS

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "docs" / "examples"
GUIDE = (ROOT / "docs" / "testing-kit.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    plain = {k: v for k, v in os.environ.items() if k != "COVERAGE_PROCESS_CONFIG"}
    return subprocess.run(
        command, cwd=folder, env=plain, capture_output=True, text=True, check=False
    )


def test_the_ten_lines_of_the_guide_are_the_example_and_run_the_whole_kit(tmp_path: Path) -> None:
    for path in EXAMPLES.glob("*.py"):
        tmp_path.joinpath(path.name).write_text(path.read_text())
    few = ["--cx-examples=2", "--cx-steps=5", "--cx-budget=1s", "--cx-report=report.json"]

    ran = run(["-m", "pytest", "-pno:schemathesis", "test_sqlite.py", *few], tmp_path)

    assert PROGRAMS[0] == (EXAMPLES / "test_sqlite.py").read_text()
    assert len([line for line in PROGRAMS[0].splitlines() if line]) <= 10
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"test_corners_find_nothing: \d+ of \d+ corners visited", ran.stdout)
    checks = json.loads((tmp_path / "report.json").read_text())["checks"]
    assert len(checks) > 100
    assert {check["outcome"] for check in checks} == {"passed", "skipped"}


def test_the_bug_that_the_guide_shows_is_in_the_broken_example() -> None:
    assert PROGRAMS[1] in (EXAMPLES / "broken_sqlite_adapters.py").read_text()


def test_the_simulation_of_the_guide_runs_and_its_history_is_checked(tmp_path: Path) -> None:
    simulation = next(text for text in PROGRAMS if "simulate(" in text)
    check = next(text for text in PROGRAMS if "check_history(" in text)
    written = "\nfrom pathlib import Path\nhistory.write(Path('history.jsonl'))\n"

    ran = run(["-c", simulation + written + check], tmp_path)

    assert ran.returncode == 0, ran.stderr
    assert re.fullmatch("[0-9a-f]{64} [0-9]+\n", ran.stdout)


def test_every_fault_is_explained() -> None:
    section = GUIDE.partition("## Faults")[2].partition("\n## ")[0]

    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(FAULTS)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(\w+Tests)`", GUIDE))))
def test_every_suite_that_is_named_is_public(name: str) -> None:
    assert name in testing.__all__


def test_every_suite_that_is_public_is_named() -> None:
    public = {name for name in testing.__all__ if name.endswith("Tests")}

    assert public <= set(re.findall(r"`(\w+Tests)`", GUIDE))


def test_the_examples_are_short() -> None:
    for path in EXAMPLES.glob("*.py"):
        assert len(path.read_text().splitlines()) <= 300, path.name
