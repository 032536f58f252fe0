"""Conformance: the process that runs schemathesis. It reads an `Assignment`, and writes `Findings`.

What is left out: that everything is taken that a schema allows (a third decimal of a dollar is not), and
that parameters are refused that nobody described. An answer 429 or 503 that says when to try again is a
deployment's right, and not judged.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections import Counter
from typing import Any

import httpx
import msgspec
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from crypto_exchange.entrypoints.testing.http.protocol import Assignment, Findings
from crypto_exchange.entrypoints.testing.violations import Violation

_DOCUMENT = "/api/v1/openapi.json"
_CONFIG = {
    "checks": {"positive_data_acceptance": {"enabled": False}},
    "generation": {"allow-extra-parameters": False, "with-security-parameters": False},
}
_LONGEST_MESSAGE = 1_500
_ACCOUNTS = "/api/v1/accounts"
_ADMIN = "/api/v1/admin/"
_DEPOSIT = f"{_ACCOUNTS}/wallet/deposit"
_ENDING = (f"{_ACCOUNTS}/auth/", f"{_ACCOUNTS}/sessions/")
"""Calls that may end the login of whoever makes them."""
_BEARERS = ("good", "good", "good", "key", "none", "Bearer nonsense", "Basic YTpi")
_BUSY = {429, 503}


class TimeUp(BaseException):
    """The budget is used up."""


class Conformance:
    """Sends cases, and keeps what was wrong with their answers, once for each call and kind."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.calls: Counter[str] = Counter()
        self.busy: Counter[str] = Counter()
        self.violations: dict[str, Violation] = {}
        self._until = time.monotonic() + assignment.budget_s
        self._http = httpx.Client(base_url=assignment.base_url, timeout=30)
        self._guest = ""
        self._key = ""
        self._crypto = ""
        self._ids: dict[str, int] = {}

    def run(self) -> Findings:
        """Check every call that the deployment describes."""
        notes: list[str] = []
        with self._http:
            document = self._http.get(_DOCUMENT).json()
            config = schemathesis.Config.from_dict(_CONFIG)
            schema = schemathesis.openapi.from_dict(document, config=config)
            try:
                self._tour(schema)
                self._visit(schema)
                self._create_key(schema)
                for found in schema.get_all_operations():
                    if isinstance(found, Ok):
                        self._fuzz(found.ok())
                    else:
                        self._keep("openapi.json", "a call is not described well", str(found.err()))
            except TimeUp:
                notes.append("the protocol's budget was used up before every call was checked")
        notes += [f"{n} times {call}: not judged" for call, n in self.busy.items()]
        violations = tuple(self.violations.values())
        return Findings(violations=violations, calls=dict(self.calls), notes=tuple(notes))

    def _tour(self, schema: Any) -> None:
        """A good request of each kind: random ones are seldom taken."""
        crypto = self._http.get("/api/v1/exchanges/crypto-currencies/").json()[0]["name"]
        self._crypto = crypto
        steps: tuple[tuple[str, str, object], ...] = (
            ("PATCH", _DEPOSIT, {"amount": "30.00"}),
            ("PATCH", "/api/v1/accounts/wallet/withdraw", {"amount": "1.00"}),
            ("POST", "/api/v1/orders/", {"crypto": crypto, "spend": "12.00"}),
            ("GET", "/api/v1/orders/{id}/", None),
            ("POST", "/api/v1/orders/", {"crypto": crypto, "spend": "0.50"}),
            ("POST", "/api/v1/orders/{id}/cancel/", None),
            ("POST", "/api/v1/orders/{id}/cancel/", None),
            ("GET", "/api/v1/orders/{id}/receipt/", None),
            ("GET", "/api/v1/orders/", None),
            ("GET", "/api/v1/accounts/holdings/", None),
            ("GET", "/api/v1/transactions/", None),
            ("GET", "/api/v1/transactions/{id}", None),
        )
        for method, path, body in steps:
            try:
                operation = schema[path][method]
            except LookupError:
                continue  # it is described elsewhere, or not at all: fuzzing sees what is there
            wanted: dict[str, Any] = {} if body is None else {"body": body}
            if "{id}" in path:
                wanted["path_parameters"] = {"id": self._ids.get(_kind(path), 0)}
            answer = self._judge(operation.Case(**wanted), self.assignment.access)
            self._ids[_kind(path)] = _newest_id(answer, self._ids.get(_kind(path), 0))

    def _visit(self, schema: Any) -> None:
        """One user's logins, from the first to the last: random tokens are never good."""
        login = {"username": _new_name(), "password": secrets.token_urlsafe(16)}
        pair: dict[str, str] = {}
        path = f"{_ACCOUNTS}/auth"
        for call, wanted in (
            ("register", (*login,)),
            ("login", (*login,)),
            ("refresh", ("refresh",)),
            ("logout-all", ()),
            ("refresh", ("refresh",)),
            ("login", (*login,)),
            ("logout", ("refresh",)),
            ("login", (*login,)),
        ):
            body = {name: {**login, **pair}.get(name, "") for name in wanted}
            try:
                operation = schema[f"{path}/{call}/"]["POST"]
            except LookupError:
                continue
            case = operation.Case(**({"body": body} if body else {}))
            pair |= _object(self._judge(case, pair.get("access", "")))
        self._guest = pair.get("access", "")

    def _create_key(self, schema: Any) -> None:
        """A program's key that buys nothing, if the deployment gives any."""
        try:
            operation = schema[f"{_ACCOUNTS}/api-keys/"]["POST"]
        except LookupError:
            return
        case = operation.Case(body={"name": "kit", "scopes": ["read", "withdraw"]})
        self._key = _object(self._judge(case, self.assignment.access)).get("key", "")

    def _token_for(self, operation: Any) -> str:
        """A guest's, who comes anew when the login has ended, for what may end it."""
        if operation.path == _DEPOSIT:
            return self.assignment.saver
        if operation.path.startswith(_ADMIN) and self.assignment.officer:
            return self.assignment.officer
        if not operation.path.startswith(_ENDING):
            return self.assignment.access
        good = self._http.get(
            f"{_ACCOUNTS}/wallet/", headers={"Authorization": f"Bearer {self._guest}"}
        )
        if good.status_code == 401:
            login = {"username": _new_name(), "password": secrets.token_urlsafe(16)}
            pair = _object(self._http.post(f"{_ACCOUNTS}/auth/register/", json=login))
            self._guest = pair.get("access", self._guest)
        return self._guest

    def _fuzz(self, operation: Any) -> None:
        for mode in GenerationMode:
            bounds = settings(
                max_examples=self.assignment.examples,
                database=None,
                deadline=None,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
                verbosity=Verbosity.quiet,
                report_multiple_bugs=False,
            )

            @seed(self.assignment.seed)
            @bounds
            @given(
                case=operation.as_strategy(generation_mode=mode),
                bearer=st.sampled_from(_BEARERS),
                real=st.booleans() if mode is GenerationMode.POSITIVE else st.just(False),
            )
            def send(case: Any, bearer: str, real: bool) -> None:
                if time.monotonic() > self._until:
                    raise TimeUp
                if real:
                    self._name_what_is_there(case)
                if bearer == "good":
                    self._judge(case, self._token_for(case.operation), reraise=True)
                elif bearer == "key":
                    self._judge(case, self._key, reraise=True)
                else:
                    self._judge(case, "", "" if bearer == "none" else bearer, reraise=True)

            try:
                send()
            except schemathesis.errors.FailureGroup:
                pass  # it is kept
            except HypothesisException:
                pass  # there is nothing to get wrong in this call

    def _name_what_is_there(self, case: Any) -> None:
        """A coin and an id that exist, where chance would hit on none."""
        if isinstance(case.body, dict) and "crypto" in case.body:
            case.body["crypto"] = self._crypto
        if "id" in (case.path_parameters or {}):
            case.path_parameters["id"] = self._ids.get(_kind(case.operation.path), 1)

    def _judge(self, case: Any, token: str, other: str = "", *, reraise: bool = False) -> Any:
        """Send a case with a bearer's token, or with another header, or without any."""
        header = f"Bearer {token}" if token else other
        headers = {"Authorization": header} if header else {}
        response = case.call(base_url=self.assignment.base_url, headers=headers)
        label = case.operation.label
        self.calls[label] += 1
        if response.status_code in _BUSY and "retry-after" in response.headers:
            self.busy[f"{label} {response.status_code}"] += 1
            return response
        sent = {"base_url": self.assignment.base_url, "headers": headers}
        try:
            case.validate_response(response, headers=headers, transport_kwargs=sent)
        except schemathesis.errors.FailureGroup as group:
            for failure in group.exceptions:
                self._keep(label, failure.title, group.message)
            if reraise:
                raise
        return response

    def _keep(self, label: str, title: str, told: str) -> None:
        """The last is the smallest: Hypothesis shrinks."""
        message = f"{label}: {title}\n{told.strip()[:_LONGEST_MESSAGE]}"
        self.violations[f"{label} {title}"] = Violation("P1 protocol", message)


def _kind(path: str) -> str:
    """What the ids in a path are of: its first part below /api/v1."""
    return path.split("/")[3]


def _newest_id(answer: Any, known: int) -> int:
    """The id in an answer, or of the first row of a list; what was known if there is none."""
    try:
        body = answer.json()
    except ValueError:
        return known
    first = body[0] if isinstance(body, list) and body else body
    found = first.get("id", known) if isinstance(first, dict) else known
    return found if isinstance(found, int) else known


def _new_name() -> str:
    return f"cx-{secrets.token_hex(8)}"


def _object(answer: Any) -> dict[str, str]:
    """The texts in an answer that is a JSON object and no refusal."""
    try:
        body = answer.json() if answer.status_code < 400 else {}
    except ValueError:
        return {}
    texts = body.items() if isinstance(body, dict) else ()
    return {name: text for name, text in texts if isinstance(text, str)}


def main() -> None:
    """Read what to do, do it, write what was found."""
    assignment = msgspec.json.decode(sys.stdin.buffer.read(), type=Assignment)
    sys.stdout.buffer.write(msgspec.json.encode(Conformance(assignment).run()))


if __name__ == "__main__":
    main()
