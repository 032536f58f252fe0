"""The application: routes, and what stands around them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from crypto_exchange.domain.limits import Limit
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.entrypoints.http import (
    accounts,
    adjustments,
    admin_assets,
    admin_audit,
    admin_batches,
    admin_users,
    api_keys,
    currencies,
    health,
    openapi,
    orders,
    pages,
    privacy,
    reviews,
    second_factor,
    sessions,
    transactions,
    wallets,
)
from crypto_exchange.entrypoints.http.authentication import Authentication
from crypto_exchange.entrypoints.http.config import HttpConfig
from crypto_exchange.entrypoints.http.edge import Edge
from crypto_exchange.entrypoints.http.ended import EndedSessions
from crypto_exchange.entrypoints.http.known_keys import noting_uses
from crypto_exchange.entrypoints.http.leases import Leases
from crypto_exchange.entrypoints.http.limits import AddressLimit, CallLimits
from crypto_exchange.entrypoints.http.operations import (
    ApiRequest,
    Operation,
    Page,
    find_operation,
)
from crypto_exchange.entrypoints.http.problems import answer_error
from crypto_exchange.entrypoints.http.replies import Reply

_MODULES = (
    accounts,
    second_factor,
    sessions,
    api_keys,
    privacy,
    wallets,
    orders,
    transactions,
    currencies,
    admin_users,
    admin_assets,
    admin_batches,
    adjustments,
    admin_audit,
    reviews,
    health,
    openapi,
    pages,
)
_HANDLERS = tuple(handler for module in _MODULES for handler in module.ROUTES)


def list_operations() -> tuple[Operation, ...]:
    """Every call of the API."""
    return tuple(served for served in list_served() if isinstance(served, Operation))


def list_served() -> tuple[Operation | Page, ...]:
    """Every call of the API, then what is for browsers."""
    found = (find_operation(handler) for handler in _HANDLERS)
    return tuple(served for served in found if served is not None)


def create_app(
    open_context: Callable[[], AbstractAsyncContextManager[Context]], config: HttpConfig
) -> Litestar:
    """Build the application; the context is opened when it starts, and closed when it ends."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with open_context() as context, noting_uses(context) as known_keys:
            app.state.context = context
            app.state.known_keys = known_keys
            app.state.leases = Leases(context.limiter, config.monotonic_us)
            app.state.ended_sessions = EndedSessions(context, config.monotonic_us)
            yield

    app = Litestar(
        [*_options_handlers(), *_HANDLERS],
        debug=config.debug,
        exception_handlers={Exception: answer_error},
        lifespan=[lifespan],
        logging_config=None,
        middleware=[Authentication, CallLimits],
        openapi_config=None,
        request_max_body_size=None,
    )
    app.state.config = config
    app.state.openapi = openapi.write_openapi(list_operations())
    app.state.limits_of = _limits_by_call(config.limits)
    if config.limits:
        app.asgi_handler = AddressLimit(app.asgi_handler, config.limits, config.trusted_proxies)
    app.asgi_handler = Edge(app.asgi_handler, config.allowed_hosts, config.trusted_proxies)
    return app


def _limits_by_call(limits: Sequence[Limit]) -> dict[str, tuple[Limit, ...]]:
    """What counts each call when it is known which one it is."""
    by_name = {limit.name: limit for limit in limits}
    return {
        call.name: tuple(by_name[name] for name in call.counted if name in by_name.keys() - {"ip"})
        for call in list_operations()
    }


def _options_handlers() -> Iterator[HTTPRouteHandler]:
    """Litestar's own answers to OPTIONS know only the first method of a path."""
    methods: dict[str, set[str]] = defaultdict(lambda: {"OPTIONS"})
    for served in list_served():
        methods[served.path] |= served.methods
    for path, allowed in methods.items():
        yield HTTPRouteHandler(path, http_method="OPTIONS")(_options(", ".join(sorted(allowed))))


def _options(allow: str) -> Callable[[ApiRequest], Awaitable[Reply]]:
    async def options(request: ApiRequest) -> Reply:  # noqa: ARG001 - Litestar's shape of a handler
        return Reply(204, media_type=None, headers=[(b"allow", allow.encode())])

    return options
