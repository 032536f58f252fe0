"""`crypto-exchange backtest` and `sweep` do what a TOML file says, and say what is wrong in a sentence."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import polars
import pytest

from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.entrypoints.backtest.backtest import Backtest
from crypto_exchange.entrypoints.backtest.configuration import load
from crypto_exchange.entrypoints.backtest.figures.summary import Summary
from crypto_exchange.entrypoints.backtest.progress import Progress
from crypto_exchange.entrypoints.backtest.result import Result
from crypto_exchange.entrypoints.cli.main import run
from tests.documents import ROOT

TEXT = """\
[prices]
asset = "BTC"
interval = "1h"

[orders]
kind = "poisson"
per_hour = {per_hour}
amount = {{ low = "1.00", high = "9.99" }}

[policy]
max_wait = "3h"

[sweep]
threshold = [{thresholds}]
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "run.toml"
    path.write_text(TEXT.format(per_hour=6, thresholds='"10.00", "20.00"'))
    return str(path)


def test_a_run_is_printed_with_the_quality_of_its_prices(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["backtest", file]) == 0

    result = load(file).backtest.run()
    told = capsys.readouterr()
    assert told.out == f"{result.inputs.prices['BTC'].quality}\n{result}\n"
    assert told.err == ""


def test_a_run_is_one_object_of_json(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backtest", file, "--json", "--seed", "3"]) == 0

    result = load(file, seed=3).backtest.run()
    told = msgspec.json.decode(capsys.readouterr().out)
    assert (told["run_id"], told["ledger_hash"]) == (result.run_id, result.ledger_hash)
    assert (told["seed"], told["engine"]) == (3, "domain")
    assert msgspec.convert(told["summary"], Summary) == result.summary
    assert told["quality"][0]["rows"] == 24


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_became_of_each_order_is_written_to_a_file(
    file: str, tmp_path: Path, ending: str
) -> None:
    target = tmp_path / f"orders.{ending}"

    assert run(["backtest", file, "--orders-out", str(target)]) == 0

    read = polars.read_csv if ending == "csv" else polars.read_parquet
    ids = read(target)["order_id"].to_list()
    assert ids == load(file).backtest.run().orders.to_polars()["order_id"].to_list()


def test_a_sweep_is_printed_with_its_frontier_and_kept_beside_its_file(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sweep", file]) == 0

    configuration = load(file)
    sweep = configuration.backtest.sweep(**configuration.grid)  # type: ignore[arg-type]  # names of a grid
    told = capsys.readouterr()
    assert told.out == f"{sweep}\n\n{sweep.frontier()}\n"
    assert told.err == ""
    assert len((tmp_path / "run.sweep.jsonl").read_bytes().splitlines()) == 2


def test_what_is_kept_is_not_run_again_unless_it_is_wanted_fresh(
    file: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []
    running = Backtest.run

    def counted(backtest: Backtest, progress: Progress = None) -> Result:
        runs.append(str(backtest.inputs.policy.threshold))
        return running(backtest, progress)

    monkeypatch.setattr(Backtest, "run", counted)

    printed = []
    for options in ([], [], ["--fresh"]):
        assert run(["sweep", file, *options]) == 0
        printed.append(capsys.readouterr())

    assert runs == ["10.00", "20.00"] * 2
    assert printed[0].out == printed[1].out == printed[2].out
    assert "2 finished cells are in" in printed[1].err
    assert printed[2].err == ""


def test_the_table_is_written_to_a_file_and_as_json(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, table = tmp_path / "kept", tmp_path / "table.csv"

    assert run(["sweep", file, "--json", "--resume", str(kept), "--out", str(table)]) == 0

    told = msgspec.json.decode(capsys.readouterr().out)
    with table.open() as lines:
        rows = list(csv.DictReader(lines))
    assert [row["ledger_hash"] for row in rows] == [row["ledger_hash"] for row in told["cells"]]
    assert told["frontier"]["points"][0] in told["cells"]
    assert kept.exists()
    assert not (tmp_path / "run.sweep.jsonl").exists()


def test_a_cell_that_fails_is_a_check_that_failed(
    file: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Backtest.run

    def failing(backtest: Backtest, progress: Progress = None) -> Result:
        if backtest.inputs.policy.threshold == "20.00":
            raise InvariantViolation("a cent is missing")
        return running(backtest, progress)

    monkeypatch.setattr(Backtest, "run", failing)

    assert run(["sweep", file]) == 1
    assert capsys.readouterr().err == "threshold=20.00: InvariantViolation: a cent is missing\n"


def test_books_that_do_not_balance_are_a_check_that_failed(
    file: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_backtest: Backtest, _progress: Progress = None) -> Result:
        raise InvariantViolation("a cent is missing")

    monkeypatch.setattr(Backtest, "run", failing)

    assert run(["backtest", file]) == 1
    assert capsys.readouterr().err == "a check failed: a cent is missing\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["backtest", "no.toml"], "expected a file to read, was no.toml: No such file"),
        (
            ["backtest", "{file}", "--report", "no/run.html"],
            "expected a file in a folder that there",
        ),
        (["backtest", "{file}", "--orders-out", "{csv}"], "orders.csv: Is a directory"),
        (["backtest", "{cheap}"], "cheap: expected quantities and sums of less than 2⁶³ units"),
        (["sweep", "{file}", "--out", "no/table.csv"], "expected a file in a folder that there is"),
        (["sweep", "{file}", "--resume", "{file}"], "run.toml, line 1: expected a finished cell"),
        (["sweep", "{file}", "--resume", "{folder}"], "expected a file to keep cells in, was "),
        (["sweep", "{without}"], "expected a table [sweep] with lists, as threshold"),
        (["sweep", "{wrong}"], "policy.treshold: expected one of threshold"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(
    file: str,
    tmp_path: Path,
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = Path(file).read_text()
    (tmp_path / "orders.csv").mkdir()
    places = {"file": file, "folder": tmp_path, "csv": tmp_path / "orders.csv"}
    for name, changed in (
        ("without", text.partition("[sweep]")[0]),
        ("wrong", text.replace("max_wait", "treshold")),
        ("cheap", f"{text}[market]\nscale = 18\n".replace("1h", '1h"\nprice = "0.01')),
    ):
        places[name] = tmp_path / name
        (tmp_path / name).write_text(changed)

    before = sorted(tmp_path.iterdir())

    assert run([each.format(**places) for each in arguments]) == 2

    told = capsys.readouterr()
    assert said in told.err
    assert len(told.err.splitlines()) == 1
    assert told.out == ""
    assert sorted(tmp_path.iterdir()) == before
    assert Path(file).read_text() == text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--jobs", "0"], "expected a whole number of at least 1, was '0'"),
        (["--out", "table.xlsx"], "expected a file .csv or .parquet, was 'table.xlsx'"),
        (["--report", "run.toml"], "expected a file .html, was 'run.toml'"),
        (["--fresh", "--resume", "kept"], "not allowed with argument --fresh"),
        (["--engine", "slow"], "invalid choice: 'slow'"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(
    file: str, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["sweep", file, *options])

    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("command", ["backtest", "sweep"])
def test_a_missing_extra_is_named(file: str, command: str) -> None:
    script = (
        "import sys\nsys.modules['numpy'] = None\n"
        "from crypto_exchange.entrypoints.cli.main import run\n"
        f"sys.exit(run([{command!r}, {file!r}]))"
    )

    ended = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )

    assert ended.returncode == 2
    assert ended.stderr.endswith("pip install 'crypto-exchange[backtest]'\n")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_sweep_that_is_stopped_says_where_it_can_go_on(tmp_path: Path, stop: int) -> None:
    file, kept = tmp_path / "run.toml", tmp_path / "run.sweep.jsonl"
    thresholds = ", ".join(f'"{n}.00"' for n in range(10, 500))
    file.write_text(TEXT.format(per_hour=200, thresholds=thresholds))
    command = [sys.executable, "-m", "crypto_exchange", "sweep", str(file)]
    # Who measures may be interrupted while it holds a lock, and then waits for itself.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=plain)
    while not (kept.exists() and kept.read_bytes()):
        assert process.poll() is None
        time.sleep(0.05)

    process.send_signal(stop)

    _, said = process.communicate()
    assert process.returncode == 0
    assert said == f"Stopped. Finished cells are in {kept}; the same command does the rest.\n"


def test_the_example_is_a_backtest_and_a_sweep() -> None:
    configuration = load(ROOT / "docs/examples/backtest.toml")

    assert len(configuration.backtest.inputs.flow) > 40_000
    assert len(configuration.backtest.inputs.prices["BTC"]) == 8_686
    assert {name: len(values) for name, values in configuration.grid.items()} == {
        "threshold": 4,
        "max_wait": 4,
    }
