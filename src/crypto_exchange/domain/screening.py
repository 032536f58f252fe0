"""Screening: decides what the fraud rules' verdict does to a command, and what becomes of what they hold.

The rules look at a decision that has been made and not yet committed, so they cost the decision nothing
where nobody asks them.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from crypto_exchange.domain.account_events import UserRegistered
from crypto_exchange.domain.activity import (
    Activity,
    Signals,
    after_cancel,
    after_denial,
    after_deposit,
    after_order,
    after_withdrawal,
)
from crypto_exchange.domain.audit_log import SERVICE, Action, AuditEntry, record
from crypto_exchange.domain.change import Change, Transition
from crypto_exchange.domain.errors import InvariantViolation
from crypto_exchange.domain.events import (
    AnyEvent,
    Deposited,
    OrderCancelled,
    OrderPlaced,
    Withdrawn,
)
from crypto_exchange.domain.money import BPS
from crypto_exchange.domain.order import hold
from crypto_exchange.domain.policy import Policy
from crypto_exchange.domain.review import Review, ReviewKind, ReviewState, use
from crypto_exchange.domain.risk import (
    Assessment,
    Case,
    Verdict,
    assess_order,
    assess_withdrawal,
    find_signals,
    parse_assessment,
)
from crypto_exchange.domain.risk_policy import RiskMode, RiskPolicy
from crypto_exchange.domain.wallet import Wallet

MOST_OPEN = 5
"""So many orders, and so many withdrawals, of one user wait for review; more are refused without a row."""

_ALLOWED = Assessment(verdict=Verdict.ALLOW)


class Screened(msgspec.Struct, frozen=True):
    """A change with what the rules said of it, and what that leads to: where they only observe, nothing."""

    change: Change
    assessment: Assessment
    verdict: Verdict


def screen(change: Change, policy: Policy) -> Screened:
    """Count a user's command as activity; assess it if it is a placement or a withdrawal.

    Its first event tells what it is.
    """
    risk, wallet, event = policy.risk, change.wallet, change.events[0]
    if risk is None or wallet is None:
        return Screened(change, _ALLOWED, Verdict.ALLOW)
    activity = follow(wallet.activity, event, policy)
    if risk.mode is RiskMode.OFF or not isinstance(event, OrderPlaced | Withdrawn):
        return Screened(replace(change, activity=activity), _ALLOWED, Verdict.ALLOW)
    signals = find_signals(wallet.signals, risk, event.at_us)
    assessment = _assess(event, wallet, activity, signals, policy, risk)
    enforced = risk.mode is RiskMode.ENFORCE
    verdict = assessment.verdict if enforced else Verdict.ALLOW
    return Screened(note_risk(change, assessment.text, activity), assessment, verdict)


def note_risk(change: Change, text: str, activity: Activity | None = None) -> Change:
    """A placement or a withdrawal with what the rules said of it, in the order and in the event; and
    with its user's activity after it.
    """
    return replace(
        change,
        activity=activity,
        new_orders=tuple([replace(order, risk=text) for order in change.new_orders]),
        events=(replace(change.events[0], risk=text), *change.events[1:]),
    )


def follow(activity: Activity, event: AnyEvent, policy: Policy) -> Activity:
    """A user's activity after one event more of theirs."""
    if isinstance(event, OrderPlaced):
        under = policy.risk is not None and _is_just_under(
            event.total, policy.threshold, policy.risk
        )
        waits, at_us = not event.direct, event.at_us
        after = after_order(activity, event.total, under=under, waits=waits, at_us=at_us)
        return after_cancel(after, event.total) if event.held else after
    if isinstance(event, Deposited):
        return after_deposit(activity, event.amount, at_us=event.at_us)
    if isinstance(event, Withdrawn):
        return after_withdrawal(activity, event.amount, at_us=event.at_us)
    if isinstance(event, OrderCancelled):
        return after_cancel(activity, event.refunded)
    if isinstance(event, UserRegistered):
        return Activity(registered_at_us=event.at_us)
    return activity


def replay(
    activity: Activity, event: AnyEvent, policy: Policy
) -> tuple[Activity, Assessment | None]:
    """One event again, of those of a user in their order: the activity after it, and what the rules say of
    it if they were asked then, given the worker's findings that it tells of.

    An event's `risk` is the text of the same assessment unless rules, limits or the threshold are others
    now. Users from before activity was counted (`registered_at_us` of theirs is 0) cannot be replayed.
    """
    after = follow(activity, event, policy)
    if policy.risk is None or not isinstance(event, OrderPlaced | Withdrawn) or not event.risk:
        return after, None
    signals = parse_assessment(event.risk).signals
    wallet = Wallet(event.user_id, activity=activity)
    return after, _assess(event, wallet, after, signals, policy, policy.risk)


