"""Free TCP ports on this machine."""

from __future__ import annotations

import random
import socket
from pathlib import Path

_LOWEST = 15_000
_RESERVED: list[socket.socket] = []
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on.

    It lies below the ports that outgoing connections are given: otherwise a client that keeps trying
    to reach a server while that restarts may be given the server's own port, and hold it. Nobody else
    is given it as long as this process lives, since a server may take seconds to listen there.
    """
    end = int(_EPHEMERAL.read_text().split()[0]) if _EPHEMERAL.exists() else 49_152
    candidates = range(_LOWEST, end) if end > _LOWEST + 1_000 else range(_LOWEST, 65_536)
    for port in random.sample(candidates, 200):
        if is_free(host, port) and _reserve(host, port):
            return port
    raise OSError(f"expected a free port on {host}, but 200 of {candidates} were taken")


def next_free_port(host: str, first: int) -> int:
    """Return the first free port of the hundred from `first` on."""
    for port in range(first, min(first + 100, 65_536)):
        if is_free(host, port):
            return port
    raise OSError(f"expected a free port on {host} from {first} on, but the next 100 were taken")


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(1)
    except OSError:
        return False
    return True


def _reserve(host: str, port: int) -> bool:
    """Keep the port's twin for datagrams, which stands in no server's way."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0][0]
    twin = socket.socket(family, socket.SOCK_DGRAM)
    try:
        twin.bind((host, port))
    except OSError:
        twin.close()
        return False
    _RESERVED.append(twin)
    return True
