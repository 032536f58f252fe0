"""Child processes that end with us, and a record of them for the start after a crash.

Each child leads a session of its own, so that a terminal's Ctrl-C reaches only us. On Linux the kernel
signals it when we die. What survives all the same is found by the record, one file a child with its
start time: a pid alone may belong to somebody else by now.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from crypto_exchange.adapters.embedded.private_file import write_private

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PAUSE_S = 0.05


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. Without `env` it inherits ours, without `log` our standard output and error.

    `stop_signals` are tried in order, each for so many seconds; then it is killed. The first is also
    what it gets when we die. It inherits the open files `fds` under the same numbers.
    """

    role: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    log: Path | None = None
    stop_signals: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 5.0),)
    fds: Sequence[int] = ()


class Process:
    """A running program; to be started on the main thread (its end ends the child on Linux)."""

    def __init__(self, program: Program, records: Path) -> None:
        """Start the program and note it in the directory `records`."""
        self.program = program
        self._asked = False
        self._popen = _spawn(program)
        self._record = records / f"{program.role}-{self.pid}.json"
        records.mkdir(parents=True, exist_ok=True, mode=0o700)
        signals = [(int(number), seconds) for number, seconds in program.stop_signals]
        write_private(self._record, json.dumps([self.pid, start_time(self.pid), signals]))

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its group and session."""
        return self._popen.pid

    def poll(self) -> int | None:
        """Return how it ended (minus the signal that ended it), or None while it runs.

        What it left in its group is killed.
        """
        code = self._popen.poll()
        if code is not None and self._record.exists():
            _signal_group(self.pid, signal.SIGKILL)
            self._record.unlink()
        return code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program itself, if it still runs."""
        if self.poll() is None:
            self._popen.send_signal(number)

    def ask_to_stop(self) -> None:
        """Send the first of the stop signals; a second call does nothing."""
        if not self._asked:
            self._asked = True
            self.signal(self.program.stop_signals[0][0])

    def stop(self, within: float = 3600.0) -> int:
        """Ask it to end, within so many seconds at most; kill it if it doesn't."""
        end = time.monotonic() + within
        for step, (number, seconds) in enumerate(self.program.stop_signals):
            self.signal(number) if step else self.ask_to_stop()
            if _wait(lambda: self.poll() is not None, min(end, time.monotonic() + seconds)):
                break
        else:
            _signal_group(self.pid, signal.SIGKILL)
        self._popen.wait()
        return self.poll() or 0


def stop_leftovers(records: Path) -> list[str]:
    """Stop what the directory records and still runs, the last started first; return their names."""
    files = records.glob("*.json") if records.is_dir() else ()
    stopped = []
    for file in sorted(files, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        with contextlib.suppress(ValueError):
            pid, started, signals = json.loads(file.read_text())
            if stop_foreign(pid, started, signals):
                stopped.append(file.stem)
        file.unlink()
    return stopped


def stop_foreign(pid: int, started: str | None, signals: Sequence[tuple[int, float]]) -> bool:
    """Stop a process that need not be our child, if it is the one that started then."""
    if started is None or start_time(pid) != started:
        return False
    for number, seconds in [*signals, (signal.SIGKILL, 5.0)]:
        if number == signal.SIGKILL:
            _signal_group(pid, signal.SIGKILL)
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if _wait(lambda: start_time(pid) != started, time.monotonic() + seconds):
            break
    return True


def start_time(pid: int) -> str | None:
    """When a process started, as a text that differs for every process that ever has this pid.

    None if there is no such process, or only its exit code is left.
    """
    if sys.platform != "linux":
        shown = _ps("stat=,lstart=", pid)
        return None if not shown or shown.startswith("Z") else shown.partition(" ")[2].strip()
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return None if state in "ZX" else f"{boot} {fields[18]}"


def command_line(pid: int) -> str:
    """How a process was called; empty if it can't be told."""
    if sys.platform != "linux":
        return _ps("command=", pid)
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ").strip()
    except OSError:
        return ""


def _ps(columns: str, pid: int) -> str:
    command = ["ps", "-o", columns, "-p", str(pid)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    return ended.stdout.strip()


def _spawn(program: Program) -> subprocess.Popen[bytes]:
    output = _open_log(program.log) if program.log else None
    try:
        return subprocess.Popen(  # noqa: S603 - what to run is our caller's business
            program.argv,
            env=program.env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            start_new_session=True,
            pass_fds=program.fds,
            preexec_fn=_end_with_parent(program.stop_signals[0][0]),  # noqa: PLW1509 - see there
        )
    finally:
        if output is not None:
            os.close(output)


def _open_log(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists() and path.stat().st_size > 10_000_000:
        path.replace(path.with_suffix(".old"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _end_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Return what the child does between fork and exec; it takes no lock that a thread could hold."""
    if _LIBC is None:
        return None
    prctl, parent = _LIBC.prctl, os.getpid()

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # died in between: no signal will come
            os.kill(os.getpid(), signal.SIGKILL)

    return ask_kernel


def _signal_group(pid: int, number: signal.Signals) -> None:
    # macOS answers "not permitted" for a group of which only the exit code is left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _wait(over: Callable[[], bool], until: float) -> bool:
    while not over():
        if time.monotonic() >= until:
            return False
        time.sleep(_PAUSE_S)
    return True
