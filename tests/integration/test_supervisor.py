"""What `serve` promises about its children: kept running, stopped in order, written down."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from crypto_exchange.adapters.embedded import (
    EmbeddedPostgres,
    EmbeddedServerError,
    EmbeddedValkey,
    Program,
)
from crypto_exchange.adapters.embedded.processes import start_time
from crypto_exchange.entrypoints.cli.run_file import (
    Addresses,
    AlreadyRunningError,
    ChildProcess,
    RunFile,
    find_addresses,
    hold_lock,
)
from crypto_exchange.entrypoints.cli.supervisor import Child, ChildFailedError, Supervisor

ADDRESSES = Addresses(
    api_url="http://127.0.0.1:8000",
    metrics_url=None,
    exchange_url="http://127.0.0.1:8100",
    exchange_api_key="key",
    exchange_api_secret="hush",
    postgres_dsn="postgresql://…",
    redis_url="redis://…",
)
# Appends its role to a file when it is asked to stop.
OBEDIENT = """
import pathlib, signal, sys, time
order, role = pathlib.Path(sys.argv[1]), sys.argv[2]
def stop(*_):
    with order.open("a") as file: file.write(role + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
order.with_name(role).touch()
while True: time.sleep(60)
"""


class Witness:
    """Sees all that the supervisor tells; asks it to stop when it says something with a word."""

    def __init__(self, stop_at: str = "") -> None:
        self.lines: list[str] = []
        self.changes: list[Sequence[ChildProcess]] = []
        self._stop_at = stop_at

    def say(self, line: str) -> None:
        self.lines.append(line)
        if self._stop_at and self._stop_at in line:
            signal.raise_signal(signal.SIGTERM)

    def see(self, processes: Sequence[ChildProcess]) -> None:
        self.changes.append(processes)


def obedient(directory: Path, role: str) -> Child:
    argv = [sys.executable, "-c", OBEDIENT, str(directory / "order"), role]
    return Child(Program(role=role, argv=argv), ready=(directory / role).exists)


def ending(code: int, role: str = "api") -> Child:
    return Child(Program(role=role, argv=["sh", "-c", f"exit {code}"]))


def supervisor(directory: Path, witness: Witness) -> Supervisor:
    return Supervisor(directory / "processes", witness.see, witness.say)


def pid_of(role: str, witness: Witness) -> int:
    [pid] = [process.pid for process in witness.changes[-1] if process.role == role]
    return pid


def test_children_are_stopped_the_last_started_first(tmp_path: Path) -> None:
    witness = Witness()

    with supervisor(tmp_path, witness) as children:
        for role in ("postgres", "worker", "api"):
            children.start(obedient(tmp_path, role))
        running = witness.changes[-1]

    assert [process.role for process in running] == ["postgres", "worker", "api"]
    assert (tmp_path / "order").read_text().split() == ["api", "worker", "postgres"]
    assert all(start_time(process.pid) is None for process in running)
    assert list((tmp_path / "processes").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_block_without_an_error(tmp_path: Path, number: signal.Signals) -> None:
    inherited = signal.signal(number, signal.SIG_DFL)  # nohup would have it ignored
    witness = Witness()

    try:
        with supervisor(tmp_path, witness) as children:
            children.start(obedient(tmp_path, "worker"))
            signal.raise_signal(number)
            signal.raise_signal(number)
            children.run()
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, inherited)

    assert (tmp_path / "order").read_text().split() == ["worker"]


def test_a_signal_while_starting_stops_what_was_started(tmp_path: Path) -> None:
    witness = Witness()
    reached = []

    with supervisor(tmp_path, witness) as children:
        children.start(obedient(tmp_path, "postgres"))
        signal.raise_signal(signal.SIGTERM)
        children.start(obedient(tmp_path, "worker"))
        reached.append("the next step")

    assert reached == []
    assert (tmp_path / "order").read_text().split() == ["postgres"]


def test_a_child_that_dies_is_started_again_and_told_about(tmp_path: Path) -> None:
    witness = Witness()

    with supervisor(tmp_path, witness) as children:
        children.start(obedient(tmp_path, "worker"))
        first = pid_of("worker", witness)
        os.kill(first, signal.SIGKILL)
        (tmp_path / "worker").unlink()
        while not (tmp_path / "worker").exists():
            children._watch()
        second = pid_of("worker", witness)

    assert first != second
    assert witness.lines == [
        f"worker (pid {first}) was ended by SIGKILL; next start in 0.5 s",
    ]
    assert [len(change) for change in witness.changes] == [1, 0, 1]


def test_the_pause_before_a_start_doubles(tmp_path: Path) -> None:
    witness = Witness(stop_at="in 2 s")

    with supervisor(tmp_path, witness) as children:
        children.start(ending(1))
        children.run()

    assert [line.rpartition(" in ")[2] for line in witness.lines] == ["0.5 s", "1 s", "2 s"]


def test_a_child_that_ran_for_a_while_is_started_again_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crypto_exchange.entrypoints.cli.supervisor._HEALTHY_S", 0.2)
    witness = Witness()
    program = Program(role="worker", argv=["sh", "-c", "sleep 0.6; exit 1"])

    with supervisor(tmp_path, witness) as children:
        children.start(Child(program))
        while len(witness.lines) < 3:
            children._watch()

    assert [line.rpartition(" in ")[2] for line in witness.lines] == ["0.5 s"] * 3


@pytest.mark.timeout(60)
def test_a_child_that_refuses_its_settings_three_times_ends_everything(tmp_path: Path) -> None:
    witness = Witness()

    def serve() -> None:
        with supervisor(tmp_path, witness) as children:
            children.start(obedient(tmp_path, "worker"))
            children.start(ending(2))
            children.run()

    with pytest.raises(ChildFailedError, match="api was expected to run, but refused") as caught:
        serve()

    assert caught.value.exit_code == 2
    assert (tmp_path / "order").read_text().split() == ["worker"]


def test_a_child_that_is_not_ready_in_time_is_named(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    program = Program(role="api", argv=["sleep", "600"], log=log)

    with (
        pytest.raises(
            ChildFailedError, match=f"api was .* after 0.1 s was not; see {log}"
        ) as caught,
        supervisor(tmp_path, Witness()) as children,
    ):
        children.start(Child(program, ready=lambda: False, timeout=0.1))

    assert caught.value.exit_code == 3


def test_a_child_that_dies_again_and_again_before_it_served_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crypto_exchange.entrypoints.cli.supervisor._BACKOFF_S", (0.01, 0.02))

    with (
        pytest.raises(ChildFailedError, match="ended with 1, again and again") as caught,
        supervisor(tmp_path, Witness()) as children,
    ):
        children.start(Child(ending(1).program, ready=lambda: False))

    assert caught.value.exit_code == 3


def test_what_cannot_be_started_again_is_tried_later(tmp_path: Path) -> None:
    witness = Witness(stop_at="could not be started again: no disk")
    attempts = iter([None, EmbeddedServerError("no disk")])

    def prepare() -> None:
        if error := next(attempts):
            raise error

    with supervisor(tmp_path, witness) as children:
        children.start(Child(ending(1).program, before=prepare))
        children.run()

    assert len(witness.lines) == 2


@pytest.mark.timeout(120)
def test_killed_servers_come_back_on_the_same_port(tmp_path: Path) -> None:
    witness = Witness()
    postgres = EmbeddedPostgres(tmp_path, password="only-here")
    valkey = EmbeddedValkey(tmp_path, password="only-here")

    with supervisor(tmp_path, witness) as children:
        for server in (postgres, valkey):
            children.start(Child.of(server))
        killed = [pid_of(role, witness) for role in ("postgres", "valkey")]
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        while start_time(killed[0]) or not (postgres.is_ready() and valkey.is_ready()):
            children._watch()
        back = [pid_of(role, witness) for role in ("postgres", "valkey")]

    assert not set(killed) & set(back)
    assert not postgres.listens()
    assert not valkey.listens()


def test_the_run_file_says_where_everything_is_while_it_runs(tmp_path: Path) -> None:
    run_file = RunFile(tmp_path, ADDRESSES)

    run_file.update([ChildProcess("postgres", 12), ChildProcess("api", 13)])
    file = tmp_path / "run.json"
    mode, content = file.stat().st_mode & 0o777, json.loads(file.read_text())
    found = find_addresses(tmp_path)
    run_file.remove()

    assert mode == 0o600
    assert list(content) == [
        "api_url",
        "metrics_url",
        "exchange_url",
        "exchange_api_key",
        "exchange_api_secret",
        "postgres_dsn",
        "redis_url",
        "processes",
    ]
    assert content["metrics_url"] is None
    assert content["processes"] == [
        {"role": "postgres", "pid": 12},
        {"role": "api", "pid": 13},
    ]
    assert found == ADDRESSES
    assert list(tmp_path.iterdir()) == []
    assert find_addresses(tmp_path) is None


def test_a_directory_serves_one_at_a_time_even_after_a_kill(tmp_path: Path) -> None:
    data_dir = tmp_path / "new"
    script = (
        "import os, pathlib, sys\n"
        "from crypto_exchange.entrypoints.cli.run_file import hold_lock\n"
        "with hold_lock(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    argv = [sys.executable, "-c", script, str(data_dir)]
    pipe = subprocess.PIPE

    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(AlreadyRunningError, match=f"but {data_dir} is in use by a running"),
            hold_lock(data_dir),
        ):
            pass
        holder.kill()
        holder.wait()

    with hold_lock(data_dir):
        assert data_dir.stat().st_mode & 0o777 == 0o700
