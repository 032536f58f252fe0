"""What the README shows is true."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_the_library_example_prints_what_it_says() -> None:
    [example] = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    promised = re.findall(r"print\(.*\)  # (.*)", example)

    ran = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, check=True
    )

    assert ran.stdout.splitlines() == promised
    assert len(promised) == 2
