"""Crypto-currencies: answered from the cache; prices and rules are brought in from the exchange."""

from __future__ import annotations

from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.audit_log import SERVICE, Action, Actor, record
from crypto_exchange.domain.audited import audited
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import UnknownAsset
from crypto_exchange.domain.halting import halt
from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.use_cases.officers import vouched
from crypto_exchange.domain.user import Role


async def list_assets(context: Context) -> tuple[Asset, ...]:
    """All assets by symbol, near by if possible."""
    cached = await context.cache.list_all()
    if cached is not None:
        return cached
    assets = await context.queries.list_assets()
    await context.cache.put(assets)
    return assets


async def get_asset(context: Context, symbol: Symbol) -> Asset:
    """One asset, near by if possible. Raises `UnknownAsset`."""
    cached = await context.cache.find(symbol)
    if cached is not None:
        return cached
    for asset in await list_assets(context):
        if asset.symbol == symbol:
            return asset
    raise UnknownAsset(symbol)


async def refresh_prices(context: Context) -> tuple[Asset, ...]:
    """Bring the last prices in: to the database first, then near by."""
    known = await context.queries.list_assets()
    prices = await context.exchange.list_prices([asset.symbol for asset in known])
    assets = await context.market.save_prices(prices, context.clock.now_us())
    await context.cache.put(assets)
    return assets


async def refresh_rules(context: Context, *, actor: Actor | None = None) -> None:
    """Bring market rules in; an asset that the exchange does not trade is halted thereby. An officer's
    wish is recorded, what the service does by itself (no actor) is not.
    """
    known = await context.queries.list_assets()
    rules = await context.exchange.list_rules({asset.symbol: asset.scale for asset in known})
    if actor is not None:
        await _record_refresh(context, actor, len(rules))
    await context.market.save_rules(rules)
    await context.cache.put(await context.queries.list_assets())


async def halt_asset(
    context: Context, symbol: Symbol, *, halted: bool, actor: Actor = SERVICE
) -> Asset:
    """Halt an asset, or resume it, by an operator's word. Raises `UnknownAsset`."""

    async def script(work: UnitOfWork) -> Asset:
        asset = await work.get_asset(symbol)
        change = halt(asset, halted=halted, at_us=context.clock.now_us())
        if not change.assets:
            work.abandon()
            return asset
        await work.commit(await vouched(work, audited(change, actor), actor, Role.OPERATOR))
        return change.assets[0].after

    asset = await transact(context, script)
    await context.cache.put(await context.queries.list_assets())
    return asset


async def _record_refresh(context: Context, actor: Actor, assets: int) -> None:
    action, at_us = Action.RULES_REFRESHED, context.clock.now_us()
    change = Change(audit=(record(actor, action, at_us=at_us, assets=assets),))

    async def script(work: UnitOfWork) -> None:
        await work.commit(await vouched(work, change, actor, Role.OPERATOR))

    await transact(context, script)
