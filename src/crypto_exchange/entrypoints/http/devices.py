"""Devices: what a client says of itself, shortened, so that people know their logins apart."""

from __future__ import annotations

import re

from crypto_exchange.entrypoints.http.operations import ApiRequest

LONGEST_DEVICE = 120
"""In characters."""

_STRANGE = re.compile(r"[^ -~]+")


def read_device(request: ApiRequest) -> str:
    """The `User-Agent`, without anything but printable ASCII; it may say what it likes."""
    given = request.headers.get("user-agent", "")
    return _STRANGE.sub(" ", given).strip()[:LONGEST_DEVICE]
