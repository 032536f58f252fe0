"""What the embedded servers have in common."""

from __future__ import annotations

import abc
import socket
import time
from pathlib import Path

from crypto_exchange.adapters.embedded.ports import free_port
from crypto_exchange.adapters.embedded.processes import Process, Program

START_TIMEOUT_S = 60.0


class EmbeddedServerError(RuntimeError):
    """An embedded server doesn't start; the message says why, as far as its log tells."""


class EmbeddedServer(abc.ABC):
    """A server on 127.0.0.1 whose state is under `data_dir`.

    Either somebody else runs `program()` after each `prepare()` until `is_ready()`, or `start()` and
    `stop()` do it all. The port is chosen once, so that clients find the server again after a restart.
    """

    role: str

    def __init__(self, data_dir: Path, *, port: int | None, durable: bool) -> None:
        self.port = port or free_port()
        self.durable = durable
        self.records = data_dir / "processes"
        self._port_given = port is not None
        self._data_dir = data_dir.resolve()
        self._log = self._data_dir / "logs" / f"{self.role}.log"
        self._process: Process | None = None

    @abc.abstractmethod
    def prepare(self) -> None:
        """Do what must be done before each start, the first or after a crash."""

    @abc.abstractmethod
    def program(self) -> Program:
        """Return what to run."""

    @abc.abstractmethod
    def is_ready(self) -> bool:
        """Whether it answers."""

    @property
    def pid(self) -> int | None:
        """Its process id while `start()` has it running."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            EmbeddedServerError: it ended, or didn't answer within a minute.
        """
        self.stop()
        self._data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        for attempt in range(1 if self._port_given else 3):
            if attempt:
                self.port = free_port()
            self.prepare()
            self._process = Process(self.program(), self.records)
            if self._answers():
                return
            self.stop()
        raise EmbeddedServerError(self.explain())

    def stop(self) -> None:
        """Stop it, if it runs; its data stay."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def explain(self) -> str:
        """Say that it didn't start, with the end of its log."""
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return "\n".join(
            [f"{self.role} was expected to start, but ended; {self._log}:", *lines[-8:]]
        )

    def listens(self) -> bool:
        """Whether anybody listens on its port."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _answers(self) -> bool:
        until = time.monotonic() + START_TIMEOUT_S
        while self._process is not None and self._process.poll() is None:
            if self.is_ready():
                return True
            if time.monotonic() > until:
                break
            time.sleep(0.02)
        return False
