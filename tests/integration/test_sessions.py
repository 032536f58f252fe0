"""Logins of a whole service: two processes of the API, one Postgres, and Redis taken away."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest

from crypto_exchange.adapters.security import JwtTokens
from crypto_exchange.adapters.system import SystemClock
from crypto_exchange.domain.user import Role, Session
from tests.running import UNMEASURED, Json, RunningServer, eventually, running_server
from tests.servers import run_sql

pytestmark = [pytest.mark.xdist_group("sessions"), pytest.mark.no_cover]

OLD_KEY, NEW_KEY, STRANGE_KEY = (secrets.token_hex(32) for _ in range(3))
SETTINGS = {
    "API_PROCESSES": "2",
    "JWT_SECRET_KEY": f"{NEW_KEY},{OLD_KEY}",
    "COMMON_PASSWORDS": "on",
}
PASSWORD = "correct horse"
GUIDE = Path(__file__).parents[2] / "docs/api-keys.md"
LONG_ENOUGH = 24
"""New connections, of which each of two processes surely gets some."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("sessions"), UNMEASURED, **SETTINGS) as running:
        yield running


class Client:
    """Somebody whose every call comes over a connection of its own, so to any process."""

    def __init__(self, service: RunningServer, name: str | None = None) -> None:
        self.base = f"http://127.0.0.1:{service.port}/api/v1"
        self.name = name or f"p-{secrets.token_hex(6)}"
        self.tokens: Json = {}

    def call(
        self, method: str, path: str, body: Json = None, *, token: str | None = None, **headers: str
    ) -> httpx.Response:
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return httpx.request(method, f"{self.base}/{path}", json=body, headers=headers, timeout=30)

    def enter(self, call: str = "register", password: str = PASSWORD, **headers: str) -> Client:
        credentials = {"username": self.name, "password": password}
        answer = self.call("POST", f"accounts/auth/{call}/", credentials, **headers)
        assert answer.status_code in {200, 201}, answer.text
        self.tokens = answer.json()
        return self

    def refresh(self, token: str, key: str | None = None) -> httpx.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.call("POST", "accounts/auth/refresh/", {"refresh": token}, **headers)

    def own(self, method: str, path: str, body: Json = None) -> httpx.Response:
        return self.call(method, path, body, token=self.tokens["access"])

    def deposit(self) -> int:
        return self.own("PATCH", "accounts/wallet/deposit", {"amount": "10.00"}).status_code

    def order(self) -> int:
        return self.own("POST", "orders/", {"crypto": "ABAN", "spend": "1.00"}).status_code


def events_of(service: RunningServer, kind: str) -> list[str]:
    dsn = service.run_file["postgres_dsn"]
    sessions = run_sql(dsn, f"SELECT body->>'session_id' FROM events WHERE event = '{kind}'")
    return sessions.split()


def test_after_a_logout_no_process_moves_money_for_its_access_token(
    service: RunningServer,
) -> None:
    person = Client(service).enter()
    assert [person.deposit(), person.order()] == [200, 201]

    left = person.call("POST", "accounts/auth/logout/", {"refresh": person.tokens["refresh"]})

    assert left.status_code == 204
    moved = {person.deposit() for _ in range(LONG_ENOUGH)}
    ordered = {person.order() for _ in range(LONG_ENOUGH)}
    assert moved | ordered == {401}
    eventually(lambda: _all_refused(person), 10, lambda: "every process should refuse to read")


def test_an_api_key_that_has_ended_moves_no_money_in_any_process_that_knew_it(
    service: RunningServer,
) -> None:
    person, program = Client(service).enter(), Client(service)
    wanted = {"name": "bot", "scopes": ["read", "trade"]}
    made = person.own("POST", "accounts/api-keys/", wanted).json()
    program.tokens = {"access": made["key"]}
    assert [program.deposit(), program.order()] == [200, 201]
    assert {program.deposit() for _ in range(LONG_ENOUGH)} == {200}

    ended = person.own("POST", f"accounts/api-keys/{made['id']}/end/")

    assert ended.status_code == 204
    moved = {program.deposit() for _ in range(LONG_ENOUGH)}
    assert moved | {program.order() for _ in range(LONG_ENOUGH)} == {401}
    eventually(lambda: _all_refused(program), 10, lambda: "every process should refuse to read")
    assert [person.deposit(), person.order()] == [200, 201]


