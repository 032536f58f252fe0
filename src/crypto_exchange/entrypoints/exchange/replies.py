"""What is sent back: status, body, headers."""

import msgspec

from crypto_exchange.entrypoints.exchange.failures import ApiError

JSON = b"application/json;charset=UTF-8"
HTML = b"text/html"


class Reply(msgspec.Struct, frozen=True):
    """One HTTP answer; one without a body names no type of content."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


def reply(status: int, answer: object) -> Reply:
    """An answer in JSON."""
    return Reply(status, msgspec.json.encode(answer))


def refused(refusal: ApiError) -> Reply:
    """The refusal as the protocol writes it."""
    body = msgspec.json.encode({"code": refusal.code, "msg": refusal.message})
    return Reply(refusal.status, body, headers=refusal.headers)
