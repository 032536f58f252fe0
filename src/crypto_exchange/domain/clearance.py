"""Clearance: decides what becomes of what the fraud rules hold, by an operator's word or for want of one.

A held order that nobody decides on in time leaves as if it were refused: people's money is not kept for
longer than an order may wait.
"""

from __future__ import annotations

from crypto_exchange.domain.audit_log import Action, Actor, AuditEntry, record
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.events import OrderReleased
from crypto_exchange.domain.intent import fail_orders, orders_failed
from crypto_exchange.domain.order import Order, Reason, clear
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.review import Review, ReviewTrigger, decide

_ACTIONS = {
    ReviewTrigger.RELEASE: Action.REVIEW_RELEASED,
    ReviewTrigger.REFUSE: Action.REVIEW_REFUSED,
    ReviewTrigger.EXPIRE: Action.REVIEW_EXPIRED,
}


def release(review: Review, order: Order | None, actor: Actor, *, at_us: int) -> Change:
    """Let a held order (None: a withdrawal is held) go on, or a withdrawal of so much be made within a day.

    Raises:
        WrongState: it is not open any more.
    """
    closed = _close(review, ReviewTrigger.RELEASE, actor, at_us)
    audit = (_told(review, ReviewTrigger.RELEASE, actor, at_us),)
    if order is None:
        return Change(reviews=(closed,), audit=audit)
    cleared = clear(order)
    event = OrderReleased(
        at_us=at_us,
        user_id=order.user_id,
        order_id=order.id,
        asset=order.asset,
        state=cleared.state.value,
    )
    return Change(
        reviews=(closed,), orders=(Transition(order, cleared),), events=(event,), audit=audit
    )


def refuse(review: Review, order: Order | None, actor: Actor, *, at_us: int) -> Change:
    """End a held order with a full refund, or say no to a withdrawal.

    Raises:
        WrongState: it is not open any more.
    """
    return _end(review, order, ReviewTrigger.REFUSE, actor, at_us)


def expire(review: Review, order: Order | None, actor: Actor, *, at_us: int) -> Change:
    """The same at the deadline. Raises `WrongState`."""
    return _end(review, order, ReviewTrigger.EXPIRE, actor, at_us)


def is_overdue(review: Review, policy: Policy, at_us: int) -> bool:
    """Whether nobody has decided for as long as an order may wait, whatever happens at its deadline."""
    return at_us >= deadline_us(review, policy)


def deadline_us(review: Review, policy: Policy) -> int:
    """Until when somebody has to decide."""
    return review.opened_at_us + policy.max_wait_us


def _end(
    review: Review, order: Order | None, trigger: ReviewTrigger, actor: Actor, at_us: int
) -> Change:
    closed = _close(review, trigger, actor, at_us)
    audit = (_told(review, trigger, actor, at_us),)
    if order is None:
        return Change(reviews=(closed,), audit=audit)
    moves, transfers = fail_orders([order], Reason.REFUSED, at_us)
    return Change(
        reviews=(closed,),
        orders=moves,
        transfers=transfers,
        events=(orders_failed(order.asset, [order], Reason.REFUSED, at_us),),
        audit=audit,
    )


def _close(review: Review, trigger: ReviewTrigger, actor: Actor, at_us: int) -> Transition[Review]:
    return Transition(review, decide(review, trigger, by=actor.user_id, at_us=at_us))


def _told(review: Review, trigger: ReviewTrigger, actor: Actor, at_us: int) -> AuditEntry:
    return record(
        actor,
        _ACTIONS[trigger],
        at_us=at_us,
        user_id=review.user_id,
        subject=f"review:{review.id}",
        kind=review.kind.value,
        amount=review.amount,
    )
