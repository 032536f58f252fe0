"""Idempotency keys: the header, and the digest of the command that came with it."""

from __future__ import annotations

import re
from hashlib import sha256

from crypto_exchange.domain.change import RequestKey
from crypto_exchange.domain.errors import InvalidField
from crypto_exchange.entrypoints.http.operations import ApiRequest
from crypto_exchange.entrypoints.http.replies import encode

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[ -~]{1,255}")


def read_request_key(request: ApiRequest, operation: str, *command: object) -> RequestKey | None:
    """The key of a command, if it has one; `command` is what was decoded, without the user.

    Raises:
        InvalidField: not 1 to 255 printable ASCII characters, or given twice.
    """
    key = read_key(request)
    if key is None:
        return None
    return RequestKey(operation, key, sha256(encode(command)).hexdigest())


def read_key(request: ApiRequest) -> str | None:
    """The header itself, if there is one. Raises `InvalidField` as `read_request_key`."""
    given = request.headers.getall(HEADER, [])
    if not given:
        return None
    key = given[0].strip(" \t")  # white space around a header is no part of it
    if len(given) > 1 or not _KEY.fullmatch(key):
        was = f"{len(given)} headers" if len(given) > 1 else f"{len(key)} characters"
        raise InvalidField(HEADER, "1 to 255 printable ASCII characters, once", was)
    return key