def test_the_program_of_the_guide_places_its_order(service: RunningServer) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    code = code.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{service.port}")
    person = Client(service).enter()
    made = person.own("POST", "accounts/api-keys/", {"name": "bot", "scopes": ["trade"]}).json()
    assert person.deposit() == 200

    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KEY": made["key"]},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.stdout, ended.stderr) == ("aggregated\n", "")


def test_a_closed_account_is_told_once_more_and_then_moves_no_money_in_any_process(
    service: RunningServer,
) -> None:
    person = Client(service).enter()
    assert {person.deposit() for _ in range(LONG_ENOUGH)} == {200}
    body = {"amount": person.own("GET", "accounts/wallet/").json()["balance"]}
    assert person.own("PATCH", "accounts/wallet/withdraw", body).status_code == 200

    exported = person.own("GET", "accounts/export/")
    closed = person.own("POST", "accounts/close/", {"password": PASSWORD})

    assert len(exported.json()["transactions"]) == LONG_ENOUGH + 1
    assert (closed.status_code, closed.json()["left"]) == (200, [])
    assert {person.deposit() for _ in range(LONG_ENOUGH)} == {401}
    eventually(lambda: _all_refused(person), 10, lambda: "every process should refuse to read")
    assert person.enter().own("GET", "orders/").json() == []


def test_so_it_is_while_redis_does_not_answer(service: RunningServer) -> None:
    person = Client(service).enter()
    assert [person.deposit(), person.order()] == [200, 201]

    with _frozen(service.pids("valkey")):
        left = person.call("POST", "accounts/auth/logout/", {"refresh": person.tokens["refresh"]})
        refused = {person.order() for _ in range(6)} | {person.deposit() for _ in range(6)}

    assert left.status_code == 204
    assert refused == {401}


def test_what_people_did_is_in_the_audit_log_and_chained_by_a_worker(
    service: RunningServer,
) -> None:
    person = Client(service).enter(**{"User-Agent": "a phone"})
    wrong = {"username": person.name, "password": "wrong horse"}
    refused = person.call("POST", "accounts/auth/login/", wrong)
    left = person.call("POST", "accounts/auth/logout/", {"refresh": person.tokens["refresh"]})

    listed = service.command("audit-log", "list", "--user", person.name, "--json")
    out, failed, registered = json.loads(listed.stdout)

    told = [entry["action"] for entry in (registered, failed, out)]
    assert told == ["registered", "login_failed", "logged_out"]
    assert registered["details"] == {"device": "a phone"}
    assert [refused.headers["X-Request-ID"], left.headers["X-Request-ID"]] == [
        failed["request_id"],
        out["request_id"],
    ]
    assert failed["address"] == "127.0.0.1"
    assert "horse" not in listed.stdout
    verified = service.command("audit-log", "verify")
    eventually(
        lambda: "\n0 entries are not" in service.command("audit-log", "verify").stdout,
        30,
        lambda: f"expected a chained log, was {verified.stdout}",
    )
    assert (verified.returncode, "does not fit" in verified.stdout) == (0, False)


def test_a_replayed_refresh_token_ends_the_login_and_is_told_in_the_event_log(
    service: RunningServer,
) -> None:
    person = Client(service).enter()
    first = person.tokens["refresh"]
    (own,) = person.own("GET", "accounts/sessions/").json()

    renewed = person.refresh(first)
    replayed = person.refresh(first)
    person.tokens = renewed.json()

    assert (renewed.status_code, replayed.status_code) == (200, 401)
    assert {person.deposit() for _ in range(LONG_ENOUGH)} == {401}
    assert person.refresh(person.tokens["refresh"]).status_code == 401
    assert events_of(service, "SessionReuseDetected").count(own["id"]) == 1


