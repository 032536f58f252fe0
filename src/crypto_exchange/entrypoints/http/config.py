"""What the HTTP API is told at start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec


class HttpConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to answer.

    `find_missing` says in one sentence what the database lacks, or None if it is at the newest
    migration. `allowed_hosts` are names without a port; `*` allows any, `*.name` its subdomains.
    With `debug`, a fault is answered with its exception.
    """

    find_missing: Callable[[], Awaitable[str | None]]
    allowed_hosts: tuple[str, ...] = ("*",)
    debug: bool = False
