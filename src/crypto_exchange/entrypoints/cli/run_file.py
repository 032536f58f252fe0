"""`DATA_DIR/run.json`, which says where a running `serve` is reached, and the lock that it holds."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from crypto_exchange.adapters.embedded.private_file import write_private
from crypto_exchange.entrypoints.cli.failures import CommandError


class AlreadyRunningError(RuntimeError):
    """Another `serve` lives on this DATA_DIR."""


class UnusableDirectoryError(CommandError):
    """DATA_DIR can't be used."""

    def __init__(self, data_dir: Path, error: OSError) -> None:
        super().__init__(
            f"DATA_DIR must be a directory that we may write to, but {data_dir} is not:"
            f" {error.strerror}",
            2,
        )


class Addresses(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where everything is reached; `metrics_url` is None until it is served.

    What only an exchange through ccxt needs is not written for any other.
    """

    api_url: str
    metrics_url: str | None
    exchange_id: str = "binance"
    exchange_url: str
    exchange_api_key: str
    exchange_api_secret: str
    exchange_api_passphrase: str = ""
    postgres_dsn: str
    redis_url: str


class ChildProcess(msgspec.Struct, frozen=True):
    """One child of `serve`."""

    role: str
    pid: int


class RunFile:
    """The file of one `serve`, mode 0600, always whole."""

    def __init__(self, data_dir: Path, addresses: Addresses) -> None:
        self._path = _path(data_dir)
        self.addresses = addresses

    def update(self, processes: Sequence[ChildProcess]) -> None:
        """Write the addresses with these children."""
        content = msgspec.to_builtins(self.addresses) | {"processes": processes}
        write_private(self._path, msgspec.json.format(msgspec.json.encode(content)).decode() + "\n")

    def remove(self) -> None:
        """Say that nothing runs any more."""
        self._path.unlink(missing_ok=True)


def find_addresses(data_dir: Path) -> Addresses | None:
    """Return what the last `serve` on this directory wrote; None if it stopped, or none ever ran.

    After a crash of `serve` itself nobody may answer at these addresses.
    """
    try:
        return msgspec.json.decode(_path(data_dir).read_bytes(), type=Addresses)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnusableDirectoryError(data_dir, error) from None


@contextlib.contextmanager
def hold_lock(data_dir: Path) -> Iterator[None]:
    """Be the only `serve` on this directory, which is created if missing.

    Raises:
        AlreadyRunningError: somebody else is; the message is a sentence for people.
        UnusableDirectoryError: it is none, or not ours to write to.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(data_dir / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UnusableDirectoryError(data_dir, error) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise AlreadyRunningError(
            f"DATA_DIR must be a directory that no other server uses, but {data_dir} is in use by a"
            " running `serve`"
        ) from None
    try:
        yield
    finally:
        os.close(file)


def _path(data_dir: Path) -> Path:
    return data_dir / "run.json"
