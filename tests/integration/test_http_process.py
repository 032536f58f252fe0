"""The API as a process: real sockets, real signals, a context in memory.

The whole suite of what a client can see runs over it, too.
"""

import asyncio
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.package_copy import ROOT
from tests.unit.http.api import Api
from tests.unit.http.suite import SMALL, ApiSuite, place

PROGRAM = """
import contextlib, logging, socket
from crypto_exchange.adapters.memory import MemoryClock, memory_context
from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.entrypoints.http.config import HttpConfig
from crypto_exchange.entrypoints.http.main import run
from crypto_exchange.domain.errors import Unavailable

logging.basicConfig(level="INFO", format="%(message)s")

@contextlib.asynccontextmanager
async def opened():
    {opening}
    rule = MarketRule(lot_step=10**5, min_notional=5 * 10**8)
    prices = dict(ABAN=20, BTC=60_000)
    yield memory_context(
        assets=[Asset(symbol=s, rule=rule, price=p * 10**12, priced_at_us=1) for s, p in prices.items()],
        clock=MemoryClock(1),
    )
    print("closed", flush=True)

async def nothing_missing():
    return None

listener = socket.socket(fileno={fd})
run(HttpConfig(find_missing=nothing_missing), opened, listener)
print("ended", flush=True)
"""


@contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        yield listener


class Child:
    """A process of the API; what it prints goes to files, so that it never waits for a reader."""

    def __init__(self, listener: socket.socket, opening: str) -> None:
        self.out = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by process()
        self.err = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as above
        self.popen = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(opening=opening, fd=listener.fileno())],
            cwd=ROOT,
            pass_fds=(listener.fileno(),),
            stdout=self.out,
            stderr=self.err,
        )

    def end(self, number: signal.Signals | None = None) -> tuple[int, str, str]:
        """Its exit code and what it printed, after a signal or by itself."""
        if number is not None:
            self.popen.send_signal(number)
        code = self.popen.wait(timeout=30)
        for file in (self.out, self.err):
            file.seek(0)
        return code, self.out.read(), self.err.read()


@contextmanager
def process(listener: socket.socket, opening: str = "pass") -> Iterator[Child]:
    child = Child(listener, opening)
    try:
        yield child
    finally:
        if child.popen.poll() is None:
            child.end(signal.SIGTERM)
        child.out.close()
        child.err.close()


def base_url(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with listening() as listener, process(listener):
        yield base_url(listener)


@pytest.fixture
async def api(server: str) -> AsyncIterator[Api]:
    async with httpx.AsyncClient(base_url=server, timeout=30) as client:
        yield await Api.open(client)


@pytest.mark.no_cover  # run in memory it is measured
class TestApiOverSockets(ApiSuite):
    """All of the suite."""


async def test_a_chunked_body_is_limited_while_it_comes(api: Api) -> None:
    token = await api.register()

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b" " * 1024

    answer = await api.client.patch(
        "/api/v1/accounts/wallet/deposit",
        content=chunks(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert await api.balance(token) == "0.00"


async def test_a_chunked_body_may_be_small(api: Api) -> None:
    token = await api.register()

    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"amo'
        yield b'unt": 1}'

    answer = await api.client.patch(
        "/api/v1/accounts/wallet/deposit",
        content=chunks(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )

    assert answer.text == '{"balance":1.00,"currency":"USD"}'


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_process_with_0_and_closes_the_context(
    number: signal.Signals,
) -> None:
    with listening() as listener, process(listener) as child:
        async with httpx.AsyncClient(base_url=base_url(listener), timeout=30) as client:
            api = await Api.open(client)
            token = await api.register("100.00")
            answers = await asyncio.gather(*(place(api, token, SMALL) for _ in range(20)))
            code, out, err = await asyncio.to_thread(child.end, number)

    assert {answer.status for answer in answers} == {201}
    assert code == 0
    assert out.split() == ["closed", "ended"]
    assert "Traceback" not in err
    assert token not in err


async def test_two_processes_share_one_socket() -> None:
    with listening() as listener, process(listener) as first:
        url = base_url(listener) + "/health/live"
        async with httpx.AsyncClient(timeout=30) as client:
            assert (await client.get(url)).status_code == 200
            with process(listener) as second:
                codes = [(await asyncio.to_thread(first.end, signal.SIGTERM))[0]]
                assert (await client.get(url)).status_code == 200
                codes.append((await asyncio.to_thread(second.end, signal.SIGTERM))[0])

    assert codes == [0, 0]


@pytest.mark.parametrize(
    ("opening", "code", "sentence"),
    [
        ("raise Unavailable('Postgres at 127.0.0.1:1 does not answer')", 3, "does not answer"),
        ("raise ConnectionRefusedError('refused')", 3, "refused"),
        ("raise ZeroDivisionError", 1, "ZeroDivisionError"),
    ],
)
def test_a_context_that_can_not_be_opened_ends_the_process_with_one_sentence(
    opening: str, code: int, sentence: str
) -> None:
    with listening() as listener, process(listener, opening) as child:
        ended, _, err = child.end()

    assert ended == code
    *_, last = err.splitlines()
    assert last.startswith("api: could not run: ")
    assert sentence in last
    assert code == 1 or err.count("\n") == 1


async def test_a_header_that_must_be_unique_may_not_come_twice(api: Api) -> None:
    bearer = ("Authorization", f"Bearer {await api.register()}")
    keys = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    url, json = "/api/v1/accounts/wallet/deposit", {"amount": 1}

    two_tokens = await api.client.patch(url, json=json, headers=[bearer, bearer])
    two_keys = await api.client.patch(url, json=json, headers=[bearer, *keys])

    assert two_tokens.status_code == 401
    assert two_keys.json()["code"] == "invalid_field"