def hold_order(change: Change, review_id: str) -> Change:
    """Place an order all the same, but keep it from being bought until it is released."""
    (order,), placed = change.new_orders, change.events[0]
    held = hold(order)
    review = Review(
        user_id=order.user_id,
        id=review_id,
        kind=ReviewKind.ORDER,
        order_id=order.id,
        amount=order.total,
        risk=order.risk,
        opened_at_us=order.created_at_us,
    )
    activity = change.activity
    return replace(
        change,
        activity=None if activity is None else after_cancel(activity, order.total),
        new_orders=(held,),
        events=(replace(placed, state=held.state.value, held=True), *change.events[1:]),
        new_reviews=(review,),
        audit=(*change.audit, _opened(review)),
    )


def find_release(screened: Screened, reviews: Sequence[Review]) -> Review | None:
    """The release by which a withdrawal may be made: the smallest that is enough."""
    withdrawn = _withdrawn(screened)
    enough = [r for r in reviews if r.lets_pass(withdrawn.amount, withdrawn.at_us)]
    return min(enough, key=lambda review: (review.amount, review.id), default=None)


def use_release(screened: Screened, release: Review) -> Change:
    """Withdraw by a release, once."""
    change = screened.change
    return replace(change, reviews=(*change.reviews, Transition(release, use(release))))


def is_full(reviews: Sequence[Review], kind: ReviewKind) -> bool:
    """Whether as many of a user's orders, or withdrawals, wait for review as may."""
    return len(_waiting(reviews, kind)) >= MOST_OPEN


def is_queued(screened: Screened, reviews: Sequence[Review]) -> bool:
    """Whether a withdrawal of as much or more waits for review already."""
    amount = _withdrawn(screened).amount
    return any(review.amount >= amount for review in _waiting(reviews, ReviewKind.WITHDRAWAL))


def queue_withdrawal(screened: Screened, review_id: str) -> Change:
    """Instead of a withdrawal, a review of it. The wallet's version lets one of two at once pass."""
    withdrawn = _withdrawn(screened)
    review = Review(
        user_id=withdrawn.user_id,
        id=review_id,
        kind=ReviewKind.WITHDRAWAL,
        amount=withdrawn.amount,
        risk=withdrawn.risk,
        opened_at_us=withdrawn.at_us,
    )
    return Change(
        wallet=screened.change.wallet,
        fenced=(withdrawn.user_id,),
        new_reviews=(review,),
        audit=(_opened(review),),
    )


def deny(screened: Screened) -> Change:
    """Instead of the command, it is counted, and the first of a minute is recorded with its reasons."""
    wallet, event = screened.change.wallet, screened.change.events[0]
    if wallet is None:
        raise InvariantViolation("expected a command with its user's wallet, was one without")
    activity = after_denial(wallet.activity, at_us=event.at_us)
    entry = record(
        SERVICE,
        Action.RISK_DENIED,
        at_us=event.at_us,
        user_id=event.user_id,
        subject=type(event).__name__,
        risk=screened.assessment.text,
    )
    return Change(
        wallet=wallet,
        fenced=(wallet.user_id,),
        activity=activity,
        audit=(entry,) if activity.denied.count == 1 else (),
    )


def _assess(
    event: OrderPlaced | Withdrawn,
    wallet: Wallet,
    after: Activity,
    signals: Signals,
    policy: Policy,
    risk: RiskPolicy,
) -> Assessment:
    placed = isinstance(event, OrderPlaced)
    amount = event.total if isinstance(event, OrderPlaced) else event.amount
    case = Case(
        amount=amount,
        before=wallet.activity,
        after=after,
        signals=signals,
        at_us=event.at_us,
        small=placed and amount < policy.threshold,
        step_up=policy.step_up_withdrawal,
    )
    return assess_order(case, risk) if placed else assess_withdrawal(case, risk)


def _is_just_under(total: int, threshold: int, risk: RiskPolicy) -> bool:
    return total < threshold and total * BPS >= threshold * (BPS - risk.under_bps)


def _waiting(reviews: Sequence[Review], kind: ReviewKind) -> list[Review]:
    return [each for each in reviews if each.kind is kind and each.state is ReviewState.OPEN]


def _withdrawn(screened: Screened) -> Withdrawn:
    event = screened.change.events[0]
    if not isinstance(event, Withdrawn):
        raise InvariantViolation(f"expected a withdrawal, was {type(event).__name__}")
    return event


def _opened(review: Review) -> AuditEntry:
    return record(
        SERVICE,
        Action.REVIEW_OPENED,
        at_us=review.opened_at_us,
        user_id=review.user_id,
        subject=f"review:{review.id}",
        kind=review.kind.value,
        risk=review.risk,
    )
