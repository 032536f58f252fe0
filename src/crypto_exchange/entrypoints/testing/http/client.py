"""The client: calls to a deployment, patient with its limits, and what every answer must be.

Whatever is asked, an answer in JSON is exact, a refusal is a problem with a stable code, and nothing
is a fault of the server.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx
import msgspec

from crypto_exchange.entrypoints.override import override
from crypto_exchange.entrypoints.testing.http.breaches import InDoubt, Stopped, expect

STATUS_OF = {
    "malformed_json": 400,
    "invalid_cursor": 400,
    "unauthenticated": 401,
    "invalid_credentials": 401,
    "forbidden": 403,
    "step_up_required": 403,
    "account_frozen": 403,
    "denied": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "insufficient_funds": 409,
    "asset_halted": 409,
    "too_late": 409,
    "username_taken": 409,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "invalid_field": 422,
    "invalid_amount": 422,
    "amount_too_small": 422,
    "amount_too_large": 422,
    "unknown_asset": 422,
    "idempotency_key_reused": 422,
    "rate_limited": 429,
    "price_stale": 503,
    "unavailable": 503,
}
"""The codes that this kit knows, with the status of each."""

_ATTEMPTS = 5
_LONGEST_WAIT_S = 600


class Answer(msgspec.Struct, frozen=True):
    """What came back. Numbers with a dot in `body` are `Decimal`, others int; it is None if empty.

    `again`: the request was sent more than once, because the first answer was missing.
    """

    status: int
    headers: Mapping[str, str]
    body: Any
    again: bool = False

    @property
    def code(self) -> str:
        """What kind of refusal it is; empty if it is none."""
        return str(self.body.get("code", "")) if isinstance(self.body, dict) else ""

    @property
    def replayed(self) -> bool:
        """Whether the command had been done before."""
        return self.headers.get("idempotent-replayed") == "true"

    @override
    def __str__(self) -> str:
        """For people: the status, and the code if it is a refusal."""
        return f"{self.status} {self.code}".rstrip()


class Client:
    """Speaks to one deployment; may be used by several threads.

    Use it as a context manager. `patience_s` is how long it waits in all where the deployment asks for
    it; then it raises `Stopped`.
    """

    def __init__(self, base_url: str, patience_s: int) -> None:
        self._http = httpx.Client(base_url=base_url.rstrip("/"), timeout=30)
        self._patience_s = patience_s
        self._waited_s = 0
        self._lock = threading.Lock()
        self.requests = 0

    def __enter__(self) -> Client:
        """Open connections as they are needed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close them."""
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        body: str | None = None,
        *,
        token: str | None = None,
        key: str | None = None,
        content_type: str = "application/json",
        wait: bool = True,
    ) -> Answer:
        """Send JSON text below /api/v1, and check the form of what comes back.

        What may be sent again is, a few times, where the answer is that the service is unavailable,
        or is missing. With `wait` False, a 429 is returned.

        Raises:
            Broken: no deployment may answer like this.
            InDoubt: a command without a key was sent, and nobody knows whether it was done.
            Stopped: the deployment gives no answer, or wants more patience than there is.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"Idempotency-Key": key} if key else {}
        headers |= {"Content-Type": content_type} if body is not None else {}
        safe, failures = method == "GET" or key is not None, 0
        while failures < _ATTEMPTS:
            response = self._send(method, f"/api/v1/{path}", body, headers)
            answer = None if response is None else read_answer(f"{method} {path}", response)
            if answer is not None and answer.status == 429 and wait:
                self._wait(answer, failures)
            elif answer is not None and answer.code != "unavailable":
                return msgspec.structs.replace(answer, again=failures > 0)
            elif not safe:
                raise InDoubt(f"{method} {path}")
            else:
                self._wait(answer, failures)
                failures += 1
        raise Stopped(f"{method} {path}: expected an answer, was none in {_ATTEMPTS} attempts")

    def follow(self, link: str, token: str) -> Answer:
        """Ask for the next page, by the path that a `Link` header gave."""
        expect("X4 pages", link.startswith("/api/v1/"), "a link below /api/v1/", link)
        return self.call("GET", link.removeprefix("/api/v1/"), token=token)

    def _send(
        self, method: str, path: str, body: str | None, headers: Mapping[str, str]
    ) -> httpx.Response | None:
        with self._lock:
            self.requests += 1
        try:
            content = None if body is None else body.encode()
            return self._http.request(method, path, content=content, headers=headers)
        except httpx.TransportError:
            return None

    def _wait(self, answer: Answer | None, failures: int) -> None:
        told = "" if answer is None else answer.headers.get("retry-after", "")
        seconds = min(int(told), _LONGEST_WAIT_S) if told.isdecimal() else 2**failures
        with self._lock:
            self._waited_s += max(1, seconds)
            spent = self._waited_s > self._patience_s
        if spent:
            was = "no answer" if answer is None else str(answer)
            raise Stopped(f"out of patience: {was}, try again after {seconds} s")
        time.sleep(seconds)


def read_answer(call: str, response: httpx.Response) -> Answer:
    """Read what came back.

    Raises:
        Broken: it is a fault of the server, no JSON, or no problem where it is a refusal.
    """
    status, media_type = response.status_code, response.headers.get("content-type", "")
    is_fault = status >= 500 and status != 503
    expect("X2 no server error", not is_fault, f"{call}: no server error", status)
    body = _read_json(call, response.content)
    answer = Answer(status, response.headers, body)
    if status < 400:
        return answer
    form = "X3 problem details"
    is_problem = media_type.partition(";")[0] == "application/problem+json"
    expect(form, is_problem, f"{call}: application/problem+json", f"{status} {media_type!r}")
    expect(form, bool(answer.code), f"{call}: a code", response.text[:200])
    known = STATUS_OF.get(answer.code, status)
    expect(form, status == known, f"{call}: {known} for {answer.code}", status)
    told = body.get("status")
    expect(form, told == status, f"{call}: the status {status} in the body, too", told)
    if status in {429, 503}:
        when = response.headers.get("retry-after", "")
        expect(form, when.isdecimal(), f"{call}: Retry-After in seconds with {status}", repr(when))
    return answer


def _read_json(call: str, content: bytes) -> Any:
    if not content:
        return None
    try:
        return json.loads(content, parse_float=Decimal)
    except ValueError:
        expect("X3 problem details", False, f"{call}: JSON", content[:80])