def test_an_answer_that_was_lost_is_given_again_with_its_key(service: RunningServer) -> None:
    person = Client(service).enter()
    first, key = person.tokens["refresh"], secrets.token_hex(16)

    lost = person.refresh(first, key)
    again = person.refresh(first, key)
    person.tokens = again.json()
    onward = person.refresh(person.tokens["refresh"], secrets.token_hex(16))

    assert (lost.status_code, again.status_code, onward.status_code) == (200, 200, 200)
    assert person.deposit() == 200
    dump = run_sql(service.run_file["postgres_dsn"], "SELECT retry FROM sessions")
    assert key not in dump
    assert person.refresh(lost.json()["refresh"], key).status_code == 401
    assert person.deposit() == 401


def test_a_new_password_leaves_one_login(service: RunningServer) -> None:
    here = Client(service).enter()
    there = Client(service, here.name).enter("login")
    body = {"password": PASSWORD, "new_password": "battery staple"}
    path = "accounts/auth/change-password/"

    wrong = here.own("POST", path, {**body, "password": "another horse"})
    changed = here.own("POST", path, body)

    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")
    assert changed.status_code == 200
    assert {here.deposit() for _ in range(6)} | {there.deposit() for _ in range(6)} == {401}
    here.tokens = changed.json()
    assert here.deposit() == 200
    (session,) = here.own("GET", "accounts/sessions/").json()
    assert session["current"]
    assert there.refresh(there.tokens["refresh"]).status_code == 401
    assert here.enter("login", "battery staple").deposit() == 200


def test_two_users_see_and_end_their_own_devices_only(service: RunningServer) -> None:
    phones = {"User-Agent": "phone/1.0"}
    alice, bob = Client(service).enter(), Client(service).enter(**phones)
    phone = Client(service, alice.name).enter("login", **phones)

    listed = alice.own("GET", "accounts/sessions/").json()
    (lost,) = [each["id"] for each in listed if each["device"] == "phone/1.0"]
    path = f"accounts/sessions/{lost}/end/"

    assert len(listed) == 2
    assert len(bob.own("GET", "accounts/sessions/").json()) == 1
    assert bob.own("POST", path).status_code == 404
    assert phone.deposit() == 200
    assert alice.own("POST", path).status_code == 204
    assert {phone.deposit() for _ in range(6)} == {401}
    assert [alice.deposit(), bob.deposit()] == [200, 200]
    assert bob.own("POST", "accounts/auth/logout-all/").status_code == 204
    assert [alice.deposit(), bob.deposit()] == [200, 401]


def test_a_common_password_is_refused(service: RunningServer) -> None:
    person = Client(service)

    for password in ("Password1", person.name.upper()):
        body = {"username": person.name, "password": password}
        answer = person.call("POST", "accounts/auth/register/", body)
        assert (answer.status_code, answer.json()["field"]) == (422, "password")


def test_a_key_is_replaced_while_tokens_of_the_old_one_live(service: RunningServer) -> None:
    person = Client(service).enter()
    (session,) = person.own("GET", "accounts/sessions/").json()
    new = jwt.get_unverified_header(person.tokens["access"])["kid"]
    before, stranger = (_pair(key, person, session["id"]) for key in (OLD_KEY, STRANGE_KEY))

    person.tokens = before
    assert person.deposit() == 200
    renewed = person.refresh(before["refresh"]).json()
    assert [person.refresh(stranger["refresh"]).status_code, person.deposit()] == [401, 200]
    person.tokens = stranger
    assert person.deposit() == 401
    person.tokens = renewed
    assert person.deposit() == 200

    kids = {jwt.get_unverified_header(token)["kid"] for token in renewed.values()}
    assert kids == {new}
    assert jwt.get_unverified_header(before["access"])["kid"] != new


def _pair(key: str, person: Client, session_id: str) -> dict[str, str]:
    """Tokens of a session as a service signed them that had this key alone."""
    claims = jwt.decode(person.tokens["refresh"], options={"verify_signature": False})
    session = Session(
        user_id=int(claims["sub"]), id=session_id, expires_at_us=claims["exp"] * 1_000_000
    )
    tokens = JwtTokens(keys=[key], now_us=SystemClock().now_us)
    pair = tokens.issue(Role.USER, session)
    return {"access": pair.access, "refresh": pair.refresh}


def _all_refused(person: Client) -> bool:
    return {person.own("GET", "orders/").status_code for _ in range(LONG_ENOUGH)} == {401}


@contextlib.contextmanager
def _frozen(pids: list[int]) -> Iterator[None]:
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
