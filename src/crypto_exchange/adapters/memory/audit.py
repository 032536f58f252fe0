"""The books compared with themselves: rows with the transfers that they should follow from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from crypto_exchange.domain.breaks import BreakKind, Difference
from crypto_exchange.domain.ids import OrderId, UserId
from crypto_exchange.domain.ledger import (
    USD,
    Account,
    AccountKind,
    TransferKind,
    balances,
    clearing_account,
    house_account,
    suspense_account,
    user_account,
)
from crypto_exchange.domain.money import DEFAULT_ASSET_SCALE
from crypto_exchange.domain.order import FINAL_STATES, Order
from crypto_exchange.domain.purchase import Fill, Purchase, PurchaseState
from crypto_exchange.domain.state import State

_TRADES = frozenset({TransferKind.FILL, TransferKind.COST, TransferKind.FEE})
_BOUGHT = frozenset({PurchaseState.FILLED, PurchaseState.PARTIALLY_FILLED})
_KEPT = (AccountKind.USER, AccountKind.INVENTORY)
_OF_ORDERS = (
    TransferKind.PURCHASE,
    TransferKind.CHARGE,
    TransferKind.REFUND,
    TransferKind.DELIVERY,
)


def list_differences(state: State) -> tuple[Difference, ...]:
    """Where the books contradict themselves, by kind and subject."""
    ledger = balances(state.transfers)
    found = chain(
        _currencies(state, ledger),
        _compare(state, BreakKind.BALANCE, _of_kinds(ledger, *_KEPT), _kept(state)),
        _compare(state, BreakKind.COST, _charged(state), _costs(state)),
        _orders(state),
        _compare(
            state, BreakKind.SUSPENSE, _unsettled(state), _of_kinds(ledger, AccountKind.SUSPENSE)
        ),
        _clearing(state, ledger),
        _venue(state),
        _reservations(state),
    )
    return tuple(sorted(found, key=lambda d: (d.kind.value, d.subject)))


def scale_of(state: State, currency: str) -> int:
    """Digits of a currency's unit: dollars and third coins have the default."""
    asset = state.assets.get(currency)
    return DEFAULT_ASSET_SCALE if asset is None else asset.scale


def _compare(
    state: State,
    kind: BreakKind,
    expected: Mapping[Account, int],
    found: Mapping[Account, int],
) -> Iterator[Difference]:
    """Amounts by account that two ways to add them up do not agree on."""
    for account in {**expected, **found}:
        should, was = expected.get(account, 0), found.get(account, 0)
        if should != was:
            # A cost is kept by holding, and is dollars.
            currency = USD if kind is BreakKind.COST else account.currency
            yield Difference(
                kind=kind,
                subject=account.name,
                expected=should,
                found=was,
                scale=scale_of(state, currency),
            )


def _of_kinds(ledger: Mapping[Account, int], *kinds: AccountKind) -> dict[Account, int]:
    return {account: amount for account, amount in ledger.items() if account.kind in kinds}


def _currencies(state: State, ledger: Mapping[Account, int]) -> Iterator[Difference]:
    """What does not sum to zero, and accounts that amounts of another currency were moved on."""
    wrong: dict[tuple[str, str], int] = defaultdict(int)
    for account, amount in ledger.items():
        wrong[account.currency, account.currency] += amount
    for transfer in state.transfers:
        if transfer.credit.currency != transfer.currency:
            wrong[transfer.credit.name, transfer.credit.currency] += transfer.amount
    for (subject, currency), amount in wrong.items():
        if amount:
            yield Difference(
                kind=BreakKind.CURRENCY,
                subject=subject,
                expected=0,
                found=amount,
                scale=scale_of(state, currency),
            )


def _kept(state: State) -> dict[Account, int]:
    """Balances that are rows."""
    rows = {user_account(wallet.user_id): wallet.balance for wallet in state.wallets.values()}
    for (user_id, symbol), (quantity, _) in state.holdings.items():
        rows[user_account(user_id, symbol)] = quantity
    for row in state.inventory.values():
        rows[house_account(AccountKind.INVENTORY, row.asset)] = row.quantity
    return rows


def _charged(state: State) -> dict[Account, int]:
    return _sum((user_account(o.user_id, o.asset), o.charged) for o in state.orders.values())


def _costs(state: State) -> dict[Account, int]:
    return {user_account(*key): cost for key, (_, cost) in state.holdings.items()}


