"""Keeps the processes of `serve` running, and stops them in order."""

from __future__ import annotations

import itertools
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from crypto_exchange.adapters.embedded import (
    EmbeddedServer,
    EmbeddedServerError,
    Process,
    Program,
)
from crypto_exchange.entrypoints.cli.run_file import ChildProcess

_PAUSE_S = 0.1
_BACKOFF_S = (0.5, 10.0)
_HEALTHY_S = 5.0
_AT_ONCE_S = 10.0
_REFUSALS = 3
_EARLY_DEATHS = 5
_STOP_S = 20.0
_RESERVED_S = 2.0
"""Of the time to stop, what each child that is still to be asked gets for certain."""


class StopRequestedError(Exception):
    """SIGTERM or Ctrl-C came; the supervisor's block ends without an error."""


class ChildFailedError(RuntimeError):
    """A child can't be kept running; `exit_code` is what the command line should end with."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Child(msgspec.Struct, frozen=True):
    """What to keep running: `before` is called before each start, `ready` tells that it serves.

    `ready` is asked only at the first start, within `timeout` seconds.
    """

    program: Program
    ready: Callable[[], bool] = lambda: True
    before: Callable[[], None] = lambda: None
    timeout: float = 60.0

    @classmethod
    def of(cls, server: EmbeddedServer) -> Self:
        """Keep an embedded server running, on the same port."""
        return cls(server.program(), server.is_ready, server.prepare)


@dataclass(slots=True, kw_only=True)
class _Watched:
    child: Child
    process: Process | None = None
    started: float = 0.0
    due: float = 0.0
    delay: float = _BACKOFF_S[0]
    refusals: int = 0
    early_deaths: int = 0
    served: bool = False

    @property
    def role(self) -> str:
        return self.child.program.role


class Supervisor:
    """A block on the main thread, in which children are started one after the other and then watched.

        with Supervisor(data_dir / "processes", run_file.update) as supervisor:
            supervisor.start(Child.of(postgres))
            supervisor.start(Child(program))
            supervisor.run()

    At its end all are stopped, the last started first, within 20 s; neighbours of the same role
    together. A child that dies is started again after 0.5 s, 1 s … 10 s, from 0.5 s again once it ran
    for 5 s. `on_change` is told all running children whenever that changes, `say` what befell them.
    """

    def __init__(
        self,
        records: Path,
        on_change: Callable[[Sequence[ChildProcess]], None],
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._records = records
        self._on_change = on_change
        self._say = say or (lambda line: print(line, file=sys.stderr, flush=True))
        self._watched: list[_Watched] = []
        self._stop_requested = False
        self._handlers: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
                self._handlers[number] = signal.signal(number, self._request_stop)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        try:
            self._stop()
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
        return isinstance(error, StopRequestedError)

    def start(self, child: Child) -> None:
        """Start a child and wait until it is ready, while the others are watched.

        Raises:
            StopRequestedError: a signal to stop came.
            ChildFailedError: it, or another, refuses to run or isn't ready in time.
            EmbeddedServerError: it can't be prepared.
        """
        self.check()
        watched = _Watched(child=child)
        self._watched.append(watched)
        self._launch(watched)
        until = time.monotonic() + child.timeout
        while watched.process is None or not child.ready():
            if time.monotonic() > until:
                raise ChildFailedError(_unready(child, f"after {child.timeout:g} s was not"), 3)
            self._watch()
        watched.served = True

    def run(self) -> None:
        """Watch until a signal to stop comes.

        Raises:
            StopRequestedError: it came.
            ChildFailedError: a child refuses to run.
        """
        while True:
            self._watch()

    def check(self) -> None:
        """Raise StopRequestedError if a signal to stop came; to be called between long steps."""
        if self._stop_requested:
            raise StopRequestedError

    def _request_stop(self, *_: object) -> None:
        self._stop_requested = True

    def _watch(self) -> None:
        self.check()
        for watched in self._watched:
            self._tend(watched, time.monotonic())
        time.sleep(_PAUSE_S)

    def _tend(self, watched: _Watched, now: float) -> None:
        if watched.process is None:
            if now >= watched.due:
                self._launch_again(watched, now)
        elif (code := watched.process.poll()) is not None:
            self._bury(watched, code, now)
        elif now - watched.started >= _HEALTHY_S:
            watched.delay, watched.refusals = _BACKOFF_S[0], 0

    def _launch(self, watched: _Watched) -> None:
        watched.child.before()
        watched.process = Process(watched.child.program, self._records)
        watched.started = time.monotonic()
        self._tell()

    def _launch_again(self, watched: _Watched, now: float) -> None:
        try:
            self._launch(watched)
        except (OSError, EmbeddedServerError) as error:
            self._say(f"{watched.role} could not be started again: {error}")
            self._postpone(watched, now)

    def _bury(self, watched: _Watched, code: int, now: float) -> None:
        pid = watched.process.pid if watched.process else None
        watched.process = None
        self._tell()
        if not watched.served:
            watched.early_deaths += 1
        at_once = now - watched.started < _AT_ONCE_S
        watched.refusals = watched.refusals + 1 if code == 2 and at_once else 0
        if watched.refusals >= _REFUSALS:
            raise ChildFailedError(
                f"{watched.role} was expected to run, but refused (see above)", 2
            )
        if watched.early_deaths >= _EARLY_DEATHS:
            raise ChildFailedError(
                _unready(watched.child, f"ended with {code}, again and again"), 3
            )
        self._say(f"{watched.role} (pid {pid}) {_ending(code)}; next start in {watched.delay:g} s")
        self._postpone(watched, now)

    def _postpone(self, watched: _Watched, now: float) -> None:
        watched.due = now + watched.delay
        watched.delay = min(watched.delay * 2, _BACKOFF_S[1])

    def _tell(self) -> None:
        running = [(watched.role, watched.process) for watched in self._watched]
        self._on_change([ChildProcess(role, process.pid) for role, process in running if process])

    def _stop(self) -> None:
        end = time.monotonic() + _STOP_S
        processes = [watched.process for watched in reversed(self._watched) if watched.process]
        left = len(processes)
        for _, group in itertools.groupby(processes, key=lambda process: process.program.role):
            together = list(group)
            left -= len(together)
            for process in together:
                process.ask_to_stop()
            for process in together:
                process.stop(max(1.0, end - time.monotonic() - _RESERVED_S * left))
        self._watched.clear()


def _unready(child: Child, but: str) -> str:
    where = f"; see {child.program.log}" if child.program.log else " (see above)"
    return f"{child.program.role} was expected to become ready, but {but}{where}"


def _ending(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
