"""What the README's examples in Python show is true."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

README = Path(__file__).parents[2] / "README.md"
LIBRARY, LABORATORY, HARNESS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)

harness: dict[str, Any] = {"__name__": __name__}
exec(HARNESS, harness)
TestMyCache = harness["TestMyCache"]  # collected from here as from a file of its own


def run(program: str) -> str:
    """As a user would, so without the cost of measuring what other tests cover."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return subprocess.run(
        [sys.executable, "-c", program], env=plain, capture_output=True, text=True, check=True
    ).stdout


def test_the_library_example_prints_what_it_says() -> None:
    promised = re.findall(r"print\(.*\)  # (.*)", LIBRARY)

    assert run(LIBRARY).splitlines() == promised
    assert len(promised) == 2


def test_the_laboratory_example_prints_a_summary_and_a_frontier() -> None:
    fewer = LABORATORY.replace("per_hour=20,", "per_hour=2,")
    printed = run(fewer)

    assert fewer != LABORATORY
    assert printed.startswith("Orders      placed")
    assert "efficient" in printed


def test_the_contract_suite_of_the_example_has_tests() -> None:
    assert [name for name in dir(TestMyCache) if name.startswith("test_")]
