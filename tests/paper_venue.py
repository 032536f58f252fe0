"""A paper exchange as a process of its own, and a client of it with a signing of the tests' own."""

import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

KEY, SECRET = "paper-key", "paper-secret"
FIXED = {"prices": {"BTC": "50000.00"}}

_SERVE = """
import json, sys
import msgspec
from crypto_exchange.entrypoints.exchange.config import PaperConfig
from crypto_exchange.entrypoints.exchange.main import run
values = json.loads(sys.argv[1])
run(msgspec.convert(values, PaperConfig, dec_hook=lambda kind, value: kind(value)))
"""


class Paper:
    """One running paper exchange and a client of it."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)

    def get(self, path: str, **parameters: Any) -> Any:
        answer = self.http.get(f"/api/v3/{path}", params=parameters)
        return answer.json()

    def send(
        self, method: str, path: str, *, secret: str = SECRET, **parameters: Any
    ) -> httpx.Response:
        query = urlencode({"timestamp": self.now_ms(), **parameters})
        signature = hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        full = path if path.startswith("/") else f"/api/v3/{path}"
        url = f"{full}?{query}&signature={signature}"
        return self.http.request(method, url, headers={"X-MBX-APIKEY": KEY})

    def ask(self, path: str, **parameters: Any) -> Any:
        return self.send("GET", path, **parameters).json()

    def buy(self, **parameters: Any) -> httpx.Response:
        wanted = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", **parameters}
        return self.send("POST", "order", **wanted)

    def wish(self, kind: str, **terms: Any) -> Any:
        """Order a fault."""
        answer = self.http.post("/paper/faults", json={"kind": kind, **terms})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def free(self, asset: str) -> Decimal:
        balances = self.ask("account")["balances"]
        return Decimal(next(row["free"] for row in balances if row["asset"] == asset))

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def launch(
    data_dir: Path, port: int, measured: bool = True, /, **settings: Any
) -> subprocess.Popen[str]:
    values = {
        "prices": {},
        "candles": {},
        "rules": {},
        "port": port,
        "data_dir": str(data_dir),
        "api_key": KEY,
        "api_secret": SECRET,
        **settings,
    }
    command = [sys.executable, "-c", _SERVE, json.dumps(values)]
    pipe = subprocess.PIPE
    kept = {n: t for n, t in os.environ.items() if measured or not n.startswith("COV")}
    return subprocess.Popen(command, env=kept, stdout=pipe, stderr=pipe, text=True)


@contextmanager
def serving(data_dir: Path, measured: bool = True, /, **settings: Any) -> Iterator[Paper]:
    """One for the time of the block; `UNMEASURED` where it is not what is tested, which is faster."""
    port = free_port()
    process = launch(data_dir, port, measured, **settings)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(f"paper exchange listening on http://127.0.0.1:{port} "), line
        paper = Paper(process, port)
        yield paper
        paper.http.close()
    finally:
        process.terminate()
        process.communicate(timeout=20)


def refused(answer: httpx.Response) -> tuple[int, int, str]:
    body = answer.json()
    return answer.status_code, body["code"], body["msg"]
