"""The guide's program runs as it stands, and so does the notebook."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from crypto_exchange import backtest

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "backtesting.md").read_text()
NOTEBOOK = json.loads((ROOT / "docs" / "examples" / "backtest.ipynb").read_text())


def test_the_fifteen_lines_of_the_guide_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    program = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)[0]

    exec(compile(program, "backtesting.md", "exec"), {})

    printed = capsys.readouterr().out
    assert len([line for line in program.splitlines() if line]) <= 15
    assert "8,686 of 8,721 rows used" in printed
    assert "Waiting" in printed
    assert (tmp_path / "run.html").read_text().startswith("<!doctype html>")
    assert "<svg" in (tmp_path / "frontier.svg").read_text()


def test_the_notebook_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}

    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)

    printed = capsys.readouterr().out
    assert "200,637 s" in printed
    assert (tmp_path / "run.html").stat().st_size < 1_000_000
    assert not any(cell.get("outputs") for cell in NOTEBOOK["cells"]), "kept without outputs"


def test_the_guide_names_what_there_is() -> None:
    named = set(re.findall(r"`(?:Backtest|Result|Sweep)?\.?([a-z_]+)\(", GUIDE))

    assert all(hasattr(backtest, name) for name in backtest.__all__)
    assert {"check_lookahead", "verify"} <= named
