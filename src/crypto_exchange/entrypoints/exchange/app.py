"""The ASGI application: find the route, let the request pass the gate, answer with JSON."""

import asyncio
import sqlite3
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import msgspec

from crypto_exchange.entrypoints.exchange import fault_calls, order_calls
from crypto_exchange.entrypoints.exchange.config import PaperConfig
from crypto_exchange.entrypoints.exchange.disturbances import disturb
from crypto_exchange.entrypoints.exchange.failures import (
    ApiError,
    no_answer,
    unknown_error,
    unsupported,
)
from crypto_exchange.entrypoints.exchange.faults import Meeting
from crypto_exchange.entrypoints.exchange.parameters import read_parameters
from crypto_exchange.entrypoints.exchange.replies import Reply, refused, reply
from crypto_exchange.entrypoints.exchange.routes import ROUTES, Route, Security
from crypto_exchange.entrypoints.exchange.signing import check_key, check_signature, read_window
from crypto_exchange.entrypoints.exchange.venue import Call, Venue

# The types of the ASGI specification, whose messages are open mappings.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_LARGEST_BODY = 64 * 1024


class PaperExchange:
    """One instance serves one venue; `database` is the only thread that touches the record.

    `restart`, put in by whoever runs the server, drops every connection and starts it anew after
    so many milliseconds.
    """

    restart: Callable[[int], None]

    def __init__(self, config: PaperConfig, venue: Venue, database: ThreadPoolExecutor) -> None:
        self._key = config.api_key
        self._secret = config.api_secret
        self._half_latency_s = config.latency_ms / 2000
        self._venue = venue
        self._database = database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            answer = await self._answer(scope, receive)
        except ApiError as refusal:
            answer = refused(refusal)
        except asyncio.CancelledError:
            # Only the end of the process cancels: the order may or may not have been executed.
            answer = refused(no_answer())
        except (sqlite3.Error, ArithmeticError, ValueError) as error:
            sys.stderr.write(f"paper exchange: {type(error).__name__}: {error}\n")
            answer = refused(unknown_error())
        await _send(send, answer)

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        path, method = scope["path"], scope["method"]
        if path.startswith(fault_calls.FAULTS):
            body = await _read_body(receive)
            return fault_calls.answer(self._venue, method, path, body, self._restart_soon)
        methods = ROUTES.get(path)
        if methods is None:
            raise unsupported(404)
        route = methods.get(method)
        if route is None:
            raise unsupported(405, methods)
        call = self._admit(route, scope, await _read_body(receive))
        if route.opens_order:
            order_calls.check(self._venue, call)
        faults = self._venue.faults
        return await self._disturbed(
            route, call, faults.meet(method, path, call.parameters, self._venue.now_ms())
        )

    def _admit(self, route: Route, scope: Scope, body: bytes) -> Call:
        query: bytes = scope["query_string"]
        if route.security is Security.PUBLIC:
            return Call(read_parameters(query, body, route.parameters))
        check_key(_header(scope, b"x-mbx-apikey"), self._key)
        parameters = read_parameters(query, body, route.parameters)
        window = read_window(parameters)
        check_signature(query, body, parameters, self._secret)
        window.check(self._venue.now_ms())
        return Call(parameters, window)

    async def _disturbed(self, route: Route, call: Call, meetings: list[Meeting]) -> Reply:
        """Run the call through the faults that it meets, the first of them outermost."""
        if not meetings:
            return await self._run(route, call)
        first, rest = meetings[0], meetings[1:]
        met = call if rest else msgspec.structs.replace(call, meeting=first)
        return await disturb(first, lambda: self._disturbed(route, met, rest), self.restart)

    async def _run(self, route: Route, call: Call) -> Reply:
        if route.security is Security.PUBLIC:
            return reply(200, route.handler(self._venue, call))
        delay = self._half_latency_s if route.security is Security.TRADING else 0
        with self._venue.open_order(call.parameters) if route.opens_order else nullcontext():
            await asyncio.sleep(delay)
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._database, self._handle, route, call)
            try:
                answer = await running
            except Exception:
                await asyncio.sleep(delay)
                raise
            await asyncio.sleep(delay)
            return reply(200, answer)

    def _handle(self, route: Route, call: Call) -> object:
        order_calls.execute_late(self._venue)
        return route.handler(self._venue, call)

    def _restart_soon(self, after_ms: int) -> None:
        """Once the answer under way is sent."""
        asyncio.get_running_loop().call_soon(self.restart, after_ms)


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return None


async def _read_body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        chunk: bytes = message.get("body", b"")
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise unsupported(413)
        if not message.get("more_body"):
            return body


async def _send(send: Send, answer: Reply) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
        *answer.headers,
    ]
    if not answer.body:
        headers = list(answer.headers)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
