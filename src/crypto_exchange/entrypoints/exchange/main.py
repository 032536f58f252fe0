"""Start and end of the paper exchange's process."""

import os
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import NoReturn

import uvicorn

from crypto_exchange.entrypoints.exchange.account import Account
from crypto_exchange.entrypoints.exchange.app import PaperExchange
from crypto_exchange.entrypoints.exchange.config import PaperConfig
from crypto_exchange.entrypoints.exchange.faults import Faults
from crypto_exchange.entrypoints.exchange.listing import Symbol, check_symbol, list_symbols
from crypto_exchange.entrypoints.exchange.venue import Venue, charged_in, fee_rate

_GRACE_S = 5


def run(config: PaperConfig) -> None:
    """Serve until SIGTERM or SIGINT, then return with everything written.

    Requests under way get 5 s to end. A wrong configuration, a record that can't be opened or a
    port in use end the process with one sentence on stderr and exit code 2. Must be called from
    the main thread.
    """
    symbols = _checked(config)
    faults = Faults()
    pause_ms: int | None = 0
    while pause_ms is not None:
        _handle_signals(_leave)
        time.sleep(pause_ms / 1000)
        pause_ms = _serve_record(config, symbols, faults)


def _serve_record(config: PaperConfig, symbols: dict[str, Symbol], faults: Faults) -> int | None:
    """Serve what the record holds; returns after how long to do so again, `None` for the end."""
    listener = _listen(config)
    account = _open_account(config)
    database = ThreadPoolExecutor(1, "paper-exchange-record")
    try:
        venue = Venue(config, symbols, account, _now_ms, faults)
        names = ", ".join(symbols)
        sys.stdout.write(
            f"paper exchange listening on http://{config.host}:{config.port} ({names})\n"
        )
        sys.stdout.flush()
        return _serve(PaperExchange(config, venue, database), listener)
    finally:
        database.shutdown(wait=True)
        account.close()


def _serve(app: PaperExchange, listener: socket.socket) -> int | None:
    settings = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        access_log=False,
        log_config=None,
        log_level="error",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = uvicorn.Server(settings)
    pauses_ms: list[int] = []
    ended: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        ended.append(number)
        server.handle_exit(number, frame)

    def restart(after_ms: int) -> None:
        pauses_ms.append(after_ms)
        for port in server.servers:
            port.close()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        server.should_exit = server.force_exit = True

    app.restart = restart
    # It puts these handlers back when it is done, and then raises the signal that stopped it
    # once more, which must not end the process before the record is closed.
    _handle_signals(end)
    server.run(sockets=[listener])
    return None if ended else max(pauses_ms, default=None)


def _handle_signals(handler: Callable[[int, FrameType | None], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)


def _checked(config: PaperConfig) -> dict[str, Symbol]:
    try:
        check_symbol(config.quote, "The quote currency")
        charged_in(config)
        fee_rate(config)
        if not config.api_key or not config.api_secret:
            raise ValueError("The API key and secret must not be empty, one of them is.")
        if config.latency_ms < 0:
            raise ValueError(f"The latency must be at least 0 ms, it is {config.latency_ms}.")
        return list_symbols(config)
    except ValueError as error:
        _stop(str(error))


def _listen(config: PaperConfig) -> socket.socket:
    try:
        return socket.create_server((config.host, config.port), backlog=512)
    except (OSError, OverflowError) as error:
        number = error.errno if isinstance(error, OSError) else None
        reason = os.strerror(number) if number is not None and number > 0 else str(error)
        _stop(f"{config.host}:{config.port} must be a free address, it is not: {reason}.")


def _open_account(config: PaperConfig) -> Account:
    path = config.data_dir / "paper-exchange.sqlite3"
    try:
        config.data_dir.mkdir(parents=True, exist_ok=True)
        return Account(path)
    except (OSError, sqlite3.Error) as error:
        _stop(f"the record {path} can't be opened: {error}.")


def _stop(sentence: str) -> NoReturn:
    sys.stderr.write(f"paper exchange: {sentence}\n")
    raise SystemExit(2)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
