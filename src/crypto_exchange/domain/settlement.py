"""Settlement: decides who gets which coins of a purchase, what they pay, and where the rest goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from crypto_exchange.domain.allocation import allocate, tie_key
from crypto_exchange.domain.asset import Inventory
from crypto_exchange.domain.batch import BatchTrigger, close
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.events import BatchSettled, OrderOutcome
from crypto_exchange.domain.ids import BatchKey
from crypto_exchange.domain.ledger import (
    USD,
    Account,
    AccountKind,
    Transfer,
    TransferKind,
    clearing_account,
    house_account,
    refund,
    suspense_account,
    user_account,
)
from crypto_exchange.domain.money import CENT, ceil_div
from crypto_exchange.domain.order import Order, deliver
from crypto_exchange.domain.purchase import Fill, Filled, Purchase, PurchaseTrigger, finish
from crypto_exchange.domain.views import OpenBatch

_NOTHING = Filled(fills=())


class _Share(msgspec.Struct, frozen=True):
    """One member's part: coins in units, dollars in 10⁻⁸."""

    order: Order
    filled: int
    charged: int


def settle(opened: OpenBatch, filled: Filled | None, *, at_us: int) -> Change:
    """Close a batch with what the exchange delivered (None: nothing had to be bought).

    SPEC §2 "Settlement, pricing quoted": if reserved inventory and net fill cover all quantities,
    everyone gets exactly what was quoted, the rest goes to the inventory and the difference in dollars
    to the house's profit and loss. Otherwise coins are shared by largest remainder, charges rounded
    up to the cent, and the rest of each total is refunded.
    """
    fills = (filled or _NOTHING).fills
    asset, batch = opened.asset.symbol, opened.batch
    bought = sum(f.quantity for f in fills)
    net = bought - sum(f.fee for f in fills if f.fee_currency == asset)
    shares = _share(opened.members, batch.used + net, batch.key)
    transfers = [
        *_from_inventory(opened, at_us),
        *(t for fill in fills for t in _from_venue(fill, batch.key, asset, at_us)),
        *(t for share in shares for t in _to_member(share, batch.key, at_us)),
    ]
    transfers.extend(_to_house(transfers, batch.key, asset, at_us))
    return Change(
        orders=tuple(Transition(s.order, deliver(s.order, s.filled, s.charged)) for s in shares),
        batches=(Transition(batch, close(batch, BatchTrigger.SETTLE)),),
        purchases=_filled_purchase(opened, filled),
        fills=_kept_fills(opened, fills),
        inventory=_inventory(opened),
        transfers=tuple(transfers),
        events=(_settled(opened, shares, fills, at_us),),
    )


def _share(members: Sequence[Order], available: int, batch: BatchKey) -> list[_Share]:
    """Everyone in full if the coins suffice, else by largest remainder over the quantities."""
    if available < 0:
        raise InvariantViolation(
            f"batch {batch} has {available} units: its fee is more than its fill"
        )
    if available >= sum(order.quantity for order in members):
        return [_Share(order, order.quantity, order.total) for order in members]
    parts = allocate(
        available,
        [order.quantity for order in members],
        [tie_key(batch, order.id) for order in members],
    )
    return [
        _Share(order, part, ceil_div(order.total * part, order.quantity * CENT) * CENT)
        for order, part in zip(members, parts, strict=True)
    ]


def _from_inventory(opened: OpenBatch, at_us: int) -> Iterator[Transfer]:
    asset, used = opened.asset.symbol, opened.batch.used
    inventory = house_account(AccountKind.INVENTORY, asset)
    clearing = clearing_account(opened.batch.key, asset)
    yield from _transfer(TransferKind.INVENTORY, inventory, clearing, used, at_us)


def _from_venue(fill: Fill, batch: BatchKey, asset: str, at_us: int) -> Iterator[Transfer]:
    """Coins come in, dollars and the fee go out; a fee in a third coin is the house's own."""
    for kind, currency, amount in (
        (TransferKind.FILL, asset, fill.quantity),
        (TransferKind.COST, USD, fill.cost),
        (TransferKind.FEE, fill.fee_currency, fill.fee),
    ):
        venue = house_account(AccountKind.VENUE, currency)
        own = clearing_account(batch, currency)
        if currency not in (asset, USD):
            own = house_account(AccountKind.FEES, currency)
        if kind is TransferKind.FILL:
            yield from _transfer(kind, venue, own, amount, at_us)
        else:
            yield from _transfer(kind, own, venue, amount, at_us)


def _to_member(share: _Share, batch: BatchKey, at_us: int) -> Iterator[Transfer]:
    order = share.order
    user, asset = order.user_id, order.asset
    suspense, clearing = suspense_account(user), clearing_account(batch)
    yield from _transfer(TransferKind.CHARGE, suspense, clearing, share.charged, at_us, order.id)
    coins = clearing_account(batch, asset)
    holding = user_account(user, asset)
    yield from _transfer(TransferKind.DELIVERY, coins, holding, share.filled, at_us, order.id)
    if share.charged < order.total:
        yield refund(user, order.id, order.total - share.charged, at_us=at_us)


def _to_house(
    transfers: Sequence[Transfer], batch: BatchKey, asset: str, at_us: int
) -> Iterator[Transfer]:
    """What is left in clearing: coins (never less than none) to the inventory, dollars to (or from)
    profit and loss.
    """
    for currency, kind, account in (
        (asset, TransferKind.INVENTORY, AccountKind.INVENTORY),
        (USD, TransferKind.PNL, AccountKind.PNL),
    ):
        clearing, house = clearing_account(batch, currency), house_account(account, currency)
        rest = sum(t.amount for t in transfers if t.credit == clearing)
        rest -= sum(t.amount for t in transfers if t.debit == clearing)
        if rest >= 0:
            yield from _transfer(kind, clearing, house, rest, at_us)
        else:
            yield from _transfer(kind, house, clearing, -rest, at_us)


def _transfer(
    kind: TransferKind,
    debit: Account,
    credit: Account,
    amount: int,
    at_us: int,
    order_id: int | None = None,
) -> Iterator[Transfer]:
    """One transfer, or none of an amount of 0."""
    if amount:
        yield Transfer(
            kind=kind, debit=debit, credit=credit, amount=amount, at_us=at_us, order_id=order_id
        )


def _filled_purchase(opened: OpenBatch, filled: Filled | None) -> tuple[Transition[Purchase], ...]:
    if opened.purchase is None or filled is None:
        return ()
    return (Transition(opened.purchase, finish(opened.purchase, PurchaseTrigger.FILL)),)


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
    return tuple((opened.purchase, fill) for fill in fills)


def _settled(
    opened: OpenBatch, shares: Sequence[_Share], fills: Sequence[Fill], at_us: int
) -> BatchSettled:
    return BatchSettled(
        at_us=at_us,
        batch=opened.batch.key,
        asset=opened.asset.symbol,
        bought=sum(f.quantity for f in fills),
        cost=sum(f.cost for f in fills),
        used=opened.batch.used,
        outcomes=tuple(
            OrderOutcome(
                s.order.user_id, s.order.id, s.filled, s.charged, s.order.total - s.charged
            )
            for s in shares
        ),
    )
