"""Health: whether the process lives, and whether it can do its work."""

from __future__ import annotations

from crypto_exchange.domain.asset import Asset, AssetStatus, fresh_price
from crypto_exchange.domain.errors import PriceStale
from crypto_exchange.domain.use_cases.context import Context
from crypto_exchange.domain.use_cases.currencies import list_assets
from crypto_exchange.entrypoints.http.operations import ApiRequest, Operation, get_context, route
from crypto_exchange.entrypoints.http.problems import RequestError
from crypto_exchange.entrypoints.http.replies import Reply, json_reply
from crypto_exchange.entrypoints.http.schemas import HealthResponse


@route(
    Operation(
        method="GET",
        path="/health/live",
        name="live",
        summary="Tell that the process lives",
        tag="health",
        answer=HealthResponse,
        public=True,
        static=True,
        probe=True,
        answer_example='{"status": "live"}',
    )
)
async def live(request: ApiRequest) -> Reply:  # noqa: ARG001 - every handler takes the request
    """200, always."""
    return json_reply(HealthResponse("live"))


@route(
    Operation(
        method="GET",
        path="/health/ready",
        name="ready",
        summary="Tell whether the database is migrated and every active asset has a fresh price",
        tag="health",
        answer=HealthResponse,
        public=True,
        probe=True,
        answer_example='{"status": "ready"}',
    )
)
async def ready(request: ApiRequest) -> Reply:
    """200, or 503 with what is missing."""
    missing = await request.app.state.config.find_missing() or await _find_stale(
        get_context(request)
    )
    if missing:
        raise RequestError("unavailable", missing)
    return json_reply(HealthResponse("ready"))


ROUTES = (live, ready)


async def _find_stale(context: Context) -> str | None:
    now_us = context.clock.now_us()
    assets = await list_assets(context)
    stale = [asset.symbol for asset in assets if _is_stale(asset, context, now_us)]
    if not stale:
        return None
    return f"prices: expected a fresh one of every active asset, was none of {', '.join(stale)}"


def _is_stale(asset: Asset, context: Context, now_us: int) -> bool:
    if asset.status is not AssetStatus.ACTIVE:
        return False
    try:
        fresh_price(asset, context.policy, now_us)
    except PriceStale:
        return True
    return False
