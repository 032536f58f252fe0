"""A copy of the package to plant violations in, and the checkers run over it."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "crypto_exchange"


def copy_of_the_package(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(PACKAGE, tmp_path / "src" / "crypto_exchange")
    return tmp_path


def run(command: list[str | Path], root: Path) -> subprocess.CompletedProcess[str]:
    """Runs a checker over the package in `root`, without this run's measuring of coverage."""
    environment = {key: value for key, value in os.environ.items() if "COV" not in key}
    environment |= {"PYTHONPATH": str(root / "src"), "COLUMNS": "1000"}
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
