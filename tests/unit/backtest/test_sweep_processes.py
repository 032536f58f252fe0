"""Cells run in processes of their own with the same results, and nothing is left of what is stopped."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

from crypto_exchange.entrypoints.backtest.market import FeeSchedule
from crypto_exchange.entrypoints.backtest.sweeps import workers
from tests.unit.backtest.grids import GRID, STUBBORN, Broken, Deadly, Stubborn, a_backtest

SCRIPT = """\
import sys
from crypto_exchange.entrypoints.backtest.inputs import orders, prices
from crypto_exchange.entrypoints.backtest.backtest import Backtest

flow = orders.Poisson("BTC", per_hour={per_hour}, amount="5.00")
backtest = Backtest(prices.synthetic("BTC", interval="1h"), flow)
print("begun", flush=True)
sweep = backtest.sweep(2, resume=sys.argv[1], threshold=[f"{{n}}.00" for n in range(10, {until})])
print(*(row["ledger_hash"] for row in sweep.table))
"""


def test_the_number_of_jobs_changes_nothing_and_a_cell_that_fails_is_a_row(
    tmp_path: Path,
) -> None:
    grid: dict[str, Any] = {
        "threshold": GRID["threshold"],
        "fee": [FeeSchedule(), Broken(tiers=(("1", "1"),)), FeeSchedule(per_order="0.10")],
    }

    alone, together = (
        a_backtest().sweep(n_jobs, resume=tmp_path / str(n_jobs), **grid) for n_jobs in (1, 2)
    )

    assert alone.table == together.table
    assert [row["error"] for row in alone.table] == [None, "RuntimeError: planted", None] * 2
    assert [row["fee"] for row in alone.failed] == ["tiers=(('1', '1'),)"] * 2
    assert all(row["wait_p95_s"] is None and row["ledger_hash"] is None for row in alone.failed)
    assert len(alone.frontier().without) == 2
    for n_jobs in (1, 2):  # what failed is not kept
        assert len((tmp_path / str(n_jobs)).read_bytes().splitlines()) == 4


def test_a_process_that_is_killed_is_an_error_of_its_cells() -> None:
    sweep = a_backtest().sweep(2, fee=[Deadly(tiers=(("1", "1"),)), FeeSchedule()])

    assert "was killed" in str(sweep.table[0]["error"])


def test_then_the_others_are_ended_even_if_they_do_not_listen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STUBBORN, str(tmp_path / "stubborn"))
    fees = [Deadly(tiers=(("1", "1"),)), Stubborn(tiers=(("1", "2"),))]

    sweep = a_backtest().sweep(2, fee=fees)

    assert ["was killed" in str(row["error"]) for row in sweep.table] == [True, True]


def test_a_process_that_is_killed_while_cells_are_submitted_is_an_error_of_the_rest() -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        first = pool.submit(signal.raise_signal, signal.SIGKILL)
        assert isinstance(first.exception(), BrokenProcessPool)

        assert isinstance(workers._submitted(pool, os.getpid).exception(), BrokenProcessPool)


def test_a_script_needs_no_guard_and_standard_input_is_a_script_too(tmp_path: Path) -> None:
    script = SCRIPT.format(per_hour=6, until=12)
    (tmp_path / "script.py").write_text(script)

    told = [
        subprocess.run(
            [sys.executable, *name, str(tmp_path / "kept")],
            input=script,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in (["script.py"], ["-"])
    ]

    assert told[0] == told[1]
    assert told[0].startswith("begun\n")
    assert len(told[0].split()) == 3


def test_what_only_a_script_defines_is_an_error_of_its_cells(tmp_path: Path) -> None:
    script = SCRIPT.format(per_hour=6, until=11) + (
        "from crypto_exchange.entrypoints.backtest.market import FeeSchedule\n"
        "class Mine(FeeSchedule, frozen=True):\n    pass\n"
        "print(*(row['error'] for row in backtest.sweep(2, fee=[Mine(), FeeSchedule()]).table))\n"
    )

    ended = subprocess.run(
        [sys.executable, "-", str(tmp_path / "kept")],
        input=script,
        capture_output=True,
        text=True,
        check=True,
    )

    said = ended.stdout.splitlines()[-1]
    assert said.startswith("AttributeError: Can't get attribute 'Mine' on <module '__main__'")
    assert said.endswith(" None")


@pytest.mark.parametrize(
    ("stop", "last"), [(signal.SIGINT, ["KeyboardInterrupt"]), (signal.SIGKILL, [])]
)
def test_what_is_stopped_leaves_its_finished_cells_and_no_process(
    tmp_path: Path, stop: signal.Signals, last: list[str]
) -> None:
    kept = tmp_path / "kept"
    script = SCRIPT.format(per_hour=200, until=500)
    # Who measures may be interrupted while it holds a lock, and then waits for itself.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(kept)],
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=plain,
    )
    while not (kept.exists() and kept.read_bytes()):
        assert process.poll() is None
        time.sleep(0.05)

    if stop == signal.SIGINT:
        os.killpg(process.pid, stop)  # as a terminal does
    else:
        process.send_signal(stop)

    assert process.stderr is not None
    said = process.stderr.read()  # its end is that of all processes
    assert [line for line in said.decode().splitlines() if "Interrupt" in line] == last
    assert process.wait() == -stop
    assert 0 < kept.read_bytes().count(b"\n") < 490
