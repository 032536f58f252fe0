"""What the HTTP API is told at start."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import msgspec

from crypto_exchange.domain.limits import Limit
from crypto_exchange.entrypoints.http.addresses import Network


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1_000


class HttpConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to answer.

    `find_missing` says in one sentence what the database lacks, or None if it is at the newest
    migration. `allowed_hosts` are names without a port; `*` allows any, `*.name` its subdomains.
    With `debug`, a fault is answered with its exception. `limits` are those that `COUNTED` names; of
    a connection from a `trusted_proxies` network the caller's address is in `X-Forwarded-For`.
    `exchange_quote` is the coin that the exchange calls our dollars.
    `monotonic_us` is a clock in microseconds that nobody sets.
    """

    find_missing: Callable[[], Awaitable[str | None]]
    allowed_hosts: tuple[str, ...] = ("*",)
    debug: bool = False
    limits: tuple[Limit, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    exchange_quote: str = "USD"
    monotonic_us: Callable[[], int] = _monotonic_us
