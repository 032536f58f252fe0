"""Commands that run one service in this process until a signal ends it."""

from __future__ import annotations

import argparse
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crypto_exchange.domain.limits import Limit
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.risk_policy import RiskMode
from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.entrypoints.cli.log_lines import log_to_stderr
from crypto_exchange.settings import Settings


def api(settings: Settings, options: argparse.Namespace) -> int:
    """Serve the HTTP API, on an inherited socket or on HOST and PORT."""
    from crypto_exchange import bootstrap
    from crypto_exchange.entrypoints.cli.connection import reachable
    from crypto_exchange.entrypoints.http import main as http
    from crypto_exchange.entrypoints.http.config import HttpConfig
    from crypto_exchange.entrypoints.http.edge import find_request_id

    ready = reachable(settings)
    listener = socket.socket(fileno=options.fd) if options.fd is not None else listen(settings)
    check = bootstrap.MigrationCheck()
    config = HttpConfig(
        find_missing=check,
        allowed_hosts=settings.allowed_hosts,
        debug=settings.debug,
        limits=rate_limits(settings),
        trusted_proxies=settings.trusted_proxies,
        exchange_quote=settings.exchange_quote,
    )
    log_to_stderr(settings, find_request_id)
    http.run(config, lambda: bootstrap.open_context(ready, check), listener)
    return 0


def rate_limits(settings: Settings) -> tuple[Limit, ...]:
    """Those that are not off, by the names that `COUNTED` has for them."""
    names = "ip", "user", "login", "register", "orders", "withdrawals", "exports"
    rates = ((name, getattr(settings, f"rate_limit_{name}")) for name in names)
    return tuple(
        Limit(name, rate.count, rate.per_seconds * SECOND_US) for name, rate in rates if rate
    )


def worker(settings: Settings, _options: argparse.Namespace) -> int:
    """Buy, settle and refresh prices."""
    from crypto_exchange import bootstrap
    from crypto_exchange.bootstrap.fraud import make_scorer, make_signals
    from crypto_exchange.entrypoints.cli.connection import reachable
    from crypto_exchange.entrypoints.worker import main as worker_main
    from crypto_exchange.entrypoints.worker.parts import SignalParts, WorkerParts

    scorer, ready = make_scorer(settings), reachable(settings)

    @asynccontextmanager
    async def open_worker() -> AsyncIterator[WorkerParts]:
        async with bootstrap.open_all(ready) as opened:
            yield WorkerParts(
                context=opened.context,
                queue=opened.queue,
                wakeups=opened.wakeups,
                scan_interval_us=settings.scan_interval,
                audit_interval_us=settings.audit_interval,
                signals=SignalParts(
                    store=make_signals(opened.database),
                    scorer=scorer,
                    interval_us=settings.signals_interval,
                )
                if settings.fraud_rules is not RiskMode.OFF
                else None,
            )

    log_to_stderr(settings)
    worker_main.run(open_worker)
    return 0


def paper_exchange(settings: Settings, _options: argparse.Namespace) -> int:
    """Run the paper exchange on HOST and PAPER_PORT."""
    from crypto_exchange.entrypoints.exchange import main as exchange
    from crypto_exchange.entrypoints.exchange.config import PaperConfig, PaperRule

    if not settings.exchange_api_key or not settings.exchange_api_secret:
        raise CommandError("EXCHANGE_API_KEY and EXCHANGE_API_SECRET must be given, were not", 2)
    if settings.paper_port is None:
        raise CommandError("PAPER_PORT must be given, but was not", 2)
    log_to_stderr(settings)
    exchange.run(
        PaperConfig(
            host=settings.host,
            port=settings.paper_port,
            data_dir=settings.data_dir,
            api_key=settings.exchange_api_key,
            api_secret=settings.exchange_api_secret,
            quote=settings.exchange_quote,
            seed=settings.paper_seed,
            prices=dict(settings.paper_prices),
            candles=dict(settings.paper_candles),
            speed=settings.paper_speed,
            latency_ms=settings.paper_latency // 1_000,
            fee_bps=settings.paper_fee_bps,
            fee_in=settings.paper_fee_in,
            rules={s: PaperRule(*rule) for s, rule in settings.paper_rules.items()},
        )
    )
    return 0


def listen(settings: Settings) -> socket.socket:
    """Listen on HOST and PORT; if PORT was not given, on the next free one.

    Raises:
        CommandError: the port is taken.
    """
    from crypto_exchange.adapters.embedded import next_free_port

    port = settings.port
    if not settings.port_given:
        port = next_free_port(settings.host, port)
    family = socket.getaddrinfo(settings.host, port, type=socket.SOCK_STREAM)[0][0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, port))
    except OSError as error:
        listener.close()
        raise CommandError(
            f"PORT must be one that is free on {settings.host}, but {port} is not: {error.strerror}",
            2,
        ) from None
    listener.listen(2048)
    return listener
