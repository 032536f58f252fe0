"""The application over memory, built once for each configuration and opened by every test."""

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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


@functools.cache
def _built(config: HttpConfig) -> tuple[Litestar, dict[str, Context]]:
    opens: dict[str, Context] = {}

    @asynccontextmanager
    async def opened() -> AsyncIterator[Context]:
        yield opens["context"]

    return create_app(opened, config), opens
