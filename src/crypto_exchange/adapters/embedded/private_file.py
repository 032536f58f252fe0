"""Files that only their owner may read, replaced whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

_GENERATED = (
    "SECRET_KEY",
    "JWT_SECRET_KEY",
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "EXCHANGE_API_KEY",
    "EXCHANGE_API_SECRET",
)


def write_private(path: Path, text: str) -> None:
    """Replace a file's content at once; mode 0600 from the first byte on."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def embedded_secrets(data_dir: Path) -> dict[str, str]:
    """Return the secrets of an installation that was given none, by their names as settings.

    They are drawn once (256 bits each) and kept in `secrets.json`. The caller holds the lock of the
    directory.
    """
    path = data_dir / "secrets.json"
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = {name: secrets.token_hex(32) for name in _GENERATED if name not in known}
    if missing:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(path, json.dumps(known | missing, indent=2) + "\n")
    return known | missing
