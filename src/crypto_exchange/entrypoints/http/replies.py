"""Replies: what is sent back, as bytes. Each is itself an ASGI application that Litestar runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec
from litestar.types import Receive, Scope, Send

from crypto_exchange.entrypoints.override import override

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


class StreamedReply(Reply):
    """JSON in pieces, so that it is never in memory as a whole. Of what goes wrong in between, its
    client learns that it was cut off.
    """

    __slots__ = ("_pieces",)

    def __init__(
        self, pieces: AsyncIterator[bytes], headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        """Header names are in lower case."""
        super().__init__(200, media_type=None, headers=[*headers, (b"content-type", JSON)])
        self._pieces = pieces

    @override
    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it. Nothing is sent before there is a first piece, so until then it can be refused."""
        first = await anext(self._pieces, b"")
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        async for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


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
