"""The ASGI application: find the route, let the request pass the gate, answer with JSON."""

import asyncio
import sqlite3
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import msgspec

from crypto_exchange.entrypoints.exchange.config import PaperConfig
from crypto_exchange.entrypoints.exchange.failures import (
    ApiError,
    no_answer,
    unknown_error,
    unsupported,
)
from crypto_exchange.entrypoints.exchange.parameters import Parameters, read_parameters
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
    """One instance serves one venue; `database` is the only thread that touches the record."""

    def __init__(self, config: PaperConfig, venue: Venue, database: ThreadPoolExecutor) -> None:
        self._key = config.api_key
        self._secret = config.api_secret
        self._half_latency_s = config.latency_ms / 2000
        self._venue = venue
        self._database = database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        headers: list[tuple[bytes, bytes]] = []
        try:
            status, answer = 200, await self._answer(scope, receive, headers)
        except ApiError as refusal:
            status, answer = refusal.status, _refused(refusal)
        except asyncio.CancelledError:
            # Only the end of the process cancels: the order may or may not have been executed.
            status, answer = 504, _refused(no_answer())
        except (sqlite3.Error, ArithmeticError, ValueError) as error:
            sys.stderr.write(f"paper exchange: {type(error).__name__}: {error}\n")
            status, answer = 500, _refused(unknown_error())
        await _send_json(send, status, headers, msgspec.json.encode(answer))

    async def _answer(
        self, scope: Scope, receive: Receive, headers: list[tuple[bytes, bytes]]
    ) -> object:
        methods = ROUTES.get(scope["path"])
        if methods is None:
            raise unsupported(404)
        route = methods.get(scope["method"])
        if route is None:
            headers.append((b"allow", ", ".join(methods).encode()))
            raise unsupported(405)
        body = await _read_body(receive)
        query: bytes = scope["query_string"]
        if route.security is Security.PUBLIC:
            return route.handler(self._venue, Call(read_parameters(query, body, route.parameters)))
        check_key(_header(scope, b"x-mbx-apikey"), self._key)
        parameters = read_parameters(query, body, route.parameters)
        return await self._signed(route, parameters, query, body)

    async def _signed(
        self, route: Route, parameters: Parameters, query: bytes, body: bytes
    ) -> object:
        window = read_window(parameters)
        check_signature(query, body, parameters, self._secret)
        window.check(self._venue.now_ms())
        call = Call(parameters, window)
        delay = self._half_latency_s if route.security is Security.TRADING else 0
        with self._venue.open_order(parameters) if route.opens_order else nullcontext():
            await asyncio.sleep(delay)
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._database, route.handler, self._venue, call)
            try:
                answer = await running
            except Exception:
                await asyncio.sleep(delay)
                raise
            await asyncio.sleep(delay)
            return answer


def _refused(refusal: ApiError) -> dict[str, object]:
    return {"code": refusal.code, "msg": refusal.message}


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


async def _send_json(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    headers = [
        (b"content-type", b"application/json;charset=UTF-8"),
        (b"content-length", str(len(body)).encode()),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
