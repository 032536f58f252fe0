"""The house: listing assets, booking capital kept at the exchange."""

from __future__ import annotations

from collections.abc import Mapping

from crypto_exchange.domain import cashier
from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.ids import Symbol
from crypto_exchange.domain.money import DEFAULT_ASSET_SCALE, pow10
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.use_cases.context import Context, transact


async def list_new_assets(context: Context, scales: Mapping[Symbol, int]) -> tuple[Symbol, ...]:
    """List those of some assets that are not yet, with the exchange's rules; returns their symbols.

    One that the exchange does not trade is listed as halted by it.
    """
    rules = await context.exchange.list_rules(scales)

    async def script(work: UnitOfWork) -> tuple[Symbol, ...]:
        known = {asset.symbol for asset in await context.queries.list_assets()}
        missing = [symbol for symbol in scales if symbol not in known]
        assets = tuple(_listed(s, scales[s], rules.get(s)) for s in missing)
        await work.commit(Change(new_assets=assets))
        return tuple(missing)

    return await transact(context, script)


async def fund(context: Context, currency: str, amount: int) -> None:
    """Book a balance moved to (negative: from) the exchange as capital; units as `cashier.fund`."""
    await _commit(context, cashier.fund(currency, amount, at_us=context.clock.now_us()))


async def book_capital(context: Context) -> Mapping[str, int]:
    """Book everything found at the exchange as capital, if nothing was ever booked; returns it.

    Units as `cashier.fund`.
    """
    if any(row.account.startswith("venue:") for row in await context.queries.list_ledger()):
        return {}
    scales = {asset.symbol: asset.scale for asset in await context.queries.list_assets()}
    balances = await context.exchange.list_balances()
    found = {c: _in_scale(a, scales.get(c, DEFAULT_ASSET_SCALE)) for c, a in balances.items() if a}
    for currency, amount in found.items():
        await fund(context, currency, amount)
    return found


def _listed(symbol: Symbol, scale: int, rule: MarketRule | None) -> Asset:
    unknown = MarketRule(lot_step=1, min_notional=0)
    return Asset(symbol=symbol, scale=scale, rule=rule or unknown, trading=rule is not None)


def _in_scale(amount: int, scale: int) -> int:
    """Balances come in 10⁻⁸ coins; what is smaller than the asset's unit is left out."""
    return amount * pow10(scale) // pow10(DEFAULT_ASSET_SCALE)


async def _commit(context: Context, change: Change) -> None:
    async def script(work: UnitOfWork) -> None:
        await work.commit(change)

    await transact(context, script)
