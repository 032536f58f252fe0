"""Conformance: the process that runs schemathesis. It reads an `Assignment`, and writes `Findings`.

What is left out: that everything is taken that a schema allows (a third decimal of a dollar is not), and
that parameters are refused that nobody described. An answer 429 or 503 that says when to try again is a
deployment's right, and not judged.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import Any

import httpx
import msgspec
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
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
_DEPOSIT = "/api/v1/accounts/wallet/deposit"
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

    def run(self) -> Findings:
        """Check every call that the deployment describes."""
        notes: list[str] = []
        with self._http:
            document = self._http.get(_DOCUMENT).json()
            config = schemathesis.Config.from_dict(_CONFIG)
            schema = schemathesis.openapi.from_dict(document, config=config)
            try:
                self._tour(schema)
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
        newest = 0
        for method, path, body in steps:
            try:
                operation = schema[path][method]
            except LookupError:
                continue  # it is described elsewhere, or not at all: fuzzing sees what is there
            wanted: dict[str, Any] = {} if body is None else {"body": body}
            if "{id}" in path:
                wanted["path_parameters"] = {"id": newest}
            answer = self._judge(operation.Case(**wanted), self.assignment.access)
            newest = _newest_id(answer, newest)

    def _fuzz(self, operation: Any) -> None:
        token = self.assignment.saver if operation.path == _DEPOSIT else self.assignment.access
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
            @given(case=operation.as_strategy(generation_mode=mode))
            def send(case: Any) -> None:
                if time.monotonic() > self._until:
                    raise TimeUp
                self._judge(case, token, reraise=True)

            try:
                send()
            except schemathesis.errors.FailureGroup:
                pass  # it is kept
            except HypothesisException:
                pass  # there is nothing to get wrong in this call

    def _judge(self, case: Any, token: str, *, reraise: bool = False) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
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


def _newest_id(answer: Any, known: int) -> int:
    """The id in an answer, or of the first row of a list; what was known if there is none."""
    try:
        body = answer.json()
    except ValueError:
        return known
    first = body[0] if isinstance(body, list) and body else body
    found = first.get("id", known) if isinstance(first, dict) else known
    return found if isinstance(found, int) else known


def main() -> None:
    """Read what to do, do it, write what was found."""
    assignment = msgspec.json.decode(sys.stdin.buffer.read(), type=Assignment)
    sys.stdout.buffer.write(msgspec.json.encode(Conformance(assignment).run()))


if __name__ == "__main__":
    main()
