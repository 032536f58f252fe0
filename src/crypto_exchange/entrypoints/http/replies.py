"""Replies: what is sent back, as bytes. Each is itself an ASGI application that Litestar runs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from litestar.types import Receive, Scope, Send

JSON = b"application/json"
PROBLEM_JSON = b"application/problem+json"

encode = msgspec.json.Encoder().encode


class Reply:
    """A status, headers and a body; without a media type there is no body."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        *,
        media_type: bytes | None = JSON,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        """Header names are in lower case."""
        self.status = status
        self.body = body
        self.headers = list(headers)
        if media_type is not None:
            self.headers.append((b"content-type", media_type))
            self.headers.append((b"content-length", b"%d" % len(body)))

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def json_reply(
    content: object, status: int = 200, headers: Sequence[tuple[bytes, bytes]] = ()
) -> Reply:
    """Encode a response as JSON."""
    return Reply(status, encode(content), headers=headers)


def no_content() -> Reply:
    """Say that it is done, with nothing to show."""
    return Reply(204, media_type=None)


def replayed(repeated: bool) -> list[tuple[bytes, bytes]]:
    """Tell that the command had been done before, under the same idempotency key."""
    return [(b"idempotent-replayed", b"true")] if repeated else []
