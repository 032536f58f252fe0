"""Settlement: decides who gets which coins of a purchase, what they pay, and where the rest goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from crypto_exchange.domain.allocation import Share, share
from crypto_exchange.domain.asset import Inventory
from crypto_exchange.domain.batch import BatchTrigger, close
from crypto_exchange.domain.booking import Buyer, book_fill
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.events import BatchSettled, OrderOutcome
from crypto_exchange.domain.ledger import (
    AccountKind,
    Transfer,
    TransferKind,
    clearing_account,
    house_account,
    refund,
    suspense_account,
    transfer,
    user_account,
)
from crypto_exchange.domain.order import Order, deliver
from crypto_exchange.domain.purchase import Fill, Filled, Purchase, fees, fill
from crypto_exchange.domain.statement import Statement, member
from crypto_exchange.domain.views import OpenBatch

_NOTHING = Filled(fills=())
_CHARGE, _DELIVERY = TransferKind.CHARGE, TransferKind.DELIVERY
_INVENTORY = TransferKind.INVENTORY


def settle(opened: OpenBatch, filled: Filled | None, *, at_us: int) -> Change:
    """Close a batch with what the exchange delivered (None: nothing had to be bought).

    Who gets and pays what, `allocation.share` says (SPEC §2 "Settlement"). What is left of the coins
    goes to the inventory, the difference in dollars to the house's profit and loss.
    """
    fills = (filled or _NOTHING).fills
    batch, asset = opened.batch, opened.asset.symbol
    clearing = Buyer(asset, clearing_account(batch.key, asset), clearing_account(batch.key))
    stock = house_account(AccountKind.INVENTORY, asset)
    statement = _state(opened, fills)
    shares = share(statement)
    left = statement.available - sum([part.filled for part in shares])
    transfers = [
        *transfer(_INVENTORY, stock, clearing.coins, batch.used, at_us),
        *(moved for each in fills for moved in book_fill(each, clearing, at_us)),
        *_to_members(opened.members, shares, clearing, at_us),
        *transfer(_INVENTORY, clearing.coins, stock, left, at_us),
        *_profit(statement, shares, clearing, at_us),
    ]
    return Change(
        orders=tuple(
            [
                Transition(o, deliver(o, part.filled, part.charged, whole=part.whole))
                for o, part in zip(opened.members, shares, strict=True)
            ]
        ),
        batches=(Transition(batch, close(batch, BatchTrigger.SETTLE)),),
        purchases=_filled_purchase(opened, filled),
        fills=_kept_fills(opened, fills),
        new_statements=(statement,),
        inventory=_inventory(opened),
        transfers=tuple(transfers),
        events=(_settled(statement, opened.members, shares, at_us),),
    )


def _state(opened: OpenBatch, fills: tuple[Fill, ...]) -> Statement:
    batch, purchase = opened.batch, opened.purchase
    return Statement(
        batch=batch.key,
        asset=batch.asset,
        scale=opened.asset.scale,
        pricing=batch.pricing,
        bought=0 if purchase is None else purchase.quantity,
        used=batch.used,
        members=tuple([member(batch.key, order) for order in opened.members]),
        fills=fills,
    )


def _to_members(
    members: Sequence[Order], shares: Sequence[Share], clearing: Buyer, at_us: int
) -> Iterator[Transfer]:
    dollars, coins, asset = clearing.dollars, clearing.coins, clearing.asset
    for order, part in zip(members, shares, strict=True):
        user, charged, filled = order.user_id, part.charged, part.filled
        if charged:
            yield Transfer(
                kind=_CHARGE,
                debit=suspense_account(user),
                credit=dollars,
                amount=charged,
                at_us=at_us,
                order_id=order.id,
            )
        if filled:
            yield Transfer(
                kind=_DELIVERY,
                debit=coins,
                credit=user_account(user, asset),
                amount=filled,
                at_us=at_us,
                order_id=order.id,
            )
        if charged < order.total:
            yield refund(user, order.id, order.total - charged, at_us=at_us)


def _profit(
    statement: Statement, shares: Sequence[Share], clearing: Buyer, at_us: int
) -> tuple[Transfer, ...]:
    """What is left of the dollars in clearing, to or from profit and loss."""
    profit = sum([part.charged for part in shares]) - statement.cost
    house, kind = house_account(AccountKind.PNL), TransferKind.PNL
    if profit > 0:
        return transfer(kind, clearing.dollars, house, profit, at_us)
    return transfer(kind, house, clearing.dollars, -profit, at_us)


def _filled_purchase(opened: OpenBatch, filled: Filled | None) -> tuple[Transition[Purchase], ...]:
    if opened.purchase is None or filled is None:
        return ()
    return (Transition(opened.purchase, fill(opened.purchase, filled)),)


def _inventory(opened: OpenBatch) -> Transition[Inventory]:
    """The reservation is used up and the surplus has come; an exchange that sells needs no back-off."""
    before, batch = opened.inventory, opened.batch
    after = msgspec.structs.replace(
        before,
        reserved=before.reserved - batch.used,
        expected=before.expected - batch.surplus,
        failures=before.failures if opened.purchase is None else 0,
        retry_at_us=before.retry_at_us if opened.purchase is None else 0,
        version=before.version + 1,
    )
    return Transition(before, after)


def _kept_fills(opened: OpenBatch, fills: Sequence[Fill]) -> tuple[tuple[Purchase, Fill], ...]:
    if opened.purchase is None:
        return ()
    return tuple((opened.purchase, each) for each in fills)


def _settled(
    statement: Statement, members: Sequence[Order], shares: Sequence[Share], at_us: int
) -> BatchSettled:
    return BatchSettled(
        at_us=at_us,
        batch=statement.batch,
        asset=statement.asset,
        bought=statement.filled,
        cost=sum([each.cost for each in statement.fills]),
        used=statement.used,
        outcomes=tuple(
            [
                OrderOutcome(o.user_id, o.id, part.filled, part.charged, o.total - part.charged)
                for o, part in zip(members, shares, strict=True)
            ]
        ),
        fees=fees(statement.fills),
    )
