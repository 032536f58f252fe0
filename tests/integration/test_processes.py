"""Child processes: they end with their parent, and what survives is found at the next start."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crypto_exchange.adapters.embedded import Process, Program, stop_leftovers
from crypto_exchange.adapters.embedded.identity import Identity, is_usable
from crypto_exchange.adapters.embedded.processes import start_time

IDENTITIES = [identity.name for identity in Identity if is_usable(identity)]

# Starts one child that a signal doesn't end, says its pid, and is killed.
ORPHANING = """
import os, signal, sys
from pathlib import Path
from crypto_exchange.adapters.embedded import Process, Program
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
log = Path(sys.argv[1]) / "deaf.log"
process = Process(Program(role="deaf", argv=[sys.executable, "-c", deaf], log=log, stop_signals=[(signal.SIGTERM, 0.2)]), Path(sys.argv[1]) / "processes")
while "deaf" not in log.read_text():
    pass
print(process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""

# Starts a server and is killed.
KILLED_WITH_SERVER = """
import os, signal, sys
from pathlib import Path
from crypto_exchange.adapters.embedded import EmbeddedPostgres, EmbeddedValkey
from crypto_exchange.adapters.embedded.identity import Identity
if sys.argv[2] == "valkey":
    server = EmbeddedValkey(Path(sys.argv[1]), password="secret-1")
else:
    server = EmbeddedPostgres(Path(sys.argv[1]), password="secret-1", identity=Identity[sys.argv[2]])
server.start()
print(server.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def run_killed(script: str, *arguments: str) -> int:
    """Run a script that prints a pid and kills itself; return that pid."""
    argv = [sys.executable, "-c", script, *arguments]
    ended = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL
    return int(ended.stdout)


def eventually(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + 20
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return condition()


def sleeper(role: str = "sleeper") -> Program:
    return Program(role=role, argv=["sleep", "600"])


@pytest.mark.parametrize("who", [*IDENTITIES, "valkey"])
def test_servers_end_when_their_starter_is_killed(tmp_path: Path, who: str) -> None:
    pid = run_killed(KILLED_WITH_SERVER, str(tmp_path), who)

    if sys.platform == "linux":
        assert eventually(lambda: start_time(pid) is None)
    stop_leftovers(tmp_path / "processes")

    assert start_time(pid) is None


def test_what_survived_the_last_run_is_stopped(tmp_path: Path) -> None:
    pid = run_killed(ORPHANING, str(tmp_path))
    survived = start_time(pid) is not None

    stopped = stop_leftovers(tmp_path / "processes")

    assert survived
    assert stopped == [f"deaf-{pid}"]
    assert start_time(pid) is None
    assert stop_leftovers(tmp_path / "processes") == []


def test_a_stranger_with_the_pid_of_a_leftover_is_left_alone(tmp_path: Path) -> None:
    records = tmp_path / "processes"
    stranger = Process(sleeper(), records)
    [record] = records.iterdir()
    record.write_text(record.read_text().replace(" ", " 1", 1))
    (records / "broken-1.json").write_text("{")

    stopped = stop_leftovers(records)

    assert stopped == []
    assert list(records.iterdir()) == []
    assert stranger.poll() is None
    stranger.stop()


def test_what_a_child_started_itself_ends_with_it(tmp_path: Path) -> None:
    log = tmp_path / "pids.log"
    family = Process(
        Program(role="family", argv=["sh", "-c", "sleep 600 & echo $!; wait"], log=log), tmp_path
    )
    assert eventually(lambda: log.read_text().strip() != "")

    family.stop()

    assert eventually(lambda: start_time(int(log.read_text())) is None)


def test_who_does_not_end_when_asked_is_killed(tmp_path: Path) -> None:
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    log = tmp_path / "deaf.log"
    deaf = Process(
        Program(
            role="deaf",
            argv=[sys.executable, "-c", script],
            log=log,
            stop_signals=[(signal.SIGTERM, 0.1)],
        ),
        tmp_path,
    )
    assert eventually(lambda: "up" in log.read_text())

    assert deaf.stop() == -signal.SIGKILL


def test_a_large_log_is_put_aside_at_the_start(tmp_path: Path) -> None:
    log = tmp_path / "echo.log"
    log.write_bytes(b"x" * 10_000_001)

    echo = Process(Program(role="echo", argv=["echo", "new"], log=log), tmp_path)
    assert eventually(lambda: echo.poll() is not None)

    assert log.read_text() == "new\n"
    assert log.with_suffix(".old").stat().st_size == 10_000_001
