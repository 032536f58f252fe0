"""A client that knows the API from outside, and checks every answer against `openapi.json`."""

import functools
import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import uuid4

import httpx

PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?")
USD = re.compile(r"[0-9]+\.[0-9]{2}")
QUANTITY = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]*[1-9])?")
PRICE = re.compile(r"[0-9]+\.[0-9]{2,12}")
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()

    @property
    def value(self) -> Decimal:
        return Decimal(self)


SCALARS: dict[str, Callable[[Any], bool]] = {
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, Number) and value.isdecimal(),
    "number": lambda value: isinstance(value, Number) and bool(PLAIN.fullmatch(value)),
    "string": lambda value: isinstance(value, str) and not isinstance(value, Number),
    "null": lambda value: value is None,
}


class Answer(NamedTuple):
    """What came back; numbers in `json` are their literal text."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text, parse_int=Number, parse_float=Number)

    @property
    def code(self) -> str:
        return str(self.json["code"])


class Api:
    """Calls with JSON text in, answers out. `token` is sent as a bearer's."""

    def __init__(self, client: httpx.AsyncClient, document: dict[str, Any]) -> None:
        self.client = client
        self.document = document

    @classmethod
    async def open(cls, client: httpx.AsyncClient) -> "Api":
        return cls(client, _read((await client.get("/api/v1/openapi.json")).content))

    async def call(
        self,
        method: str,
        path: str,
        body: str | bytes | None = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        sent = {"Content-Type": "application/json"} if body is not None else {}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        sent |= headers or {}
        url = path if path.startswith("/") else f"/api/v1/{path}"
        response = await self.client.request(method, url, content=body, headers=sent)
        answer = Answer(response.status_code, response.headers, response.text)
        self.check(method, url.partition("?")[0], answer)
        return answer

    async def register(self, dollars: str | None = None) -> str:
        """A new user's access token, with money in the wallet."""
        name = f"user-{uuid4().hex[:20]}"
        body = json.dumps({"username": name, "password": "correct horse"})
        answer = await self.call("POST", "accounts/auth/register/", body)
        assert answer.status == 201, answer
        token = str(answer.json["access"])
        if dollars is not None:
            paid = await self.call(
                "PATCH", "accounts/wallet/deposit", f'{{"amount": {dollars}}}', token=token
            )
            assert paid.status == 200, paid
        return token

    async def balance(self, token: str) -> str:
        return str((await self.call("GET", "accounts/wallet/", token=token)).json["balance"])

    def check(self, method: str, path: str, answer: Answer) -> None:
        """Whatever is answered is declared, and shaped as declared."""
        check_headers(answer)
        if answer.status >= 400:
            check_problem(answer)
        operations = self.find_path(path)
        if operations is None:
            assert answer.status == 404
        elif method.lower() not in operations:
            assert answer.status in {200, 204, 400, 401, 404, 405}
        else:
            self.check_declared(operations[method.lower()], answer)

    def find_path(self, path: str) -> dict[str, Any] | None:
        plain = "/" + path.strip("/")
        for template, operations in self.document["paths"].items():
            if _paths_of(template).fullmatch(plain):
                return dict(operations)
        return None

    def check_declared(self, operation: dict[str, Any], answer: Answer) -> None:
        declared = operation["responses"].get(str(answer.status))
        assert declared is not None, (operation["operationId"], answer)
        content = declared.get("content")
        if content is None:
            assert answer.text == ""
            return
        ((media_type, body),) = content.items()
        assert answer.headers["content-type"] == media_type
        if answer.status >= 400:
            assert answer.code in body["schema"]["allOf"][1]["properties"]["code"]["enum"]
        self.check_shape(body["schema"], answer.json)

    def check_shape(self, schema: dict[str, Any], value: Any) -> None:
        """As much of JSON Schema as our document uses for answers."""
        if "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        for part in schema.get("allOf", []):
            self.check_shape(part, value)
        if "anyOf" in schema:
            schema = {"type": "null"} if value is None else schema["anyOf"][0]
            self.check_shape(schema, value)
        if "enum" in schema:
            assert value in schema["enum"]
        match schema.get("type"):
            case "array":
                for item in value:
                    self.check_shape(schema["items"], item)
            case "object" if "required" in schema:
                assert set(schema["required"]) <= value.keys() <= schema["properties"].keys()
                for name, item in value.items():
                    self.check_shape(schema["properties"][name], item)
            case kind:
                assert not isinstance(kind, str) or kind == "object" or SCALARS[kind](value)


def check_headers(answer: Answer) -> None:
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert re.fullmatch("[A-Za-z0-9._-]{1,64}", answer.headers["x-request-id"])
    assert "cache-control" in answer.headers
    assert "server" not in answer.headers


def check_problem(answer: Answer) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    if not answer.text:  # the answer to HEAD
        return
    problem = answer.json
    assert problem["status"] == str(answer.status)
    assert problem["type"].endswith(f":{problem['code']}")
    assert problem["title"]
    assert problem["detail"]
    assert ("www-authenticate" in answer.headers) == (answer.status == 401)
    assert ("retry-after" in answer.headers) == (answer.status in {429, 503})
    assert ("allow" in answer.headers) == (answer.status == 405)


@functools.cache
def _paths_of(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template.rstrip("/"))))


@functools.cache
def _read(document: bytes) -> dict[str, Any]:
    """Once for all tests: it takes longer than most of what they do."""
    return dict(json.loads(document))
