"""The house: listing assets, booking capital kept at the exchange."""

from __future__ import annotations

import re
from collections.abc import Mapping

from crypto_exchange.domain import cashier
from crypto_exchange.domain.asset import Asset, MarketRule
from crypto_exchange.domain.audit_log import SERVICE, Action, Actor, AuditEntry, record
from crypto_exchange.domain.audited import audited
from crypto_exchange.domain.change import Change, RequestKey
from crypto_exchange.domain.errors import InvalidField, RequestRepeated, WrongState
from crypto_exchange.domain.ids import HOUSE, Symbol
from crypto_exchange.domain.ledger import USD
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.use_cases.officers import vouched
from crypto_exchange.domain.user import Role

_SYMBOL = re.compile(r"[A-Z0-9]{1,16}", re.ASCII)
_SCALES = range(19)
_FIRST = RequestKey("book_capital", "first", "")
"""The house's own idempotency key: capital that was found is booked once."""


async def list_new_assets(
    context: Context, scales: Mapping[Symbol, int], *, actor: Actor = SERVICE
) -> tuple[Symbol, ...]:
    """List those of some assets that are not yet, with the exchange's rules; returns their symbols.

    One that the exchange does not trade is listed as halted by it.
    """
    rules = await context.exchange.list_rules(scales)

    async def script(work: UnitOfWork) -> tuple[Symbol, ...]:
        known = {asset.symbol for asset in await context.queries.list_assets()}
        missing = [symbol for symbol in scales if symbol not in known]
        assets = tuple(_listed(s, scales[s], rules.get(s)) for s in missing)
        entries = tuple(_entry(context, actor, asset) for asset in assets)
        await work.commit(Change(new_assets=assets, audit=entries))
        return tuple(missing)

    return await transact(context, script)


async def list_asset(context: Context, symbol: Symbol, scale: int, *, actor: Actor) -> Asset:
    """List an asset with the exchange's rules. It can be bought as soon as there is a price of it.

    Raises:
        InvalidField: no symbol, or a scale that is not from 0 to 18.
        WrongState: it is listed, or the exchange does not trade it.
    """
    if not _SYMBOL.fullmatch(symbol) or symbol == USD:
        was = repr(symbol[:40])
        raise InvalidField("symbol", "1 to 16 of A-Z 0-9, and not USD", was)
    if scale not in _SCALES:
        raise InvalidField("scale", "an integer from 0 to 18", str(scale))
    rule = (await context.exchange.list_rules({symbol: scale})).get(symbol)
    if rule is None:
        raise WrongState(symbol, "what the exchange trades", "something else")
    asset = _listed(symbol, scale, rule)

    async def script(work: UnitOfWork) -> None:
        if any(each.symbol == symbol for each in await context.queries.list_assets()):
            raise WrongState(symbol, "an asset that is not listed", "one that is")
        change = Change(new_assets=(asset,), audit=(_entry(context, actor, asset),))
        await work.commit(await vouched(work, change, actor, Role.ADMIN))

    await transact(context, script)
    await context.cache.put(await context.queries.list_assets())
    return asset


async def fund(context: Context, currency: str, amount: int, *, actor: Actor = SERVICE) -> None:
    """Book a balance moved to (negative: from) the exchange as capital; units as `cashier.fund`."""

    async def script(work: UnitOfWork) -> None:
        change = cashier.fund({currency: amount}, at_us=context.clock.now_us())
        await work.commit(audited(change, actor))

    await transact(context, script)


async def book_capital(context: Context, *, actor: Actor = SERVICE) -> Mapping[str, int]:
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
        change = cashier.fund(found, at_us=context.clock.now_us(), request=_FIRST)
        await work.commit(audited(change, actor))
        return found

    try:
        return await transact(context, script)
    except RequestRepeated:
        return {}


def _entry(context: Context, actor: Actor, asset: Asset) -> AuditEntry:
    at_us, action = context.clock.now_us(), Action.ASSET_LISTED
    return record(actor, action, at_us=at_us, subject=asset.symbol, scale=asset.scale)


def _listed(symbol: Symbol, scale: int, rule: MarketRule | None) -> Asset:
    unknown = MarketRule(lot_step=1, min_notional=0)
    return Asset(symbol=symbol, scale=scale, rule=rule or unknown, trading=rule is not None)
