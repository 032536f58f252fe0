"""Assets, as operators and administrators see and change them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from crypto_exchange.domain.asset import Asset, AssetStatus
from crypto_exchange.domain.errors import UnknownAsset
from crypto_exchange.domain.money import DEFAULT_ASSET_SCALE
from crypto_exchange.domain.use_cases import currencies, house
from crypto_exchange.domain.user import Role
from crypto_exchange.entrypoints.http import amounts
from crypto_exchange.entrypoints.http.bodies import decode_body
from crypto_exchange.entrypoints.http.operations import (
    ApiRequest,
    Operation,
    get_actor,
    get_context,
    route,
)
from crypto_exchange.entrypoints.http.replies import Reply, json_reply
from crypto_exchange.entrypoints.http.schemas import Dollars, Instant, Price, Quantity, instant

_BASE = "/api/v1/admin/assets"
_ASSET = (
    '{"symbol": "BTC", "scale": 8, "status": "active", "halted": false, "trading": true, '
    '"price": 50000.00, "as_of": "2026-01-31T12:00:00.000000Z", "lot_step": 0.00001, '
    '"min_notional": 5.00, "min_quantity": 0.00001, "max_quantity": null, "fee_ppm": 1000}'
)


class AssetRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What shall be bought and sold from now on."""

    symbol: Annotated[str, Meta(description="1 to 16 of A-Z 0-9, as the exchange names it.")]
    scale: Annotated[
        int, Meta(description="Digits of its smallest unit, from 0 to 18; never changed again.")
    ] = DEFAULT_ASSET_SCALE


class AssetResponse(Struct, frozen=True):
    """An asset with the exchange's rules; `halted` is an operator's word, `trading` the exchange's."""

    symbol: str
    scale: int
    status: AssetStatus
    halted: bool
    trading: bool
    price: Price | None
    as_of: Instant | None
    lot_step: Quantity
    min_notional: Dollars
    min_quantity: Quantity
    max_quantity: Quantity | None
    fee_ppm: int


@route(
    Operation(
        method="GET",
        path=f"{_BASE}/",
        name="list_assets",
        summary="List all assets with their rules, by symbol",
        tag="administration",
        role=Role.OPERATOR,
        answer=list[AssetResponse],
        answer_example=f"[{_ASSET}]",
    )
)
async def list_assets(request: ApiRequest) -> Reply:
    """200 with all of them, as the database has them."""
    return await _show_all(request)


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/",
        name="list_asset",
        summary="List an asset, with the exchange's rules",
        tag="administration",
        description="It can be bought as soon as there is a price of it, and is never taken back.",
        role=Role.ADMIN,
        request=AssetRequest,
        answer=AssetResponse,
        status=201,
        refusals=("wrong_state",),
        example='{"symbol": "DOGE", "scale": 8}',
        answer_example=_ASSET,
    )
)
async def list_asset(request: ApiRequest) -> Reply:
    """201 with the asset."""
    body, context = await decode_body(request, AssetRequest), get_context(request)
    actor = get_actor(request)
    asset = await house.list_asset(context, body.symbol, body.scale, actor=actor)
    return json_reply(asset_response(asset), 201, [(b"location", f"{_BASE}/".encode())])


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/refresh-rules/",
        name="refresh_rules",
        summary="Bring the rules of all assets in from the exchange",
        tag="administration",
        description="Workers do so by themselves every few minutes.",
        role=Role.OPERATOR,
        answer=list[AssetResponse],
        answer_example=f"[{_ASSET}]",
    )
)
async def refresh_rules(request: ApiRequest) -> Reply:
    """200 with all assets; a body is not looked at."""
    await currencies.refresh_rules(get_context(request), actor=get_actor(request))
    return await _show_all(request)


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/{{symbol:str}}/halt/",
        name="halt_asset",
        summary="Stop buying an asset",
        tag="administration",
        description="What waits goes on waiting, until its deadline; what was sent is settled.",
        role=Role.OPERATOR,
        answer=AssetResponse,
        refusals=("unknown_asset",),
        answer_example=_ASSET.replace("active", "halted").replace(
            '"halted": false', '"halted": true'
        ),
    )
)
async def halt_asset(request: ApiRequest) -> Reply:
    """200 with the asset, also if it was halted before; a body is not looked at."""
    return await _set_halted(request, halted=True)


@route(
    Operation(
        method="POST",
        path=f"{_BASE}/{{symbol:str}}/resume/",
        name="resume_asset",
        summary="Buy an asset again",
        tag="administration",
        description="It stays halted while the exchange does not trade it.",
        role=Role.OPERATOR,
        answer=AssetResponse,
        refusals=("unknown_asset",),
        answer_example=_ASSET,
    )
)
async def resume_asset(request: ApiRequest) -> Reply:
    """200 with the asset, also if it was not halted; a body is not looked at."""
    return await _set_halted(request, halted=False)


ROUTES = (list_assets, list_asset, refresh_rules, halt_asset, resume_asset)


def asset_response(asset: Asset) -> AssetResponse:
    """An asset with all that is known of it."""
    rule, scale = asset.rule, asset.scale
    return AssetResponse(
        symbol=asset.symbol,
        scale=scale,
        status=asset.status,
        halted=asset.halted,
        trading=asset.trading,
        price=None if asset.price is None else amounts.price(asset.price),
        as_of=None if asset.priced_at_us is None else instant(asset.priced_at_us),
        lot_step=amounts.quantity(rule.lot_step, scale),
        min_notional=amounts.dollars(rule.min_notional),
        min_quantity=amounts.quantity(rule.min_quantity, scale),
        max_quantity=amounts.quantity(rule.max_quantity, scale) if rule.max_quantity else None,
        fee_ppm=rule.fee_ppm,
    )


async def _show_all(request: ApiRequest) -> Reply:
    found = await get_context(request).queries.list_assets()
    return json_reply([asset_response(asset) for asset in found])


async def _set_halted(request: ApiRequest, *, halted: bool) -> Reply:
    symbol = str(request.path_params["symbol"])
    if not symbol.isprintable():
        raise UnknownAsset(symbol)  # a database may refuse to look it up
    asset = await currencies.halt_asset(
        get_context(request), symbol, halted=halted, actor=get_actor(request)
    )
    return json_reply(asset_response(asset))
