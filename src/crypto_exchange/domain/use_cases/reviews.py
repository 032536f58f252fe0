"""Reviews: what the fraud rules hold, shown to operators, who release or refuse it."""

from __future__ import annotations

from typing import Protocol

from msgspec.structs import replace

from crypto_exchange.domain import clearance
from crypto_exchange.domain.administration import require_reason
from crypto_exchange.domain.audit_log import SERVICE, Actor
from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import Conflict, Forbidden, WrongState
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.order import Order
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.review import Review, ReviewState
from crypto_exchange.domain.use_cases.context import Context, transact
from crypto_exchange.domain.use_cases.officers import vouched
from crypto_exchange.domain.user import Role
from crypto_exchange.domain.views import Cursor


class _Decision(Protocol):
    def __call__(
        self, review: Review, order: Order | None, actor: Actor, *, at_us: int
    ) -> Change: ...


MOST_SHOWN = 200
"""How many open reviews one look gives."""


async def list_open(
    context: Context, *, limit: int = MOST_SHOWN, after: Cursor | None = None
) -> tuple[Review, ...]:
    """Open reviews, the oldest first, at most `limit`; those after a page's end (time and user)."""
    return await context.queries.list_reviews(limit=limit, after=after)


async def release(
    context: Context, user_id: UserId, review_id: str, *, actor: Actor, note: str | None = None
) -> tuple[Review, Order | None]:
    """Let a held order go on, or a withdrawal be made within a day; returns the closed review, and the
    order as it is then. A note goes into the audit log.

    Raises:
        NotFound: there is no such review.
        WrongState: it is not open any more.
        Forbidden: it is the operator's own.
        InvalidField: the note is not one line.
    """
    decide = _noting(clearance.release, note)
    review, order = await _decide(context, user_id, review_id, actor, decide)
    if order is not None:
        await context.tally.add(order.asset, order.total, direct=order.direct)
    return review, order


async def refuse(
    context: Context, user_id: UserId, review_id: str, *, actor: Actor, note: str | None = None
) -> tuple[Review, Order | None]:
    """End a held order with a full refund, or say no to a withdrawal. Raises as `release`."""
    decide = _noting(clearance.refuse, note)
    return await _decide(context, user_id, review_id, actor, decide)


async def expire_due(context: Context) -> int:
    """End what nobody has decided on in time; returns how many were ended."""
    overdue = [
        review
        for review in await list_open(context)
        if clearance.is_overdue(review, context.policy, context.clock.now_us())
    ]
    ended = 0
    for review in overdue:
        try:
            await _decide(context, review.user_id, review.id, SERVICE, clearance.expire)
        except WrongState:
            continue  # An operator, or another worker, was first.
        ended += 1
    return ended


async def _decide(
    context: Context,
    user_id: UserId,
    review_id: str,
    actor: Actor,
    decide: _Decision,
) -> tuple[Review, Order | None]:
    async def script(work: UnitOfWork) -> tuple[Review, Order | None]:
        review = await work.get_review(user_id, review_id)
        order = None if review.order_id is None else await work.get_order(user_id, review.order_id)
        if review.state is ReviewState.OPEN and order is not None and not order.held:
            raise Conflict("somebody has decided between the two looks")
        change = decide(review, order, actor, at_us=context.clock.now_us())
        await work.commit(await vouched(work, change, actor, Role.OPERATOR))
        moved = change.orders[0].after if change.orders else None
        return change.reviews[0].after, moved

    return await transact(context, script)


def _noting(decide: _Decision, note: str | None) -> _Decision:
    """The same decision by somebody whom it does not concern, with what they note about it."""
    noted = {} if note is None else {"note": require_reason(note, field="note")}

    def decided(review: Review, order: Order | None, actor: Actor, *, at_us: int) -> Change:
        if actor.user_id == review.user_id:
            raise Forbidden("another account than the one in question", "that account")
        change = decide(review, order, actor, at_us=at_us)
        entries = (replace(each, details=each.details | noted) for each in change.audit)
        return replace(change, audit=tuple(entries))

    return decided
