"""Start and end of a process of the HTTP API."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import uvicorn

from crypto_exchange.domain.errors import PortError
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.http.app import create_app
from crypto_exchange.entrypoints.http.config import HttpConfig

OpenContext = Callable[[], AbstractAsyncContextManager[Context]]

logger = logging.getLogger(__name__)

_GRACE_S = 8
_KEEP_ALIVE_S = 30
_GC_THRESHOLDS = (50_000, 50, 100)
_EXIT_FAULT = 1
_EXIT_UNREACHABLE = 3


def run(config: HttpConfig, open_context: OpenContext, listener: socket.socket) -> None:
    """Serve on a listening socket, which other processes may share, until SIGTERM or SIGINT.

    Then requests under way get 8 s to end, and it returns. If the context cannot be opened, it
    says so in one sentence and exits with 3 (a service is unreachable) or 1. Must be called from
    the main thread.
    """
    failures: list[Exception] = []
    app = create_app(_noting(failures, open_context), config)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            access_log=False,
            http="httptools",
            lifespan="on",
            log_config=None,
            log_level=logging.CRITICAL,  # a failed start is told below, in one sentence
            loop="auto",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
            timeout_keep_alive=_KEEP_ALIVE_S,
            ws="none",
        )
    )
    # When uvicorn is done it puts these handlers back and raises the signal that stopped it once
    # more, which must not end the process before the caller is done.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    try:
        server.run(sockets=[listener])
    except SystemExit:
        if not failures:
            raise
    if failures:
        _stop(failures[0])


def _noting(failures: list[Exception], open_context: OpenContext) -> OpenContext:
    """Open the context with a garbage collector that leaves alone what was there at start."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Context]:
        try:
            async with open_context() as context:
                gc.collect()
                gc.freeze()
                gc.set_threshold(*_GC_THRESHOLDS)
                logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
                yield context
        except Exception as error:
            failures.append(error)
            raise

    return opened


def _stop(error: Exception) -> None:
    unreachable = isinstance(error, PortError | OSError)
    if not unreachable:
        logger.error("the API could not run", exc_info=error)
    sys.stderr.write(f"api: could not run: {str(error) or type(error).__name__}\n")
    raise SystemExit(_EXIT_UNREACHABLE if unreachable else _EXIT_FAULT)
