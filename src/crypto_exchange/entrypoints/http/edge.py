"""The edge: what happens to every request and response, whatever becomes of it inside.

It checks the host, names the request, adds the headers that protect, answers HEAD, and writes one
line to the access log, without bodies, tokens or queries, and of the caller's address only its
network: whose security is at stake is told by the events, not by this.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Sequence
from contextvars import ContextVar

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from crypto_exchange.entrypoints.http.addresses import Network, blur, read_client
from crypto_exchange.entrypoints.http.problems import problem_reply

access_log = logging.getLogger("crypto_exchange.access")

_current: ContextVar[bytes | None] = ContextVar("request_id", default=None)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_HOST = re.compile(rb"([A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?")
_HEADERS = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
}


class Edge:
    """Wraps the whole application. Probes of health come by address, so they may name any host."""

    def __init__(
        self, app: ASGIApp, allowed_hosts: Sequence[str], trusted: Sequence[Network]
    ) -> None:
        self._app = app
        self._trusted = trusted
        self._allowed = _host_pattern(allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        began_ns = time.monotonic_ns()
        exchange = _Exchange(_request_id(scope), scope["method"] == "HEAD", send)
        _current.set(exchange.request_id)
        inner = scope.copy()
        inner["state"] = {**scope["state"], "request_id": exchange.request_id.decode()}
        if exchange.head:
            inner["method"] = "GET"
        try:
            if self._is_allowed(inner):
                await self._app(inner, receive, exchange.send)
            else:
                detail = "Host: expected the name of this service, was another one"
                reply = problem_reply("invalid_host", detail)
                await reply(inner, receive, exchange.send)
        finally:
            network = blur(read_client(scope, self._trusted))
            _log(scope["method"], network, inner, exchange, time.monotonic_ns() - began_ns)

    def _is_allowed(self, scope: HTTPScope) -> bool:
        if scope["path"].startswith("/health/"):
            return True
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if not hosts:
            return self._allowed is None
        match = _HOST.fullmatch(hosts[0])
        if match is None or len(hosts) > 1:
            return False
        return self._allowed is None or bool(self._allowed.fullmatch(match[1].decode().lower()))


def find_request_id() -> str | None:
    """The id of the request that is being answered here, if it is one."""
    current = _current.get()
    return None if current is None else current.decode()


class _Exchange:
    """One request's answer on its way out."""

    __slots__ = ("_send", "head", "request_id", "status")

    def __init__(self, request_id: bytes, head: bool, send: Send) -> None:
        self.request_id = request_id
        self.head = head
        self.status = 0
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message["headers"])
            present = {name for name, _ in headers}
            headers += [pair for pair in _HEADERS.items() if pair[0] not in present]
            headers.append((b"x-request-id", self.request_id))
            message["headers"] = headers
        elif self.head and message["type"] == "http.response.body":
            message["body"] = b""
        await self._send(message)


def _request_id(scope: HTTPScope) -> bytes:
    """The client's own name for the request, if it is one, else a random one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value
    return os.urandom(16).hex().encode()


def _host_pattern(allowed: Sequence[str]) -> re.Pattern[str] | None:
    if "*" in allowed:
        return None
    return re.compile("|".join(_one_host(host.lower()) for host in allowed))


def _one_host(host: str) -> str:
    return rf".+\.{re.escape(host[2:])}" if host.startswith("*.") else re.escape(host)


def _log(
    method: str, network: str | None, scope: HTTPScope, exchange: _Exchange, duration_ns: int
) -> None:
    """The path is logged as its template, so that no id is in it; else so that no line is forged."""
    path = scope.get("path_template") or ascii(scope["path"])[1:-1][:200]
    user = scope.get("user")
    fields = {
        "method": method,
        "path": path,
        "status": exchange.status,
        "duration_us": duration_ns // 1000,
        "request_id": exchange.request_id.decode(),
        "user_id": getattr(user, "user_id", None),
        "network": network,
    }
    line = (
        "%(method)s %(path)s %(status)s %(duration_us)s us %(request_id)s user %(user_id)s "
        "from %(network)s"
    )
    access_log.info(line, fields, extra=fields)
