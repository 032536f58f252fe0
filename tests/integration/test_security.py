"""What a whole service gives away: nothing secret in logs, dumps and files, and nothing to a forger."""

import base64
import contextlib
import json
import os
import secrets
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from crypto_exchange.domain.api_key import digest_of
from crypto_exchange.entrypoints.cli.log_lines import LOG_FIELDS
from tests.running import UNMEASURED, RunningServer, eventually, running_server
from tests.servers import run_sql
from tests.unit.http.forgeries import HEADERS, Forgery, forge, forged
from tests.unit.http.second_factor_suite import one_time_code

pytestmark = [pytest.mark.xdist_group("security"), pytest.mark.no_cover]

GIVEN = {
    name: secrets.token_hex(32)
    for name in ("SECRET_KEY", "JWT_SECRET_KEY", "EXCHANGE_API_KEY", "EXCHANGE_API_SECRET")
}
MEANT_TO_HOLD_SECRETS = {"secrets.json", "run.json"}
ABAN = {"crypto": "ABAN", "spend": "1.50"}
LARGE = {"crypto": "ABAN", "spend": "20.00"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    settings = {**GIVEN, "LOGLEVEL": "DEBUG", "LOG_FORMAT": "json"}
    with running_server(tmp_path_factory.mktemp("security"), UNMEASURED, **settings) as running:
        yield running


class Talker:
    """Somebody who remembers every secret that they said or were told."""

    def __init__(self, service: RunningServer) -> None:
        base = f"http://127.0.0.1:{service.port}/api/v1"
        self.http = httpx.Client(base_url=base, timeout=60)
        self.name = f"talker-{secrets.token_hex(6)}"
        self.said: dict[str, str] = {}
        self.pair: dict[str, str] = {}

    def secret(self, what: str) -> str:
        """A new secret, to be said."""
        return self.keep(what, secrets.token_urlsafe(18))

    def keep(self, what: str, value: str) -> str:
        self.said[f"{what} {len(self.said)}"] = value
        return value

    def call(
        self, method: str, path: str, body: object = None, status: int = 200, **headers: str
    ) -> Any:
        """Call with the newest access token, if there is one; expect a status."""
        if self.pair:
            headers = {"Authorization": f"Bearer {self.pair['access']}", **headers}
        answer = self.http.request(method, path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        told = answer.json() if answer.content else None
        if isinstance(told, dict) and status < 400:
            for name in {"access", "refresh", "challenge", "secret", "key"} & told.keys():
                self.keep(name, told[name])
            if "access" in told:
                self.pair = told
        return told

    def auth(self, call: str, status: int = 200, body: object = None, **headers: str) -> Any:
        return self.call("POST", f"/accounts/auth/{call}/", body, status, **headers)

    def login(self, call: str, password: str, status: int = 200) -> Any:
        return self.auth(call, status, {"username": self.name, "password": password})


def test_what_is_secret_is_in_no_log_no_dump_and_no_file(service: RunningServer) -> None:
    talker = Talker(service)
    password = live(talker)
    slip(talker, password)
    digest = employ(talker)
    answer_codes(talker, password)
    made = create_superuser(service, talker)
    fail(talker, service, password)

    dump = service.command("dump-data").stdout
    files = read_files(service.data_dir)
    logs = service.log()

    assert talker.name in dump
    assert '"table":"api_keys"' in dump
    assert digest not in dump
    assert "POST /api/v1/accounts/auth/login 401" in logs
    assert "crypto_exchange.entrypoints.worker" in logs
    assert "paper exchange" in logs
    assert '"level": "debug"' in logs
    assert "unavailable" in logs
    needles = talker.said | GIVEN
    assert len(needles) > 40
    assert leaks(needles, {"dump-data": dump.encode(), "create-superuser": made.encode()}) == []
    assert leaks(needles, files) == []
    assert leaks(needles | written_secrets(service), command_lines(service)) == []


def test_every_process_logs_lines_of_json_with_the_fields_of_the_list_alone(
    service: RunningServer,
) -> None:
    talker = Talker(service)
    talker.call("GET", "/accounts/wallet/", status=401, **{"X-Request-ID": "known"})

    lines = service.log().splitlines()
    starts = [line for line in lines if not line.startswith("{")]
    told = [json.loads(line) for line in lines if line.startswith("{")]

    always = {"time", "level", "logger", "message", "request_id"}
    assert {line.split()[0] for line in starts} == {"paper", "seed:"}  # said to people, once each
    assert all(always <= each.keys() <= {*always, *LOG_FIELDS, "fault"} for each in told)
    wanted = {"crypto_exchange.access", "crypto_exchange.entrypoints.worker.main"}
    assert wanted | {"crypto_exchange.entrypoints.cli.serve"} <= {each["logger"] for each in told}
    (known,) = (each for each in told if each["request_id"] == "known")
    assert (known["status"], known["network"]) == (401, "127.0.0.0/24")


def test_a_secret_that_is_there_is_found(service: RunningServer) -> None:
    held = {name: (service.data_dir / name).read_bytes() for name in MEANT_TO_HOLD_SECRETS}
    key = GIVEN["EXCHANGE_API_SECRET"]

    assert leaks({"key": key}, held) == ["key in run.json"]
    coded = base64.b64encode(key.encode())
    assert leaks({"key": key}, {"here": b"x" + coded, "there": key.upper().encode()}) == [
        "key in here",
        "key in there",
    ]
    for name in MEANT_TO_HOLD_SECRETS:
        assert (service.data_dir / name).stat().st_mode & 0o777 == 0o600


def test_no_forgery_is_taken_over_http(service: RunningServer) -> None:
    talker = Talker(service)
    talker.login("register", talker.secret("password"), 201)
    good, key = talker.pair["access"], GIVEN["JWT_SECRET_KEY"]
    bad = {name: make(good) for name, make in HEADERS.items() if "blank" not in name}
    bad |= {name: [f"Bearer {token}"] for name, token in forged(good, key)}
    bad["a refresh token"] = [f"Bearer {talker.pair['refresh']}"]

    taken = {
        (name, path): answer.text
        for name, values in bad.items()
        for method, path, body in (
            ("GET", "/accounts/wallet/", None),
            ("PATCH", "/accounts/wallet/deposit", {"amount": "1.00"}),
        )
        for answer in [send(talker, method, path, body, values)]
        if answer.status_code != 401 or answer.json()["code"] != "unauthenticated"
    }

    assert taken == {}
    talker.pair["access"] = forge(good, key, Forgery())
    assert talker.call("GET", "/accounts/wallet/")["balance"] == 0


def send(
    talker: Talker, method: str, path: str, body: object, authorization: Iterable[str]
) -> httpx.Response:
    headers = [("Authorization", value) for value in authorization]
    return talker.http.request(method, path, json=body, headers=headers)


def live(talker: Talker) -> str:
    """What everybody does; returns the password."""
    first, password = talker.secret("password"), talker.secret("password")
    talker.login("register", first, 201)
    talker.login("login", talker.secret("wrong password"), 401)
    talker.login("login", first)
    body = {"refresh": talker.pair["refresh"]}
    talker.auth("refresh", 200, body, **{"Idempotency-Key": talker.secret("key")})
    talker.auth("change-password", body={"password": first, "new_password": password})
    talker.call("PATCH", "/accounts/wallet/deposit", {"amount": "5000.00"})
    for order in (ABAN, LARGE):
        talker.call("POST", "/orders/", order, 201)
    eventually(lambda: talker.call("GET", "/orders/")[0]["state"] == "completed", 60)
    return password


def slip(talker: Talker, password: str) -> None:
    """Requests that are wrong, with something secret in them."""
    talker.auth("login", 422, {"username": talker.name, "pasword": password})
    talker.auth("register", 422, {"username": talker.secret("password") + " ", "password": "x" * 9})
    talker.auth("refresh", 401, {"refresh": talker.pair["refresh"] + "x"})
    talker.auth("refresh", 401, {"refresh": talker.pair["access"]})
    talker.auth("logout", 422, {"token": talker.pair["refresh"]})
    talker.call("GET", f"/orders/?cursor={talker.pair['access']}", status=400)
    talker.call("GET", "/accounts/wallet/", status=401, Authorization=f"Basic {password}")
    raw = f'{{"username": "a", "password": "{password}"'
    answer = talker.http.post("/accounts/auth/login/", content=raw)
    assert answer.status_code == 415


def employ(talker: Talker) -> str:
    """A program with a key, who also makes mistakes; returns what the database keeps of the key."""
    wanted = {"name": "bot", "scopes": ["read"]}
    key: str = talker.call("POST", "/accounts/api-keys/", wanted, 201)["key"]
    talker.keep("secret of a key", key.rpartition("_")[2])
    talker.call("GET", "/accounts/wallet/", Authorization=f"Bearer {key}")
    talker.call("POST", "/orders/", ABAN, 403, Authorization=f"Bearer {key}")
    talker.call("POST", f"/accounts/api-keys/{key}/end/", status=404)
    talker.call("GET", f"/orders/?cursor={key}", status=400)
    talker.call("GET", "/accounts/wallet/", status=401, Authorization=f"Token {key}")
    return digest_of(key)


def answer_codes(talker: Talker, password: str) -> None:
    """A second factor, from its secret to a large withdrawal, and a login that ends by a reuse."""
    enrolled = talker.auth("mfa/enroll")
    raw = base64.b32decode(enrolled["secret"] + "=" * (-len(enrolled["secret"]) % 8))
    talker.keep("raw secret", raw.hex())
    talker.auth("mfa/confirm", 401, {"code": talker.keep("wrong code", "zzzz-yyyy-xxxx-wwww")})
    step = int(time.time()) // 30
    told = talker.auth("mfa/confirm", body={"code": one_time_code(enrolled["secret"], step)})
    for code in told["recovery_codes"]:
        talker.keep("recovery code", code)
        talker.keep("recovery code", code.replace("-", ""))
    challenge = talker.login("login", password)["challenge"]
    body = {"challenge": challenge, "code": told["recovery_codes"][0]}
    talker.auth("mfa/verify", body=body)
    talker.auth("mfa/verify", body={"code": told["recovery_codes"][1]})
    talker.call("PATCH", "/accounts/wallet/withdraw", {"amount": "2000.00"})
    used = talker.pair["refresh"]
    talker.auth("refresh", body={"refresh": used})
    talker.auth("refresh", 401, {"refresh": used})


def create_superuser(service: RunningServer, talker: Talker) -> str:
    password = talker.secret("password")
    name = f"root-{secrets.token_hex(4)}"
    arguments = ("create-superuser", "--username", name, "--password-stdin")
    ended = service.command(*arguments, stdin=f"{password}\n")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


def fail(talker: Talker, service: RunningServer, password: str) -> None:
    """Calls while the database gives no answer."""
    run_sql(service.run_file["postgres_dsn"], "CHECKPOINT")
    with frozen(service.pids("postgres")):
        talker.pair = {}
        talker.login("login", password, 503)


@contextlib.contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    """These processes and their children do not run; nobody notices but by waiting."""
    frozen_pids: list[int] = []
    try:
        for pid in pids:
            frozen_pids += told(signal.SIGSTOP, [pid])  # it has no further children from now on
            frozen_pids += told(signal.SIGSTOP, children_of(pid))
        yield
    finally:
        told(signal.SIGCONT, frozen_pids)


def told(number: signal.Signals, pids: list[int]) -> list[int]:
    """Send a signal; returns those who were still there to get it."""
    there = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            there.append(pid)
    return there


def children_of(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in told.read_text().split()] if told.exists() else []


def read_files(folder: Path) -> dict[str, bytes]:
    """Everything under DATA_DIR, the database's own files too, but what has to hold secrets."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in MEANT_TO_HOLD_SECRETS
    }


def written_secrets(service: RunningServer) -> dict[str, str]:
    kept: dict[str, str] = json.loads((service.data_dir / "secrets.json").read_text())
    return kept


def command_lines(service: RunningServer) -> dict[str, bytes]:
    """What any user of the machine may read of our processes; nothing where /proc is not."""
    paths = {
        process["role"]: Path(f"/proc/{process['pid']}/cmdline")
        for process in service.run_file["processes"]
    }
    return {role: path.read_bytes() for role, path in paths.items() if path.exists()}


def leaks(needles: Mapping[str, str], places: Mapping[str, bytes]) -> list[str]:
    """Which secret is where, as it is or in hexadecimal digits or base64."""
    forms = {what: tuple(_forms(secret)) for what, secret in needles.items()}
    return [
        f"{what} in {place}"
        for place, content in places.items()
        for what, written in forms.items()
        if any(form in content for form in written)
    ]


def _forms(secret: str) -> Iterator[bytes]:
    raw = secret.encode()
    yield from {raw, raw.upper(), raw.lower(), raw.hex().encode(), base64.b64encode(raw)}
    if secret.count(".") == 2:  # a token's signature is what makes it one
        yield secret.rpartition(".")[2].encode()
