"""Hypothesis finds the strategies by itself, and loads nothing of them until they are wanted."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
START = """
import sys

import hypothesis
from hypothesis import strategies as st

loaded = {name for name in sys.modules if name.startswith("crypto_exchange")}
"""
DRAW = """
from crypto_exchange.domain.order import Order

first = hypothesis.settings(phases=[hypothesis.Phase.generate], database=None)
order = hypothesis.find(st.from_type(Order), lambda each: each.charged > 0, settings=first)
assert order.charged <= order.total, order
assert hypothesis.find(st.from_type(int), lambda each: True, settings=first) is not None
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with what an installation tells of this project's entry points, and nothing else."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    points = project["entry-points"]["hypothesis"]
    about = tmp_path / "crypto_exchange_types-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: crypto-exchange-types\nVersion: 1\n"
    )
    lines = "".join(f"{name} = {target}\n" for name, target in points.items())
    (about / "entry_points.txt").write_text(f"[hypothesis]\n{lines}")
    return tmp_path


def run(code: str, folder: Path) -> str:
    """What a Python says that finds these entry points."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{folder}:{ROOT / 'src'}", "HYPOTHESIS_STORAGE_DIRECTORY": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_hypothesis_starts_without_loading_the_domain_or_a_strategy(installed: Path) -> None:
    loaded = run(f"{START}\nprint(*sorted(loaded))", installed).split()

    assert loaded == [
        "crypto_exchange",
        "crypto_exchange.entrypoints",
        "crypto_exchange.entrypoints.testing",
        "crypto_exchange.entrypoints.testing.hypothesis_types",
    ]


def test_types_of_the_domain_are_drawn_without_a_word_of_the_user(installed: Path) -> None:
    run(START + DRAW, installed)


def test_types_are_registered_at_once_where_hypothesis_has_no_table_of_modules(
    tmp_path: Path,
) -> None:
    without = """
from hypothesis.strategies._internal import types

del types._global_extra_lookup
from crypto_exchange.entrypoints.testing.hypothesis_types import register

register()
types._global_extra_lookup = {}
"""

    run(START + without + DRAW, tmp_path)


def test_without_the_entry_point_an_order_may_be_nonsense(tmp_path: Path) -> None:
    """So the tests above are about something."""
    nonsense = DRAW.replace("charged > 0", "charged > each.total")

    with pytest.raises(AssertionError, match="AssertionError: Order"):
        run(f"import os\nos.environ['HYPOTHESIS_NO_PLUGINS'] = '1'\n{START}{nonsense}", tmp_path)
