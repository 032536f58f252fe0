"""Crypto-currencies: answered from the cache; prices and rules are brought in from the exchange."""

from __future__ import annotations

from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.errors import UnknownAsset
from crypto_exchange.domain.halting import halt
from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.use_cases.context import Context, transact


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


async def refresh_rules(context: Context) -> None:
    """Bring market rules in; an asset that the exchange does not trade is halted thereby."""
    known = await context.queries.list_assets()
    rules = await context.exchange.list_rules({asset.symbol: asset.scale for asset in known})
    await context.market.save_rules(rules)
    await context.cache.put(await context.queries.list_assets())


async def halt_asset(context: Context, symbol: Symbol, *, halted: bool) -> Asset:
    """Halt an asset, or resume it, by an operator's word. Raises `UnknownAsset`."""

    async def script(work: UnitOfWork) -> Asset:
        asset = await work.get_asset(symbol)
        change = halt(asset, halted=halted, at_us=context.clock.now_us())
        if not change.assets:
            work.abandon()
            return asset
        await work.commit(change)
        return change.assets[0].after

    asset = await transact(context, script)
    await context.cache.put(await context.queries.list_assets())
    return asset
