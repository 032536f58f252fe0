"""The guide's program runs, and so does the notebook: word for word, with a tenth of the orders."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from crypto_exchange import backtest

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "backtesting.md").read_text()
NOTEBOOK = json.loads((ROOT / "docs" / "examples" / "backtest.ipynb").read_text())


def run(program: str, folder: Path) -> str:
    """As a user would, so without the cost of measuring what other tests cover."""
    assert "per_hour=20," in program
    program = program.replace("per_hour=20,", "per_hour=2,")
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=plain | {"MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_fifteen_lines_of_the_guide_run(tmp_path: Path) -> None:
    program = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)[0]

    printed = run(program, tmp_path)

    assert len([line for line in program.splitlines() if line]) <= 15
    assert "8,686 of 8,721 rows used" in printed
    assert "Waiting" in printed
    assert (tmp_path / "run.html").read_text().lower().startswith("<!doctype html>")
    assert "<svg" in (tmp_path / "frontier.svg").read_text()


def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path) -> None:
    cells = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]

    printed = run("\n".join("".join(cell["source"]) for cell in cells), tmp_path)

    assert "200,637 s" in printed
    assert "house, average:" in printed
    assert (tmp_path / "run.html").stat().st_size < 1_000_000
    assert not any(cell["outputs"] for cell in cells), "kept without outputs"


def test_the_guide_names_what_there_is() -> None:
    named = set(re.findall(r"`(?:Backtest|Result|Sweep)?\.?([a-z_]+)\(", GUIDE))

    assert all(hasattr(backtest, name) for name in backtest.__all__)
    assert {"check_lookahead", "verify"} <= named
