"""The processes of a chaos run: one `serve`, and processes beside it that live behind bad wires."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from crypto_exchange.adapters.embedded import Process, Program, free_port
from tests.chaos.proxy import FaultProxy
from tests.running import UNMEASURED, RunningServer

_PAUSE_S = 0.5
_CRASHED = 137


class Beside:
    """One process that `serve` knows nothing of, started again whenever it ended."""

    def __init__(self, program: Program, records: Path) -> None:
        self._program, self._records = program, records
        self._process: Process | None = None
        self._due = 0.0
        self.crashes = 0

    @property
    def role(self) -> str:
        return self._program.role

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def tend(self) -> None:
        """Start it if it does not run; only on the main thread."""
        if self._process is not None and (code := self._process.poll()) is not None:
            self.crashes += code == _CRASHED
            self._process, self._due = None, time.monotonic() + _PAUSE_S
        if self._process is None and time.monotonic() >= self._due:
            self._process = Process(self._program, self._records)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop(10)
            self._process = None


class Cluster:
    """Everything that runs. `settings` are those of all processes."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.directory = directory
        self.crash_points = directory / "crash-points"
        self.server = RunningServer(
            directory / "data", UNMEASURED, **settings, CRASH_POINTS_DIR=str(self.crash_points)
        )
        self.proxies: dict[str, FaultProxy] = {}
        self.beside: list[Beside] = []

    async def start(self) -> None:
        """Start all of it, and wait until it serves."""
        self.crash_points.mkdir(parents=True)
        await asyncio.to_thread(self.server.start)
        run = self.server.run_file
        for name, url in (
            ("postgres", run["postgres_dsn"]),
            ("valkey", run["redis_url"]),
            ("exchange", run["exchange_url"]),
        ):
            self.proxies[name] = FaultProxy(urlsplit(url).port or 0)
            await self.proxies[name].start()
        self.beside = [self._beside("api", free_port()), self._beside("worker", free_port())]
        self.tend()

    async def stop(self) -> None:
        """Stop all of it, also what is frozen."""
        for pid in [pid for role in ("api", "worker") for pid in self.pids(role)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        for each in self.beside:
            await asyncio.to_thread(each.stop)
        for proxy in self.proxies.values():
            await proxy.stop()
        if self.server.process is not None:
            await asyncio.to_thread(self._stop_server)

    def tend(self) -> None:
        """Keep the processes beside running; `serve` keeps its own."""
        for each in self.beside:
            each.tend()

    @property
    def addresses(self) -> list[str]:
        """Where the API is reached."""
        return [str(self.server.run_file["api_url"]), f"http://127.0.0.1:{self._port}"]

    @property
    def failure(self) -> str | None:
        """Why nothing can go on, if it can't."""
        process = self.server.process
        if process is not None and process.poll() is not None:
            return f"`serve` ended with {process.returncode}:\n{self.server.log()[-3000:]}"
        return None

    def pids(self, role: str) -> list[int]:
        """The processes of a role that run now."""
        beside = [e.pid for e in self.beside if e.role == role and e.pid is not None]
        with contextlib.suppress(FileNotFoundError):
            return [*self.server.pids(role), *beside]
        return beside

    def _beside(self, role: str, port: int) -> Beside:
        """A process of a role that reaches everything through the proxies."""
        run, data_dir = self.server.run_file, self.server.data_dir
        if role == "api":
            self._port = port
        passwords = {
            "POSTGRES_PASSWORD": urlsplit(run["postgres_dsn"]).password,
            "REDIS_PASSWORD": urlsplit(run["redis_url"]).password,
        }
        settings = {
            **json.loads((data_dir / "secrets.json").read_text()),
            **self.server.environment,
            **passwords,
            **{f"{n}_HOST": "127.0.0.1" for n in ("POSTGRES", "REDIS")},
            "POSTGRES_PORT": str(self.proxies["postgres"].port),
            "REDIS_PORT": str(self.proxies["valkey"].port),
            "EXCHANGE_URL": f"http://127.0.0.1:{self.proxies['exchange'].port}",
            "EXCHANGE_API_KEY": run["exchange_api_key"],
            "EXCHANGE_API_SECRET": run["exchange_api_secret"],
            "PORT": str(port),
        }
        argv = [sys.executable, "-m", "crypto_exchange", role]
        log = self.directory / f"{role}-beside.log"
        program = Program(role=role, argv=argv, env=settings, log=log)
        return Beside(program, self.directory / "processes")

    def _stop_server(self) -> None:
        try:
            self.server.stop()
        except Exception:
            self.server.kill()
            raise
