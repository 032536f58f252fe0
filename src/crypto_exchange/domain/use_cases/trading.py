"""Trading: seal what is due, buy it at the exchange, settle. Every step may be repeated by anybody.

The intent is committed before the call; the call is made outside any transaction, by the process
that committed the intent and nobody else; its outcome is committed after it. If that process dies or
gets no answer, `resolve` asks the exchange instead, and never sends again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from crypto_exchange.domain import attempt
from crypto_exchange.domain.aggregation import is_due, needs_more, seal_book
from crypto_exchange.domain.batch import Batch, BatchState
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import OutcomeUnknown, Unavailable
from crypto_exchange.domain.ids import BatchKey, Symbol
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.purchase import (
    Absent,
    Filled,
    Finding,
    Purchase,
    PurchaseState,
    Rejected,
    Working,
)
from crypto_exchange.domain.quarantine import is_beyond_reach, quarantine
from crypto_exchange.domain.retrial import retry
from crypto_exchange.domain.settlement import settle
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.use_cases.currencies import refresh_rules
from crypto_exchange.domain.views import Book, OpenBatch


async def list_due(context: Context) -> tuple[Sequence[Symbol], Sequence[BatchKey]]:
    """Assets to seal and batches to resolve now, from the database."""
    now_us = context.clock.now_us()
    due = await context.queries.find_due(now_us)
    symbols = [w.asset for w in due.waiting if is_due(w, context.policy, now_us)]
    return symbols, due.batches


async def seal_due(context: Context, symbol: Symbol) -> Sequence[tuple[BatchKey, Purchase | None]]:
    """Seal what can be bought of an asset now; the caller executes every one that is returned.

    At most `policy.group_limit` direct orders and one batch at a time: call again until it is empty.
    """
    change = await _seal(context, symbol)
    if change is None:
        return ()
    purchases = {purchase.batch: purchase for purchase in change.new_purchases}
    return [(batch.key, purchases.get(batch.key)) for batch in change.new_batches]


async def execute(context: Context, key: BatchKey, purchase: Purchase | None) -> None:
    """Carry out an intent that this process has just committed."""
    if purchase is None:
        await _conclude(context, key, 1, None)
        return
    try:
        outcome = await context.exchange.submit(purchase)
    except OutcomeUnknown:
        await _note_lost(context, key, purchase.attempt)
        return  # Its batch comes due when the window is over; then somebody asks the exchange.
    await _conclude(context, key, purchase.attempt, outcome)


async def resolve(context: Context, key: BatchKey) -> None:
    """Bring an open batch forward: ask after its purchase, settle it, or make its next attempt."""
    async with context.begin() as work:
        opened = await work.get_batch(key)
        work.abandon()
    if opened.batch.state is not BatchState.SEALED:
        return
    purchase = opened.purchase
    if not opened.batch.live:
        await _retry(context, key, may_send=await _knows_rules(context, opened.batch))
    elif purchase is None:
        await _conclude(context, key, opened.batch.attempt, None)
    elif purchase.state is not PurchaseState.QUARANTINED:
        await _conclude(context, key, purchase.attempt, await _look_up(context, purchase))


async def _knows_rules(context: Context, batch: Batch) -> bool:
    """Reload the market rules if the exchange said that ours are out of date."""
    if batch.counted:
        try:
            await refresh_rules(context)
        except Unavailable:
            return False
    return True


async def _look_up(context: Context, purchase: Purchase) -> Finding:
    """Ask the exchange; no answer is as good as one that it is still working on it."""
    try:
        return await context.exchange.find(purchase)
    except Unavailable:
        return Working()


async def _seal(context: Context, symbol: Symbol) -> Change | None:
    """Commit a seal, or nothing. Looks further than the limit only if that many are too few."""
    limit = context.policy.batch_limit
    while True:
        change, more = await _seal_oldest(context, symbol, limit)
        if change is not None or not more:
            return change
        limit *= 4


async def _seal_oldest(context: Context, symbol: Symbol, limit: int) -> tuple[Change | None, bool]:
    """Seal of at most so many; None, and whether to look further, if nothing can be done."""

    async def script(work: UnitOfWork) -> tuple[Change | None, Book, bool]:
        book = await work.get_book(symbol, limit=limit)
        stamp = context.stamp()  # not before: the book may have been waited for
        change = seal_book(book, keys=context.keys(), policy=context.policy, stamp=stamp)
        if change is None:
            work.abandon()
        else:
            await work.commit(change)
        return change, book, needs_more(book, limit, context.policy, stamp)

    change, book, more = await transact(context, script)
    sealed = () if change is None else tuple(m.before for m in change.orders if not m.before.direct)
    left = sum(o.total for o in book.waiting) - sum(o.total for o in sealed)
    await context.tally.overwrite(symbol, left)
    return change, more


async def _retry(context: Context, key: BatchKey, *, may_send: bool) -> None:
    """Make the next attempt; if none may be sent, members leave at their deadline all the same."""

    def decide(opened: OpenBatch) -> Change | None:
        if opened.batch.live:
            return None
        stamp = context.stamp()
        if not may_send:
            stamp = msgspec.structs.replace(stamp, exchange_ms=None)
        return retry(opened, policy=context.policy, stamp=stamp)

    change = await _change_batch(context, key, decide)
    if change is None or not change.batches[0].after.live:
        return
    purchase = change.new_purchases[0] if change.new_purchases else None
    if purchase is None:
        await _conclude(context, key, change.batches[0].after.attempt, None)
    else:
        await execute(context, key, purchase)


async def _note_lost(context: Context, key: BatchKey, number: int) -> None:
    """Write that the sender of an attempt got no answer."""
    await _change_attempt(
        context, key, number, lambda o: attempt.note_lost(o, at_us=context.clock.now_us())
    )


async def _conclude(context: Context, key: BatchKey, number: int, finding: Finding | None) -> None:
    """Write what came of an attempt."""
    await _change_attempt(context, key, number, lambda opened: _follow(context, opened, finding))


async def _change_attempt(
    context: Context, key: BatchKey, number: int, decide: Callable[[OpenBatch], Change | None]
) -> None:
    """Change a batch whose attempt of that number has no outcome yet; somebody else may be first."""

    def decide_if_live(opened: OpenBatch) -> Change | None:
        live = opened.batch.live and opened.batch.attempt == number
        return decide(opened) if live else None

    await _change_batch(context, key, decide_if_live)


def _follow(context: Context, opened: OpenBatch, finding: Finding | None) -> Change | None:
    policy, at_us = context.policy, context.clock.now_us()
    if finding is None or isinstance(finding, Filled):
        return settle(opened, finding, at_us=at_us)
    if isinstance(finding, Rejected):
        return attempt.reject(opened, finding, policy=policy, at_us=at_us)
    if opened.purchase is not None and opened.purchase.state is PurchaseState.QUARANTINED:
        return None  # somebody else was first: only an operator's word leads out of it
    reach_ms = context.exchange.reach_ms()
    if isinstance(finding, Absent) and attempt.proves_absence(opened, finding, reach_ms, policy):
        return attempt.give_up_absent(opened, finding, policy=policy, at_us=at_us)
    if is_beyond_reach(opened, reach_ms, policy, at_us):
        return quarantine(opened, at_us=at_us)
    return attempt.postpone(opened, policy=policy, at_us=at_us)


async def _change_batch(
    context: Context, key: BatchKey, decide: Callable[[OpenBatch], Change | None]
) -> Change | None:
    async def script(work: UnitOfWork) -> Change | None:
        opened = await work.get_batch(key)
        change = decide(opened) if opened.batch.state is BatchState.SEALED else None
        if change is None:
            work.abandon()
        else:
            await work.commit(change)
        return change

    change = await transact(context, script)
    if change is not None and change.assets:  # a quarantine halts the asset: no more orders of it
        await context.cache.put(await context.queries.list_assets())
    return change
