"""`crypto-exchange serve`: everything on this machine, started in order, kept running, stopped in order."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from crypto_exchange import bootstrap
from crypto_exchange.adapters.embedded import (
    EmbeddedPostgres,
    EmbeddedServerError,
    EmbeddedValkey,
    Program,
    embedded_secrets,
    free_port,
    stop_leftovers,
)
from crypto_exchange.bootstrap.addresses import postgres_dsn, redis_url
from crypto_exchange.bootstrap.fraud import make_scorer
from crypto_exchange.domain.errors import Unavailable
from crypto_exchange.entrypoints.cli.failures import CommandError
from crypto_exchange.entrypoints.cli.house import DEMO_LOGIN, seed_all
from crypto_exchange.entrypoints.cli.log_lines import log_to_stderr
from crypto_exchange.entrypoints.cli.run_file import (
    Addresses,
    AlreadyRunningError,
    RunFile,
    hold_lock,
)
from crypto_exchange.entrypoints.cli.services import listen
from crypto_exchange.entrypoints.cli.supervisor import Child, ChildFailedError, Supervisor
from crypto_exchange.settings import Settings

logger = logging.getLogger(__name__)

_SEED_AGAIN_S = 5


def serve(settings: Settings, _options: argparse.Namespace) -> int:
    """Run until a signal to stop comes; 0 then, 2 or 3 if it can't be started."""
    try:
        with hold_lock(settings.data_dir):
            if settings.log_format == "json":
                log_to_stderr(settings)
            return _serve(settings)
    except AlreadyRunningError as error:
        raise CommandError(str(error), 2) from None
    except ChildFailedError as error:
        raise CommandError(str(error), error.exit_code) from None
    except EmbeddedServerError as error:
        raise CommandError(str(error), 3) from None


def _serve(settings: Settings) -> int:
    bootstrap.check_exchange(settings)
    make_scorer(settings)  # says now that its extra is missing
    records = settings.data_dir / "processes"
    for name in stop_leftovers(records):
        _say(settings, f"stopped {name}, left over from a server that was killed")
    exchange_is_ours = settings.embedded_exchange
    servers, settings = _plan(settings)
    listener = listen(settings)
    if (port := listener.getsockname()[1]) != settings.port:
        _say(settings, f"port {settings.port} is taken, so the API is on {port}")
    run_file = RunFile(settings.data_dir, _addresses(settings, listener))
    trouble = logger.warning if settings.log_format == "json" else None
    with listener, Supervisor(records, run_file.update, trouble) as supervisor:
        for server in servers:
            supervisor.start(Child.of(server))
            _say(settings, f"{server.role} is ready on port {server.port}")
        revision = bootstrap.migrate(settings)
        _say(settings, f"the database is at migration {revision}")
        supervisor.check()
        if exchange_is_ours:
            supervisor.start(_paper_exchange(settings))
        _seed(settings)
        for _ in range(settings.worker_processes):
            supervisor.start(_child("worker", settings))
        for _ in range(settings.api_processes):
            supervisor.start(_api(settings, listener))
        _welcome(settings, run_file)
        supervisor.run()
    run_file.remove()
    _say(settings, "stopped")
    return 0


