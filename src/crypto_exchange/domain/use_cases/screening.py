"""Screening: what the fraud rules' verdict does to a command before it is committed.

What it needs beyond the wallet is loaded only when the verdict asks for it, so what is allowed costs
nothing more.
"""

from __future__ import annotations

from crypto_exchange.domain.change import Change
from crypto_exchange.domain.errors import Denied
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.ports import UnitOfWork
from crypto_exchange.domain.review import ReviewKind
from crypto_exchange.domain.risk import Verdict
from crypto_exchange.domain.screening import (
    Screened,
    deny,
    find_release,
    hold_order,
    is_full,
    is_queued,
    queue_withdrawal,
    screen,
    use_release,
)
from crypto_exchange.domain.second_factor import is_settled, require_fresh
from crypto_exchange.domain.use_cases.context import Context


async def screen_order(
    context: Context, work: UnitOfWork, placed: Change, verified_at_us: int
) -> Change:
    """A placement as it may be committed: as it is, or held for review.

    Raises:
        StepUpRequired: the user has a second factor, and did not give a code of it lately.
        Denied: it may not, which is counted; or too many of the user's are held already.
    """
    screened = screen(placed, context.policy)
    verdict = await _verdict(work, screened, verified_at_us)
    if verdict is Verdict.DENY:
        await work.commit(deny(screened))
        raise Denied(queued=False)
    if verdict is Verdict.HOLD:
        if is_full(await work.list_live_reviews(_user_id(screened)), ReviewKind.ORDER):
            raise Denied(queued=False)
        return hold_order(screened.change, context.ids.new_key())
    return screened.change


async def screen_withdrawal(
    context: Context, work: UnitOfWork, withdrawn: Change, verified_at_us: int
) -> Change:
    """A withdrawal as it may be committed.

    Raises:
        StepUpRequired: the user has a second factor, and did not give a code of it lately.
        Denied: it may not, which is counted; or not before somebody has looked at it, for which it is
            queued unless too many of the user's are already.
    """
    screened = screen(withdrawn, context.policy)
    verdict = await _verdict(work, screened, verified_at_us)
    if verdict is Verdict.ALLOW:
        return screened.change
    if verdict is Verdict.DENY:
        await work.commit(deny(screened))
        raise Denied(queued=False)
    reviews = await work.list_live_reviews(_user_id(screened))
    release = find_release(screened, reviews)
    if release is not None:
        return use_release(screened, release)
    if not is_queued(screened, reviews):
        if is_full(reviews, ReviewKind.WITHDRAWAL):
            raise Denied(queued=False)
        await work.commit(queue_withdrawal(screened, context.ids.new_key()))
    raise Denied(queued=True)


async def _verdict(work: UnitOfWork, screened: Screened, verified_at_us: int) -> Verdict:
    """What is to be done: who is challenged and has no second factor to give, or had none until lately,
    waits for review.
    """
    if screened.verdict is not Verdict.CHALLENGE:
        return screened.verdict
    event = screened.change.events[0]
    factor = await work.find_second_factor(event.user_id)
    if factor is None or not is_settled(factor, at_us=event.at_us):
        return Verdict.HOLD
    require_fresh(factor, verified_at_us, at_us=event.at_us)
    return Verdict.ALLOW


def _user_id(screened: Screened) -> UserId:
    return screened.change.events[0].user_id