def _unsettled(state: State) -> dict[Account, int]:
    unsettled = (o for o in state.orders.values() if o.state not in FINAL_STATES)
    return _sum((suspense_account(o.user_id), o.total) for o in unsettled)


def _orders(state: State) -> Iterator[Difference]:
    """The first amount of every order that its transfers do not agree on."""
    moved: dict[tuple[UserId, OrderId], dict[TransferKind, int]] = {
        (order.user_id, order.id): {} for order in state.orders.values()
    }
    for transfer in state.transfers:
        if transfer.order_id is not None:
            sums = moved.setdefault((transfer.user_id, transfer.order_id), {})
            sums[transfer.kind] = sums.get(transfer.kind, 0) + transfer.amount
    for (user_id, order_id), sums in moved.items():
        order = state.orders.get(order_id)
        order = order if order is not None and order.user_id == user_id else None
        for kind, should in zip(_OF_ORDERS, _amounts(order), strict=True):
            if sums.get(kind, 0) != should:
                currency = order.asset if kind is TransferKind.DELIVERY and order else USD
                yield Difference(
                    kind=BreakKind.ORDER,
                    subject=f"order:{user_id}:{order_id}",
                    expected=sums.get(kind, 0),
                    found=should,
                    scale=scale_of(state, currency),
                )
                break


def _amounts(order: Order | None) -> tuple[int, int, int, int]:
    """What was paid, charged, refunded and delivered by the order's own word."""
    if order is None:
        return 0, 0, 0, 0
    return order.total, order.charged, order.refunded, order.filled


def _clearing(state: State, ledger: Mapping[Account, int]) -> Iterator[Difference]:
    """Either something is left of a batch, or the trades booked are not those of the exchange."""
    left = {a: n for a, n in _of_kinds(ledger, AccountKind.CLEARING).items() if n}
    yield from _compare(state, BreakKind.CLEARING, {}, left)
    traded = _sum(
        (clearing_account(purchase.batch, currency), amount)
        for purchase, fill in _fills(state)
        if purchase.state in _BOUGHT
        for currency, amount in _moves(fill, purchase)
        if currency in (USD, purchase.asset)
    )
    booked = _of_kinds(_booked(state), AccountKind.CLEARING)
    for difference in _compare(state, BreakKind.CLEARING, traded, booked):
        if difference.subject not in {account.name for account in left}:
            yield difference


def _venue(state: State) -> Iterator[Difference]:
    """Trades, of late attempts too, and what they moved at the exchange."""
    traded = _sum(
        (house_account(AccountKind.VENUE, currency), -amount)
        for purchase, fill in _fills(state)
        for currency, amount in _moves(fill, purchase)
    )
    booked = _of_kinds(_booked(state), AccountKind.VENUE)
    yield from _compare(state, BreakKind.BALANCE, traded, booked)


def _reservations(state: State) -> Iterator[Difference]:
    for row in state.inventory.values():
        live = [b for b in state.batches.values() if b.live and b.asset == row.asset]
        name = house_account(AccountKind.INVENTORY, row.asset).name
        for word, should, was in (
            ("reserved", sum(b.used for b in live), row.reserved),
            ("expected", sum(b.surplus for b in live), row.expected),
        ):
            if should != was:
                yield Difference(
                    kind=BreakKind.RESERVATION,
                    subject=f"{name} {word}",
                    expected=should,
                    found=was,
                    scale=scale_of(state, row.asset),
                )


def _fills(state: State) -> Iterator[tuple[Purchase, Fill]]:
    for key, fills in state.fills.items():
        for fill in fills:
            yield state.purchases[key], fill


def _moves(fill: Fill, purchase: Purchase) -> Iterator[tuple[str, int]]:
    """What a trade brings (positive) and takes, per currency."""
    yield purchase.asset, fill.quantity
    yield USD, -fill.cost
    yield fill.fee_currency, -fill.fee


def _booked(state: State) -> dict[Account, int]:
    """What trades moved, by the transfers."""
    return balances(transfer for transfer in state.transfers if transfer.kind in _TRADES)


def _sum(amounts: Iterable[tuple[Account, int]]) -> dict[Account, int]:
    sums: dict[Account, int] = defaultdict(int)
    for account, amount in amounts:
        sums[account] += amount
    return sums
