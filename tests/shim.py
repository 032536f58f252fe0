"""A shim: an HTTP server that passes everything on to a real one, but for one fault."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

import httpx
from typing_extensions import override

Json: TypeAlias = Any
KEPT = ("authorization", "content-type", "idempotency-key")
OWN = {"content-length", "date", "server", "transfer-encoding"}


class Call:
    """A request on its way, and its answer on its way back; a fault may change both."""

    def __init__(
        self, client: httpx.Client, method: str, path: str, headers: dict[str, str]
    ) -> None:
        self.client = client
        self.method, self.path, self.headers = method, path, headers
        self.sent = b""
        self.status, self.answered = 0, b""
        self.told: dict[str, str] = {}

    def pass_on(self) -> None:
        answer = self.client.request(
            self.method, self.path, content=self.sent, headers=self.headers
        )
        self.status, self.answered = answer.status_code, answer.content
        self.told = dict(answer.headers)

    def is_for(self, method: str, path: str) -> bool:
        return self.method == method and self.path.removeprefix("/api/v1/").startswith(path)

    @property
    def body(self) -> Json:
        return json.loads(self.answered, parse_float=Decimal)

    @body.setter
    def body(self, body: Json) -> None:
        self.answered = write(body).encode()


Fault: TypeAlias = Callable[[Call], None]
"""Takes a call to its answer: calls `pass_on` itself."""


@contextmanager
def shim(upstream: str, fault: Fault) -> Iterator[str]:
    """Its address, while it runs."""
    with httpx.Client(base_url=upstream, timeout=30) as client:

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer is one packet: Nagle would wait between two

            def handle_any(self) -> None:
                headers = {name: self.headers[name] for name in KEPT if name in self.headers}
                call = Call(client, self.command, self.path, headers)
                call.sent = self.rfile.read(int(self.headers.get("content-length", 0)))
                fault(call)
                self.send_response(call.status)
                for name in call.told.keys() - OWN:
                    self.send_header(name, call.told[name])
                self.send_header("content-length", str(len(call.answered)))
                self.end_headers()
                self.wfile.write(call.answered)

            do_GET = do_POST = do_PATCH = handle_any  # noqa: N815 - names that http.server looks for

            @override
            def log_message(self, *_: object) -> None:
                """Nothing: the tests tell what went wrong."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(1 / 50,))
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()


def write(body: Json) -> str:
    """JSON with the digits of decimals as they are."""
    if isinstance(body, dict):
        return f"{{{', '.join(f'{json.dumps(k)}: {write(v)}' for k, v in body.items())}}}"
    if isinstance(body, list):
        return f"[{', '.join(map(write, body))}]"
    return f"{body:f}" if isinstance(body, Decimal) else json.dumps(body)
