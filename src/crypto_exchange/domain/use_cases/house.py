"""The house: listing assets, booking capital kept at the exchange."""

from __future__ import annotations

from collections.abc import Mapping

from crypto_exchange.domain import cashier
from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.change import Change, RequestKey
from crypto_exchange.domain.errors import RequestRepeated
from crypto_exchange.domain.ids import HOUSE, Symbol
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.use_cases.context import Context, transact

_FIRST = RequestKey("book_capital", "first", "")
"""The house's own idempotency key: capital that was found is booked once."""


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

    async def script(work: UnitOfWork) -> None:
        await work.commit(cashier.fund({currency: amount}, at_us=context.clock.now_us()))

    await transact(context, script)


async def book_capital(context: Context) -> Mapping[str, int]:
    """Book everything found at the exchange as capital, once and for all; returns what was booked.

    Units as `cashier.fund`.
    """
    scales = {asset.symbol: asset.scale for asset in await context.queries.list_assets()}
    balances = await context.exchange.list_balances(scales)
    found = {currency: amount for currency, amount in balances.items() if amount}

    async def script(work: UnitOfWork) -> Mapping[str, int]:
        if await work.find_request(HOUSE, _FIRST.operation, _FIRST.key) is not None:
            work.abandon()
            return {}
        await work.commit(cashier.fund(found, at_us=context.clock.now_us(), request=_FIRST))
        return found

    try:
        return await transact(context, script)
    except RequestRepeated:
        return {}


def _listed(symbol: Symbol, scale: int, rule: MarketRule | None) -> Asset:
    unknown = MarketRule(lot_step=1, min_notional=0)
    return Asset(symbol=symbol, scale=scale, rule=rule or unknown, trading=rule is not None)
