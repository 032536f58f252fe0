"""Reconciliation: compare the books with themselves and with the exchange, and record what differs.

Nothing here corrects anything by itself, but for coins that the exchange delivered late: those are the
house's as soon as they are known.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from crypto_exchange.domain import attempt, audit
from crypto_exchange.domain.audit_log import SERVICE, Actor
from crypto_exchange.domain.audited import audited
from crypto_exchange.domain.breaks import Break, Difference
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import InvalidField, NotFound, Unavailable
from crypto_exchange.domain.events import QuarantineResolved
from crypto_exchange.domain.ids import BatchKey
from crypto_exchange.domain.late_fill import LATEST_US, buy_late, is_asked_after
from crypto_exchange.domain.money import format_units
from crypto_exchange.domain.policy import SECOND_US
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.purchase import (
    GIVEN_UP,
    Absent,
    Filled,
    Purchase,
    PurchaseState,
    Rejected,
)
from crypto_exchange.domain.settlement import settle
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.use_cases.officers import vouched
from crypto_exchange.domain.user import Role
from crypto_exchange.domain.views import OpenBatch

LOOK_US = 30 * SECOND_US
"""How often attempts that were given up should be looked at."""

_MOST_SILENCES = 5
"""So many questions in a row without an answer, and the exchange is taken to be away."""


class Look(msgspec.Struct, frozen=True):
    """What one look found; `silence` says why it did without the exchange, if it did.

    It may have met a commit on its way: trust only what `audit.seen_twice` says of two.
    """

    differences: tuple[Difference, ...]
    silence: str | None = None


async def look(context: Context) -> Look:
    """Find where the books contradict themselves, and where they differ from the exchange.

    Raises:
        Unavailable: the database does not answer.
    """
    own = await context.queries.list_differences()
    before = await context.queries.get_mirror()
    try:
        found = await context.exchange.list_balances(before.scales)
    except Unavailable as error:
        return Look(own, str(error))
    after = await context.queries.get_mirror()
    return Look((*own, *audit.compare_with_venue(found, before, after)))


async def record(context: Context, differences: Sequence[Difference]) -> tuple[Break, ...]:
    """Open a break for every difference that has none; returns the new ones."""

    async def script(work: UnitOfWork) -> tuple[Break, ...]:
        known = await context.queries.list_breaks()
        now_us = context.clock.now_us()
        change = audit.open_breaks(differences, known, keys=context.keys(), at_us=now_us)
        if change is None:
            work.abandon()
            return ()
        await work.commit(change)
        return change.new_breaks

    return await transact(context, script) if differences else ()


async def close_break(
    context: Context, key: str, evidence: str, *, actor: Actor = SERVICE
) -> Break:
    """Close a break with an operator's explanation. Raises `NotFound`, `InvalidField`."""

    async def script(work: UnitOfWork) -> Break:
        found = await work.get_break(key)
        if found.closed_at_us is not None:
            raise NotFound("open break", key)
        change = audit.close_break(found, evidence, at_us=context.clock.now_us())
        await work.commit(audited(change, actor))
        return change.breaks[0].after

    return await transact(context, script)


async def buy_late_fills(context: Context, every_us: int = LOOK_US) -> int:
    """Ask after attempts that were given up; the house buys what came after all.

    To be called every so often, which says how often an attempt is asked after as it becomes older.
    One that the exchange says nothing of is left for the next time, and so is everything when it is
    silent altogether. Returns how many were bought. Raises `Unavailable`: the exchange's clock is not
    known, or the database does not answer.
    """
    now_ms, bought, silent = context.exchange.now_ms(), 0, 0
    for purchase in await context.queries.list_given_up(now_ms - LATEST_US // 1_000):
        if not is_asked_after((now_ms - purchase.timestamp_ms) * 1_000, every_us):
            continue
        try:
            filled = await context.exchange.find_late(purchase)
        except Unavailable:
            silent += 1
            if silent >= _MOST_SILENCES:
                break
            continue
        silent = 0
        if filled is not None and filled.quantity:
            bought += await _buy_late(context, purchase, filled)
    return bought


async def get_quarantined(context: Context, key: BatchKey) -> Purchase:
    """The attempt of a batch that is in quarantine. Raises `NotFound`."""
    for each in await context.queries.list_quarantined():
        if each.batch == key:
            return each
    raise NotFound("attempt in quarantine of batch", key)


async def resolve_quarantine(
    context: Context,
    key: BatchKey,
    finding: Filled | Rejected | Absent,
    evidence: str,
    *,
    actor: Actor = SERVICE,
) -> Purchase:
    """Carry out what an operator says became of a quarantined attempt; the asset stays halted.

    With `Absent` its batch is tried again once the asset is resumed, with `Rejected` as that kind says.

    Raises:
        NotFound: the batch has no attempt in quarantine.
        InvalidField: there is no evidence, or the exchange says that it did execute what shall not have
            been.
    """
    evidence = audit.require_evidence(evidence)
    if not isinstance(finding, Filled):
        await _require_unexecuted(context, key)

    async def script(work: UnitOfWork) -> Purchase:
        opened = await work.get_batch(key)
        held = opened.purchase
        if held is None or held.state is not PurchaseState.QUARANTINED:
            raise NotFound("attempt in quarantine of batch", key)
        change = _resolved(context, opened, finding)
        after = change.purchases[0].after
        told = QuarantineResolved(
            at_us=context.clock.now_us(),
            batch=held.batch,
            attempt=held.attempt,
            asset=held.asset,
            outcome=after.state.value,
            evidence=evidence,
        )
        change = msgspec.structs.replace(change, events=(told, *change.events))
        await work.commit(await vouched(work, audited(change, actor), actor, Role.ADMIN))
        return after

    return await transact(context, script)


async def _require_unexecuted(context: Context, key: BatchKey) -> None:
    """Ask the exchange once more, if it answers: an operator's slip must not buy twice."""
    async with context.begin() as work:
        held = (await work.get_batch(key)).purchase
        work.abandon()
    if held is None or held.state is not PurchaseState.QUARANTINED:
        return
    try:
        filled = await context.exchange.find_late(held)
    except Unavailable:
        return
    if filled is not None and filled.quantity:
        bought = format_units(filled.quantity, held.scale, 0)
        was = f"executed: the exchange says it sold {bought} {held.asset} under {held.client_order_id}"
        raise InvalidField("outcome", "that of an attempt that was not executed", was)


def _resolved(context: Context, opened: OpenBatch, finding: Filled | Rejected | Absent) -> Change:
    policy, at_us = context.policy, context.clock.now_us()
    if isinstance(finding, Filled):
        return settle(opened, finding, at_us=at_us)
    if isinstance(finding, Rejected):
        return attempt.reject(opened, finding, policy=policy, at_us=at_us)
    return attempt.give_up_absent(opened, finding, policy=policy, at_us=at_us)


async def _buy_late(context: Context, purchase: Purchase, filled: Filled) -> bool:
    async def script(work: UnitOfWork) -> bool:
        current = await work.get_purchase(purchase.batch, purchase.attempt)
        if current.state not in GIVEN_UP:
            work.abandon()
            return False
        key, now_us = context.ids.new_key(), context.clock.now_us()
        await work.commit(buy_late(current, filled, key=key, at_us=now_us))
        return True

    return await transact(context, script)
