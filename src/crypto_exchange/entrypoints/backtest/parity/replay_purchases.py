"""What workers decide, once more: seals, next attempts, and what follows the exchange's answers."""

from __future__ import annotations

from collections.abc import Iterator, Set
from functools import partial
from itertools import chain, repeat
from typing import TypeAlias

import msgspec

from crypto_exchange.domain import attempt
from crypto_exchange.domain.aggregation import needs_more, seal_book
from crypto_exchange.domain.asset import Asset
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.events import (
    BatchRefunded,
    BatchReturned,
    BatchSettled,
    LateFillBought,
    OrdersFailed,
    OrdersReturned,
    PurchaseIntended,
    PurchaseLost,
    PurchaseNotPlaced,
    PurchaseQuarantined,
    PurchaseRejected,
    QuarantineResolved,
)
from crypto_exchange.domain.ids import BatchKey, OrderId
from crypto_exchange.domain.intent import Stamp
from crypto_exchange.domain.late_fill import buy_late
from crypto_exchange.domain.purchase import Absent, Fill, Filled, Rejected, RejectionKind
from crypto_exchange.domain.quarantine import quarantine
from crypto_exchange.domain.retrial import retry
from crypto_exchange.domain.settlement import settle
from crypto_exchange.entrypoints.backtest.parity.replay_people import Decisions, only
from crypto_exchange.entrypoints.backtest.parity.replay_records import Coming, Commit
from crypto_exchange.entrypoints.backtest.parity.replica import Replica, told_rule

Work: TypeAlias = OrdersFailed | PurchaseIntended | BatchReturned | BatchRefunded | OrdersReturned
Answer: TypeAlias = BatchSettled | PurchaseRejected | PurchaseNotPlaced

_UNTOLD = "of a batch that the log does not tell"


def worked(replica: Replica, told: Work, commit: Commit, coming: Coming) -> Decisions:
    """A look at a book, or at a batch between two attempts."""
    key = _batch_of(replica, commit)
    intents = only(commit.events, PurchaseIntended)
    exchange_ms = intents[0].timestamp_ms if intents else told.at_us // 1_000
    stamp = Stamp(at_us=told.at_us, exchange_ms=exchange_ms)
    if key is not None:
        for asset in _assets(replica, told, commit, coming):
            yield partial(_retry, replica, asset, key, stamp)
        return
    keys = [intent.batch for intent in intents]
    for hidden in _hidden(replica, told, commit, coming):
        for asset in _assets(replica, told, commit, coming):
            yield partial(_seal, replica, asset, hidden, keys, stamp)


def answered(replica: Replica, told: Answer) -> Decisions:
    """The exchange answered, or provably never got an attempt."""
    yield partial(_answer, replica, told)


def lost(replica: Replica, told: PurchaseLost) -> Decisions:
    """A sender got no answer."""
    yield lambda: attempt.note_lost(replica.batch(told.batch), at_us=told.at_us)


def quarantined(replica: Replica, told: PurchaseQuarantined) -> Decisions:
    """An outcome is left to an operator."""
    yield lambda: quarantine(replica.batch(told.batch), at_us=told.at_us)


def resolved(replica: Replica, told: QuarantineResolved, commit: Commit) -> Decisions:
    """An operator says what became of an attempt."""
    for answer in commit.events:
        if isinstance(answer, BatchSettled | PurchaseRejected | PurchaseNotPlaced):
            yield partial(_resolve, replica, told, answer)


def bought_late(replica: Replica, told: LateFillBought) -> Decisions:
    """The house takes what the exchange delivered after all."""
    yield lambda: buy_late(
        replica.state.get_purchase(told.batch, told.attempt),
        _filled(told),
        key=f"late {told.batch}-{told.attempt}",
        at_us=told.at_us,
    )


