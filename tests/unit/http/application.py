"""The application over memory, built once for each configuration and opened by every test."""

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from litestar import Litestar

from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.http.app import create_app
from crypto_exchange.entrypoints.http.config import HttpConfig


def app_over(context: Context, config: HttpConfig) -> Litestar:
    """The application, which opens this context whenever it starts from now on.

    To build it takes ten times as long as what most tests do with it.
    """
    app, opens = _built(config)
    opens["context"] = context
    return app


@asynccontextmanager
async def client_of(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, which runs meanwhile.

    It runs on the same event loop: Litestar's own client has another one for it on a thread, and to
    change over twice takes as long as most calls.
    """
    begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            begun.set_result(None)
            await over.wait()

    # In a task of its own: what begins a lifespan has to end it.
    living = asyncio.create_task(live())
    await asyncio.wait((living, begun), return_when=asyncio.FIRST_COMPLETED)
    transport = transport_to(app, "testclient")
    try:
        async with httpx.AsyncClient(
            transport=transport,
            base_url="http://testserver.local",
            headers={"User-Agent": "testclient"},
        ) as client:
            yield client
    finally:
        over.set()
        await living


def transport_to(app: Litestar, address: str) -> httpx.ASGITransport:
    """Carries requests to an application that runs, as if they came from this address."""
    return httpx.ASGITransport(app, client=(address, 4711))  # type: ignore[arg-type]  # Litestar has narrower types of messages


@functools.cache
def _built(config: HttpConfig) -> tuple[Litestar, dict[str, Context]]:
    opens: dict[str, Context] = {}

    @asynccontextmanager
    async def opened() -> AsyncIterator[Context]:
        yield opens["context"]

    return create_app(opened, config), opens
