"""Rate limits of a whole service: several processes behind one address, and Redis taken away.

The server trusts the proxy that the tests play, so that each of them has an address of its own.
"""

import asyncio
import itertools
import os
import signal
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from tests.running import UNMEASURED, Person, RunningServer, running_server

pytestmark = [pytest.mark.xdist_group("rate_limits"), pytest.mark.no_cover]

LIMITS = {
    "API_PROCESSES": "4",
    "RATE_LIMIT_LOGIN": "20/hour",
    "RATE_LIMIT_REGISTER": "3/hour",
    "RATE_LIMIT_USER": "120/hour",
    "RATE_LIMIT_ORDERS": "120/hour",
    "RATE_LIMIT_WITHDRAWALS": "10/hour",
    "RATE_LIMIT_IP": "200/hour",
    "TRUSTED_PROXIES": "127.0.0.1",
}
PROCESSES = 4
_API = "http://127.0.0.1/api/v1"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("limited"), UNMEASURED, **LIMITS) as server:
        yield server


@pytest.fixture
def address() -> str:
    return f"192.0.2.{next(_numbers)}"


def statuses(
    server: RunningServer, calls: int, request: httpx.Request, address: str
) -> Counter[int]:
    """How often each status came of so many calls, 80 at the same time, which all processes get some of."""

    async def all_at_once() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=80, max_keepalive_connections=80)
        async with httpx.AsyncClient(limits=limits, timeout=60) as client:
            return await asyncio.gather(*(client.send(request) for _ in range(calls)))

    request.url = request.url.copy_with(port=server.port)
    request.headers["X-Forwarded-For"] = address
    return Counter(answer.status_code for answer in asyncio.run(all_at_once()))


def test_of_80_log_ins_at_once_exactly_as_many_pass_as_the_limit_says(
    limited: RunningServer, address: str
) -> None:
    seen = statuses(limited, 80, a_log_in(), address)

    assert seen == {401: 20, 429: 60}


def test_a_flood_without_a_token_counts_for_its_address_alone(
    limited: RunningServer, address: str
) -> None:
    seen = statuses(limited, 230, a_look("/accounts/wallet/"), address)

    held_back = (PROCESSES - 1) * (200 // 20)
    assert 200 - held_back <= seen[401] <= 200
    assert seen[401] + seen[429] == 230
    assert statuses(limited, 1, a_look("/accounts/wallet/"), "198.51.100.1") == {401: 1}


def test_blocks_of_several_processes_never_exceed_the_limit_of_a_user(
    limited: RunningServer, address: str
) -> None:
    person = someone(limited, address)
    look = a_look("/orders/", Authorization=person.client.headers["Authorization"])

    seen = statuses(limited, 150, look, address)

    held_back = (PROCESSES - 1) * (120 // 20)
    assert 120 - held_back <= seen[200] <= 120
    assert seen[200] + seen[429] == 150


def test_a_refusal_says_what_the_limit_is_and_when_to_come_again(
    limited: RunningServer, address: str
) -> None:
    person = someone(limited, address)
    person.patch("/accounts/wallet/deposit", {"amount": "50.00"})

    answers = [person.patch("/accounts/wallet/withdraw", {"amount": "1.00"}) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    refused = answers[-1]
    assert refused.json()["code"] == "rate_limited"
    assert "at most 10 withdrawals of one user in 3600 s" in refused.json()["detail"]
    assert 3_000 < int(refused.headers["Retry-After"]) <= 3_601
    assert refused.headers["RateLimit"].startswith('"withdrawals";r=0;t=')
    assert refused.headers["RateLimit-Policy"].endswith('"withdrawals";q=10;w=3600')
    assert person.get("/accounts/wallet/")["balance"] == 40


def test_the_demo_keeps_within_three_registrations(limited: RunningServer) -> None:
    told = limited.command("demo")

    assert told.returncode == 0, told.stdout + told.stderr


def test_probes_of_health_are_not_counted(limited: RunningServer, address: str) -> None:
    url = f"http://127.0.0.1:{limited.port}/health/ready"
    with httpx.Client(headers={"X-Forwarded-For": address}) as client:
        answers = [client.get(url) for _ in range(210)]

    assert {answer.status_code for answer in answers} == {200}
    assert "ratelimit" not in answers[-1].headers


def test_without_redis_people_go_on_and_each_process_still_limits_what_is_guessed(
    limited: RunningServer, address: str
) -> None:
    person = someone(limited, address)
    [valkey] = limited.pids("valkey")

    os.kill(valkey, signal.SIGSTOP)
    try:
        seen = statuses(limited, 120, a_log_in(), address)
        balance = person.get("/accounts/wallet/")["balance"]
        ready = httpx.get(f"http://127.0.0.1:{limited.port}/health/ready", timeout=30)
    finally:
        os.kill(valkey, signal.SIGCONT)

    assert 20 <= seen[401] <= PROCESSES * 20
    assert seen[401] + seen[429] == 120
    assert balance == 0
    assert ready.status_code == 200


def a_log_in() -> httpx.Request:
    login = {"username": "nobody", "password": "correct horse"}
    return httpx.Request("POST", f"{_API}/accounts/auth/login/", json=login)


def a_look(path: str, **headers: str) -> httpx.Request:
    return httpx.Request("GET", f"{_API}{path}", headers=headers)


def someone(server: RunningServer, address: str) -> Person:
    """A new user; with limits in force each needs an address of its own to register."""
    return Person(f"http://127.0.0.1:{server.port}", headers={"X-Forwarded-For": address})