def _batch_of(replica: Replica, commit: Commit) -> BatchKey | None:
    """The batch whose next step a commit is; None for a look at the book."""
    for event in commit.events:
        if isinstance(event, BatchReturned | BatchRefunded):
            return event.batch
        if isinstance(event, PurchaseIntended) and event.attempt > 1:
            return event.batch
    for event in commit.events:
        if isinstance(event, OrdersFailed):
            user_id, ident = event.orders[0]
            return replica.state.get_order(user_id, ident).batch
    return None


def _hidden(
    replica: Replica, told: Work, commit: Commit, coming: Coming
) -> Iterator[frozenset[OrderId]]:
    """Orders that may not have been seen: none of them, or all."""
    yield frozenset()
    members = [event.orders for event in only(commit.events, PurchaseIntended)]
    leaving = [event.orders for event in only(commit.events, OrdersFailed)]
    named = {ident for orders in (*members, *leaving) for _, ident in orders}
    unseen = replica.unseen(told.asset, named, told.at_us, coming)
    if unseen:
        yield unseen


def _assets(replica: Replica, told: Work, commit: Commit, coming: Coming) -> Iterator[Asset]:
    """The asset as it may have been seen: an intent tells price and rule; without one both are sought."""
    symbol, at_us = told.asset, told.at_us
    intents, failed = only(commit.events, PurchaseIntended), only(commit.events, OrdersFailed)
    rule = told_rule(intents[0]) if intents else None
    moved = {ident for e in failed if e.reason == "price_moved" for _, ident in e.orders}
    for each in replica.rules(symbol, coming) if rule is None else [rule[1]]:
        prices = iter([intents[0].price]) if intents else replica.prices(symbol, moved)
        for price in prices:
            yield replica.asset(symbol, price, each, at_us)


def _seal(
    replica: Replica, asset: Asset, hidden: Set[OrderId], keys: list[BatchKey], stamp: Stamp
) -> Change | None:
    """Seal a book as a worker does, looking further only if that may help."""
    limit, policy = replica.policy.batch_limit, replica.policy
    while True:
        book = replica.book(asset.symbol, limit, hidden)
        book = msgspec.structs.replace(book, asset=asset)
        change = seal_book(book, keys=chain(keys, repeat(_UNTOLD)), policy=policy, stamp=stamp)
        if change is not None or not needs_more(book, limit, policy, stamp):
            return change
        limit *= 4


def _retry(replica: Replica, asset: Asset, key: BatchKey, stamp: Stamp) -> Change:
    opened = msgspec.structs.replace(replica.batch(key), asset=asset)
    return retry(opened, policy=replica.policy, stamp=stamp)


def _resolve(replica: Replica, told: QuarantineResolved, answer: Answer) -> Change:
    change = _answer(replica, answer)
    outcome = change.purchases[0].after.state.value
    event = msgspec.structs.replace(told, outcome=outcome)
    return msgspec.structs.replace(change, events=(event, *change.events))


def _answer(replica: Replica, told: Answer) -> Change:
    """What follows an answer. Its moment is its own: an operator's word about it comes a little later."""
    opened, policy, at_us = replica.batch(told.batch), replica.policy, told.at_us
    if isinstance(told, BatchSettled):
        return settle(opened, None if opened.purchase is None else _filled(told), at_us=at_us)
    if isinstance(told, PurchaseRejected):
        kind = RejectionKind(told.kind)
        rejected = Rejected(kind=kind, code=told.code, message=told.message)
        return attempt.reject(opened, rejected, policy=policy, at_us=at_us)
    absent = Absent(answered_ms=told.answered_ms)
    return attempt.give_up_absent(opened, absent, policy=policy, at_us=at_us)


def _filled(told: BatchSettled | LateFillBought) -> Filled:
    """The trades of a purchase as sums, which is all that a ledger needs: one for the coins and their
    cost, one more for the fee of each currency.
    """
    bought = [Fill(trade_id="bought", quantity=told.bought, cost=told.cost)]
    taken = [
        Fill(trade_id=f"fee in {currency}", quantity=0, cost=0, fee=fee, fee_currency=currency)
        for currency, fee in told.fees or ()
    ]
    return Filled(fills=tuple((bought if told.bought or told.cost else []) + taken))
