"""`python -m tests.wheel`: the kit as its user has it, from the built wheel in an environment of its own.

It builds the wheel, installs it with the extra `testing` into a new environment outside of this checkout
(what that needs comes from the package registry), writes the example and its test file beside it, and
runs pytest: the sound store must pass, the broken one must be caught.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
CAUGHT = ("DID NOT RAISE Conflict", "To see it again:", "def test_found_by_the_testing_kit():")


def main() -> int:
    """1 if the sound store fails, or the broken one is not caught with a clear report."""
    with tempfile.TemporaryDirectory() as directory:
        python, folder = install(Path(directory)), Path(directory, "mine")
        shutil.copytree(ROOT / "docs" / "examples", folder)
        sound = [
            run(python, folder, "test_sqlite.py"),
            run(python, folder, "--cx-adapters=sqlite_adapters:make_adapters", "--cx-budget=40s"),
        ]
        broken = run(python, folder, "--cx-adapters=broken_sqlite_adapters:make_adapters")
    print(broken.stdout)
    passed = all(ended.returncode == 0 for ended in sound)
    caught = broken.returncode == 1 and all(text in broken.stdout for text in CAUGHT)
    for ended in sound:
        print(ended.stdout if ended.returncode else ended.stdout.splitlines()[-1])
    print(
        f"sound store: {'passed' if passed else 'FAILED'}; broken: {'caught' if caught else 'MISSED'}"
    )
    return 0 if passed and caught else 1


def install(directory: Path) -> Path:
    """A new environment with the wheel in it; returns its Python."""
    pip = ("-m", "pip", "--disable-pip-version-check", "--quiet")
    built = ("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(directory), str(ROOT))
    subprocess.run([sys.executable, *pip, *built], check=True)
    (wheel,) = directory.glob("*.whl")
    venv.create(directory / "venv", with_pip=True)
    python = directory / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([python, *pip, "install", f"{wheel}[testing]"], check=True)
    return python


def run(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest where a user would, with nothing of this checkout in sight."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [str(python), "-m", "pytest", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


if __name__ == "__main__":
    sys.exit(main())
