"""A whole server for the tests: `crypto-exchange serve` in a directory of its own, and people who use it."""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest

import crypto_exchange
from crypto_exchange.adapters.embedded import free_port

Json: TypeAlias = Any
_SHARED: pytest.StashKey["RunningServer"] = pytest.StashKey()
UNMEASURED = False
FINAL = {"completed", "partially_completed", "failed", "cancelled"}
LIMITS_OFF = {
    f"RATE_LIMIT_{name}": "off"
    for name in ("LOGIN", "REGISTER", "USER", "ORDERS", "WITHDRAWALS", "EXPORTS", "IP")
}


class RunningServer:
    """One `serve` on a DATA_DIR; may be killed and started again.

    Where pytest-cov measures, its processes are measured too, unless it is `UNMEASURED`: that doubles
    the time that they take.
    """

    def __init__(self, data_dir: Path, measured: bool = True, /, **settings: str) -> None:
        self.data_dir = data_dir
        self.measured = measured
        self.settings = settings
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.former: set[int] = set()

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "PORT": str(self.port),
            "DATA_DIR": str(self.data_dir),
            "API_PROCESSES": "1",
            **LIMITS_OFF,
            **self.settings,
        }
        kept = {
            n: t for n, t in os.environ.items() if n in {"PATH", "HOME", "LANG", "SSL_CERT_DIR"}
        }
        if self.measured:
            kept |= {n: t for n, t in os.environ.items() if n.startswith(("COV_", "COVERAGE_"))}
        # A copy of the project starts servers of its own, whatever is installed.
        kept["PYTHONPATH"] = str(Path(crypto_exchange.__file__).parents[1])
        return {**kept, **own}

    @property
    def run_file(self) -> Json:
        return json.loads((self.data_dir / "run.json").read_text())

    def start(self, within_s: float = 90) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        log = (self.data_dir / "serve.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "crypto_exchange", "serve"],
            env=self.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        log.close()
        eventually(self._is_ready, within_s, self._explain)

    def stop(self) -> int:
        if self.process is None:
            return 0
        self.process.terminate()
        code = self.process.wait(25)
        self.process = None
        return code

    def kill(self) -> None:
        """Kill `serve`; its children may live on for a moment, and answer."""
        assert self.process is not None
        self.former = {process["pid"] for process in self.run_file["processes"]}
        self.process.kill()
        self.process.wait()
        self.process = None

    def pids(self, role: str) -> list[int]:
        return [p["pid"] for p in self.run_file["processes"] if p["role"] == role]

    def command(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "crypto_exchange", *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ledger(self) -> Json:
        return json.loads(self.command("ledger", "--json").stdout)

    def log(self) -> str:
        return (self.data_dir / "serve.log").read_text(errors="replace")

    def _is_ready(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(self._explain())
        if not (self.data_dir / "run.json").exists() or self.former & set(self.pids("api")):
            return False
        try:
            url = f"http://127.0.0.1:{self.port}/health/ready"
            return httpx.get(url, timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def _explain(self) -> str:
        return f"the server should be ready, but was not:\n{self.log()[-4000:]}"


class Person:
    """Somebody with a wallet, who speaks HTTP and nothing else; numbers are exact."""

    def __init__(
        self, address: str, deposit: str | None = None, *, headers: Mapping[str, str] | None = None
    ) -> None:
        self.client = httpx.Client(base_url=f"{address}/api/v1", headers=headers, timeout=30)
        self.name = f"p-{secrets.token_hex(6)}"
        login = {"username": self.name, "password": secrets.token_urlsafe(12)}
        answer = self.client.post("/accounts/auth/register/", json=login)
        assert answer.status_code == 201, answer.text
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access']}"
        if deposit is not None:
            assert self.patch("/accounts/wallet/deposit", {"amount": deposit}).status_code == 200

    def get(self, path: str) -> Json:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return exact(answer)

    def patch(self, path: str, body: Mapping[str, object]) -> httpx.Response:
        return self.client.patch(path, json=body)

    def place(self, crypto: str, **wanted: str) -> Json:
        answer = self.client.post("/orders/", json={"crypto": crypto, **wanted})
        assert answer.status_code == 201, answer.text
        return exact(answer)

    def order(self, order: Json) -> Json:
        return self.get(f"/orders/{order['id']}/")

    def ended(self, order: Json, within_s: float = 60) -> Json:
        eventually(
            lambda: self.order(order)["state"] in FINAL,
            within_s,
            lambda: f"the order should have ended, but was {self.order(order)}",
        )
        return self.order(order)


def exact(answer: httpx.Response) -> Json:
    return json.loads(answer.content, parse_float=Decimal)


def eventually(
    holds: Callable[[], bool], within_s: float, explain: Callable[[], str] = lambda: "never held"
) -> None:
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until, explain()
        time.sleep(0.05)


@contextlib.contextmanager
def running_server(
    data_dir: Path, measured: bool = True, /, **settings: str
) -> Iterator[RunningServer]:
    server = RunningServer(data_dir, measured, **settings)
    try:
        server.start()
        yield server
    finally:
        if server.process is not None:
            server.process.send_signal(signal.SIGTERM)
            try:
                server.process.wait(25)
            except subprocess.TimeoutExpired:
                server.kill()


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[RunningServer]:
    """One server for all tests of the group `server`; its prices stand still, SOL is at the average."""
    settings = {
        "PAPER_PRICES": "BTC=63127.41,ETH=3100.00,SOL=150.00",
        "PAPER_RULES": "BTC=0.00001:10.00",
        "PRICING": "SOL=average",
        "AUDIT_INTERVAL": "1h",  # a test changes the books for a moment
    }
    with running_server(tmp_path_factory.mktemp("server"), UNMEASURED, **settings) as running:
        pytestconfig.stash[_SHARED] = running
        yield running


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Stop that server after the last test of its group, where groups stay together.

    To the end of the session it would go on looking for work, which takes a twentieth of a core.
    """
    shared = item.config.stash.get(_SHARED, None)
    if shared is None or not item.config.getoption("loadgroup", default=False):
        return
    group = None if nextitem is None else nextitem.get_closest_marker("xdist_group")
    if group is None or group.args != ("server",):
        shared.stop()