def _plan(settings: Settings) -> tuple[list[EmbeddedPostgres | EmbeddedValkey], Settings]:
    """The servers to start, and the settings that say where everything will be."""
    secrets = embedded_secrets(settings.data_dir)
    servers: list[EmbeddedPostgres | EmbeddedValkey] = []
    texts: dict[str, str] = {}
    if settings.embedded_postgres:
        postgres = EmbeddedPostgres(settings.data_dir, password=secrets["POSTGRES_PASSWORD"])
        servers.append(postgres)
        texts |= {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": str(postgres.port)}
        texts |= {n: secrets[n] for n in ("POSTGRES_PASSWORD", "SECRET_KEY", "JWT_SECRET_KEY")}
        given = settings.to_env()
        texts |= {n: t for n, t in given.items() if n.endswith("SECRET_KEY")}
        texts["COMMON_PASSWORDS"] = given.get("COMMON_PASSWORDS", "off")
    if settings.embedded_redis:
        valkey = EmbeddedValkey(settings.data_dir, password=secrets["REDIS_PASSWORD"])
        servers.append(valkey)
        texts |= {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(valkey.port)}
        texts["REDIS_PASSWORD"] = secrets["REDIS_PASSWORD"]
    if settings.embedded_exchange:
        texts |= _paper_settings(settings, secrets)
    return servers, settings.replaced(texts)


def _paper_settings(settings: Settings, secrets: Mapping[str, str]) -> dict[str, str]:
    """Where our paper exchange will be; its fee is taken for what it is told to take."""
    port = settings.paper_port or free_port()
    fee = {"quote": "quote", "coin": "coin"}.get(settings.paper_fee_in, "other")
    given = settings.to_env()
    return {
        "PAPER_PORT": str(port),
        "EXCHANGE_URL": f"http://127.0.0.1:{port}",
        "EXCHANGE_API_KEY": given.get("EXCHANGE_API_KEY", secrets["EXCHANGE_API_KEY"]),
        "EXCHANGE_API_SECRET": given.get("EXCHANGE_API_SECRET", secrets["EXCHANGE_API_SECRET"]),
        "EXCHANGE_FEE": given.get("EXCHANGE_FEE", fee),
    }


def _addresses(settings: Settings, listener: socket.socket) -> Addresses:
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 - compared, not bound
    shown = f"[{host}]" if ":" in host else host
    return Addresses(
        api_url=f"http://{shown}:{listener.getsockname()[1]}",
        metrics_url=None,
        exchange_id=settings.exchange_id,
        exchange_url=settings.exchange_url or "",
        exchange_api_key=str(settings.exchange_api_key or ""),
        exchange_api_secret=str(settings.exchange_api_secret or ""),
        exchange_api_passphrase=str(settings.exchange_api_passphrase or ""),
        postgres_dsn=postgres_dsn(settings),
        redis_url=redis_url(settings),
    )


def _child(
    role: str,
    settings: Settings,
    *arguments: str,
    ready: Callable[[], bool] = lambda: True,
    fds: tuple[int, ...] = (),
) -> Child:
    program = Program(
        role=role,
        argv=[sys.executable, "-m", "crypto_exchange", role, *arguments],
        env={**os.environ, **settings.to_env()},
        stop_signals=((signal.SIGTERM, 15.0),),
        fds=fds,
    )
    return Child(program, ready)


def _paper_exchange(settings: Settings) -> Child:
    """On the address where the others look for it, whatever the API listens on."""
    local = settings.replaced({"HOST": "127.0.0.1"})
    return _child(
        "paper-exchange", local, ready=lambda: _answers(f"{settings.exchange_url}/api/v3/ping")
    )


def _api(settings: Settings, listener: socket.socket) -> Child:
    """One API process. The socket is shared, so `ready` may be told by a sibling: good enough."""
    number = listener.fileno()
    url = _addresses(settings, listener).api_url
    ready = f"{url}/health/ready"
    return _child(
        "api", settings, "--fd", str(number), ready=lambda: _answers(ready), fds=(number,)
    )


def _seed(settings: Settings) -> None:
    """Seed now, or as soon as the exchange answers."""
    if not _is_seeded(settings):
        later = "the exchange does not answer: assets and capital follow as soon as it does"
        _say(settings, later)
        threading.Thread(target=_seed_later, args=(settings,), name="seed", daemon=True).start()


def _seed_later(settings: Settings) -> None:
    while not _is_seeded(settings):
        time.sleep(_SEED_AGAIN_S)


def _is_seeded(settings: Settings) -> bool:
    async def run() -> None:
        async with bootstrap.open_context(settings) as context:
            await seed_all(context, settings, with_login=_is_own(settings))

    try:
        asyncio.run(run())
    except Unavailable:
        return False
    return True


def _is_own(settings: Settings) -> bool:
    return settings.postgres_host == "127.0.0.1" and (settings.data_dir / "postgres").exists()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - an address of ours
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _welcome(settings: Settings, run_file: RunFile) -> None:
    """To people all that they may want to know, which includes the demo's password; to a log little."""
    addresses = run_file.addresses
    if settings.log_format == "json":
        _say(settings, f"the API is ready on {addresses.api_url}")
        return
    _print("")
    _print(f"API             {addresses.api_url}/api/v1/")
    _print(f"try every call  {addresses.api_url}/api/v1/swagger/")
    _print(f"read about them {addresses.api_url}/api/v1/redoc/")
    _print(f"health          {addresses.api_url}/health/ready")
    _print(f"exchange        {addresses.exchange_url}")
    _print(f"data            {settings.data_dir}")
    if _is_own(settings):
        _print(f"demo login      {DEMO_LOGIN[0]} / {DEMO_LOGIN[1]}")
    where = "" if settings.data_dir == Path.cwd() / ".data" else f" DATA_DIR={settings.data_dir}"
    _print(
        f"ready: `make demo{where}` in another terminal walks through it; Ctrl-C stops everything"
    )


def _say(settings: Settings, line: str) -> None:
    if settings.log_format == "json":
        logger.info(line)
    else:
        _print(line)


def _print(line: str) -> None:
    print(line, flush=True)
