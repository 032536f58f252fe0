"""Bodies: read, with a limit, and decoded from their bytes (frameworks lose digits)."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, NoReturn, TypeVar, cast

import msgspec

from crypto_exchange.domain.errors import InvalidField
from crypto_exchange.entrypoints.http.operations import ApiRequest
from crypto_exchange.entrypoints.http.problems import RequestError

LARGEST_BODY = 64 * 1024

Body = TypeVar("Body", bound=msgspec.Struct)

_WRONG_TYPE = re.compile(r"Expected `(\w+)`, got `(\w+)`(?: - at `\$\.(\w+)(?:\[\d+\])?`)?")
_WRONG_VALUE = re.compile(r".* - at `\$\.(\w+)`")
_JSON_TYPES = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}


async def decode_body(request: ApiRequest, kind: type[Body]) -> Body:
    """Read the body of a request into a Struct.

    Raises:
        RequestError: too large, of another media type, or not JSON.
        InvalidField: JSON, but not an object of exactly these fields.
    """
    body = await _read(request)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and media_type != "application/json":
        was = repr(media_type[:100]) if media_type else "not given"
        detail = f"Content-Type: expected application/json, was {was}"
        raise RequestError("unsupported_media_type", detail)
    if not body:
        raise RequestError("malformed_json", "body: expected JSON, was empty")
    _require_json(body)
    try:
        return cast("Body", _decoder(kind).decode(body))
    except msgspec.ValidationError as error:
        raise _wrong_field(str(error), kind) from None
    except msgspec.DecodeError as error:
        detail = f"body: expected JSON, was something else: {error}"
        raise RequestError("malformed_json", detail) from None


async def _read(request: ApiRequest) -> bytes:
    body, more = b"", True
    too_large = _is_too_large(request.headers.get("content-length", "0"))
    while more and not too_large:
        message: Any = await request.receive()
        if message["type"] == "http.disconnect":
            raise RequestError(
                "malformed_json", "body: expected to be sent to its end, was cut off"
            )
        body += message.get("body", b"")
        more = message.get("more_body", False)
        too_large = len(body) > LARGEST_BODY
    if too_large:
        raise RequestError(
            "body_too_large", f"body: expected at most {LARGEST_BODY} bytes, was more"
        )
    return body


def _is_too_large(length: str) -> bool:
    return length.isdecimal() and int(length[:18]) > LARGEST_BODY


def _require_json(body: bytes) -> None:
    """Refuse what is not JSON in UTF-8 before its types are looked at, and a name given twice."""
    try:
        json.loads(
            body.decode(),
            object_pairs_hook=_require_unique,
            parse_constant=_refuse_constant,
            parse_float=str,
            parse_int=str,
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        detail = f"body: expected JSON, was something else: {error}"
        raise RequestError("malformed_json", detail) from None
    except ValueError as error:
        raise RequestError("malformed_json", f"body: expected JSON, {error}") from None


def _require_unique(members: list[tuple[str, object]]) -> dict[str, object]:
    unique = dict(members)
    if len(unique) < len(members):
        raise ValueError("was an object with the same name twice")
    return unique


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"was {name}")


@cache
def _decoder(kind: type[msgspec.Struct]) -> msgspec.json.Decoder[msgspec.Struct]:
    return msgspec.json.Decoder(kind)


def _wrong_field(message: str, kind: type[msgspec.Struct]) -> InvalidField:
    """Say in the words of the API what msgspec found."""
    names = kind.__struct_fields__
    if match := _WRONG_TYPE.match(message):
        expected, was, field = match.groups()
        expected = _JSON_TYPES.get(expected, f"an {expected}")
        return InvalidField(field or "body", expected, _JSON_TYPES.get(was, was))
    if match := _WRONG_VALUE.match(message):
        return InvalidField(match[1], "a value within its limits", "one beyond them")
    _, _, field = message.partition("field `")
    field = field[:-1][:64]
    if field in names:
        return InvalidField(field, "a value", "missing")
    return InvalidField(field, f"one of the fields {', '.join(names)}", "another one")
